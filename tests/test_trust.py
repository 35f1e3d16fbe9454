"""Slices that lie are found out, and those that do not are left in peace."""

import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.fbp.axis import radii
from tomopy_edge.networks.learned import Learned, Likeness
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.simulation.pairs import line_integrals_of
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.scans import Exposure, expose
from tomopy_edge.trust import memory, templates
from tomopy_edge.trust.consistency import Consistency, ConsistencyCheck
from tomopy_edge.trust.findings import Findings, InRange, keep, kept, path_of
from tomopy_edge.trust.grey import grey_values
from tomopy_edge.trust.halves import compare_halves
from tomopy_edge.trust.memory import expect_memory, memory_for
from tomopy_edge.trust.residual import HalfSlices, examine_residual
from tomopy_edge.trust.verdict import reasons_of, summary_of, verdict_of

COLUMNS = 256


class Scanned:
    """A simulated scan, its slices of all views and of each half, and the truth."""

    def __init__(self, **exposure):
        rng = np.random.default_rng(11)
        phantom = draw_phantom(rng, "ellipses", COLUMNS, flawed=0.0)
        self.simulated = expose(phantom, Exposure(**{"angles": 180, "counts": 4000, **exposure}), 1, COLUMNS, rng)
        self.theta, self.center = self.simulated.scan.theta, self.simulated.center
        sinograms = line_integrals_of(self.simulated.scan)
        self.sinogram = sinograms[0]
        self.inside = radii((COLUMNS, COLUMNS)) <= COLUMNS / 2

        def slice_of(views):
            plan = FilteredBackProjection(self.theta[views], COLUMNS)
            return plan(sinograms[:, views], self.center)[0] * self.inside

        self.raw, self.even, self.odd = (slice_of(slice(*ends)) for ends in ((None,), (0, None, 2), (1, None, 2)))
        self.truth = (self.simulated.truth() * self.inside).astype(np.float32)
        self.unit = attenuation_unit(self.raw[np.newaxis])

    def compare(self, denoised):
        check = ConsistencyCheck(self.theta, COLUMNS, COLUMNS)
        return check.compare(self.sinogram, self.center, self.raw, denoised.astype(np.float32), self.unit)[0]

    def residual(self, denoised):
        denoised = denoised.astype(np.float32)
        halves = HalfSlices(self.even, self.odd, denoised)
        return examine_residual(self.raw, denoised, halves, self.unit)

    def spot(self, y, x, width):
        v, u = np.ogrid[:COLUMNS, :COLUMNS]
        return (self.unit * np.exp(-((v - y) ** 2 + (u - x) ** 2) / (2 * width**2))).astype(np.float32)

    def crack(self, y, x, length, width):
        v, u = np.ogrid[:COLUMNS, :COLUMNS]
        return np.where((np.abs(v - y) < width / 2) & (np.abs(u - x) < length / 2), self.unit, 0).astype(np.float32)


@pytest.fixture(scope="module")
def scanned():
    return Scanned()


def test_the_truth_leaves_noise_alone(scanned):
    found = scanned.compare(scanned.truth)
    assert found.places == ()
    assert found.spread == pytest.approx(1.0, abs=0.1)
    assert found.raw_spread < 0.5


@pytest.mark.parametrize("template", [one for one in templates.BANK if not one.ridge], ids=lambda one: one.name)
def test_noise_has_the_standard_deviation_that_is_foretold(template):
    rng, theta = np.random.default_rng(3), np.arange(120) * np.pi / 120
    noise = rng.normal(size=(120, COLUMNS)).astype(np.float32)
    check = ConsistencyCheck(theta, COLUMNS, COLUMNS)
    filtered = check._filtered(noise)[templates.WIDTHS.index(template.width)]
    # At its ends a row is continued by its last value, which is no noise.
    variance = np.full_like(noise, filtered[:, 20:-20].var())
    answers = check._back(np.stack([filtered / variance, check._weights / variance]), COLUMNS / 2)
    sigmas = answers[0] / np.sqrt(answers[1])
    assert sigmas[check.inside].std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("template", templates.BANK, ids=lambda one: one.name)
def test_the_contrast_of_what_is_lacking_is_told(template, scanned):
    if template.ridge:
        lacking = scanned.crack(150, 128, 60, 2.4 * template.width)
    else:
        lacking = scanned.spot(150, 128, template.width)
    found = scanned.compare(scanned.truth - lacking)
    near = [place for place in found.places if abs(place.y - 150) < 12 and abs(place.x - 128) < 35]
    assert near
    assert 0.2 * scanned.unit < near[0].contrast < 1.5 * scanned.unit


def test_a_crack_that_was_erased_is_found_where_it_was(scanned):
    crack = scanned.crack(140, 120, 40, 2)
    rng = np.random.default_rng(5)
    # The scan shows the crack; the slice does not.
    check = ConsistencyCheck(scanned.theta, COLUMNS, COLUMNS)
    from tomopy_edge.fbp.projector import ForwardProjection

    shown = ForwardProjection(scanned.theta, COLUMNS, COLUMNS, scanned.center)(0.5 * crack)
    noise = scanned.sinogram - scanned.simulated.line_integrals[0]
    sinogram = scanned.simulated.line_integrals[0] - shown + rng.permutation(noise)
    raw = FilteredBackProjection(scanned.theta, COLUMNS)(sinogram[np.newaxis], scanned.center)[0] * scanned.inside
    found, scores = check.compare(sinogram, scanned.center, raw, scanned.truth, scanned.unit)
    (place, *_) = found.places
    assert (place.sort, abs(place.y - 140) <= 3, abs(place.x - 120) <= 22) == ("removed", True, True)
    assert place.contrast < 0
    assert scores[place.y, place.x] < -found.limit
    assert check.compare(sinogram, scanned.center, raw, scanned.truth - 0.5 * crack, scanned.unit)[0].places == ()


def test_a_blob_that_was_pasted_in_is_found_where_it_is(scanned):
    found = scanned.compare(scanned.truth + 0.4 * scanned.spot(100, 140, 3.0))
    (place,) = found.places
    assert (place.sort, abs(place.y - 100) <= 2, abs(place.x - 140) <= 2) == ("invented", True, True)


def test_less_than_anyone_reads_is_no_structure(scanned):
    assert scanned.compare(scanned.truth + 0.02 * scanned.spot(100, 140, 4.0)).places == ()


def test_a_ring_that_was_removed_is_no_fault():
    ringed = Scanned(rings=0.02)
    assert ringed.compare(ringed.truth).places == ()


def test_a_missing_wedge_is_not_the_denoisers_fault_and_hides_no_blob():
    wedged = Scanned(wedge_deg=40.0)
    found = wedged.compare(wedged.truth)
    assert (found.raw_spread > 1, found.places) == (True, ())
    assert wedged.compare(wedged.truth + 0.8 * wedged.spot(100, 140, 3.0)).places != ()


@pytest.mark.parametrize("exposure", [{}, {"counts": 300}, {"angles": 45}, {"wedge_deg": 40.0}], ids=str)
def test_a_slice_is_not_held_against_itself(exposure):
    own = Scanned(**exposure)
    assert own.compare(own.raw).places == ()


def wrong_all_over(scanned):
    from scipy.ndimage import gaussian_filter

    return {
        "nothing": 0 * scanned.truth,
        "upside down": scanned.truth[::-1].copy(),
        "blurred": gaussian_filter(scanned.truth, 4),
    }


@pytest.mark.parametrize("what", ["nothing", "upside down", "blurred"])
def test_a_slice_that_is_wrong_all_over_is_told(scanned, what):
    wrong = wrong_all_over(scanned)[what].astype(np.float32)
    reasons = reasons_of(Findings(1, scanned.unit, consistency=scanned.compare(wrong)))
    assert reasons, scanned.compare(wrong)
    assert reasons_of(Findings(1, scanned.unit, consistency=scanned.compare(scanned.truth))) == []


def test_a_blob_on_the_axis_is_found(scanned):
    assert scanned.compare(scanned.truth + 0.8 * scanned.spot(127, 128, 5.0)).places != ()


def test_what_memory_cannot_hold_is_not_begun():
    with pytest.raises(DataError, match=r"needs .* of memory, and .* are free"):
        expect_memory(memory_for(2000 * 2560, 2560**2), 10**8)


@pytest.mark.parametrize(
    ("free", "ncore", "together", "needed"),
    [(1217, 2, True, 304), (1215, 2, False, 184), (1217, 1, False, 184), (183, 2, False, 120), (119, 2, False, 0)],
)
def test_checks_are_done_side_by_side_where_memory_and_cores_allow(free, ncore, together, needed, monkeypatch):
    monkeypatch.setattr(memory, "COMPARED", (68, 116))
    monkeypatch.setattr(memory, "HALVED", (48, 72))
    assert memory.side_by_side(10**6, 10**6, free * 10**6, ncore) is together
    assert memory.memory_to_examine(10**6, 10**6, free * 10**6, ncore) == needed * 10**6


def test_halves_tell_where_structure_ends_in_noise(scanned):
    quiet = Scanned(counts=200_000)
    found = [compare_halves(one.even, one.odd, one.truth) for one in (scanned, quiet)]
    assert found[0].resolution > 1.3 * found[1].resolution > 2
    assert found[0].raw[1] > 0.95
    assert found[0].raw[-1] < 0.2


def test_halves_tell_a_gain_from_harm(scanned):
    gained = compare_halves(scanned.even, scanned.odd, scanned.truth)
    assert gained.gain == pytest.approx(3.01, abs=0.3)
    assert gained.error_left is None or gained.error_left < 0.3
    harmed = compare_halves(scanned.even, scanned.odd, 0 * scanned.truth)
    assert harmed.gain < 0
    assert harmed.error_left > 1
    raw = compare_halves(scanned.even, scanned.odd, scanned.even)
    assert (raw.gain, raw.error_left) == (pytest.approx(0), pytest.approx(1))


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_a_changed_contrast_is_told_and_noise_is_no_change(factor, scanned):
    for slice_ in (scanned.truth, scanned.even):
        found = compare_halves(scanned.even, scanned.odd, slice_)
        assert found.contrast == pytest.approx(1, abs=0.03)
        assert "contrast changed" not in shorts_of(found)
        moved = compare_halves(scanned.even, scanned.odd, factor * slice_ + scanned.unit)
        assert moved.contrast == pytest.approx(factor, abs=0.03)
        assert "contrast changed" in shorts_of(moved)


def test_rescaled_slices_are_that_and_nothing_else(scanned):
    counts = 1000 * scanned.truth / scanned.unit
    halves, seen = compare_halves(scanned.even, scanned.odd, counts), scanned.compare(counts)
    found = Findings(1, scanned.unit, consistency=seen, halves=halves, residual=scanned.residual(counts)[0])
    assert verdict_of([found]).line == (
        "STOP: no longer the attenuation that was reconstructed (1 of 1 slice examined)"
    )
    assert len(verdict_of([found]).flagged[1]) == 1
    assert "times the contrast that was reconstructed" in verdict_of([found]).flagged[1][0]


def test_halves_that_agree_on_nothing_tell_no_contrast():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, 128, 128)).astype(np.float32)
    assert compare_halves(*noise).contrast is None
    assert compare_halves(*(0 * noise)).contrast is None


def shorts_of(halves):
    return [reason.short for reason in reasons_of(Findings(1, 0.01, halves=halves))]


def test_halves_of_too_few_views_do_not_tell_what_error_is_left():
    few = Scanned(angles=45, counts=100_000)
    found = compare_halves(few.even, few.odd, few.truth)
    assert found.gain > 3.3
    assert (found.error, found.error_left) == (None, None)


def test_the_resolution_of_a_known_blur_is_told():
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256))
    both = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(256, 256))) * (frequency < 0.2))
    even, odd = (both + 0.05 * rng.normal(size=both.shape) for _ in range(2))
    assert compare_halves(even, odd, both).resolution == pytest.approx(5.0, rel=0.08)


def test_what_was_taken_away_is_noise_or_is_not(scanned):
    found, _ = scanned.residual(scanned.truth)
    assert found.flagged < 0.02
    found, signs = scanned.residual(scanned.truth - scanned.spot(128, 128, 30.0) * 0.3)
    assert found.flagged > 0.05
    assert (signs[128, 128], signs[30, 128]) == (2, 0)


@pytest.mark.parametrize("width", [1.0, 1.5, 2.5])
def test_blur_of_the_edges_is_measured_in_pixels(scanned, width):
    from scipy.ndimage import gaussian_filter

    assert scanned.residual(gaussian_filter(scanned.truth, width))[0].blur == pytest.approx(width, rel=0.35)


def test_an_honest_slice_has_little_blur_and_leftover_noise_is_none(scanned):
    from scipy.ndimage import gaussian_filter

    assert abs(scanned.residual(scanned.truth)[0].blur) < 0.8
    rng = np.random.default_rng(0)
    even, odd = (rng.normal(size=(256, 256)).astype(np.float32) for _ in range(2))
    noise = HalfSlices(even, odd, gaussian_filter(even, 1.5))
    assert examine_residual((even + odd) / 2, gaussian_filter((even + odd) / 2, 1.5), noise, 1.0)[0].blur is None


def test_a_material_whose_grey_value_moved_is_named(scanned):
    moved = np.where(scanned.truth > 0.5 * scanned.unit, scanned.truth * 1.1, scanned.truth).astype(np.float32)
    true, found = grey_values(scanned.raw, scanned.truth), grey_values(scanned.raw, moved)
    assert max(abs(one.bias) for one in true) < 0.02 * scanned.unit
    assert found[-1].bias > 0.05 * scanned.unit
    assert abs(found[0].bias) < 0.02 * scanned.unit


def test_an_empty_slice_has_no_materials():
    assert grey_values(np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32))[0].bias == 0


def test_how_full_the_field_is_is_no_matter_to_a_network():
    assert in_range(middle=1.0).beyond == {}


LEARNED = Learned(slices=9, noise=(0.01, 1.0), darkest=(-5.0, 0.0), middle=(0.0, 0.8), brightest=(1.0, 5.0))


def in_range(saturated=0.0, **unlike):
    found = Likeness(**{"noise": 0.3, "darkest": -0.5, "middle": 0.4, "brightest": 1.5, **unlike})
    return InRange(found, LEARNED.beyond(found), saturated)


def test_a_slice_like_those_that_were_learned_from_is_in_range():
    assert in_range().beyond == {}
    assert in_range(noise=0.001).beyond == {}


@pytest.mark.parametrize("unlike", [{"brightest": 30.0}, {"darkest": -40.0}, {"noise": 6.0}], ids=str)
def test_a_scan_far_outside_the_range_is_to_be_stopped(unlike):
    findings = [Findings(row, 1.0, range=in_range(**unlike)) for row in range(3)]
    verdict = verdict_of(findings)
    assert (verdict.word, verdict.line) == (
        "STOP", "STOP: outside the model's range (3 of 3 slices examined)"
    )  # fmt: skip


def test_codes_that_cannot_hold_a_scan_stop_it_too():
    assert verdict_of([Findings(4, 1.0, range=in_range(saturated=0.05))]).word == "STOP"
    assert verdict_of([Findings(4, 1.0, range=in_range(saturated=0.005))]).word == "CHECK"


def test_denoising_that_leaves_more_error_than_there_was_stops_the_scan(scanned):
    v, u = np.ogrid[:COLUMNS, :COLUMNS]
    for share, word in ((0.4, "STOP"), (0.25, "CHECK")):
        waves = share * scanned.unit * np.sin(v / 2) * np.sin(u / 2) * scanned.inside
        halves = compare_halves(scanned.even, scanned.odd, (scanned.truth + waves).astype(np.float32))
        found = [Findings(row, scanned.unit, halves=halves, consistency=CALM) for row in range(3)]
        assert (
            verdict_of(found).line
            == {
                "STOP": "STOP: denoising did harm (3 of 3 slices examined)",
                "CHECK": "CHECK all 3 slices examined: denoising did harm",
            }[word]
        ), (halves.gain, halves.error / scanned.unit)


CALM = Consistency(1.0, 6.0, 1.0, 0.2, 0.0, ())


def test_the_verdict_names_slices_and_reasons_once():
    fine = [Findings(row, 1.0, range=in_range(), consistency=CALM) for row in (0, 10, 20, 30, 40)]
    seam = [Findings(row, 1.0, seam=1.1, consistency=CALM) for row in (10, 20, 40)]
    by_row = {one.row: one for one in [*fine, *seam]}
    verdict = verdict_of([by_row[row] for row in sorted(by_row)])
    assert (verdict.word, verdict.line) == ("CHECK", "CHECK slices 10-20, 40: seams")
    assert verdict.flagged[40] == ("the seam index is 1.100, limit 1.02",)
    assert verdict_of(fine).line == "OK: 5 slices examined, none against its scan"
    assert verdict_of([]).line == "CHECK: no slice could be examined"


def test_what_could_not_be_examined_is_told(scanned):
    fine = Findings(2, 1.0, consistency=scanned.compare(scanned.truth))
    skipped = Findings(3, 1.0, skipped=(("consistency", "needs 2 GB of memory, and 1 GB are free"),))
    assert verdict_of([fine, skipped]).line == (
        "OK: 2 slices examined, but for consistency, which could not be, none against its scan"
    )
    assert verdict_of([skipped]).line == (
        "CHECK: no slice could be compared with its scan (needs 2 GB of memory, and 1 GB are free)"
    )
    told = summary_of([fine], [2, 5, 9])
    assert told["verdict"] == "CHECK"
    assert told["line"].endswith("; 2 slices could not be examined")


def test_every_reason_says_its_number(scanned):
    found = Findings(
        row=1,
        unit=scanned.unit,
        consistency=scanned.compare(scanned.truth + scanned.spot(100, 140, 3.0)),
        halves=compare_halves(scanned.even, scanned.odd, np.float32(1.4) * scanned.truth),
        grey=grey_values(scanned.raw, scanned.truth * np.float32(1.2)),
    )
    shorts = [reason.short for reason in reasons_of(found)]
    assert shorts == ["structure invented", "denoising did harm", "contrast changed", "grey values moved"]
    assert all(any(letter.isdigit() for letter in reason.told) for reason in reasons_of(found))


def test_findings_come_back_as_they_were_kept(scanned, tmp_path):
    found = Findings(
        row=7,
        unit=scanned.unit,
        consistency=scanned.compare(scanned.truth + scanned.spot(100, 140, 3.0)),
        halves=compare_halves(scanned.even, scanned.odd, scanned.truth),
        residual=scanned.residual(scanned.truth)[0],
        range=in_range(brightest=30.0),
        seam=1.0,
        grey=grey_values(scanned.raw, scanned.truth),
        skipped=(("pictures", "no room"),),
    )
    keep(tmp_path, found)
    assert kept(tmp_path) == [found]


def test_damaged_findings_are_told_and_left_out(tmp_path, caplog):
    for row in (1, 2):
        keep(tmp_path, Findings(row, 1.0))
    path_of(tmp_path, 1).write_text(path_of(tmp_path, 1).read_text().replace("1.0", "2.0"))
    assert [one.row for one in kept(tmp_path)] == [2]
    assert "00001.json: cannot be read (it is damaged)" in caplog.text
