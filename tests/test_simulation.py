"""Phantoms, their line integrals, and scans of them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomopy_edge.simulation import kernels
from tomopy_edge.simulation.phantoms import KINDS, draw_phantom
from tomopy_edge.simulation.pieces import Phantom, Shape, pieces, section
from tomopy_edge.simulation.scans import DARK_LEVEL, Exposure, angles_of, expose

SIZE = 128
WAVY = {"wave_x": 0.21, "wave_y": -0.1, "phase": 0.7}


def one(shape, **fields):
    placed = {"attenuation": 0.02, "x": 11.3, "y": -14.8, "a": 30.0, "b": 13.0, "angle": 0.6}
    return Phantom("test", pieces(1, shape, **placed | (WAVY if shape == Shape.WAVE else {}) | fields))


def numeric_projection(phantom, theta):
    """Integrate the truth along rays by brute force, on a grid seven times finer than the pixels."""
    fine = 7  # odd, so that no point lies between two detector pixels
    scaled = phantom.matter.copy()
    for field in ("x", "y", "a", "b"):
        scaled[field] *= fine
    for field in ("wave_x", "wave_y"):
        scaled[field] /= fine
    size = SIZE * fine
    truth = Phantom("fine", scaled).slice_at(0, size, fineness=2).astype(np.float64)
    row, column = np.mgrid[:size, :size]
    x, y = column - size / 2, size / 2 - 1 - row
    distance = (x * np.cos(theta) + y * np.sin(theta)) / fine + SIZE / 2
    sums, _ = np.histogram(distance, bins=np.arange(-0.5, SIZE), weights=truth)
    return sums / fine**2


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("theta", [0.0, 0.31, np.pi / 2, 2.4])
def test_line_integrals_are_those_of_the_truth(shape, theta):
    phantom = one(shape)
    exact = phantom.line_integrals(np.array([theta]), 1, SIZE, SIZE / 2)[0, 0]
    np.testing.assert_allclose(exact, numeric_projection(phantom, theta), atol=max(0.012, 0.025 * exact.max()))


@pytest.mark.parametrize("shape", [Shape.ELLIPSOID, Shape.BOX, Shape.LENS])
def test_no_ray_misses_a_crack_however_thin(shape):
    """A crack of a third of a pixel, seen edge on in steps of a twentieth of a pixel."""
    for x in np.arange(0, 1, 0.05):
        projected = one(shape, x=x, y=0, a=30.0, b=0.15, angle=np.pi / 2).line_integrals(np.zeros(1), 1, SIZE, 64)
        area = {Shape.ELLIPSOID: np.pi, Shape.BOX: 4, Shape.LENS: np.pi / 2}[shape] * 30 * 0.15
        assert projected.sum() == pytest.approx(0.02 * area, rel=1e-4)


@pytest.mark.parametrize("shape", [Shape.LENS, Shape.WAVE])
def test_the_mean_over_a_pixel_without_an_edge_is_exact(shape):
    coarse, fine = (one(shape, a=8.0, b=6.0).slice_at(0, SIZE, fineness=n) for n in (1, 16))
    whole = one(Shape.ELLIPSOID, attenuation=1.0, a=7.0, b=5.0).slice_at(0, SIZE) == 1
    assert whole.sum() > 60
    by_hand = brute_mean(one(shape, a=8.0, b=6.0), whole)
    np.testing.assert_allclose(coarse[whole], by_hand, atol=1e-6)
    assert np.array_equal(coarse[whole], fine[whole])


def brute_mean(phantom, chosen, points=20):
    rows, columns = np.nonzero(chosen)
    offsets = (np.arange(points) + 0.5) / points - 0.5
    matter = section(phantom.matter, 0.0)
    total = np.zeros(len(rows))
    for dx in offsets:
        for dy in offsets:
            total += kernels.density_at(matter, columns - SIZE / 2 + dx, SIZE / 2 - 1 - rows + dy)
    return total / points**2


def test_a_rod_off_the_slice_is_narrower_and_as_long():
    cut = section(pieces(1, Shape.ROD, attenuation=1, a=10, b=5, c=5, z=3), 0.0)
    assert (cut["shape"][0], cut["a"][0], cut["b"][0], cut["attenuation"][0]) == (Shape.BOX, 10, 4, 1)


@pytest.mark.parametrize("shape", list(Shape))
def test_every_projection_holds_the_mass_of_the_slice(shape):
    phantom = one(shape)
    mass = phantom.slice_at(0, SIZE, fineness=8).sum(dtype=np.float64)
    projected = phantom.line_integrals(np.linspace(0, np.pi, 7), 1, SIZE, SIZE / 2)[0]
    np.testing.assert_allclose(projected.sum(axis=1), mass, rtol=0.01, atol=0.003)


def test_the_middle_of_a_disc_projects_onto_its_column():
    phantom = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, x=20, y=0, a=3, b=3))
    at_0, at_90 = phantom.line_integrals(np.array([0, np.pi / 2]), 1, SIZE, 60.0)[0]
    assert np.average(np.arange(SIZE), weights=at_0) == pytest.approx(80, abs=1e-3)
    assert np.average(np.arange(SIZE), weights=at_90) == pytest.approx(60, abs=1e-3)


def test_the_axis_lies_where_gridrec_puts_it():
    truth = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, x=5, y=9, a=2, b=2)).slice_at(0, SIZE)
    rows, columns = np.indices(truth.shape)
    assert np.average(columns, weights=truth) == pytest.approx(SIZE / 2 + 5)
    assert np.average(rows, weights=truth) == pytest.approx(SIZE / 2 - 1 - 9)


def test_fbp_of_the_line_integrals_is_the_truth_in_place():
    from tomopy_edge.fbp import FilteredBackProjection

    size, theta = 512, np.arange(720) * np.pi / 720
    matter = np.concatenate(
        [
            pieces(1, Shape.ELLIPSOID, attenuation=0.01, x=-30, y=12, a=150, b=120, angle=0.3),
            pieces(1, Shape.BOX, attenuation=0.02, x=40, y=50, a=20, b=40, angle=1.0),
            pieces(1, Shape.LENS, attenuation=0.03, x=-80, y=-30, a=40, b=30),
            pieces(1, Shape.WAVE, attenuation=0.004, x=20, y=-60, a=40, b=30, wave_x=0.3, wave_y=0.1),
        ]
    )
    phantom = Phantom("test", matter)
    fbp = FilteredBackProjection(theta, size)
    slices = fbp(phantom.line_integrals(theta, 1, size, 249.3), 249.3)
    error = (slices[0] - phantom.slice_at(0, size))[60:-60, 60:-60]
    assert np.abs(error).mean() < 2e-4
    assert np.abs(error.mean()) < 2e-5


def test_a_section_of_an_ellipsoid_is_smaller_the_farther_it_is_from_the_middle():
    matter = pieces(2, Shape.ELLIPSOID, attenuation=1, a=10, b=[10, 4], c=[5, 2], z=[0, 1], drift_x=2)
    cut = section(matter, 3.0)
    assert len(cut) == 1
    assert cut["a"][0] == pytest.approx(10 * 0.8)
    assert cut["x"][0] == pytest.approx(6)


def test_a_lens_cut_off_its_middle_is_a_fainter_lens():
    middle, above = (one(Shape.LENS, c=10.0, a=13.0).slice_at(z, SIZE).max() for z in (0, 6))
    assert above / middle == pytest.approx(1 - 0.6**2, rel=1e-3)


def test_kernels_number_the_shapes_as_pieces_does():
    assert (kernels.LENS, kernels.WAVE, kernels.BOX) == (Shape.LENS, Shape.WAVE, Shape.BOX)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_phantom_and_another_seed_another(kind):
    first, again, other = (draw_phantom(np.random.default_rng(seed), kind, 256) for seed in (3, 3, 4))
    assert np.array_equal(first.matter, again.matter)
    assert not np.array_equal(first.matter, other.matter)


@pytest.mark.parametrize("kind", KINDS)
def test_phantoms_fit_into_the_field_of_view_and_absorb(kind):
    phantom = draw_phantom(np.random.default_rng(1), kind, 256).scaled(1.5, 256)
    projected = phantom.line_integrals(np.array([0.0, 1.0]), 3, 256, 128)
    assert 1 < projected.max() < 2
    assert np.abs(projected[:, :, [0, -1]]).max() < 0.05


@pytest.mark.parametrize("kind", ["ellipses", "foam", "cracks", "tissue"])
def test_neighbouring_rows_differ_a_little(kind):
    phantom = draw_phantom(np.random.default_rng(1), kind, 256).scaled(1.5, 256)
    above, middle, _ = phantom.line_integrals(np.array([0.0]), 3, 256, 128)
    assert 0 < np.abs(above - middle).max() < 0.3 * middle.max()


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="kind: must be one of ellipses, foam"):
        draw_phantom(np.random.default_rng(1), "fruit", 256)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.2, 4), st.floats(50, 20_000))
def test_counts_are_poisson_about_the_transmitted_beam(absorption, counts):
    disc = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=40, b=40))
    exposure = Exposure(angles=300, counts=counts, absorption=absorption, unevenness=0, read_noise=0)
    simulated = expose(disc, exposure, 1, 101, np.random.default_rng(7))
    beam = simulated.scan.flats[:, 0, 45:55].mean() - DARK_LEVEL
    seen = simulated.scan.projections[:, 0, 45:55] - DARK_LEVEL
    expected = beam * np.exp(-absorption)
    assert seen.mean() == pytest.approx(expected, rel=0.05, abs=0.1)
    assert seen.var(axis=0).mean() == pytest.approx(expected, rel=0.15, abs=0.1)


def test_neighbouring_rows_have_independent_noise():
    plate = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=100, b=100))
    simulated = expose(plate, Exposure(angles=200, unevenness=0), 3, 128, np.random.default_rng(1))
    noise = simulated.scan.projections - simulated.scan.projections.mean(axis=0)
    correlation = np.corrcoef([noise[:, row].ravel() for row in range(3)])
    assert np.abs(correlation - np.eye(3)).max() < 0.03


def test_a_seed_gives_the_same_counts():
    phantom = draw_phantom(np.random.default_rng(1), "foam", 128)
    first, again = (expose(phantom, Exposure(angles=20), 3, 128, np.random.default_rng(5)).scan for _ in range(2))
    assert np.array_equal(first.projections, again.projections)
    assert np.array_equal(first.flats, again.flats)


def test_offset_moves_the_axis_in_the_projections_and_not_the_truth():
    disc = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=20, b=20))
    quiet = Exposure(angles=2, counts=30_000, unevenness=0)
    straight, moved = (
        expose(disc, dataclasses.replace(quiet, offset=offset), 1, 128, np.random.default_rng(1)) for offset in (0, 9.5)
    )
    assert moved.center == 73.5
    columns = np.arange(128)
    middles = [np.average(columns, weights=one.line_integrals[0, 0]) for one in (straight, moved)]
    assert middles[1] - middles[0] == pytest.approx(9.5, abs=1e-3)
    assert np.array_equal(straight.truth(), moved.truth())


def test_blur_and_fringes_are_part_of_the_truth():
    disc = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=20, b=20))
    exposure = Exposure(angles=1, blur=1.0, fringes=1.0, unevenness=0)
    simulated = expose(disc, exposure, 1, 128, np.random.default_rng(1))
    truth = simulated.truth()
    assert truth.max() > truth[63, 64] * 1.1
    np.testing.assert_allclose(truth.sum(axis=0), simulated.line_integrals[0, 0], atol=0.03)


def test_a_wedge_is_missing_somewhere_and_the_other_angles_lie_even():
    rng = np.random.default_rng(2)
    theta = np.sort(angles_of(Exposure(angles=100, wedge_deg=30), rng))
    gaps = np.rad2deg(np.diff(theta, append=theta[0] + np.pi))
    assert np.sort(gaps)[-1] == pytest.approx(31.5)
    np.testing.assert_allclose(np.sort(gaps)[:-1], 1.5)
    assert not np.array_equal(theta, np.sort(angles_of(Exposure(angles=100, wedge_deg=30), rng)))


def test_angles_without_faults_are_even_and_irregular_ones_are_near_them():
    even = angles_of(Exposure(angles=90), np.random.default_rng(1))
    np.testing.assert_allclose(even, np.arange(90) * np.pi / 90)
    jittered = angles_of(Exposure(angles=90, irregular=0.3), np.random.default_rng(1))
    assert (jittered - even).std() == pytest.approx(0.3 * np.pi / 90, rel=0.3)


def test_zingers_brighten_their_share_of_the_projections_and_no_flats():
    disc = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=20, b=20))
    clean, struck = (
        expose(disc, Exposure(angles=50, zingers=share), 2, 128, np.random.default_rng(1)).scan for share in (0, 1e-3)
    )
    brighter = struck.projections.astype(int) - clean.projections
    assert brighter.min() >= 0
    assert 0.5e-3 < (brighter > 0).mean() < 3e-3
    assert np.array_equal(struck.flats[0] > 4000, clean.flats[0] > 4000)


def test_summed_frames_hold_more_than_a_detector_counts():
    disc = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=20, b=20))
    scan = expose(disc, Exposure(angles=5, counts=1e6), 1, 64, np.random.default_rng(1)).scan
    assert scan.projections.dtype == np.float32
    assert scan.flats.mean() == pytest.approx(1e6, rel=0.05)
    assert np.array_equal(scan.projections, np.rint(scan.projections))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"angles": 0}, "angles: must be at least 1"),
        ({"counts": 0}, "counts: must be above 0"),
        ({"counts": 1e8}, "counts: must be above 0 and at most 8000000"),
        ({"wedge_deg": 180}, "wedge_deg: must be at least 0 and below 180"),
        ({"zingers": 2}, "zingers: must be a share between 0 and 1"),
        ({"irregular": -1}, "irregular: must not be negative"),
        ({"absorption": 9}, "absorption: must be above 0 and at most 8"),
        ({"blur": -1}, "blur: must not be negative"),
    ],
)
def test_an_impossible_exposure_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Exposure(**wrong)
