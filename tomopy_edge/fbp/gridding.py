"""How samples on lines through the origin of the spectrum are laid onto its square grid.

Each sample is spread over the 4 x 4 grid points around it with a Kaiser-Bessel kernel (Jackson et al., IEEE Trans. Med.
Imaging 10, 473, 1991; width and shape after Beatty et al., IEEE Trans. Med. Imaging 24, 799, 2005), and the slice is
divided by the kernel's transform. Slices are real, so that half of the spectrum, kx >= 0, is all there is to fill.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64

WIDTH = 4
"""Grid points that a sample touches along each axis."""

GUARD = 4
"""Grid points around a strip that samples at its edge may touch; what falls there is dropped."""

STRIP = 32
"""Lines of constant kx that are filled together."""

TILE = 32
"""Samples of a strip are visited in tiles of this many grid points along ky, which stay in cache."""

ENTRIES = 2048
"""Places between two grid points at which the kernel is tabled."""


def kernel_shape(oversampling: float) -> float:
    """Return the Kaiser-Bessel parameter beta that aliases least at this ratio of grid points to columns."""
    return float(np.pi * np.sqrt((WIDTH / oversampling) ** 2 * (oversampling - 0.5) ** 2 - 0.8))


def kernel_table(beta: float) -> Float32:
    """Return the kernel at the 4 grid points that a sample touches.

    Returns
    -------
    (entry, point), for samples that lie (entry + 1/2) / ENTRIES behind half a width before the first point
    """
    behind = (np.arange(ENTRIES) + 0.5) / ENTRIES
    away = behind[:, None] + np.arange(WIDTH) - WIDTH / 2
    return (np.i0(beta * np.sqrt(1 - (2 * away / WIDTH) ** 2)) / np.i0(beta)).astype(np.float32)


def kernel_correction(pixels: NDArray[np.int64], grid: int, beta: float) -> Float64:
    """Return what undoes the kernel at `pixels`, counted from the axis, for a spectrum of `grid` points."""
    argument = np.sqrt(beta**2 - (np.pi * WIDTH * pixels / grid) ** 2 + 0j)
    return np.asarray(np.i0(beta) / WIDTH / (np.sinh(argument) / argument).real)


def strip_runs(kx: Float64, ky: Float64, radii: Float64, grid: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """List for each strip which samples touch it.

    Parameters
    ----------
    kx, ky : (angle,), direction of each line of samples, kx >= 0
    radii : (sample,), distance of the samples from the origin, grid points, ascending
    grid : grid points along each axis

    Returns
    -------
    runs : (run, 3), angle, first sample and last sample + 1, strip by strip and tile by tile
    starts : (strip + 1,), the first run of each strip
    """
    strips, tiles = -(-grid // 2 // STRIP), -(-(grid + 2 * GUARD) // TILE)
    runs, keys = [], []
    for angle in range(len(kx)):
        first_line = np.ceil(kx[angle] * radii - WIDTH / 2).astype(np.int64)
        tile = (np.ceil(ky[angle] * radii - WIDTH / 2).astype(np.int64) + grid // 2 + GUARD) // TILE
        first_strip = np.maximum(first_line, 0) // STRIP
        last_strip = np.minimum(first_line + WIDTH - 1, grid // 2 - 1) // STRIP
        for strip in (first_strip, np.where(last_strip != first_strip, last_strip, -1)):
            key = np.where(strip < 0, -1, strip * tiles + tile)
            begins = np.flatnonzero(np.diff(key, prepend=-2))
            ends = np.append(begins[1:], len(key))
            inside = key[begins] >= 0
            begins, ends = begins[inside], ends[inside]
            runs.append(np.stack([np.full_like(begins, angle), begins, ends], axis=1))
            keys.append(key[begins])
    key = np.concatenate(keys)
    order = np.argsort(key, kind="stable")
    starts = np.searchsorted(key[order], np.arange(strips + 1) * tiles)
    return np.concatenate(runs)[order].astype(np.int32), starts
