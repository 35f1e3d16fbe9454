"""Where in a scan the rows stand that TomoPy hands to an algorithm, and what stands beside them.

`tomopy.recon` cuts sinograms and slices into chunks of rows, `tomo[first:last]` and `recon[first:last]`, and calls the
algorithm for each, from several threads at once. Both are parts of arrays that numpy knows as their `base`, and that
hold the rows beside the chunk too: the neighbours that a network looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import DataError


@dataclass(frozen=True)
class Chunk:
    """Rows that TomoPy handed over, in their place.

    Attributes
    ----------
    sinograms : (row, angle, column), line integrals of all rows of the scan, as far as they could be found
    centers : (row,), columns, of the same rows
    slices : (z, y, x), to be filled, of the rows from `first` on alone
    first : row of `sinograms` that the first of `slices` is made of
    alone : whether the rows beside the chunk could not be found, so that `sinograms` ends where it does
    """

    sinograms: Float32
    centers: Float64
    slices: Float32
    first: int
    alone: bool = False

    @property
    def last(self) -> int:
        """The row after the last that slices are made of."""
        return self.first + len(self.slices)


def find_place(tomo: Any, center: Any, recon: Any) -> Chunk:
    """Return the rows that TomoPy handed over, and those of the scan around them.

    Parameters
    ----------
    tomo : (row, angle, column), or (angle, column) as `nchunk=0` has it; float32
    center : (row,), columns; or one number
    recon : (row, y, x) or (y, x), float32, to be filled

    Raises
    ------
    DataError : where these do not fit each other
    """
    if isinstance(tomo, np.ndarray) and isinstance(recon, np.ndarray) and tomo.ndim == recon.ndim == 2:  # noqa: PLR2004
        tomo, recon = tomo[np.newaxis], recon[np.newaxis]
    _expect_chunk(tomo, recon)
    centers = np.broadcast_to(np.asarray(center, np.float64).ravel(), (len(tomo),))
    # Where the arrays are parts of different ones, it is the smaller that TomoPy made for the scan.
    for first, count in sorted(filter(None, (_place_in_owner(tomo), _place_in_owner(recon))), key=lambda at: at[1]):
        whole = _around(tomo, first, count)
        if whole is not None:
            found = _around(center, first, count) if isinstance(center, np.ndarray) and center.ndim == 1 else None
            # One number for one row tells nothing of the others: theirs is taken to be the same.
            beside = np.full(count, centers[0]) if found is None else found.astype(np.float64)
            return Chunk(whole, beside, recon, first)
    return Chunk(tomo, centers, recon, 0, alone=True)


def _expect_chunk(tomo: Any, recon: Any) -> None:
    for name, array, axes in (("tomo", tomo, "row, angle, column"), ("recon", recon, "row, y, x")):
        if not isinstance(array, np.ndarray) or array.ndim != 3 or array.dtype != np.float32:  # noqa: PLR2004 - axes
            got = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise DataError(f"{name}: must have the axes ({axes}) and be float32, as tomopy.recon gives it, got {got}")
    if len(tomo) != len(recon):
        raise DataError(f"recon: must have one slice for each of the {len(tomo)} rows of tomo, got {len(recon)}")


def _owner(part: NDArray[Any]) -> NDArray[Any]:
    """Return the array whose memory `part` is a part of."""
    while isinstance(part.base, np.ndarray):
        part = part.base
    return part


def _place_in_owner(part: Float32) -> tuple[int, int] | None:
    """Return the row of its owner that is the first of `part`, and how many rows that has; None if it has others."""
    owner = _owner(part)
    if owner.shape == part.shape[1:]:  # a single row
        return 0, 1
    same = owner.dtype == part.dtype and owner.ndim == part.ndim and owner.shape[1:] == part.shape[1:]
    if not same or not owner.flags.c_contiguous or not part.flags.c_contiguous:
        return None
    first, odd = divmod(_address(part) - _address(owner), part[0].nbytes)
    return None if odd else (first, len(owner))


def _around(part: NDArray[Any], first: int, count: int) -> NDArray[Any] | None:
    """Return the `count` rows that `part` is some of, its first the one of number `first`; None if they are not there.

    Nothing is copied.
    """
    owner = _owner(part)
    if not owner.flags.c_contiguous or not part.flags.c_contiguous:
        return None
    row = part[0].nbytes
    start = _address(part) - _address(owner) - first * row
    if start < 0 or start + count * row > owner.nbytes or first + len(part) > count:
        return None
    return np.ndarray((count, *part.shape[1:]), part.dtype, buffer=owner.data, offset=start)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
