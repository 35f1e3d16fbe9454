"""What every open scan offers, whatever format it came from, and the rules all of them keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from tomopy_edge.data import Float64, Scan
from tomopy_edge.errors import DataError

if TYPE_CHECKING:
    import h5py

FEWEST_ANGLES = 2


class ScanFile(Protocol):
    """A scan that is open for reading, a few detector rows at a time."""

    @property
    def source(self) -> str:
        """Where the scan came from, for messages and the report."""
        ...

    @property
    def angles(self) -> int:
        """How many projections there are, without flats and darks."""
        ...

    @property
    def rows(self) -> int:
        """Detector rows; each becomes one slice."""
        ...

    @property
    def columns(self) -> int:
        """Detector columns."""
        ...

    @property
    def theta(self) -> Float64:
        """Angle of each projection (angle,), radians."""
        ...

    @property
    def pixel_size(self) -> float | None:
        """Micrometres at the sample, or None where the scan does not say."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on everything that had to be assumed to read the scan, for the report."""
        ...

    def read(self, first: int, last: int) -> Scan:
        """Read the rows `first` to `last - 1`, and no others.

        Missing flats or darks come as arrays of zero frames. `Scan.full_scale` is that of the type they are stored in.

        Raises
        ------
        DataError : where the scan has no such rows, or its file cannot be read
        """
        ...

    def copy_metadata(self, target: h5py.Group) -> None:
        """Copy everything the scan's file says, but not its images, into an HDF5 group."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def counts_type(stored: np.dtype[Any], place: str) -> np.dtype[np.uint16] | np.dtype[np.float32]:
    """Return the type that counts stored as `stored` are read into: uint16 where it holds them all, else float32.

    Raises
    ------
    DataError : where these are no numbers; `place` names them
    """
    if stored.kind not in "uif":
        raise DataError(f"{place}: must hold counts, got values of type {stored}")
    return np.dtype(np.uint16) if stored.kind == "u" and stored.itemsize <= 2 else np.dtype(np.float32)  # noqa: PLR2004 - bytes of a uint16


def full_scale(stored: np.dtype[Any]) -> int | None:
    """Return the largest count that `stored` can hold, at which a detector is saturated; None if it is no integer."""
    return int(np.iinfo(stored).max) if stored.kind in "ui" else None


def rounding(stored: np.dtype[Any], place: str) -> list[str]:
    """Return a note where reading `stored` as float32 may round, or nothing."""
    exact = stored.itemsize <= 2 or (stored.kind == "f" and stored.itemsize <= 4)  # noqa: PLR2004 - bytes of a float32
    return [] if exact else [f"{place} holds {stored}, read as float32: counts above 2^24 lose their last digits"]


def expect_scan(source: str, shape: tuple[int, ...], theta: NDArray[np.floating[Any]], theta_place: str) -> None:
    """Check that projections of `shape` and their angles can be a scan.

    Raises
    ------
    DataError : where the shape is not (angle, row, column), an axis is empty, there are 0 or 1 angles, or `theta`
        (found at `theta_place`) has another length, holds numbers that are not finite, or one angle only
    """
    if len(shape) != 3:  # noqa: PLR2004 - axes
        raise DataError(f"{source}: projections must have the axes (angle, row, column), got the shape {shape}")
    angles, rows, columns = shape
    if angles < FEWEST_ANGLES:
        raise DataError(f"{source}: {angles} projection{'' if angles == 1 else 's'}; a reconstruction needs at least 2")
    if not rows or not columns:
        raise DataError(
            f"{source}: projections have {rows} rows and {columns} columns; there is nothing to reconstruct"
        )
    if theta.shape != (angles,):
        raise DataError(
            f"{source}: there are {angles} projections, but {theta_place} has the shape {theta.shape}; it must hold "
            f"one angle for each projection, so ({angles},)"
        )
    if not np.isfinite(theta).all():
        raise DataError(
            f"{source}: {np.count_nonzero(~np.isfinite(theta))} angles of {theta_place} are not finite numbers"
        )
    if np.ptp(theta) == 0:
        raise DataError(f"{source}: all {angles} angles of {theta_place} are the same ({theta[0]:.6g} rad)")


def expect_rows(source: str, rows: int, first: int, last: int) -> None:
    """Raise a `DataError` unless `first` to `last - 1` are some of the `rows` of a scan."""
    if not 0 <= first < last <= rows:
        raise DataError(f"{source}: has the rows 0 to {rows - 1}; cannot read the rows {first} to {last - 1}")
