"""Reads rows out of frames in HDF5, and tells where a file is damaged, unfinished, or changes on the way."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Counts
from tomopy_edge.errors import DataError, ScanLostError
from tomopy_edge.readers.claims import expect_frames
from tomopy_edge.readers.hdf5_chunks import frames_together, never_written, rows_together, too_short
from tomopy_edge.readers.hdf5_filters import expect_filters
from tomopy_edge.readers.stack import Stack

if TYPE_CHECKING:
    import h5py

UNREADABLE = (OSError, RuntimeError)
"""What h5py raises where bytes cannot be read or unpacked."""


@dataclass(frozen=True)
class Frames(Stack):
    """Some frames of a dataset with the axes (frame, row, column).

    Attributes
    ----------
    dataset : where they are stored
    numbers : (frame,), which of its frames they are, ascending
    """

    dataset: h5py.Dataset
    numbers: NDArray[np.intp]
    _opened: os.stat_result = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_opened", self._now())

    @classmethod
    def all_of(cls, dataset: h5py.Dataset) -> Frames:
        """Return every frame of `dataset`."""
        return cls(dataset, np.arange(expect_frames(dataset)))

    @property
    def place(self) -> str:
        """File and path of the dataset."""
        return f"{self.dataset.file.filename}:{self.dataset.name}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the dataset."""
        shape: tuple[int, ...] = self.dataset.shape
        return shape

    @property
    def stored(self) -> np.dtype[Any]:
        """Type of the dataset."""
        kind: np.dtype[Any] = self.dataset.dtype
        return kind

    @property
    def rows_together(self) -> int:
        """How many rows are unpacked for the sake of one; 1 where rows can be read alone."""
        return rows_together(self.dataset)

    @property
    def frames_together(self) -> int:
        """How many frames are unpacked for the sake of one."""
        return frames_together(self.dataset)

    @property
    def touched(self) -> bool:
        """Whether the file was written to since it was opened; False once it is closed."""
        return bool(self.dataset) and self._now().st_mtime_ns != self._opened.st_mtime_ns

    @property
    def unlinked(self) -> bool:
        """Whether the file was removed since it was opened, or another one put in its place; it can be read on."""
        return bool(self.dataset) and not self._now().st_nlink

    def expect_readable(self, rows: int, columns: int) -> None:
        """Raise a `DataError` unless each frame has these rows and columns, and can be unpacked here."""
        super().expect_readable(rows, columns)
        try:
            expect_filters(self.dataset, self.place)
            self.unwritten  # noqa: B018 - found out now
            short = too_short(self.dataset)
        except UNREADABLE as error:
            raise DataError(f"{self.place}: what says where its frames are is damaged ({error})") from error
        if short is not None:
            raise DataError(f"{self.place}: the piece of it at {short} is damaged, it has no room for its checksum")

    @cached_property
    def unwritten(self) -> str | None:
        """What to say of frames that were never written, which HDF5 would read as zeros; None where all were."""
        missing = never_written(self.dataset, self.numbers)
        if not missing.size:
            return None
        return (
            f"{self.place}: {missing.size} of {len(self.numbers)} frames were never written, the first of them frame "
            f"{missing[0]}; the scan was broken off or is still being written"
        )

    @property
    def written(self) -> tuple[int, int]:
        """The most of these frames that follow each other and were written: the first, and the one after the last."""
        missing = np.flatnonzero(np.isin(self.numbers, never_written(self.dataset, self.numbers)))
        first, last = max(pairwise([-1, *missing, len(self.numbers)]), key=lambda ends: ends[1] - ends[0])
        return int(first) + 1, int(last)

    def _fill(self, rows: Counts, frames: slice, span: tuple[int, int], corner: tuple[int, int]) -> None:
        """Read `span` of `frames` into `rows`, whose frame and row `corner` says where."""
        target, at = corner
        place = np.s_[target : target + frames.stop - frames.start, at : at + span[1] - span[0]]
        try:
            self.dataset.read_direct(rows, np.s_[frames, span[0] : span[1]], place)
        except UNREADABLE as error:
            if frames.stop - frames.start == 1:
                self._expect_unchanged()
                raise DataError(
                    f"{self.place}: frame {frames.start} cannot be read ({error}); the file is damaged there, or its "
                    "disk is. Copy it again from where it came"
                ) from error
            # Once more, one by one: what fails has a name then, and what failed but once is no fault of the file.
            for n, frame in enumerate(range(frames.start, frames.stop)):
                self._fill(rows, slice(frame, frame + 1), span, (target + n, at))

    def _now(self) -> os.stat_result:
        try:
            return os.fstat(self.dataset.file.id.get_vfd_handle())
        except OSError as error:
            raise ScanLostError(
                f"{self.place}: the file is gone ({error}); was its disk or network share lost?"
            ) from error

    def _expect_unchanged(self) -> None:
        # HDF5 reads what was cut off as zeros, without a word.
        before, now = self._opened.st_size, self._now().st_size
        if now != before:
            raise ScanLostError(
                f"{self.place}: the file was {before} bytes long when it was opened, and is {now} now: something is "
                "writing to it. Begin again when it is whole"
            )
