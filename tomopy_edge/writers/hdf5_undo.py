"""Change what an HDF5 file says about its slices so that a run that is killed meanwhile leaves it as it was.

HDF5 keeps no journal: a file that is being changed when its process dies may not open again, and one that it cannot
write to the end, on a full disk, ends the process. What surrounds the slices is a few kilobytes: it is changed in
memory, and kept beside the file for as long as it is put back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tomopy_edge.writers.durable import flush, put_in_place

KEPT = ".before"
"""What the name of what is kept ends with. It holds the length of the file and the place and length of its slices,
eight bytes each, then all bytes before the slices and all after them."""

WORD = 8


@contextmanager
def in_memory() -> Iterator[BinaryIO]:
    """Yield an empty file, for h5py too, that is on no disk; what is never written of it takes no memory."""
    with os.fdopen(os.memfd_create("hdf5"), "w+b") as file:
        yield file


@contextmanager
def undoable(path: Path, place: int, size: int) -> Iterator[BinaryIO]:
    """Yield a file that is as an HDF5 file but for its slices, and is to be changed in place of that.

    Afterwards the file is changed alike. `undo` brings it back for as long as that is not done.

    Parameters
    ----------
    place, size : of the slices in it, bytes; the block must leave them alone

    Raises
    ------
    OSError : where the disk is full or cannot be written to; the file is as it was then
    """
    with in_memory() as work:
        with path.open("rb") as file:
            before, after = copy_around(file, work, place, size)
        whole = path.stat().st_size
        yield work
        numbers = b"".join(number.to_bytes(WORD, "little") for number in (whole, place, size))
        put_in_place([(_kept(path), lambda new: new.write_bytes(numbers + before + after))])
        try:
            with path.open("r+b") as file:
                copy_around(work, file, place, size)
            flush(path)
        except OSError:
            undo(path)
            raise
    _kept(path).unlink()


def undo(path: Path) -> None:
    """Bring an HDF5 file back as it was before a change that did not end; nothing where there was none."""
    if not _kept(path).exists():
        return
    content = _kept(path).read_bytes()
    whole, place, _ = (int.from_bytes(content[n * WORD : (n + 1) * WORD], "little") for n in range(3))
    around = content[3 * WORD :]
    with path.open("r+b") as file:
        _put_around(file, around[:place], around[place:], whole)
    flush(path)
    _kept(path).unlink()


def copy_around(source: BinaryIO, target: BinaryIO, place: int, size: int) -> tuple[bytes, bytes]:
    """Make a file like another but for its slices, and return what comes before and after those; see `undoable`."""
    source.seek(0)
    before = source.read(place)
    source.seek(place + size)
    after = source.read()
    _put_around(target, before, after, source.tell())
    return before, after


def _put_around(target: BinaryIO, before: bytes, after: bytes, whole: int) -> None:
    target.seek(0)
    target.write(before)
    target.seek(whole - len(after))
    target.write(after)
    target.truncate(whole)
    target.flush()


def _kept(path: Path) -> Path:
    return path.with_name(path.name + KEPT)
