"""Change what an HDF5 file says about its slices so that a run that is killed meanwhile leaves it as it was.

HDF5 keeps no journal: a file that is being changed when its process dies may not open again. What surrounds the slices
is a few kilobytes, and kept beside the file for as long as that lasts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tomopy_edge.writers.durable import flush, put_in_place

KEPT = ".before"
"""What the name of what is kept ends with. It holds the length of the file and the place and length of its slices,
eight bytes each, then all bytes before the slices and all after them."""

WORD = 8


@contextmanager
def undoable(path: Path, place: int, size: int) -> Iterator[None]:
    """Have `undo` bring an HDF5 file back as it is now, for as long as the block is not done.

    Parameters
    ----------
    place, size : of the slices in it, bytes; the block must leave them alone
    """
    whole = path.stat().st_size
    with path.open("rb") as file:
        before = file.read(place)
        file.seek(place + size)
        after = file.read()
    numbers = b"".join(number.to_bytes(WORD, "little") for number in (whole, place, size))
    put_in_place([(_kept(path), lambda new: new.write_bytes(numbers + before + after))])
    yield
    flush(path)
    _kept(path).unlink()


def undo(path: Path) -> None:
    """Bring an HDF5 file back as it was before a change that did not end; nothing where there was none."""
    if not _kept(path).exists():
        return
    content = _kept(path).read_bytes()
    whole, place, size = (int.from_bytes(content[n * WORD : (n + 1) * WORD], "little") for n in range(3))
    around = content[3 * WORD :]
    with path.open("r+b") as file:
        file.write(around[:place])
        file.seek(place + size)
        file.write(around[place:])
        file.truncate(whole)
        file.flush()
        os.fsync(file.fileno())
    _kept(path).unlink()


def _kept(path: Path) -> Path:
    return path.with_name(path.name + KEPT)
