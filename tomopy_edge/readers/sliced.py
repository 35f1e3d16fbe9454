"""Frames of an array that is read by slicing it, such as one of Zarr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Counts
from tomopy_edge.errors import DataError
from tomopy_edge.readers.stack import Stack


@dataclass(frozen=True)
class SlicedStack(Stack):
    """Some frames of an array (frame, row, column) that a library reads.

    Attributes
    ----------
    at : where it is, for messages
    full : its shape
    kind : type of its numbers
    together : frames and rows that are unpacked for the sake of one
    slice_of : returns the rows `rows` of the frames `frames`, or raises a `DataError`
    numbers : (frame,), which of its frames they are, ascending
    warning : what was found when it was opened, in a sentence; "" for nothing
    """

    at: str
    full: tuple[int, ...]
    kind: np.dtype[Any]
    together: tuple[int, int]
    slice_of: Callable[[slice, slice], NDArray[Any]]
    numbers: NDArray[np.intp]
    warning: str = ""

    @property
    def place(self) -> str:
        """Where the array is."""
        return self.at

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.full

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of its numbers."""
        return self.kind

    @property
    def frames_together(self) -> int:
        """How many frames are unpacked for the sake of one."""
        return self.together[0]

    @property
    def rows_together(self) -> int:
        """How many rows are unpacked for the sake of one."""
        return self.together[1]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found when the array was opened."""
        return (self.warning,) if self.warning else ()

    def _fill(self, rows: Counts, frames: slice, span: tuple[int, int], corner: tuple[int, int]) -> None:
        target, at = corner
        place = np.s_[target : target + frames.stop - frames.start, at : at + span[1] - span[0]]
        found = self.slice_of(frames, slice(*span))
        if found.shape != rows[place].shape:
            raise DataError(f"{self.at}: gave {found.shape} where {rows[place].shape} was asked for; it has changed")
        rows[place] = found
