"""What flows between the stages, named as tomographers name it.

Every class is frozen: a stage returns a new one and never edits the one it was given. Rows are detector rows; each
becomes one slice. `first_row` says which row of the scan row 0 of an array is, so that a chunk knows its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.errors import DataError
from tomopy_edge.notebook import scan_html, volume_html

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]
Counts = NDArray[np.uint16] | NDArray[np.float32]


def _expect(what: str, array: NDArray[np.generic], axes: tuple[str, ...]) -> None:
    if array.ndim != len(axes):
        raise DataError(f"{what} must have the axes ({', '.join(axes)}), got an array of shape {array.shape}")


def _expect_theta(theta: Float64, angles: int) -> None:
    if theta.shape != (angles,):
        raise DataError(f"theta must hold one angle for each of the {angles} projections, got shape {theta.shape}")


@dataclass(frozen=True)
class Scan:
    """A parallel-beam scan as the detector saw it, or some adjacent rows of it.

    Attributes
    ----------
    projections : (angle, row, column), counts
    flats, darks : (frame, row, column), counts; frames without sample, and without beam
    theta : (angle,), radians
    first_row : row of the scan that row 0 of these arrays is
    pixel_size : micrometres at the sample, or None where it is not known
    full_scale : largest count that the projections' type could hold where they were stored, which may be another type
        than they have here; None where it was no integer type, or is not known
    """

    projections: Counts
    flats: Counts
    darks: Counts
    theta: Float64
    first_row: int = 0
    pixel_size: float | None = None
    full_scale: int | None = None

    def __post_init__(self) -> None:
        _expect("projections", self.projections, ("angle", "row", "column"))
        _expect_theta(self.theta, len(self.projections))
        for name, frames in (("flats", self.flats), ("darks", self.darks)):
            _expect(name, frames, ("frame", "row", "column"))
            if frames.shape[1:] != self.projections.shape[1:]:
                raise DataError(
                    f"{name} must have the rows and columns of the projections {self.projections.shape[1:]}, "
                    f"got {frames.shape[1:]}"
                )

    def _repr_html_(self) -> str:
        return scan_html(self)


@dataclass(frozen=True)
class Transmission:
    """The share of the beam that came through: (counts - dark) / (flat - dark).

    Attributes
    ----------
    sinograms : (row, angle, column), 1 where nothing absorbs
    theta : (angle,), radians
    """

    sinograms: Float32
    theta: Float64
    first_row: int = 0
    pixel_size: float | None = None

    def __post_init__(self) -> None:
        _expect("sinograms", self.sinograms, ("row", "angle", "column"))
        _expect_theta(self.theta, self.sinograms.shape[1])


@dataclass(frozen=True)
class Sinograms:
    """Line integrals of attenuation, ready to reconstruct.

    Attributes
    ----------
    line_integrals : (row, angle, column), dimensionless
    theta : (angle,), radians
    center : column of the rotation axis, with pixel centres at whole numbers (the first column's centre is 0); one
        number, or one for each row (row,), or None while it is not known. The geometric middle of n columns is
        (n - 1) / 2; TomoPy's default is n / 2.
    """

    line_integrals: Float32
    theta: Float64
    center: float | Float64 | None = None
    first_row: int = 0
    pixel_size: float | None = None

    def __post_init__(self) -> None:
        _expect("line_integrals", self.line_integrals, ("row", "angle", "column"))
        _expect_theta(self.theta, self.line_integrals.shape[1])
        if isinstance(self.center, np.ndarray) and self.center.shape != (len(self.line_integrals),):
            raise DataError(f"center must be one number or one per row, got shape {self.center.shape}")


def all_finite(stack: Float32) -> bool:
    """Return whether all values of a stack (z, y, x) are finite, slice by slice, to need little memory for it."""
    return all(np.isfinite(slice_).all() for slice_ in stack)


@dataclass(frozen=True)
class Volume:
    """Reconstructed slices, noisy or denoised.

    Attributes
    ----------
    slices : (z, y, x), attenuation per pixel
    first_row : row of the scan that slice 0 came from
    pixel_size : micrometres, or None where it is not known
    unit : attenuation per pixel that networks see as 1; one number for a scan, None until a network needed it
    precision : what the network computed in that made the slices, such as "int8"; None where none did
    """

    slices: Float32
    first_row: int = 0
    pixel_size: float | None = None
    unit: float | None = None
    precision: str | None = None

    def __post_init__(self) -> None:
        _expect("slices", self.slices, ("z", "y", "x"))

    def _repr_html_(self) -> str:
        return volume_html(self)
