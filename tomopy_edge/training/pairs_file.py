"""Files of training pairs: the two layouts they may have, and whether anything can be learned from them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.errors import DataError
from tomopy_edge.training.stacks import Middle, Stack, stack_unit

log = logging.getLogger(__name__)

PARTS = ("train", "test")
FEWEST = 2
"""Pairs that a training needs: from a single slice nothing is learned that holds for another."""

SPARSE = 16
"""Pixels from one that is compared with the others to the next, as long as that shows a difference."""

MADE_BY = "write one with tomopy-edge simulate pairs"


@contextmanager
def open_pairs(path: Path, channels: int, multiple: int = 1, crop: int = 1) -> Iterator[Any]:
    """Yield the datasets of a file of pairs by name, once they have the shapes that are needed.

    They are `train_ns` and `test_ns`, (pair, y, x, channel), noisy, and `train_gt` and `test_gt`, (pair, y, x), truth,
    in network units. Where there are more adjacent slices than asked for, the middle ones are given.

    A file may also hold stacks of adjacent slices, all (slice, y, x), in any unit, as TomoGAN's users have them: the
    neighbours are then taken from the stack, whose outermost slices are neighbours only, and the unit is measured on
    `train_ns`.

    Parameters
    ----------
    path : see `simulation.files.write_pairs`
    channels : adjacent slices of the noisy side that are wanted
    multiple : what its slices' rows and columns must be a multiple of, pixels
    crop : what they must at least be, pixels

    Raises
    ------
    DataError : where it cannot be read, or a dataset is missing or has another shape
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: cannot be read as HDF5 ({error}); {MADE_BY}") from None
    with file:
        for name in (f"{part}_{side}" for part in PARTS for side in ("ns", "gt")):
            if not isinstance(file.get(name), h5py.Dataset):
                raise DataError(f"{path}: holds no dataset {name!r}; {MADE_BY}")
            if file[name].dtype.kind not in "iuf":
                raise DataError(f"{path}: {name} must hold numbers, got {file[name].dtype}")
        stacked = all(file[f"{part}_ns"].ndim == 3 for part in PARTS)  # noqa: PLR2004 - (slice, y, x)
        for part in PARTS:
            check = _check_stack if stacked else _check_pairs
            check(f"{path}: {part}", file[f"{part}_ns"].shape, file[f"{part}_gt"].shape, channels)
            _, y, x = file[f"{part}_gt"].shape
            if y % multiple or x % multiple or min(y, x) < crop:
                raise DataError(
                    f"{path}: slices of {part} must be a multiple of {multiple} pixels and at least as large as a crop "
                    f"({crop}), got {(y, x)}"
                )
        yield _stacked(path, file, channels) if stacked else _paired(file, channels)


def check_values(path: Path, file: Any) -> None:
    """Read all pairs of an open file once, before any time is spent on training with them.

    Raises
    ------
    DataError : where there is a single training pair, or a pair teaches nothing: values that are not finite, or slices
        that are the same everywhere
    """
    count = len(file["train_gt"])
    if count < FEWEST:
        raise DataError(
            f"{path}: train gives {count} pair to learn from; at least {FEWEST} slices with truth are needed"
        )
    for part in PARTS:
        for i, (noisy, truth) in enumerate(zip(file[f"{part}_ns"], file[f"{part}_gt"], strict=True)):
            for what, values in (("noisy side", noisy), ("truth", truth)):
                place = f"{path}: {part} pair {i}: its {what}"
                if not np.isfinite(values).all():
                    raise DataError(f"{place} holds values that are not finite; mend or make it again")
                if _is_flat(values):
                    raise DataError(f"{place} is {float(values.min()):g} everywhere; leave it out or make it again")


def _is_flat(values: Any) -> bool:
    """Return whether all values of a slice are the same; of float16 numpy compares few in a millisecond."""
    some = values[::SPARSE, ::SPARSE]
    return bool(some.min() == some.max() and values.min() == values.max())


def _paired(file: Any, channels: int) -> Any:
    if file["train_ns"].shape[3] == file["test_ns"].shape[3] == channels:
        return file
    return {
        **{f"{part}_ns": Middle(file[f"{part}_ns"], channels) for part in PARTS},
        **{f"{part}_gt": file[f"{part}_gt"] for part in PARTS},
    }


def _stacked(path: Path, file: Any, channels: int) -> dict[str, Stack]:
    try:
        unit = stack_unit(file["train_ns"])
    except DataError as error:
        raise DataError(f"{path}: train_ns: {error}") from None
    log.info("%s: stacks of adjacent slices; their values are divided by the network unit %.5g", path, unit)
    edge = channels // 2
    sides = {"ns": True, "gt": False}
    return {
        f"{part}_{side}": Stack(file[f"{part}_{side}"], edge, unit, noisy)
        for part in PARTS
        for side, noisy in sides.items()
    }


def _check_pairs(place: str, noisy: tuple[int, ...], truth: tuple[int, ...], channels: int) -> None:
    fits = len(truth) == 3 and len(noisy) == 4 and noisy[:3] == truth and truth[0] > 0  # noqa: PLR2004 - axes
    if not fits or noisy[3] < channels or (noisy[3] - channels) % 2:
        raise DataError(
            f"{place}_ns must have the shape (pair, y, x, {channels}) and {place.rpartition(' ')[2]}_gt (pair, y, x), "
            f"with at least one pair, or both (slice, y, x); got {noisy} and {truth}"
        )


def _check_stack(place: str, noisy: tuple[int, ...], truth: tuple[int, ...], channels: int) -> None:
    if noisy != truth:
        raise DataError(f"{place}_ns and its truth must be stacks of one shape (slice, y, x), got {noisy} and {truth}")
    if noisy[0] < channels:
        raise DataError(
            f"{place}_ns is a stack of {noisy[0]} slices; a network that sees {channels} adjacent ones needs at least "
            f"{channels}"
        )
