"""Files of pairs in both layouts, what is refused of them, and the crops that are drawn."""

import logging
import re

import h5py
import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.training import samples
from tomopy_edge.training.pairs_file import check_values, open_pairs
from tomopy_edge.training.stacks import in_memory

RNG = np.random.default_rng(1)
TRUTH = RNG.random((7, 32, 40)).astype(np.float32)
NOISY = TRUTH + RNG.normal(0, 0.1, TRUTH.shape).astype(np.float32)


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.h5"
    with h5py.File(path, "w") as file:
        for part, count in (("train", 4), ("test", 2)):
            file[f"{part}_gt"] = TRUTH[:count]
            file[f"{part}_ns"] = np.stack([NOISY[:count], NOISY[:count] + 1, NOISY[:count] + 2], axis=3)
    return path


@pytest.fixture
def stacks(tmp_path):
    """As TomoGAN's users have them: adjacent slices, grey values."""
    path = tmp_path / "stacks.h5"
    with h5py.File(path, "w") as file:
        for part, count in (("train", 7), ("test", 4)):
            file[f"{part}_ns"], file[f"{part}_gt"] = 200 * NOISY[:count], 200 * TRUTH[:count]
    return path


def opened(path, channels=3, **wanted):
    with open_pairs(path, channels, **wanted) as file:
        check_values(path, file)
        return {name: file[name][:] for name in ("train_ns", "train_gt", "test_ns", "test_gt")}


def test_a_network_of_one_channel_gets_the_middle_slice(pairs):
    found = opened(pairs, channels=1)
    assert found["test_ns"].shape == (2, 32, 40, 1)
    np.testing.assert_array_equal(found["train_ns"][..., 0], NOISY[:4] + 1)


def test_a_stack_gives_its_slices_with_their_neighbours_in_network_units(stacks):
    unit = attenuation_unit(200 * NOISY)
    found = opened(stacks)
    assert found["train_ns"].shape == (5, 32, 40, 3)
    np.testing.assert_allclose(found["train_ns"][1], np.moveaxis(200 * NOISY[1:4], 0, 2) / unit, rtol=1e-5)
    np.testing.assert_allclose(found["train_gt"], 200 * TRUTH[1:6] / unit, rtol=1e-5)
    assert found["test_gt"].shape == (2, 32, 40)


def test_the_unit_of_a_stack_is_told(stacks, caplog):
    with caplog.at_level(logging.INFO):
        opened(stacks)
    assert f"divided by the network unit {attenuation_unit(200 * NOISY):.5g}" in caplog.text


def test_windows_of_a_stack_are_those_of_its_pairs(stacks):
    with open_pairs(stacks, 3) as file:
        window = (-1, slice(4, 20), slice(7, 23))
        for name in ("train_ns", "train_gt"):
            np.testing.assert_array_equal(file[name][window], file[name][:][window])
            np.testing.assert_array_equal(file[name][1:3], file[name][:][1:3])
            assert len(list(file[name])) == len(file[name]) == 5
        with pytest.raises(IndexError):
            file["train_gt"][5]


def test_crops_of_a_stack_can_be_drawn(stacks):
    with open_pairs(stacks, 3) as file:
        noisy, truth = samples.Crops(file["train_ns"], file["train_gt"], 16, 4, seed=1).draw(0)
    assert (noisy.shape, truth.shape) == ((4, 16, 16, 3), (4, 16, 16, 1))


@pytest.mark.parametrize(("layout", "channels"), [("pairs", 3), ("pairs", 1), ("stacks", 3)])
def test_crops_from_memory_are_those_from_the_file(layout, channels, request):
    with open_pairs(request.getfixturevalue(layout), channels) as file:
        sides = file["train_ns"], file["train_gt"]
        wanted = samples.Crops(*sides, 16, 4, seed=1).draw(0)
        held = [in_memory(side) for side in sides]
    # The file is closed now.
    for one, other in zip(samples.Crops(*held, 16, 4, seed=1).draw(0), wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def poison(name, number):
    def change(file):
        file[name][1, 3, 3] = number

    return change


def exchange(**changed):
    def change(file):
        for name, values in changed.items():
            del file[name]
            if values is not None:
                file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (poison("train_ns", np.nan), "train pair 1: its noisy side holds values that are not finite"),
        (poison("test_gt", np.inf), "test pair 1: its truth holds values that are not finite"),
        (exchange(train_ns=np.ones((4, 32, 40, 3))), "train pair 0: its noisy side is 1 everywhere"),
        (exchange(test_gt=np.zeros((2, 32, 40))), "test pair 0: its truth is 0 everywhere"),
        (exchange(train_gt=np.ones((3, 32, 40))), "train_ns must have the shape (pair, y, x, 3)"),
        (exchange(train_ns=np.ones((4, 32, 40, 2))), "got (4, 32, 40, 2) and (4, 32, 40)"),
        (exchange(train_ns=np.ones((4, 32, 40))), "got (4, 32, 40) and (4, 32, 40)"),
        (exchange(train_ns=np.ones((4, 32, 40, 1))), "got (4, 32, 40, 1) and (4, 32, 40)"),
        (exchange(train_ns=np.ones((0, 32, 40, 3)), train_gt=np.ones((0, 32, 40))), "with at least one pair"),
        (exchange(test_ns=None), "holds no dataset 'test_ns'"),
        (exchange(train_gt=[b"words"]), "train_gt must hold numbers"),
    ],
)
def test_pairs_that_teach_nothing_are_refused_with_the_reason(pairs, change, message):
    with h5py.File(pairs, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=re.escape(message)):
        opened(pairs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (exchange(train_ns=NOISY[:1], train_gt=TRUTH[:1]), "train_ns is a stack of 1 slices; a network that sees 3"),
        (exchange(test_gt=TRUTH), "test_ns and its truth must be stacks of one shape"),
        (exchange(train_ns=-NOISY - 1), "train_ns: nothing in the sample slices absorbs"),
        (exchange(train_ns=np.full_like(NOISY, 3)), "train pair 0: its noisy side is 1 everywhere"),
        (poison("train_ns", np.nan), "train_ns: slice 1 holds values that are not finite"),
    ],
)
def test_stacks_that_teach_nothing_are_refused_with_the_reason(stacks, change, message):
    with h5py.File(stacks, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=re.escape(message)):
        opened(stacks)


def test_a_single_slice_is_refused_in_both_layouts(pairs, stacks):
    for path in (pairs, stacks):
        with h5py.File(path, "r+") as file:
            exchange(train_ns=file["train_ns"][:1], train_gt=file["train_gt"][:1])(file)
        with pytest.raises(DataError, match="train gives 1 pair to learn from; at least 2"):
            opened(path, channels=1)


def test_slices_smaller_than_a_crop_are_refused(pairs):
    with pytest.raises(DataError, match=r"at least as large as a crop \(64\), got \(32, 40\)"):
        opened(pairs, crop=64)


def test_a_file_that_is_not_hdf5_is_refused(tmp_path):
    path = tmp_path / "pairs.h5"
    path.write_text("no")
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        opened(path)


def test_a_step_always_draws_the_same_crops(pairs):
    with h5py.File(pairs) as file:
        crops = samples.Crops(file["train_ns"], file["train_gt"], 16, 4, seed=3)
        first, again, other = crops.draw(5), crops.draw(5), crops.draw(6)
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == (4, 16, 16, 3)
    assert first[1].shape == (4, 16, 16, 1)


def test_noisy_and_truth_are_turned_scaled_and_binned_together(monkeypatch):
    monkeypatch.setattr(samples, "LIFTED", 0)
    monkeypatch.setattr(samples, "BINNED", 0.5)
    truth = np.random.default_rng(1).random((1, 40, 40)).astype(np.float32)
    noisy = np.stack([truth * factor for factor in (2, 1, 3)], axis=3)
    drawn, clean = samples.Crops(noisy, truth, 16, 16, seed=1).draw(0)
    np.testing.assert_allclose(drawn[..., 1:2], clean, rtol=1e-6)
    factors = {tuple(np.round((one / true).mean(axis=(0, 1)), 3)) for one, true in zip(drawn, clean, strict=True)}
    assert factors == {(2, 1, 3), (3, 1, 2)}
    assert len({float(one.max()) for one in clean}) > 4


def test_noisy_and_truth_are_lifted_together(monkeypatch):
    monkeypatch.setattr(samples, "LIFTED", 1)
    truth = np.random.default_rng(1).random((1, 40, 40)).astype(np.float32)
    drawn, clean = samples.Crops(np.repeat(truth[..., None], 3, 3), truth, 16, 8, seed=1).draw(0)
    np.testing.assert_allclose(drawn, np.repeat(clean, 3, 3), atol=1e-6)
    lifts = clean.min(axis=(1, 2, 3))
    assert lifts.min() >= samples.LIFT[0]
    assert lifts.max() > 0.2


def test_a_binned_crop_averages_blocks_of_two_by_two(monkeypatch):
    monkeypatch.setattr(samples, "BINNED", 1)
    monkeypatch.setattr(samples, "LIFTED", 0)
    checks = np.indices((1, 32, 32)).sum(axis=0).astype(np.float32) % 2
    _, clean = samples.Crops(checks[..., None], checks, 16, 4, seed=1).draw(0)
    assert [np.ptp(one) for one in clean] == pytest.approx([0] * 4, abs=1e-6)
    # Half of what the checks are multiplied by, 0.6 to 1.25.
    assert [0.3 <= one.mean() <= 0.625 for one in clean] == [True] * 4


@pytest.mark.parametrize("changed", [{"vary": False}, {"crop": 24}], ids=["codes", "no room"])
def test_crops_are_not_binned_where_values_must_stay_or_slices_are_too_small(monkeypatch, changed):
    monkeypatch.setattr(samples, "BINNED", 1)
    checks = np.indices((1, 32, 32)).sum(axis=0).astype(np.float32) % 2
    _, clean = samples.Crops(checks[..., None], checks, **{"crop": 16, "batch": 4, "seed": 1} | changed).draw(0)
    assert min(np.ptp(one) for one in clean) > 0.1


def test_a_teacher_has_its_share_in_what_is_learned():
    noisy = TRUTH[..., None]
    alone, taught = (
        samples.Crops(noisy, TRUTH, 16, 4, seed=1, vary=False, teacher=teacher, share=0.25).draw(0)[1]
        for teacher in (None, TRUTH + 4)
    )
    np.testing.assert_allclose(taught, alone + 1, rtol=1e-5)
