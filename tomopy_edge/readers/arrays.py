"""A scan in memory: numpy arrays in the order that TomoPy takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from tomopy_edge.data import Counts, Float64, Scan
from tomopy_edge.errors import DataError
from tomopy_edge.readers.scan_file import counts_type, expect_rows, expect_scan, full_scale, rounding

if TYPE_CHECKING:
    import h5py

Numbers = NDArray[np.number[Any]]


@dataclass(frozen=True)
class ArrayScan:
    """A scan given as arrays; see `ScanFile`.

    Parameters
    ----------
    tomo : (angle, row, column), or (row, angle, column) with `sinogram_order`, counts
    theta : (angle,), radians
    flats, darks : (frame, row, column), counts; None where there are none
    sinogram_order : whether the rows of `tomo` come first
    pixel_size : micrometres at the sample, or None
    source : what to call the arrays in messages

    Raises
    ------
    DataError : where shapes do not fit each other, or there are fewer than 2 angles
    """

    tomo: Numbers
    theta: Float64
    flats: Numbers | None = None
    darks: Numbers | None = None
    sinogram_order: bool = False
    pixel_size: float | None = None
    source: str = "arrays"

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", np.asarray(self.theta, dtype=np.float64))
        expect_scan(self.source, self._projections.shape, self.theta, "theta")
        counts_type(self.tomo.dtype, "tomo")
        for name, frames in (("flats", self.flats), ("darks", self.darks)):
            if frames is None:
                continue
            counts_type(frames.dtype, name)
            if frames.ndim != 3 or frames.shape[1:] != (self.rows, self.columns):  # noqa: PLR2004 - axes
                raise DataError(
                    f"{self.source}: {name} must have the axes (frame, row, column) with {self.rows} rows and "
                    f"{self.columns} columns as the projections have, got the shape {frames.shape}"
                )

    @property
    def _projections(self) -> Numbers:
        return self.tomo.swapaxes(0, 1) if self.sinogram_order and self.tomo.ndim > 1 else self.tomo

    @property
    def angles(self) -> int:
        """How many projections there are."""
        return len(self._projections)

    @property
    def rows(self) -> int:
        """Detector rows."""
        return int(self._projections.shape[1])

    @property
    def columns(self) -> int:
        """Detector columns."""
        return int(self._projections.shape[2])

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be assumed."""
        return tuple(rounding(self.tomo.dtype, "tomo"))

    def read(self, first: int, last: int) -> Scan:
        """Return the rows `first` to `last - 1`; they share memory with the arrays where the type allows."""
        expect_rows(self.source, self.rows, first, last)
        kind = counts_type(self.tomo.dtype, "tomo")
        none = np.empty((0, last - first, self.columns), kind)
        flats, darks = (
            none if frames is None else _as_counts(frames[:, first:last]) for frames in (self.flats, self.darks)
        )
        projections = _as_counts(self._projections[:, first:last])
        limit = full_scale(self.tomo.dtype)
        return Scan(projections, flats, darks, self.theta, first, self.pixel_size, limit)

    def copy_metadata(self, target: h5py.Group) -> None:
        """Copy nothing: arrays say nothing about themselves."""

    def close(self) -> None:
        """Do nothing: there is no file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _as_counts(frames: Numbers) -> Counts:
    if counts_type(frames.dtype, "frames") == np.uint16:
        return frames.astype(np.uint16, copy=False)
    return frames.astype(np.float32, copy=False)
