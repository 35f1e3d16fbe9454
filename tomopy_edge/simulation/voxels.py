"""Matter given as voxels, and its line integrals: the central-section theorem by Fourier gridding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64

OVERSAMPLING = 2
"""Points of the spectrum's grid for each pixel of a slice."""

REACH = 2
"""Grid points on each side that a sample of the spectrum is interpolated from."""

TOGETHER = 3
"""Rows that are projected at once; more would only take memory."""

LARGE = 1024
"""Pixels: of slices wider than this, one is projected at once."""

SHAPE = math.pi * math.sqrt((2 * REACH / OVERSAMPLING * (OVERSAMPLING - 0.5)) ** 2 - 0.8)
"""Of the Kaiser-Bessel window: the best for this reach and oversampling (Beatty et al., 2005)."""


class Stack(Protocol):
    """Adjacent slices of an object, (z, y, x), square, float32: an array, or what makes some of them when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(z, y, x) of all of them."""

    def __getitem__(self, rows: slice, /) -> Float32:
        """Return some of the slices, (z, y, x)."""


@dataclass(frozen=True)
class Voxels:
    """Adjacent slices of an object, one for each detector row.

    A slice is taken as band limited and its pixels as what a perfect detector of their size would see of it, so its
    line integrals are lines through its spectrum. The interpolation of the spectrum errs by less than 1e-3 of the
    largest line integral; where details of one pixel leave the band, by 3e-3.

    Attributes
    ----------
    slices : (z, y, x), relative attenuation, square; zero toward the edges. The rotation axis lies where
        `Phantom.slice_at` has it.
    scale : attenuation per pixel where `slices` is 1
    below : how many of the slices lie below z = 0; None where the middle one lies there
    """

    slices: Stack
    scale: float = 1.0
    below: int | None = None

    def slab(self, heights: range) -> Voxels:
        """Return some adjacent slices alone, in memory.

        Raises
        ------
        ValueError : where there are none
        """
        count, _, _ = self.slices.shape
        first = heights.start + (count // 2 if self.below is None else self.below)
        if first < 0 or first + len(heights) > count:
            raise ValueError(
                f"rows: there are voxels for {count} detector rows, not for those from z = {heights.start} "
                f"to {heights[-1]}"
            )
        kept = self.slices[first : first + len(heights)] * np.float32(self.scale)
        return Voxels(kept, below=-heights.start)

    def _at(self, z: float) -> Float32:
        level = round(z)
        return np.asarray(self.slab(range(level, level + 1)).slices[:][0], np.float32)

    def at(self, z: float, size: int) -> Float32:
        """Return the slice at row `z` from the middle, cut or padded to (size, size).

        Raises
        ------
        ValueError : where there is none
        """
        whole = self._at(z)
        extent = len(whole)
        left = axis_of(size) - axis_of(extent)
        top = size - extent - left
        wanted = np.zeros((size, size), np.float32)
        rows, columns = (np.arange(max(0, start), min(size, start + extent)) for start in (top, left))
        wanted[np.ix_(rows, columns)] = whole[np.ix_(rows - top, columns - left)]
        return wanted

    def density_at(self, x: Float64, y: Float64) -> Float64:
        """Return the attenuation of the middle slice at points (x, y) from the rotation axis."""
        middle = self._at(0)
        extent = len(middle)
        column = np.rint(x).astype(int) + axis_of(extent)
        row = extent - 1 - axis_of(extent) - np.rint(y).astype(int)
        there = (column >= 0) & (column < extent) & (row >= 0) & (row < extent)
        held = middle[np.where(there, row, 0), np.where(there, column, 0)]
        return np.where(there, held, 0.0).astype(np.float64)

    def footprint(self, angles: int, columns: int) -> int:
        """Return about how many bytes of memory projecting takes at most."""
        extent = self.slices.shape[1]
        together = 1 if extent > LARGE else TOGETHER
        return together * (16 * (OVERSAMPLING * extent) ** 2 + 16 * angles * (columns + math.ceil(1.5 * extent)))

    def line_integrals(self, theta: Float64, heights: range, columns: int, center: float) -> Float32:
        """Return (row, angle, column) line integrals of the slices at some heights z.

        Raises
        ------
        ValueError : where there are no such slices
        """
        from scipy import fft

        extent = self.slices.shape[1]
        # Long enough for what lies outside the field of view not to come round into it.
        length = fft.next_fast_len(columns + math.ceil(1.5 * extent), real=True)
        length += length % 2
        together = 1 if extent > LARGE else TOGETHER
        projected = np.empty((len(heights), len(theta), columns), np.float32)
        for row in range(0, len(heights), together):
            some = self.slab(heights[row : row + together]).slices[:]
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
