"""What all frames of a scan have in common, wherever they are stored: rows of them are read piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Counts
from tomopy_edge.errors import DataError
from tomopy_edge.readers.scan_file import counts_type

PIECE_BYTES = 32 * 2**20
"""What is asked for at once: h5py does one thing at a time, and a thread that wants to write waits for it."""


class Stack(ABC):
    """Some frames of what is stored with the axes (frame, row, column).

    Attributes
    ----------
    numbers : (frame,), which of the stored frames they are, ascending
    """

    numbers: NDArray[np.intp]

    @property
    @abstractmethod
    def place(self) -> str:
        """Where they are stored, for messages."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of all that is stored, which has three axes where `expect_readable` raised nothing."""

    @property
    @abstractmethod
    def stored(self) -> np.dtype[Any]:
        """Type that counts are stored in."""

    @property
    def rows_together(self) -> int:
        """How many rows are unpacked for the sake of one; 1 where rows can be read alone."""
        return 1

    @property
    def frames_together(self) -> int:
        """How many frames are unpacked for the sake of one; 1 where each can be read alone."""
        return 1

    @property
    def touched(self) -> bool:
        """Whether what is stored was written to since it was opened."""
        return False

    @property
    def unlinked(self) -> bool:
        """Whether it was removed since it was opened, or something else put in its place; it can be read on."""
        return False

    @property
    def unwritten(self) -> str | None:
        """What to say of frames that were never written; None where all were."""
        return None

    @property
    def written(self) -> tuple[int, int]:
        """The most of these frames that follow each other and were written: the first, and the one after the last."""
        return 0, len(self.numbers)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was found while reading, so far."""
        return ()

    @property
    def dtype(self) -> np.dtype[np.uint16] | np.dtype[np.float32]:
        """Type that the counts are read into."""
        return counts_type(self.stored, self.place)

    @property
    def row_bytes(self) -> int:
        """What one row of all these frames takes in memory."""
        return len(self.numbers) * int(self.shape[2]) * self.dtype.itemsize

    def expect_readable(self, rows: int, columns: int) -> None:
        """Raise a `DataError` unless each frame has these rows and columns, and can be unpacked here."""
        if len(self.shape) != 3 or self.shape[1:] != (rows, columns):  # noqa: PLR2004 - axes
            raise DataError(
                f"{self.place}: must have the axes (frame, row, column) with {rows} rows and {columns} columns as the "
                f"projections have, got the shape {self.shape}"
            )
        counts_type(self.stored, self.place)

    def read(self, first: int, last: int) -> Counts:
        """Return the rows `first` to `last - 1` (frame, row, column), straight into the type that counts have.

        Raises
        ------
        DataError : where a frame cannot be read
        ScanLostError : where what is stored is no longer what it was
        """
        rows = np.empty((len(self.numbers), last - first, self.shape[2]), self.dtype)
        self.read_into(rows, first, last, 0)
        return rows

    def read_into(self, rows: Counts, first: int, last: int, at: int) -> None:
        """Read the rows `first` to `last - 1` into `rows`, from its row `at` on; see `read`."""
        for start, stop, target in self._pieces(last - first, PIECE_BYTES):
            self._fill(rows, slice(start, stop), (first, last), (target, at))
        self._expect_unchanged()

    def parts(self, first: int, last: int, size: int) -> Iterator[tuple[int, Counts]]:
        """Yield the rows `first` to `last - 1` of some frames at a time: the position of the first, and the frames.

        Parameters
        ----------
        size : bytes that a part takes in memory at most, if one frame is not larger
        """
        for start, stop, target in self._pieces(last - first, size):
            part = np.empty((stop - start, last - first, self.shape[2]), self.dtype)
            self._fill(part, slice(start, stop), (first, last), (0, 0))
            yield target, part
            del part
        self._expect_unchanged()

    @abstractmethod
    def _fill(self, rows: Counts, frames: slice, span: tuple[int, int], corner: tuple[int, int]) -> None:
        """Read `span` of the stored `frames` into `rows`, whose frame and row `corner` says where."""

    def _expect_unchanged(self) -> None:  # noqa: B027 - for most there is nothing to do
        """Raise a `ScanLostError` where what is stored is no longer what it was."""

    def _pieces(self, rows: int, size: int) -> Iterator[tuple[int, int, int]]:
        """Yield (first, last + 1, position) of frames that follow each other, and that no stored chunk spans."""
        together = self.frames_together
        frame = rows * self.shape[2] * self.dtype.itemsize
        step = max(size // (frame * together), 1) * together
        for start, stop, target in self._runs():
            cuts = [start, *range(start - start % step + step, stop, step), stop]
            for begin, end in pairwise(cuts):
                yield begin, end, target + begin - start

    def _runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield (first, last + 1, position in the result) of frames that follow each other."""
        if not self.numbers.size:
            return
        starts = np.flatnonzero(np.diff(self.numbers, prepend=-2) != 1)
        for start, stop in zip(starts, [*starts[1:], len(self.numbers)], strict=True):
            yield int(self.numbers[start]), int(self.numbers[stop - 1]) + 1, int(start)
