"""How voxels and their spectra are read between grid points, compiled with numba."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel


@kernel
def sample_spectrum(
    spectra: NDArray[np.complex64],
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    frequencies: NDArray[np.float64],
    window: NDArray[np.float64],
    reach: int,
) -> NDArray[np.complex64]:
    """Return (row, angle, frequency): spectra on a periodic grid, (row, v, u), interpolated along lines through 0.

    Parameters
    ----------
    frequencies : cycles per pixel
    window : of the interpolation, at distances from 0 to `reach` grid points in even steps, and one entry more
    """
    rows, grid, _ = spectra.shape
    fineness = (len(window) - 2) / reach
    sampled = np.zeros((rows, len(cosines), len(frequencies)), np.complex64)
    weights_u = np.empty(2 * reach)
    weights_v = np.empty(2 * reach)
    for i in range(len(cosines)):
        for k in range(len(frequencies)):
            u, v = frequencies[k] * cosines[i] * grid, frequencies[k] * sines[i] * grid
            first_u, first_v = math.floor(u) - reach + 1, math.floor(v) - reach + 1
            for j in range(2 * reach):
                weights_u[j] = _entry(window, abs(u - first_u - j) * fineness)
                weights_v[j] = _entry(window, abs(v - first_v - j) * fineness)
            for n in range(2 * reach):
                line = (first_v + n) % grid
                for m in range(2 * reach):
                    weight = np.float32(weights_v[n] * weights_u[m])
                    place = (first_u + m) % grid
                    for row in range(rows):
                        sampled[row, i, k] += weight * spectra[row, line, place]
    return sampled


@kernel
def _entry(table: NDArray[np.float64], place: float) -> float:
    below = int(place)
    share = place - below
    entry: float = table[below] * (1 - share) + table[below + 1] * share
    return entry


@kernel
def sample_volume(
    volume: NDArray[np.float32], first: NDArray[np.float64], steps: NDArray[np.float64], sampled: NDArray[np.float32]
) -> None:
    """Fill `sampled`, (z, y, x), from a volume by trilinear interpolation; beyond its faces the volume is mirrored.

    Parameters
    ----------
    first : (3,), where in the volume, (z, y, x), the sample [0, 0, 0] lies
    steps : (3, 3), how far in the volume, (z, y, x), a step along each axis of `sampled` leads; one row for each axis
    """
    below = np.empty(3, np.int64)
    above = np.empty(3, np.int64)
    share = np.empty(3, np.float32)
    slices, rows, columns = sampled.shape
    for k in range(slices):
        for j in range(rows):
            for i in range(columns):
                for axis in range(3):
                    place = first[axis] + k * steps[0, axis] + j * steps[1, axis] + i * steps[2, axis]
                    last = volume.shape[axis] - 1
                    turned = place % (2 * last)
                    turned = min(turned, 2 * last - turned)
                    below[axis] = min(int(turned), last - 1)
                    above[axis] = below[axis] + 1
                    share[axis] = np.float32(turned - below[axis])
                plane = np.float32(0)
                for z, weight in ((below[0], np.float32(1) - share[0]), (above[0], share[0])):
                    near, far = volume[z, below[1]], volume[z, above[1]]
                    line_near = near[below[2]] + share[2] * (near[above[2]] - near[below[2]])
                    line_far = far[below[2]] + share[2] * (far[above[2]] - far[below[2]])
                    plane += weight * (line_near + share[1] * (line_far - line_near))
                sampled[k, j, i] = plane
