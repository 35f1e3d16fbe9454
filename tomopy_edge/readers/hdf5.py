"""A scan in an open HDF5 file: projections, flats and darks read in step, whichever layout named them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from tomopy_edge.data import Float64, Scan
from tomopy_edge.readers.frames import Frames
from tomopy_edge.readers.metadata import copy_tree
from tomopy_edge.readers.row_reader import RowReader
from tomopy_edge.readers.scan_file import expect_rows, expect_scan, full_scale, rounding

if TYPE_CHECKING:
    import h5py


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
        self._renamed = renamed or {}
        stacks = [frames for frames in (projections, flats, darks) if frames is not None]
        for frames in stacks:
            frames.expect_readable(self.rows, self.columns)
        # All stacks are read ahead as far as each other, and share the memory for it.
        ahead = sum(frames.row_bytes for frames in stacks)
        self._projections = RowReader(projections, ahead)
        self._flats, self._darks = (None if frames is None else RowReader(frames, ahead) for frames in (flats, darks))
        self._assumed = (*notes, *rounding(projections.dataset.dtype, projections.place))
        self._limit = full_scale(projections.dataset.dtype)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, and what was done to read the rows so far."""
        written = [f"{self.source} was written to while it was read; slices may not belong together"]
        touched = any(reader.frames.touched for reader in self._readers())
        return (
            *self._assumed,
            *(note for reader in self._readers() for note in reader.notes),
            *written[: int(touched)],
        )

    def read(self, first: int, last: int) -> Scan:
        """Read the rows `first` to `last - 1`.

        Of what is compressed in larger pieces, rows beside them are kept for the next call; see `RowReader`. Threads
        may share a scan: they wait for each other here, while h5py lets go of Python's lock where it reads and unpacks.
        """
        expect_rows(self.source, self.rows, first, last)
        projections = self._projections.read(first, last)
        none: NDArray[Any] = np.empty((0, last - first, self.columns), projections.dtype)
        flats, darks = (none if frames is None else frames.read(first, last) for frames in (self._flats, self._darks))
        return Scan(projections, flats, darks, self.theta, first, self.pixel_size, self._limit)

    def copy_metadata(self, target: h5py.Group) -> None:
        """Copy everything the file says, but not its images, into an HDF5 group; see `copy_tree`."""
        copy_tree(self._file, target, self._renamed)

    def close(self) -> None:
        """Close the file, and let go of what was read ahead."""
        for reader in self._readers():
            reader.close()
        self._file.close()

    def _readers(self) -> list[RowReader]:
        return [reader for reader in (self._projections, self._flats, self._darks) if reader is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
