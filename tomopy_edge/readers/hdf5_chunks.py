"""What HDF5 stores together: the chunks of a dataset, and which of them were never written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.readers.claims import NONSENSE

if TYPE_CHECKING:
    import h5py

DEEPEST = 8
"""Virtual datasets that may be put together from each other."""

FLETCHER32 = 3
"""The number of the filter that adds a checksum to each chunk, as HDF5 has it."""

CHECKSUM = 4
"""Bytes of the checksum fletcher32."""


def rows_together(dataset: h5py.Dataset) -> int:
    """Return how many rows of (frame, row, column) are unpacked for the sake of one.

    That is 1 where nothing is packed: HDF5 then reads the rows alone. What a virtual dataset is put together from is
    taken to be packed as the first of its sources is.
    """
    return _unpacked(dataset)[-2]


def frames_together(dataset: h5py.Dataset) -> int:
    """Return how many frames of (frame, row, column) are unpacked for the sake of one; see `rows_together`."""
    return _unpacked(dataset)[-3]


def never_written(dataset: h5py.Dataset, frames: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return those of `frames` of which nothing was written; HDF5 would read them as the fill value.

    Whether something was written is known of chunks, and of a dataset that was not written at all.
    """
    if dataset.is_virtual or dataset.external or not math.prod(dataset.shape):
        return frames[:0]
    if not dataset.id.get_storage_size():
        return frames
    if dataset.chunks is None:
        return frames[:0]
    expected = math.prod(-(-length // chunk) for length, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if dataset.id.get_num_chunks() >= expected:
        return frames[:0]
    length = dataset.chunks[0]
    first = {int(frame) // length * length for frame in frames}
    found = {frame: dataset.id.get_chunk_info_by_coord((frame, 0, 0)).byte_offset is not None for frame in first}
    return np.array([frame for frame in frames if not found[int(frame) // length * length]], dtype=np.intp)


def too_short(dataset: h5py.Dataset) -> tuple[int, ...] | None:
    """Return where a chunk begins that is shorter than its own checksum, or None: HDF5 crashes on it."""
    made = dataset.id.get_create_plist()
    # Not by h5py's own properties, which stumble over a damaged filter.
    filters = {made.get_filter(number)[0] for number in range(made.get_nfilters())}
    if dataset.chunks is None or FLETCHER32 not in filters or not hasattr(dataset.id, "chunk_iter"):
        return None
    found: list[tuple[int, ...]] = []

    def look(chunk: h5py.h5d.StoreInfo) -> bool:
        if chunk.size <= CHECKSUM:
            found.append(tuple(chunk.chunk_offset))
        # It goes on for as long as nothing is returned.
        return bool(found) or None  # type: ignore[return-value]

    dataset.id.chunk_iter(look)
    return found[0] if found else None


@contextmanager
def stored(dataset: h5py.Dataset) -> Iterator[h5py.Dataset | None]:
    """Yield the dataset that `dataset` is put together from: itself, or where it is virtual the first of its sources.

    That is None where this cannot be opened, or leads round in circles.
    """
    import h5py

    found: h5py.Dataset | None = dataset
    with ExitStack() as opened:
        for _ in range(DEEPEST):
            source = None if found is None else _source_of(found)
            if source is None:
                break
            try:
                member = opened.enter_context(h5py.File(source[0], "r"))[source[1]]
            except NONSENSE:
                member = None
            found = member if isinstance(member, h5py.Dataset) else None
        yield None if found is None or found.is_virtual else found


def _source_of(dataset: h5py.Dataset) -> tuple[Path, str] | None:
    """Return file and path of the first source of a virtual dataset, or None where `dataset` has none."""
    source = next(iter(dataset.virtual_sources()), None) if dataset.is_virtual else None
    if source is None or "%" in source.file_name:
        return None
    own = Path(dataset.file.filename)
    return own if source.file_name == "." else own.parent / source.file_name, source.dset_name


def _unpacked(dataset: h5py.Dataset) -> tuple[int, ...]:
    alone = 1, 1, 1
    with stored(dataset) as source:
        if source is None or source.chunks is None or not source.id.get_create_plist().get_nfilters():
            return alone
        return (*alone, *source.chunks)[-3:]
