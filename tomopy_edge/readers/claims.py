"""What an HDF5 file says it holds is only said: here it is checked before memory is taken for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tomopy_edge.errors import DataError

if TYPE_CHECKING:
    import h5py

NONSENSE = (OSError, RuntimeError, LookupError, ValueError, TypeError)
"""What h5py raises where a file says nonsense; the last for types that numpy has nothing like."""

MOST_FRAMES = 2**22
"""Frames that a scan may have: a hundred times those of the largest."""

MOST_BYTES = 2**27
"""Bytes of a dataset that is read at once, such as the angles: images are not, and all else is small."""


def expect_frames(dataset: h5py.Dataset) -> int:
    """Return how many frames `dataset` has, or raise a `DataError` where no scan has so many."""
    frames = int(dataset.shape[0]) if dataset.shape else 0
    if frames > MOST_FRAMES:
        raise DataError(
            f"{dataset.file.filename}: {dataset.name} says that it has the shape {dataset.shape}; no scan has so many "
            "frames, so the file is damaged: copy it again from where it came"
        )
    return frames


def numbers(dataset: h5py.Dataset) -> Any:
    """Return all that a small dataset of numbers holds, as an array or a number.

    Raises
    ------
    DataError : where it is not small, or holds something else
    """
    if dataset.dtype.kind not in "biuf":
        raise DataError(f"{dataset.file.filename}: {dataset.name} must hold numbers, got {dataset.dtype}")
    _expect_small(dataset, dataset.shape)
    return dataset[()]


def first_value(dataset: h5py.Dataset) -> Any:
    """Return the first of what a dataset holds, None where that is nothing.

    Raises
    ------
    DataError : where more would have to be read for it than is small
    """
    if not math.prod(dataset.shape):
        return None
    _expect_small(dataset, dataset.chunks or ())
    return dataset[(0,) * dataset.ndim]


def attribute(member: h5py.HLObject, name: str) -> Any:
    """Return an attribute, None where there is none or nothing in it.

    Raises
    ------
    DataError : where it says that it is far larger than an attribute can be
    """
    import h5py

    if name not in member.attrs:
        return None
    stored = member.attrs.get_id(name)
    if math.prod(stored.shape) * stored.dtype.itemsize > MOST_BYTES:
        raise DataError(
            f"{member.file.filename}: the attribute {name!r} of {member.name} says that it has the shape "
            f"{stored.shape}, so the file is damaged: copy it again from where it came"
        )
    value = member.attrs[name]
    return None if isinstance(value, h5py.Empty) else value


def size_of(dataset: h5py.Dataset) -> int:
    """Return the bytes that a dataset says it holds; h5py's own `nbytes` may overflow."""
    return math.prod(dataset.shape or ()) * int(dataset.dtype.itemsize)


def _expect_small(dataset: h5py.Dataset, shape: tuple[int, ...]) -> None:
    size = math.prod(shape) * dataset.dtype.itemsize
    if size > MOST_BYTES:
        raise DataError(
            f"{dataset.file.filename}: {dataset.name} should be small, and {size / 1e9:.3g} GB would be read of it: it "
            f"says that it has the shape {dataset.shape} of {dataset.dtype}"
        )
