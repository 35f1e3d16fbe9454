"""A proposed recipe says what the scan shows, and mends what can be mended."""

from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import yaml

from tomopy_edge import propose as proposing
from tomopy_edge.errors import DataError, ModelError
from tomopy_edge.forecast.pace import Duration
from tomopy_edge.propose import choices, formats, model, propose
from tomopy_edge.propose.axis import Axis
from tomopy_edge.propose.seeing import look
from tomopy_edge.propose.text import with_comments
from tomopy_edge.readers import ArrayScan, open_scan
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.yaml_text import SweepRange, load_yaml

ROWS, COLUMNS = 6, 96
HALF = np.linspace(0, np.pi, 120, endpoint=False)


def scan_of(theta=HALF, axis=45.2, counts=4000.0, rows=ROWS, flats=8, darks=8, radius=15.0, gain=0.0):
    """A scan of an off-centre disc, in memory."""
    rng = np.random.default_rng(2)
    off = np.arange(COLUMNS) - axis - 12 * np.cos(theta)[:, None]
    line_integrals = 0.04 * np.sqrt(np.maximum(radius**2 - off**2, 0))
    beam = counts * np.exp(-line_integrals)[:, None].repeat(rows, 1)
    return ArrayScan(
        rng.poisson(100 + beam * (1 + gain * rng.normal(size=(rows, COLUMNS)))).astype(np.uint16),
        theta,
        rng.poisson(100 + counts, (flats, rows, COLUMNS)).astype(np.uint16) if flats else None,
        rng.poisson(100, (darks, rows, COLUMNS)).astype(np.uint16) if darks else None,
    )


@pytest.fixture(scope="module")
def catalogue():
    from tomopy_edge.plugins import load_catalogue

    return load_catalogue(installed=False)


@pytest.fixture(scope="module")
def seen(catalogue):
    """What is seen of an ordinary scan."""
    return look(scan_of(), catalogue)


@pytest.fixture
def proposed(catalogue):
    """What proposes a recipe without trying its time, and returns it with its stages by name."""

    def make(scan, **asked):
        made = propose(scan, within=None, catalogue=catalogue, **asked)
        return made, {choice.stage: choice for choice in made.choices}

    return make


def test_an_ordinary_scan_gets_every_stage_in_order_and_no_hints(proposed):
    made, stages = proposed(scan_of())
    assert [*stages] == [
        *("read", "normalize", "remove_outliers", "minus_log", "remove_stripes", "find_center", "reconstruct"),
        *("denoise", "trust", "write"),
    ]
    assert made.hints == []
    assert stages["find_center"].options["center"] == pytest.approx(45.2, abs=0.3)
    assert all(choice.why for choice in made.choices)


def test_the_text_is_the_recipe_with_a_comment_above_every_stage(proposed, catalogue, tmp_path):
    made, stages = proposed(scan_of())
    text = made.to_yaml(tmp_path / "a recipe.yaml")
    assert yaml.safe_load(text) == made.to_plain()
    assert parse_recipe(load_yaml(text), catalogue).blocks[0].entry.name == "read"
    lines = text.splitlines()
    for stage in stages:
        (number,) = (n for n, line in enumerate(lines) if line.startswith(f"- {stage}"))
        assert lines[number - 1].startswith("# ")
    assert f"tomopy-edge run '{tmp_path}/a recipe.yaml' arrays" in text
    assert max(map(len, lines)) <= 120


def test_a_name_that_is_no_text_cannot_end_a_comment():
    text = with_comments(["scan\n- evil: {}.h5"], ["a\x07b"], [choices.Choice("read", why=("so\nso.",))])
    assert yaml.safe_load(text) == ["read"]


def test_without_flats_and_darks_the_brightest_views_stand_in_and_it_is_told(proposed):
    made, stages = proposed(scan_of(flats=0, darks=0))
    assert stages["normalize"].options == {"missing_flats": "brightest", "missing_darks": "zeros"}
    assert [hint.split(":")[0] for hint in made.hints] == ["there are no flats", "there are no darks"]


def test_a_zinger_in_a_flat_has_flats_averaged_by_their_median(proposed):
    scan = scan_of()
    scan.flats[1, 3, 40] = 60000
    assert proposed(scan)[1]["normalize"].options == {"average": "median"}


def test_few_flats_are_told(proposed):
    assert "with 2 flats their own noise makes rings" in proposed(scan_of(flats=2))[0].hints[0]


def test_a_detector_at_its_limit_is_told(proposed):
    scan = scan_of()
    scan.tomo[scan.tomo > 4050] = 4095
    (hint,) = (hint for hint in proposed(scan)[0].hints if "saturated" in hint)
    assert "of the counts are 4095, the largest there is" in hint


def test_few_counts_set_the_floor_of_the_logarithm_to_half_a_count(proposed):
    floor = proposed(scan_of(counts=100.0))[1]["minus_log"].options["floor"]
    assert floor == pytest.approx(0.005, rel=0.05)


def test_a_scan_without_stripes_has_none_removed_and_one_with_them_has(proposed):
    assert proposed(scan_of(flats=2000))[1]["remove_stripes"].options == {"method": "none"}
    rings = proposed(scan_of(flats=2000, gain=0.02))[1]["remove_stripes"]
    assert rings.options == {"method": "sorting"}
    assert "stripes are strong" in rings.hints[0]


def test_views_too_few_for_the_removal_of_stripes_have_none_removed(seen):
    few = replace(seen, removal=replace(seen.removal, method="none", after=None, few=True))
    assert "too few to tell a stripe" in " ".join(choices.remove_stripes(few).why)


def test_few_angles_are_told(proposed):
    assert "12 projections are few" not in "".join(proposed(scan_of(HALF[::10]))[0].hints)
    seen = proposed(scan_of(HALF[::10]))[0].seen
    assert "12 projections are few for 2048 columns" in choices.read(replace(seen, columns=2048)).hints[0]


def test_a_full_turn_and_its_axis_aside_are_told(proposed):
    made, stages = proposed(scan_of(2 * HALF, axis=80.0, radius=40.0))
    assert "A full turn" in " ".join(stages["read"].why)
    assert stages["find_center"].options["center"] == pytest.approx(80, abs=0.5)
    assert "must be stitched to a half turn" in made.hints[-1]


def test_an_axis_aside_in_half_a_turn_is_told_with_the_circle_that_all_views_see(proposed):
    assert "all views see the circle of 38 pixels" in proposed(scan_of(axis=38.5))[0].hints[0]


def test_an_axis_without_opposite_views_is_not_sure_and_gets_a_sweep_to_type(proposed):
    made, _ = proposed(scan_of(HALF[:80]))
    assert made.seen.axis.sure == "NOT sure"
    (hint,) = (hint for hint in made.hints if "axis is not sure" in hint)
    command = hint[hint.index("'") + 1 : hint.rindex("'")]
    assert isinstance(load_yaml(command), SweepRange)
    assert made.hints[0].startswith("62 of 180 degrees were not taken")


def test_rows_that_disagree_make_an_axis_less_sure():
    close, apart = Axis(50.0, (49.9, 50.1), other=50.0), Axis(50.0, (47.0, 53.0), other=50.0)
    assert (close.sure, apart.sure) == ("sure", "NOT sure")
    assert apart.around == (44.0, 56.0)


def test_an_axis_that_is_given_is_taken(proposed):
    stages = proposed(scan_of(), center=44.0)[1]
    assert stages["find_center"].options == {"center": 44.0}
    assert "given, and not looked for" in stages["find_center"].why[0]


def test_an_axis_that_cannot_be_found_is_left_open(proposed, monkeypatch):
    def fail(*_):
        return Axis(None, fault="nothing to find the axis by")

    monkeypatch.setattr("tomopy_edge.propose.seeing.find_axis", fail)
    made, stages = proposed(scan_of())
    assert stages["find_center"].options == {}
    assert "could not be found: nothing to find" in made.hints[0]


def test_rows_outside_the_beam_are_left_out(catalogue, tmp_path, scan_file):
    with h5py.File(scan_file, "r+") as file:
        for name in ("data", "data_white"):
            for row, counts in ((0, 103), (1, 150), (6, 120)):
                file[f"exchange/{name}"][:, row] = counts
    with open_scan(scan_file) as scan:
        made = propose(scan, within=None, catalogue=catalogue)
    assert made.choices[0].options == {"rows": [2, 6]}
    assert made.needs.slices == (4, 96, 96)


def test_of_a_scan_that_was_broken_off_the_written_views_are_taken(catalogue, scan_file):
    with h5py.File(scan_file, "r+") as file:
        data = file["exchange/data"][...]
        del file["exchange/data"]
        file.create_dataset("exchange/data", data.shape, data.dtype, chunks=(1, *data.shape[1:]))[:100] = data[:100]
    with open_scan(scan_file) as scan:
        made = propose(scan, within=None, catalogue=catalogue)
    assert made.choices[0].options == {"angles": [0, 100, 1]}
    assert made.hints[0].startswith("the scan was broken off: 20 of 120")


def duration(seconds):
    return Duration(100, 0.0, 0.0, seconds / 100, 0.0, (0.0, 0.0))


@pytest.fixture
def timed(monkeypatch):
    """What chooses a model where runs with the two shipped ones take so many seconds."""

    def choose(best, compact, **asked):
        takes = {model.BEST: best, model.COMPACT: compact}
        monkeypatch.setattr(model, "foretell_time", lambda recipe, *_, **__: duration(takes.get(recipe, 1.0)))
        asked = {"noise": 0.1, "given": None, "within": 60.0} | asked
        return model.choose_model(lambda name: name, None, None, catalogue=None, **asked)

    return choose


def test_the_best_model_is_taken_where_it_is_done_in_time(timed):
    chosen = timed(3000.0, 300.0)
    assert (chosen.model, [*chosen.took], chosen.hint) == ("tomogan", ["tomogan"], "")
    assert "100 slices in about 50 min" in chosen.why[-1]


def test_the_compact_model_is_taken_where_the_best_takes_too_long(timed):
    chosen = timed(9000.0, 900.0)
    assert (chosen.model, chosen.hint) == ("tomogan-compact", "")
    assert "would take longer than 60 min" in chosen.why[0]


def test_where_even_that_takes_too_long_it_is_told(timed):
    assert "even tomogan-compact takes 2.5 h here" in timed(90000.0, 9000.0).hint


def test_loud_noise_takes_the_compact_model(timed):
    chosen = timed(10.0, 1.0, noise=1.8)
    assert chosen.model == "tomogan-compact"
    assert "noise of a slice is 1.8 times" in chosen.why[0]


def test_a_model_that_is_asked_for_is_taken_however_long_it_takes(timed):
    chosen = timed(9000.0, 1.0, given="tomogan")
    assert chosen.model == "tomogan"
    assert "even tomogan takes" in chosen.hint


def test_without_a_trial_the_best_model_is_taken(timed):
    chosen = timed(1.0, 1.0, within=None)
    assert (chosen.model, chosen.took) == ("tomogan", {})


def test_another_denoiser_gets_no_model_and_a_sharp_filter_only_where_there_is_little_noise(proposed, seen):
    made, stages = proposed(scan_of(), denoiser="none")
    assert (made.model, stages["denoise"].options) == (None, {"denoiser": "none"})
    quiet, loud = (choices.reconstruct(replace(seen, noise=noise), network=False) for noise in (0.1, 0.9))
    assert [one.options["options"]["filter_name"] for one in (quiet, loud)] == ["shepp", "hann"]


def test_a_model_for_another_denoiser_and_one_that_is_not_there_are_refused(catalogue):
    with pytest.raises(DataError, match="belongs to the denoiser 'tomogan'"):
        propose(scan_of(), denoiser="none", model="tomogan", catalogue=catalogue)
    with pytest.raises(ModelError, match="no model is named 'tomogam'; did you mean 'tomogan'"):
        propose(scan_of(), model="tomogam", catalogue=catalogue)


@pytest.mark.parametrize(
    ("rows", "installed", "expected"),
    [
        (10, "1", ["tiff"]),
        (200, "1", ["hdf5"]),
        (1000, "1", ["hdf5", "zarr"]),
        (1000, "", ["hdf5"]),
        (4000, "1", ["hdf5"]),
    ],
    ids=["small", "large", "huge", "without tensorstore", "without room for both"],
)
def test_large_volumes_are_one_file_and_huge_ones_are_for_viewers_too(
    seen, tmp_path, monkeypatch, rows, installed, expected
):
    monkeypatch.setattr(formats, "Installed", lambda: SimpleNamespace(version=lambda _: installed))
    monkeypatch.setattr(formats.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**11))
    chosen = formats.write(replace(seen, rows=rows, lit=(0, rows), columns=2048), tmp_path)
    assert chosen.options == {"formats": expected}


def test_a_disk_that_is_too_small_is_told(seen, tmp_path, monkeypatch):
    monkeypatch.setattr(formats.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert "has 1 kB free" in formats.write(seen, tmp_path).hints[0]


def test_what_makes_it_fit_into_memory_is_in_the_commands(seen, tmp_path):
    needs = SimpleNamespace(mend="it fits with --nsino-per-chunk 2", fits=False)
    made = proposing.Proposal(seen, (), None, needs)
    assert made.commands(tmp_path / "r.yaml")[1].endswith("arrays --nsino-per-chunk 2")
    assert made.hints == ["memory may run out; it fits with --nsino-per-chunk 2"]


@pytest.mark.parametrize(("name", "axis"), [("tooth/tooth.h5", 295.6), ("tomobank_00076/tomobank_00076.h5", 1275.0)])
def test_real_scans_are_seen_as_they_are(scans, catalogue, name, axis):
    with open_scan(scans / name) as scan:
        found = look(scan, catalogue)
    assert found.axis.center == pytest.approx(axis, abs=2.5)
    assert found.removal.method == "sorting"
    assert (found.counted.flats, found.counted.darks) == (10, 10)
