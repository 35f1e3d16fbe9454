"""Porous and grown matter whose borders are neither ellipses nor straight: level sets of random waves."""

from __future__ import annotations

import math

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.simulation.placing import chance
from tomopy_edge.simulation.voxels import axis_of

LEVELS = 3
"""Most materials beside the matrix."""


def rock(rng: np.random.Generator, radius: float, rows: int, size: int) -> Float32:
    """Return a body with a network of pores and, often, minerals: where a random field exceeds a threshold.

    Parameters
    ----------
    radius : of the body, pixels
    rows, size : slices, and pixels along each side of one

    Returns
    -------
    (z, y, x), relative attenuation: the matrix is 1
    """
    slices = np.ones((rows, size, size), np.float32)
    grain = max(1.5, radius * math.exp(rng.uniform(math.log(0.008), math.log(0.12))))
    for level in range(int(rng.integers(1, LEVELS + 1))):
        field = _field(rng, grain * rng.uniform(0.6, 1.6), rows, size)
        share = _above(field, rng.uniform(0.2, 1.6))
        # The first level makes pores, the others minerals.
        value = rng.choice([0.0, 0.0, rng.uniform(0, 0.7)]) if level == 0 else rng.uniform(0.2, 2.5)
        slices += share * (np.float32(value) - slices)
    if chance(rng, 0.4):
        slices *= 1 + np.float32(rng.uniform(0.01, 0.08)) * _field(rng, grain * rng.uniform(0.3, 3), rows, size)
    return slices * outline(rng, radius, size)


def _field(rng: np.random.Generator, grain: float, rows: int, size: int) -> Float32:
    """Return a random field, (z, y, x), of mean 0 and deviation 1, whose waves are about 2 pi grains long.

    It turns slowly from one field into another along z, by a radian for each grain.
    """
    from scipy import fft

    stretch, turn = math.exp(rng.uniform(-0.7, 0.7)), rng.uniform(0, math.pi)
    v, u = np.meshgrid(fft.fftfreq(size), fft.rfftfreq(size), indexing="ij")
    along = (u * math.cos(turn) + v * math.sin(turn)) * stretch
    across = (v * math.cos(turn) - u * math.sin(turn)) / stretch
    frequency = 2 * np.pi * grain * np.hypot(along, across)
    ring = rng.uniform(0.0, 1.0)
    band = np.exp(-((frequency - ring) ** 2) / (2 * rng.uniform(0.3, 1.0) ** 2))
    band[0, 0] = 0
    noise = rng.standard_normal((2, size, size), np.float32)
    pair = fft.irfft2(fft.rfft2(noise) * band.astype(np.float32), (size, size))
    pair /= pair.std(axis=(1, 2), keepdims=True)
    turned = (np.arange(rows) - rows // 2) / grain
    return np.stack([pair[0] * np.float32(math.cos(t)) + pair[1] * np.float32(math.sin(t)) for t in turned])


def _above(field: Float32, threshold: float) -> Float32:
    """Return the share of each pixel where a field is above a threshold, from its slope there."""
    slope = np.hypot(np.gradient(field, axis=1), np.gradient(field, axis=2))
    share = 0.5 + (field - threshold) / np.maximum(slope, slope.mean() / 5)
    return np.asarray(np.clip(share, 0, 1), np.float32)


def outline(rng: np.random.Generator, radius: float, size: int) -> Float32:
    """Return the share of each pixel, (y, x), that a lumpy disc of about this radius fills."""
    axis = axis_of(size)
    y, x = np.ogrid[size - 1 - axis : -axis - 1 : -1, -axis : size - axis]
    direction = np.arctan2(y, x)
    edge = np.full((size, size), 0.93)
    for lobes in range(2, 6):
        edge += rng.normal(0, 0.08 / lobes) * np.cos(lobes * direction + rng.uniform(0, 2 * math.pi))
    return np.asarray(np.clip(0.5 + radius * np.minimum(edge, 1) - np.hypot(x, y), 0, 1), np.float32)
