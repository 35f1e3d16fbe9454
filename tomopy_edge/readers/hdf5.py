"""Reads rows out of frames stored angle by angle in HDF5, whichever layout named them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from tomopy_edge.data import Counts, Float64, Scan
from tomopy_edge.errors import DataError
from tomopy_edge.readers.metadata import copy_tree
from tomopy_edge.readers.scan_file import counts_type, expect_rows, expect_scan, full_scale, rounding

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class Frames:
    """Some frames of a dataset with the axes (frame, row, column).

    Attributes
    ----------
    dataset : where they are stored
    numbers : (frame,), which of its frames they are, ascending
    """

    dataset: h5py.Dataset
    numbers: NDArray[np.intp]

    @classmethod
    def all_of(cls, dataset: h5py.Dataset) -> Frames:
        """Return every frame of `dataset`."""
        return cls(dataset, np.arange(dataset.shape[0]))

    @property
    def place(self) -> str:
        """File and path of the dataset."""
        return f"{self.dataset.file.filename}:{self.dataset.name}"

    def expect_shape(self, rows: int, columns: int) -> None:
        """Raise a `DataError` unless each frame has these rows and columns."""
        if self.dataset.ndim != 3 or self.dataset.shape[1:] != (rows, columns):  # noqa: PLR2004 - axes
            raise DataError(
                f"{self.place}: must have the axes (frame, row, column) with {rows} rows and {columns} columns as the "
                f"projections have, got the shape {self.dataset.shape}"
            )

    def read(self, first: int, last: int) -> Counts:
        """Return the rows `first` to `last - 1` (frame, row, column), straight into the type that counts have.

        HDF5's chunk cache stays as it is: each stored chunk is needed once in a call, and a larger cache would make
        HDF5 read whole uncompressed chunks where it now reads the rows alone.
        """
        columns = self.dataset.shape[2]
        rows = np.empty((len(self.numbers), last - first, columns), counts_type(self.dataset.dtype, self.place))
        try:
            for start, stop, target in self._runs():
                self.dataset.read_direct(rows, np.s_[start:stop, first:last], np.s_[target : target + stop - start])
        except OSError as error:
            raise DataError(
                f"{self.place}: cannot be read ({error}); the file is damaged, or compressed by a filter that needs "
                "`pip install hdf5plugin`"
            ) from error
        return rows

    def _runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield (first, last + 1, position in the result) of frames that follow each other: one request for each."""
        starts = np.flatnonzero(np.diff(self.numbers, prepend=-2) != 1)
        for start, stop in zip(starts, [*starts[1:], len(self.numbers)], strict=True):
            yield int(self.numbers[start]), int(self.numbers[stop - 1]) + 1, int(start)


class Hdf5Scan:
    """A scan in an open HDF5 file; see `ScanFile`.

    Parameters
    ----------
    file : the open file; closed with the scan
    source : its name for messages
    projections : where they are
    flats, darks : where they are, or None where there are none
    theta, theta_place : (angle,), radians, and where in the file they came from
    pixel_size : micrometres at the sample, or None
    notes : what was assumed so far
    renamed : names at the root of the file that `copy_metadata` gives another name

    Raises
    ------
    DataError : where these do not make a scan
    """

    def __init__(  # noqa: PLR0913 - the parts of a scan
        self,
        file: h5py.File,
        source: str,
        *,
        projections: Frames,
        flats: Frames | None,
        darks: Frames | None,
        theta: Float64,
        theta_place: str,
        pixel_size: float | None,
        notes: list[str],
        renamed: dict[str, str] | None = None,
    ) -> None:
        shape = projections.dataset.shape
        expect_scan(source, (len(projections.numbers), *shape[1:]), theta, theta_place)
        self.source = source
        self.angles = len(projections.numbers)
        self.rows: int = shape[1]
        self.columns: int = shape[2]
        self.theta = theta
        self.pixel_size = pixel_size
        self._file = file
        self._projections, self._flats, self._darks = projections, flats, darks
        self._renamed = renamed or {}
        for frames in (projections, flats, darks):
            if frames is not None:
                frames.expect_shape(self.rows, self.columns)
                counts_type(frames.dataset.dtype, frames.place)
        self.notes = (*notes, *rounding(projections.dataset.dtype, projections.place))

    def read(self, first: int, last: int) -> Scan:
        """Read the rows `first` to `last - 1`, and no others."""
        expect_rows(self.source, self.rows, first, last)
        projections = self._projections.read(first, last)
        none: NDArray[Any] = np.empty((0, last - first, self.columns), projections.dtype)
        flats, darks = (none if frames is None else frames.read(first, last) for frames in (self._flats, self._darks))
        limit = full_scale(self._projections.dataset.dtype)
        return Scan(projections, flats, darks, self.theta, first, self.pixel_size, limit)

    def copy_metadata(self, target: h5py.Group) -> None:
        """Copy everything the file says, but not its images, into an HDF5 group; see `copy_tree`."""
        copy_tree(self._file, target, self._renamed)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
