"""Filtered back projection of parallel-beam scans by Fourier gridding, on the CPU.

A projection's spectrum is the slice's spectrum along a line through its origin. So each projection is transformed and
filtered (`sampling`), the samples of all projections are laid onto the square grid of the slice's spectrum (`gridding`,
`strips`), and that is transformed back (`rows`). Up to 16 slices go side by side (`lanes`), each as if it were alone:
no slice depends on which others are reconstructed with it, nor on the number of threads, to the bit.

References
----------
J. D. O'Sullivan, A fast sinc function gridding algorithm for Fourier inversion in computer tomography, IEEE Trans. Med.
Imaging 4, 200 (1985); B. A. Dowd et al., Developments in synchrotron x-ray computed microtomography at the National
Synchrotron Light Source, Proc. SPIE 3772, 224 (1999).
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, get_args

import numpy as np

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.fbp.filters import FilterName
from tomopy_edge.memory import free_memory

if TYPE_CHECKING:
    from tomopy_edge.fbp.batches import Buffers, Geometry

__all__ = ["SMALLEST", "FilterName", "FilteredBackProjection", "fbp"]

PADDING = 1.1
"""Columns that projections are padded to, at least, for each column that a slice needs of them."""

SHARE_KEPT = 0.1
"""Of the memory that is free, what the buffers of a plan may keep from call to call, as fresh memory is slow to touch.
Where they are larger, what comes after the reconstruction needs the memory more."""

SMALLEST = 16
"""Fewest columns and smallest slice."""


class FilteredBackProjection:
    """A plan for one geometry, reused for any number of batches.

    Slices lie over those of TomoPy's gridrec: for an even size the rotation axis is on column size / 2 and on row
    size / 2 - 1 from the top, for an odd one on column (size + 1) / 2 and row (size - 3) / 2. A pixel x to the right of
    the axis and y above it is seen at x cos(theta) + y sin(theta) from the axis on the detector.

    Parameters
    ----------
    theta : (angle,), radians, in any order and over any range: each projection counts as much as the gap around it,
        see `tomopy_edge.fbp.angles`
    columns : of the detector
    filter_name : window on the ramp filter, "ramlak" (none), "shepp", "cosine", "hann" or "hamming"; "none" leaves the
        ramp out as well: a plain back-projection
    size : pixels along each side of a slice; None is as many as the detector has columns
    ncore : threads

    Raises
    ------
    DataError : where there are no angles, or they are not finite, or the detector has fewer than 16 columns
    ValueError : where another argument is out of its range

    Examples
    --------
    >>> import numpy as np
    >>> from tomopy_edge.fbp import FilteredBackProjection
    >>> theta = np.linspace(0, np.pi, 90, endpoint=False)
    >>> disc = 0.02 * np.sqrt(np.maximum(0, 20.0**2 - (np.arange(64) - 31.5) ** 2))
    >>> plan = FilteredBackProjection(theta, columns=64)
    >>> slices = plan(np.tile(disc, (1, 90, 1)), center=31.5)
    >>> slices.shape, round(float(slices[0, 22:41, 23:42].mean()), 4)
    ((1, 64, 64), 0.01)
    """

    def __init__(
        self,
        theta: Float64,
        columns: int,
        *,
        filter_name: FilterName = "shepp",
        size: int | None = None,
        ncore: int = 1,
    ) -> None:
        self.theta: Float64 = np.array(theta, np.float64)
        self.columns, self.size = columns, columns if size is None else size
        self.filter_name, self.ncore = filter_name, ncore
        self._check()
        self._pool = ThreadPoolExecutor(ncore, "fbp") if ncore > 1 else None
        self._lock = threading.Lock()
        self._geometries: dict[int, Geometry] = {}
        self._buffers: dict[int, Buffers] = {}

    def _check(self) -> None:
        if self.theta.ndim != 1 or not self.theta.size or not np.isfinite(self.theta).all():
            raise DataError(f"theta must hold one finite angle for each projection, got an array {self.theta.shape}")
        if self.columns < SMALLEST:
            raise DataError(f"reconstruction needs at least {SMALLEST} detector columns, got {self.columns}")
        if self.size < SMALLEST:
            raise ValueError(f"size: must be at least {SMALLEST} pixels, got {self.size}")
        if self.ncore < 1:
            raise ValueError(f"ncore: must be at least 1 thread, got {self.ncore}")
        if self.filter_name not in (names := get_args(FilterName)):
            close = did_you_mean(self.filter_name, names)
            raise ValueError(f"filter_name: must be one of {', '.join(names)}, got {self.filter_name!r}{close}")

    def __call__(self, line_integrals: Float32, center: float | Float64) -> Float32:
        """Reconstruct rows.

        Parameters
        ----------
        line_integrals : (row, angle, column), dimensionless
        center : column of the rotation axis, with pixel centres at whole numbers (the first column's centre is 0); one
            number, or one for each row. The geometric middle is (columns - 1) / 2; TomoPy's default is columns / 2.

        Returns
        -------
        (row, y, x), attenuation per pixel

        Raises
        ------
        DataError : where the sinograms do not fit the plan, or a centre does not lie on the detector
        """
        line_integrals = np.ascontiguousarray(line_integrals, np.float32)
        if line_integrals.ndim != 3 or line_integrals.shape[1:] != (len(self.theta), self.columns):  # noqa: PLR2004
            raise DataError(
                f"line_integrals must have the axes (row, angle, column) with {len(self.theta)} angles and "
                f"{self.columns} columns, got an array of shape {line_integrals.shape}"
            )
        centers = self._one_for_each_row(center, len(line_integrals))
        slices = np.empty((len(line_integrals), self.size, self.size), np.float32)
        lengths = np.array([self._padded_length(each) for each in centers], np.int64)
        with self._lock:
            for length in np.unique(lengths):
                self._reconstruct(np.flatnonzero(lengths == length), int(length), line_integrals, centers, slices)
            if sum(buffers.nbytes for buffers in self._buffers.values()) > SHARE_KEPT * free_memory():
                self._buffers.clear()
        return slices

    def _one_for_each_row(self, center: float | Float64, rows: int) -> Float64:
        given: Float64 = np.asarray(center, np.float64)
        if given.ndim and given.shape != (rows,):
            raise DataError(f"center must be one number or one for each of {rows} rows, got shape {given.shape}")
        if not ((given >= 0) & (given <= self.columns - 1)).all():
            raise DataError(f"center must lie on the detector, columns 0 to {self.columns - 1}; got {center}")
        return np.broadcast_to(given, (rows,)).copy()

    def _padded_length(self, center: float) -> int:
        """Return the columns that keep a projection with this centre clear of its own periodic repetition."""
        from tomopy_edge.fbp.fourier import fast_length

        usual = fast_length(PADDING * max(self.columns, (self.columns + self.size) / 2, 8 * SMALLEST), 8)
        needed = max(center, self.columns - 1 - center) + self.size / 2 + 2
        if needed <= usual:
            return usual
        # Few lengths serve all centres, so that few sets of tables are made.
        step = max(8, self.columns // 8)
        return fast_length(-(-needed // step) * step, 8)

    def _reconstruct(
        self, rows: np.ndarray, length: int, line_integrals: Float32, centers: Float64, slices: Float32
    ) -> None:
        from tomopy_edge.fbp.batches import Buffers, batches, plan_geometry, reconstruct_batch

        if length not in self._geometries:
            self._geometries[length] = plan_geometry(self.theta, self.columns, self.size, length, self.filter_name)
        geometry = self._geometries[length]
        for width, some in batches(rows, geometry, self.ncore):
            if width not in self._buffers or self._buffers[width].geometry is not geometry:
                self._buffers[width] = Buffers(geometry, width, self.ncore)
            reconstruct_batch(some, line_integrals, centers, slices, self._buffers[width], self._pool)


def fbp(
    line_integrals: Float32,
    theta: Float64,
    center: float | Float64,
    *,
    filter_name: FilterName = "shepp",
    size: int | None = None,
    ncore: int = 1,
) -> Float32:
    """Reconstruct rows with a plan made for them alone; see `FilteredBackProjection`.

    Parameters
    ----------
    line_integrals : (row, angle, column), dimensionless
    theta : (angle,), radians
    center : column of the rotation axis, one number or one for each row

    Returns
    -------
    (row, y, x), attenuation per pixel
    """
    columns = np.shape(line_integrals)[-1]
    plan = FilteredBackProjection(theta, columns, filter_name=filter_name, size=size, ncore=ncore)
    return plan(line_integrals, center)
