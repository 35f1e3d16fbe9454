"""Forward projection of slices by Fourier gridding: what a detector would have seen of them, the adjoint of the FBP.

The spectrum of a projection is the slice's spectrum along a line through its origin. So a slice is transformed on a
finer grid, its spectrum is interpolated along each projection's line with the kernel that the FBP spreads samples with,
and each line is transformed back.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import DataError
from tomopy_edge.fbp.gridding import kernel_correction, kernel_shape, kernel_table

OVERSAMPLING = 2.0
"""Grid points for each pixel, at least. More than in the FBP: what is compared with measured projections must be nearer
to them than their noise, and 1.25 leaves half a percent, 2 less than a tenth of that."""

TAKE = 16
"""Projections that a thread takes at a time."""


class ForwardProjection:
    """A plan for one geometry, reused for any number of slices.

    Parameters
    ----------
    theta : (angle,), radians
    columns : of the detector
    size : pixels along each side of a slice, whose rotation axis lies where `FilteredBackProjection` puts it
    center : column of the rotation axis, with pixel centres at whole numbers
    ncore : threads

    Notes
    -----
    What lies at the corners of a slice beyond the detector is projected, and falls beside it. A pixel is a point here:
    slices that come from a detector have its pixels' width in them already.
    """

    def __init__(self, theta: Float64, columns: int, size: int, center: float, *, ncore: int = 1) -> None:
        from scipy.fft import next_fast_len

        self.theta: Float64 = np.array(theta, np.float64)
        self.columns, self.size, self.center, self.ncore = columns, size, float(center), ncore
        reach = size / np.sqrt(2) + 2
        needed = max(columns, max(center, columns - 1 - center) + reach)
        self._length = 2 * next_fast_len(int(np.ceil(needed / 2)), real=True)
        self._grid = 2 * next_fast_len(int(np.ceil(OVERSAMPLING * size / 2)), real=True)
        beta = kernel_shape(self._grid / size)
        axis = -(-size // 2)
        x, y = np.arange(size) - axis, size - 1 - axis - np.arange(size)
        self._correction = [kernel_correction(pixels, self._grid, beta).astype(np.float32) for pixels in (y, x)]
        self._kernel = kernel_table(beta)
        # Projections are real, so that the half of each line with kx >= 0 holds all there is.
        turned = np.cos(self.theta) < 0
        self._turned = turned
        self._direction = np.stack([np.cos(self.theta), np.sin(self.theta)], 1) * np.where(turned, -1, 1)[:, None]
        frequencies = np.arange(self._length // 2 + 1) / self._length
        self._radii = (frequencies * self._grid).astype(np.float32)
        self._shift = np.exp(-2j * np.pi * frequencies * self.center).astype(np.complex64)

    def __call__(self, slice_: Float32) -> Float32:
        """Project one slice.

        Parameters
        ----------
        slice_ : (y, x), attenuation per pixel

        Returns
        -------
        (angle, column), line integrals

        Raises
        ------
        DataError : where the slice is not of the plan's size
        """
        from scipy import fft

        if slice_.shape != (self.size, self.size):
            raise DataError(f"slice must be of {self.size} x {self.size} pixels, got an array of shape {slice_.shape}")
        spectrum = self._spectrum(slice_)
        lines = np.empty((len(self.theta), len(self._radii)), np.complex64)
        firsts = range(0, len(self.theta), TAKE)
        with ThreadPoolExecutor(self.ncore, "projection") as pool:
            list(pool.map(lambda first: self._sample(spectrum, lines, first), firsts))
        projections: Float32 = fft.irfft(lines, self._length, axis=1, workers=self.ncore)
        return np.ascontiguousarray(projections[:, : self.columns], np.float32)

    def _spectrum(self, slice_: Float32) -> np.ndarray:
        """Return (kx, ky), kx from zero up, of the slice as the kernel needs it."""
        from scipy import fft

        # Along x first: that spectrum needs the rows of the slice alone, not those of the grid.
        weighted = np.zeros((self.size, self._grid), np.float32)
        self._place(slice_ * (self._correction[0][:, None] * self._correction[1]), weighted)
        half = fft.rfft(weighted, axis=1, workers=self.ncore, overwrite_x=True)
        lines = np.zeros((half.shape[1], self._grid), np.complex64)
        self._place(half[::-1].T, lines)
        return np.asarray(fft.fft(lines, axis=1, workers=self.ncore, overwrite_x=True))

    def _place(self, pixels: np.ndarray, grid: np.ndarray) -> None:
        """Place lines of pixels (line, pixel), the lowest coordinate first, on a grid that begins at the axis."""
        axis = -(-self.size // 2)
        grid[:, : self.size - axis] = pixels[:, axis:]
        grid[:, self._grid - axis :] = pixels[:, :axis]

    def _sample(self, spectrum: np.ndarray, lines: np.ndarray, first: int) -> None:
        from tomopy_edge.fbp.projector_kernels import sample_lines

        last = min(first + TAKE, len(self.theta))
        sample_lines(
            (first, last), spectrum, self._direction, self._turned, self._radii, self._shift, self._kernel, lines
        )
