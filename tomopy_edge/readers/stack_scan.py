"""A scan of stacks of frames: projections, flats and darks read in step, wherever they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from tomopy_edge.data import Float64, Scan
from tomopy_edge.errors import DataError
from tomopy_edge.readers.row_reader import RowReader
from tomopy_edge.readers.scan_file import FEWEST_ANGLES, expect_rows, expect_scan, full_scale, rounding
from tomopy_edge.readers.stack import Stack

if TYPE_CHECKING:
    import h5py


class StackScan:
    """A scan whose frames are stored on disk; see `ScanFile`.

    Parameters
    ----------
    source : its name for messages
    projections : where they are
    flats, darks : where they are, or None where there are none
    theta, theta_place : (angle,), radians, and where they came from
    pixel_size : micrometres at the sample, or None
    notes : what was assumed so far
    about : name -> text that `copy_metadata` carries over

    Attributes
    ----------
    stacks : the frames that rows are read from: of projections, and of flats and darks where there are any

    Raises
    ------
    DataError : where these do not make a scan
    """

    def __init__(  # noqa: PLR0913 - the parts of a scan
        self,
        source: str,
        *,
        projections: Stack,
        flats: Stack | None,
        darks: Stack | None,
        theta: Float64,
        theta_place: str,
        pixel_size: float | None,
        notes: list[str],
        about: Mapping[str, str] | None = None,
    ) -> None:
        shape = projections.shape
        expect_scan(source, (len(projections.numbers), *shape[1:]), theta, theta_place)
        self.source = source
        self.angles = len(projections.numbers)
        self.rows: int = shape[1]
        self.columns: int = shape[2]
        self.theta = theta
        self.pixel_size = pixel_size
        self.stacks = tuple(frames for frames in (projections, flats, darks) if frames is not None)
        for frames in self.stacks:
            frames.expect_readable(self.rows, self.columns)
            if frames is not projections and frames.unwritten:
                raise DataError(f"{frames.unwritten}. Wait for it, or copy what is there into a file of its own")
        # All stacks are read ahead as far as each other, and share the memory for it.
        ahead = sum(frames.row_bytes for frames in self.stacks)
        self._projections = RowReader(projections, ahead)
        self._flats, self._darks = (None if frames is None else RowReader(frames, ahead) for frames in (flats, darks))
        self._assumed = (*notes, *rounding(projections.stored, projections.place))
        self._limit = full_scale(projections.stored)
        self._ahead = ahead
        self._about = about or {}
        self._opened = ExitStack()
        self._narrowed: dict[tuple[int, int], Self] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, and what was done to read the rows so far."""
        changed = [] if self._unwritten is None else [self._unwritten]
        if any(frames.touched for frames in self.stacks):
            changed.append(f"{self.source} was written to while it was read; slices may not belong together")
        if any(frames.unlinked for frames in self.stacks):
            changed.append(
                f"{self.source} was removed, or replaced by another file, while it was read; the slices are of what it "
                "was"
            )
        found = (note for frames in self.stacks for note in frames.notes)
        return (*self._assumed, *found, *(note for reader in self._readers() for note in reader.notes), *changed)

    def read(self, first: int, last: int) -> Scan:
        """Read the rows `first` to `last - 1`.

        Of what is compressed in larger pieces, rows beside them are kept for the next call; see `RowReader`. Threads
        may share a scan: they wait for each other here, while h5py lets go of Python's lock where it reads and unpacks.
        """
        expect_rows(self.source, self.rows, first, last)
        if self._unwritten is not None:
            raise DataError(self._unwritten)
        projections = self._projections.read(first, last)
        none: NDArray[Any] = np.empty((0, last - first, self.columns), projections.dtype)
        flats, darks = (none if frames is None else frames.read(first, last) for frames in (self._flats, self._darks))
        return Scan(projections, flats, darks, self.theta, first, self.pixel_size, self._limit)

    def narrowed(self, start: int, stop: int) -> Self:
        """Return the scan of the projections `start` to `stop - 1` alone, which is closed with this one.

        The others are not read, and need never have been written.
        """
        found = self._narrowed.get((start, stop))
        if found is None:
            found = self._narrowed[start, stop] = copy(self)
            frames = self._projections.frames
            some: Stack = replace(frames, numbers=frames.numbers[start:stop])  # type: ignore[type-var]
            found._projections = RowReader(some, self._ahead)  # noqa: SLF001 - one of our own
            found.angles, found.theta = stop - start, self.theta[start:stop]
        return found

    def owning(self, opened: ExitStack) -> Self:
        """Return the scan, which closes from now on what is `opened`."""
        self._opened = opened.pop_all()
        return self

    def copy_metadata(self, target: h5py.Group) -> None:
        """Copy everything that is said of the scan, but not its images, into an HDF5 group."""
        for name, text in self._about.items():
            target[name] = text

    def close(self) -> None:
        """Close the files, and let go of what was read ahead."""
        for other in self._narrowed.values():
            other._projections.close()  # noqa: SLF001 - one of our own
        for reader in self._readers():
            reader.close()
        self._opened.close()

    @property
    def _unwritten(self) -> str | None:
        """What to say of projections that were never written, and how to do without them; None where all were."""
        frames = self._projections.frames
        if frames.unwritten is None:
            return None
        start, stop = frames.written
        few = stop - start < FEWEST_ANGLES
        there = "" if few else f", or take those that are there: --set read.angles=[{start},{stop},1]"
        return f"{frames.unwritten}. Wait for it{there}"

    def _readers(self) -> list[RowReader]:
        return [reader for reader in (self._projections, self._flats, self._darks) if reader is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
