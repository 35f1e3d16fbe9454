"""Rows that lie in a file as they are, one after the other: read with as many calls as frames, and nothing mapped.

A file that is mapped into memory ends the process where it is cut off meanwhile; here that is an error.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Counts
from tomopy_edge.errors import DataError
from tomopy_edge.readers.stack import Stack


def read_lines(file: int, offset: int, kind: np.dtype[Any], lines: Counts, place: str) -> None:
    """Fill `lines` (row, column) with the numbers of type `kind` from the byte `offset` of a file on.

    Parameters
    ----------
    file : number of the open file
    place : what is read, for messages

    Raises
    ------
    DataError : where the file ends before, or cannot be read
    """
    straight = kind == lines.dtype and lines.flags.c_contiguous
    buffer = lines if straight else np.empty(lines.shape, kind)
    try:
        got = os.preadv(file, [buffer.data], offset)
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error}); its disk may be damaged: copy it again") from error
    if got != buffer.nbytes:
        raise DataError(
            f"{place}: is cut off: its rows should go on to byte {offset + buffer.nbytes}, and the file ends at "
            f"{os.fstat(file).st_size}. Copy it again, or wait until it is written"
        )
    if not straight:
        lines[:] = buffer


@dataclass(frozen=True)
class RawStack(Stack):
    """Some frames of an array (frame, row, column) that lies in one file as it is.

    Attributes
    ----------
    path : the file, or what it was unpacked from, for messages
    file : number of the open file; whoever opened it closes it
    offset : byte of the file that the array begins at
    kind : type of its numbers, with their byte order
    full : its shape
    numbers : (frame,), which of its frames they are, ascending
    """

    path: Path
    file: int
    offset: int
    kind: np.dtype[Any]
    full: tuple[int, ...]
    numbers: NDArray[np.intp]
    name: str = ""

    @property
    def place(self) -> str:
        """The file, and the name in it."""
        return f"{self.path}:{self.name}" if self.name else str(self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.full

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of its numbers."""
        return self.kind

    def expect_readable(self, rows: int, columns: int) -> None:
        """Raise a `DataError` unless each frame has these rows and columns, and the file is long enough."""
        super().expect_readable(rows, columns)
        end = self.offset + int(np.prod(self.full, dtype=np.int64)) * self.kind.itemsize
        length = os.fstat(self.file).st_size
        if length < end:
            raise DataError(
                f"{self.place}: is cut off: {self.full} numbers of {self.kind} end at byte {end}, and the file at "
                f"{length}. Copy it again, or wait until it is written"
            )

    def _fill(self, rows: Counts, frames: slice, span: tuple[int, int], corner: tuple[int, int]) -> None:
        target, at = corner
        line = self.full[2] * self.kind.itemsize
        for n, frame in enumerate(range(frames.start, frames.stop), target):
            start = self.offset + (frame * self.full[1] + span[0]) * line
            lines = rows[n, at : at + span[1] - span[0]]
            read_lines(self.file, start, self.kind, lines, f"{self.place}, frame {frame}")
