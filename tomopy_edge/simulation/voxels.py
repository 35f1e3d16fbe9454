"""Matter given as voxels, and its line integrals: the central-section theorem by Fourier gridding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64

OVERSAMPLING = 2
"""Points of the spectrum's grid for each pixel of a slice."""

REACH = 2
"""Grid points on each side that a sample of the spectrum is interpolated from."""

TOGETHER = 3
"""Rows that are projected at once; more would only take memory."""

SHAPE = math.pi * math.sqrt((2 * REACH / OVERSAMPLING * (OVERSAMPLING - 0.5)) ** 2 - 0.8)
"""Of the Kaiser-Bessel window: the best for this reach and oversampling (Beatty et al., 2005)."""


@dataclass(frozen=True)
class Voxels:
    """Adjacent slices of an object, one for each detector row.

    A slice is taken as band limited and its pixels as what a perfect detector of their size would see of it, so its
    line integrals are lines through its spectrum. The interpolation of the spectrum errs by less than 1e-3 of the
    largest line integral; where details of one pixel leave the band, by 3e-3.

    Attributes
    ----------
    slices : (z, y, x), attenuation per pixel, square; zero toward the edges. The rotation axis lies where
        `Phantom.slice_at` has it, the middle slice at z = 0.
    """

    slices: Float32

    def at(self, z: float, size: int) -> Float32:
        """Return the slice at row `z` from the middle, cut or padded to (size, size).

        Raises
        ------
        ValueError : where there is none
        """
        index = round(z) + len(self.slices) // 2
        if not 0 <= index < len(self.slices):
            raise ValueError(f"z: there are voxels for {len(self.slices)} detector rows, none at {z:g}")
        whole = self.slices[index]
        extent = len(whole)
        left = axis_of(size) - axis_of(extent)
        top = size - extent - left
        wanted = np.zeros((size, size), np.float32)
        rows, columns = (np.arange(max(0, start), min(size, start + extent)) for start in (top, left))
        wanted[np.ix_(rows, columns)] = whole[np.ix_(rows - top, columns - left)]
        return wanted

    def density_at(self, x: Float64, y: Float64) -> Float64:
        """Return the attenuation of the middle slice at points (x, y) from the rotation axis."""
        extent = self.slices.shape[1]
        column = np.rint(x).astype(int) + axis_of(extent)
        row = extent - 1 - axis_of(extent) - np.rint(y).astype(int)
        there = (column >= 0) & (column < extent) & (row >= 0) & (row < extent)
        held = self.slices[len(self.slices) // 2][np.where(there, row, 0), np.where(there, column, 0)]
        return np.where(there, held, 0.0).astype(np.float64)

    def line_integrals(self, theta: Float64, rows: int, columns: int, center: float) -> Float32:
        """Return (row, angle, column) line integrals of the middle `rows` slices.

        Raises
        ------
        ValueError : where there are not as many slices
        """
        from scipy import fft

        first = len(self.slices) // 2 - rows // 2
        if first < 0 or first + rows > len(self.slices):
            raise ValueError(f"rows: there are voxels for {len(self.slices)} detector rows, not for {rows}")
        # Long enough for what lies outside the field of view not to come round into it.
        length = fft.next_fast_len(columns + math.ceil(1.5 * self.slices.shape[1]), real=True)
        length += length % 2
        projected = np.empty((rows, len(theta), columns), np.float32)
        for row in range(0, rows, TOGETHER):
            some = self.slices[first + row : first + min(row + TOGETHER, rows)]
            projected[row : row + len(some)] = _lines(some, theta, length, center)[..., :columns]
        return projected


def _lines(slices: Float32, theta: Float64, length: int, center: float) -> Float32:
    """Return (row, angle, column) line integrals over `length` columns, periodic."""
    from scipy import fft

    from tomopy_edge.simulation.voxel_kernels import sample_spectrum

    frequencies = np.arange(length // 2 + 1) / length
    sampled = sample_spectrum(_spectra(slices), np.cos(theta), np.sin(theta), frequencies, _window(), REACH)
    sampled *= np.exp(-2j * np.pi * frequencies * center).astype(np.complex64)
    return np.asarray(fft.irfft(sampled, length, axis=-1), np.float32)


def _spectra(slices: Float32) -> NDArray[np.complex64]:
    """Return (row, v, u): the spectrum of each slice about its axis, divided by what the window does to it."""
    from scipy import fft

    extent = slices.shape[1]
    grid = fft.next_fast_len(OVERSAMPLING * extent)
    axis = axis_of(extent)
    x, y = np.arange(extent) - axis, extent - 1 - axis - np.arange(extent)
    window = (_window_spectrum(x / grid)[None, :] * _window_spectrum(y / grid)[:, None]).astype(np.float32)
    padded = np.zeros((len(slices), grid, grid), np.float32)
    # Rows count upward here, from the axis, so that row frequencies are those of y.
    padded[:, (y % grid)[:, None], (x % grid)[None, :]] = slices / window
    return np.ascontiguousarray(fft.fft2(padded, axes=(1, 2)), np.complex64)


def axis_of(size: int) -> int:
    """Return the column of the rotation axis in a slice."""
    return -(-size // 2)


FINENESS = 256
"""Entries of the window's table for each grid point."""


def _window() -> Float64:
    """Return the Kaiser-Bessel window at distances 0, 1 / FINENESS, ... REACH."""
    distance = np.arange(REACH * FINENESS + 2) / FINENESS
    return np.i0(SHAPE * np.sqrt(np.maximum(1 - (distance / REACH) ** 2, 0))) * (distance <= REACH) / np.i0(SHAPE)


def _window_spectrum(x: Float64) -> Float64:
    """Return the window's Fourier transform at x cycles per grid point."""
    root = np.sqrt(SHAPE**2 - (2 * np.pi * REACH * x) ** 2)
    return np.asarray(2 * REACH * np.sinh(root) / root / np.i0(SHAPE))
