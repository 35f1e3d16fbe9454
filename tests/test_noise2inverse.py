"""A scan dealt into parts, and the pairs made of them."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.errors import DataError, OutputError
from tomopy_edge.fbp import fbp
from tomopy_edge.job import Job
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.simulation.files import write_scan
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.scans import Exposure, expose
from tomopy_edge.training.noise2inverse import HalvesOptions, blocks_of, write_halves
from tomopy_edge.training.view_parts import ViewParts, deal

COLUMNS, ANGLES, ROWS = 64, 96, 4
HALF_TURN = np.linspace(0, np.pi, ANGLES, endpoint=False)


def write(path, rows=ROWS, angles=ANGLES):
    rng = np.random.default_rng(1)
    exposure = Exposure(angles=angles, counts=1e4, absorption=1.0, offset=0)
    write_scan(path, expose(draw_phantom(rng, "grains", COLUMNS), exposure, rows, COLUMNS, rng))
    return path


@pytest.fixture
def scan(tmp_path):
    return write(tmp_path / "scan.h5")


@pytest.fixture
def recipe(catalogue):
    """Makes the recipe that leads to slices; its rings are searched in all views together, and so is its axis."""

    def made(**reconstruct):
        stages = [{"read": {}}, "normalize", "remove_outliers", "minus_log", {"remove_stripes": {"method": "sorting"}}]
        return parse_recipe([*stages, {"find_center": {}}, {"reconstruct": reconstruct}], catalogue)

    return made


@pytest.fixture
def job(catalogue):
    return Job(ncore=1, catalogue=catalogue)


def contents(path):
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file} | {"unit": float(file.attrs["unit"])}


@given(theta=st.lists(st.floats(-10, 10), min_size=40, max_size=90), parts=st.integers(1, 5))
def test_every_view_belongs_to_one_part(theta, parts):
    dealt = deal(np.array(theta), parts)
    assert np.array_equal(np.sort(np.concatenate(dealt)), np.arange(len(theta)))
    assert np.ptp([len(part) for part in dealt]) <= 1


def test_parts_of_an_ordinary_scan_are_every_kth_view():
    for first, part in enumerate(deal(HALF_TURN, 4)):
        assert np.array_equal(part, np.arange(first, ANGLES, 4))


def test_views_from_both_ends_of_a_line_go_to_different_parts():
    theta = np.linspace(0, 2 * np.pi, 2 * ANGLES, endpoint=False)
    for part in deal(theta, 4):
        angles = np.sort(np.mod(theta[part], np.pi))
        # Each part is spread evenly: nowhere is an angle measured twice while another is not measured.
        assert np.diff(angles).min() == pytest.approx(np.diff(angles).max())


def test_parts_of_views_in_any_order_are_spread_over_the_half_turn():
    shuffled = np.random.default_rng(1).permutation(HALF_TURN)
    for part in deal(shuffled, 4):
        assert np.diff(np.sort(shuffled[part])) == pytest.approx(4 * np.pi / ANGLES)


def test_too_few_views_are_refused_with_what_would_do():
    with pytest.raises(DataError, match=r"30 views in 4 parts leave 7 to a part.* at most 3 parts"):
        deal(HALF_TURN[:30], 4)


def test_parts_together_show_their_mean(scan, recipe, job):
    with open_scan(scan) as opened:
        parts = ViewParts(opened, recipe(mask=None), 4, held_out=False, job=job)
        shown, none = parts.slices(0, 2)
        whole = ViewParts(opened, parts.recipe, 1, held_out=False, job=job)
        together, _ = whole.slices(0, 2)
    assert none is None
    assert shown.shape == (4, 2, COLUMNS, COLUMNS)
    np.testing.assert_allclose(shown.mean(axis=0), together[0], atol=1e-5 * np.abs(together).max())


def test_a_part_is_the_reconstruction_of_its_views(scan, catalogue, job):
    plain = ["read", "normalize", "minus_log", {"find_center": {"center": 32.0}}, {"reconstruct": {"mask": None}}]
    with open_scan(scan) as opened:
        parts = ViewParts(opened, parse_recipe(plain, catalogue), 4, held_out=True, job=job)
        learned, held_out = parts.slices(1, 2)
        groups = [*zip(parts.parts, learned, strict=True), (parts.judge, held_out)]
    with open_scan(scan) as opened:
        row, theta = opened.read(1, 2), opened.theta
    dark, flat = row.darks.mean(axis=0), row.flats.mean(axis=0)
    sinogram = -np.log((row.projections - dark) / (flat - dark)).swapaxes(0, 1).astype(np.float32)
    for views, shown in groups:
        np.testing.assert_allclose(shown, fbp(sinogram[:, views], theta[views], 32.0), atol=1e-6)


def test_nothing_of_the_held_out_views_enters_what_is_learned(scan, recipe, job, tmp_path):
    chosen = HalvesOptions(parts=4, slices=3)
    parts = write_halves(scan, tmp_path / "before.h5", chosen, recipe=recipe(), job=job)
    assert np.array_equal(parts.judge, np.arange(3, ANGLES, 4))
    assert not np.isin(parts.judge, np.concatenate(parts.parts)).any()
    with h5py.File(scan, "r+") as file:
        # Other views altogether: the axis elsewhere, a ring, a zinger, other doses.
        counts = file["exchange/data"][()]
        counts[parts.judge] = np.roll(counts[parts.judge], 7, axis=2) // 2 + 50
        counts[parts.judge, :, 20] *= 3
        file["exchange/data"][...] = counts
    write_halves(scan, tmp_path / "after.h5", chosen, recipe=recipe(), job=job)
    before, after = contents(tmp_path / "before.h5"), contents(tmp_path / "after.h5")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"judge_gt"}


def test_each_part_is_learned_from_the_mean_of_the_others(scan, recipe, job, tmp_path):
    path = tmp_path / "pairs.h5"
    write_halves(scan, path, HalvesOptions(parts=4, held_out=False, slices=1), recipe=recipe(), job=job)
    pairs, blocks = contents(path), blocks_of(COLUMNS, seed=1)
    assert pairs["train_ns"].shape == (4 * len(blocks.learned), 32, 32, 3)
    assert "judge_gt" not in pairs
    with open_scan(scan) as opened:
        parts = ViewParts(opened, recipe(), 4, held_out=False, job=job)
        shown = parts.slices(1, 4)[0] / pairs["unit"]
    for target in range(4):
        others = np.delete(shown, target, axis=0).mean(axis=0)
        for n, (y, x) in enumerate(blocks.learned):
            noisy, truth = (pairs[name][target * len(blocks.learned) + n] for name in ("train_ns", "train_gt"))
            window = (slice(y, y + 32), slice(x, x + 32))
            np.testing.assert_allclose(truth, shown[target, 1][window], atol=2e-3)
            for channel in range(3):
                np.testing.assert_allclose(noisy[..., channel], others[channel][window], atol=2e-3)


def test_the_first_row_of_a_scan_is_its_own_neighbour(scan, recipe, job, tmp_path):
    write_halves(scan, tmp_path / "pairs.h5", HalvesOptions(slices=ROWS), recipe=recipe(), job=job)
    first = contents(tmp_path / "pairs.h5")["train_ns"][0]
    assert np.array_equal(first[..., 0], first[..., 1])
    assert not np.array_equal(first[..., 1], first[..., 2])


def test_the_judge_sees_all_parts_that_are_learned_from(scan, recipe, job, tmp_path):
    path = tmp_path / "pairs.h5"
    write_halves(scan, path, HalvesOptions(parts=4, slices=4), recipe=recipe(), job=job)
    pairs = contents(path)
    assert pairs["judge_ns"].shape == (3, COLUMNS, COLUMNS, 3)
    with open_scan(scan) as opened:
        parts = ViewParts(opened, recipe(), 4, held_out=True, job=job)
        learned, held_out = parts.slices(0, 1)
    np.testing.assert_allclose(pairs["judge_ns"][0, ..., 1], learned.mean(axis=0)[0] / pairs["unit"], atol=2e-3)
    np.testing.assert_allclose(pairs["judge_gt"][0], held_out[0] / pairs["unit"], atol=2e-3)


def test_rows_around_the_judged_ones_are_shown_by_one_part_and_by_all(scan, recipe, job, tmp_path):
    path = tmp_path / "pairs.h5"
    write_halves(scan, path, HalvesOptions(parts=4, slices=4), recipe=recipe(), job=job)
    pairs = contents(path)
    # Of four rows 0, 2 and 3 are judged.
    assert pairs["level_ns"].shape == (4, 2, COLUMNS, COLUMNS, 3)
    with open_scan(scan) as opened:
        learned, _ = ViewParts(opened, recipe(), 4, held_out=True, job=job).slices(0, 3)
    for shown, wanted in zip(pairs["level_ns"][1], (learned[1], learned.mean(axis=0)), strict=True):
        np.testing.assert_allclose(shown, np.moveaxis(wanted, 0, 2) / pairs["unit"], atol=2e-3)


@pytest.mark.parametrize("size", [16, 64, 100, 640, 2560])
def test_no_pixel_is_both_learned_from_and_looked_at(size):
    blocks = blocks_of(size, seed=3)
    seen = np.zeros((size, size), int)
    for y, x in np.concatenate([blocks.learned, blocks.looked_at]):
        seen[y : y + blocks.edge, x : x + blocks.edge] += 1
    assert seen.max() == 1
    assert blocks.edge % 8 == 0
    assert len(blocks.looked_at) >= 1
    assert len(blocks.learned) >= 3 * len(blocks.looked_at)
    assert seen[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4].mean() > 0.9


def test_a_scan_of_one_row_is_its_own_neighbour_and_that_is_said(tmp_path, recipe, job):
    path = tmp_path / "pairs.h5"
    write_halves(write(tmp_path / "one.h5", rows=1), path, HalvesOptions(), recipe=recipe(), job=job)
    noisy = contents(path)["train_ns"]
    assert np.array_equal(noisy[..., 0], noisy[..., 1])
    assert job.tally.notes["adapt"] == ["the scan has one row: the network sees it 3 times"]


def test_other_algorithms_than_our_fbp_are_refused(scan, recipe, job, monkeypatch):
    # A recipe that names TomoPy is read only where that is installed.
    monkeypatch.setattr("tomopy_edge.reconstructors.tomopy.expect_tomopy", lambda: None)
    with open_scan(scan) as opened, pytest.raises(DataError, match=r"reconstruct\.algorithm is 'tomopy'"):
        ViewParts(opened, recipe(algorithm="tomopy", options={"algorithm": "gridrec"}), 4, held_out=True, job=job)


def test_a_recipe_without_a_scan_to_read_is_refused(scan, catalogue, job):
    with open_scan(scan) as opened, pytest.raises(DataError, match="must begin with 'read' and hold 'reconstruct'"):
        ViewParts(opened, parse_recipe(["read", "normalize"], catalogue), 4, held_out=True, job=job)


def test_a_scan_of_too_few_views_leaves_no_file(tmp_path, recipe, job):
    few = write(tmp_path / "few.h5", angles=20)
    with pytest.raises(DataError, match="20 views in 4 parts leave 5"):
        write_halves(few, tmp_path / "pairs.h5", HalvesOptions(), recipe=recipe(), job=job)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few.h5"]


def test_an_older_file_is_not_replaced(scan, recipe, job, tmp_path):
    path = tmp_path / "pairs.h5"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_halves(scan, path, HalvesOptions(), recipe=recipe(), job=job)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"parts": 2}, "parts: must be at least 3"),
        ({"slices": 0}, "slices"),
        ({"channels": 2}, "channels: must be odd"),
    ],
)
def test_options_that_teach_nothing_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        HalvesOptions(**wrong)
