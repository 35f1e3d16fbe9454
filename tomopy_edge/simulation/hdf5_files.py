"""How an HDF5 file is made with all its room on the disk before it is filled, and is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tomopy_edge.errors import OutputError
from tomopy_edge.output import expect_room
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.hdf5_undo import in_memory

if TYPE_CHECKING:
    import h5py

LayOut = Callable[["h5py.File"], object]
"""Creates everything in an empty file that there will ever be, but for what its datasets hold; see `add_dataset`."""


@contextmanager
def new_hdf5(path: Path, lay_out: LayOut, *, overwrite: bool = False, hint: str = "") -> Iterator[h5py.File]:
    """Yield an HDF5 file to fill, which becomes `path` when all went well and is removed when not.

    The folder that it lies in is made.

    Parameters
    ----------
    path : of the file
    lay_out : see `LayOut`
    overwrite : whether an older file is replaced
    hint : what is to be said of the size where the disk has no room for it; see `expect_room`

    Raises
    ------
    OutputError : where there is such a file already, or it cannot be written
    """
    import h5py

    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; choose another name, or replace it with --overwrite")
    part = path.with_name(f"{path.name}.part")
    made = [parent for parent in path.parents if not parent.exists()]
    with told(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with in_memory() as work:
                with h5py.File(work, "w") as file:
                    lay_out(file)
                expect_room(path, _size(work), hint)
                _copy(work, part)
            with opened(part) as file:
                yield file
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
                for parent in made:
                    parent.rmdir()
            raise


def opened(path: Path) -> h5py.File:
    """Return a file that was laid out, open to be filled."""
    import h5py
    from h5py import h5f, h5p

    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    # Rows of an image are shorter than HDF5's buffer: each would be read back, with its surroundings, to be written.
    access.set_sieve_buf_size(1)
    return h5py.File(h5f.open(os.fsencode(path), h5f.ACC_RDWR, fapl=access))


def add_dataset(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any, chunks: tuple[int, ...] | None = None
) -> h5py.Dataset:
    """Return a new dataset that has its place in the file from the beginning."""
    from h5py import h5d, h5p

    manner = h5p.create(h5p.DATASET_CREATE)
    manner.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    manner.set_fill_time(h5d.FILL_TIME_NEVER)
    return group.create_dataset(name, shape, dtype, chunks=chunks, dcpl=manner)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _copy(source: BinaryIO, path: Path) -> None:
    """Make a file like one in memory, and take its room on the disk: HDF5 that finds none later ends the process."""
    with path.open("wb") as target:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(target.fileno(), 0, _size(source))
        for start, end in _written(source.fileno()):
            target.seek(start)
            target.write(os.pread(source.fileno(), end - start, start))
        target.truncate(_size(source))


def _written(file: int) -> Iterator[tuple[int, int]]:
    """Yield where in a file there is more than a hole: the first byte and the one after the last."""
    end = 0
    with suppress(OSError):  # ENXIO: no more
        while True:
            start = os.lseek(file, end, os.SEEK_DATA)
            end = os.lseek(file, start, os.SEEK_HOLE)
            yield start, end
