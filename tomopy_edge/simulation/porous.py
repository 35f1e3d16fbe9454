"""Porous and grown matter whose borders are neither ellipses nor straight: level sets of random waves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.simulation.pieces import heights_of
from tomopy_edge.simulation.placing import chance
from tomopy_edge.simulation.voxels import axis_of

MEASURED = 3
"""Slices that the slope of a field is measured in."""

LEVELS = 3
"""Most materials beside the matrix."""


@dataclass(frozen=True)
class Field:
    """A random field of mean 0 and deviation 1, whose waves are about 2 pi grains long.

    It turns slowly from one field into another along z, by a radian for each grain.

    Attributes
    ----------
    pair : (2, y, x), both fields
    grain : pixels
    """

    pair: Float32
    grain: float

    def at(self, z: int) -> Float32:
        """Return the field at height `z`, (y, x)."""
        t = z / self.grain
        turned: Float32 = self.pair[0] * np.float32(math.cos(t)) + self.pair[1] * np.float32(math.sin(t))
        return turned


@dataclass(frozen=True)
class Level:
    """A material that fills the places where a field is above a threshold.

    Attributes
    ----------
    value : attenuation of the material; the matrix has 1
    gentlest : least slope that the field is taken to have: where it is flatter, the border is sharper than a pixel
    """

    field: Field
    threshold: float
    value: float
    gentlest: float

    def share(self, z: int) -> Float32:
        """Return the share of each pixel at height `z` that the material fills, (y, x)."""
        field = self.field.at(z)
        share = 0.5 + (field - self.threshold) / np.maximum(_slope(field), np.float32(self.gentlest))
        return np.asarray(np.clip(share, 0, 1), np.float32)


@dataclass(frozen=True)
class Rock:
    """A body with a network of pores and, often, minerals, whose slices are made when they are asked for.

    Attributes
    ----------
    shape : (z, y, x); the middle slice is at z = 0
    levels : materials, one after the other
    texture : a field that the attenuation follows, and how strongly, or None
    outline : (y, x), the share of each pixel that the body fills
    """

    shape: tuple[int, int, int]
    levels: tuple[Level, ...]
    texture: tuple[float, Field] | None
    outline: Float32

    def __getitem__(self, rows: slice) -> Float32:
        """Return some slices, (z, y, x), relative attenuation: the matrix is 1."""
        count, *sides = self.shape
        chosen = range(count)[rows]
        slices = np.ones((len(chosen), *sides), np.float32)
        for index, row in enumerate(chosen):
            z = row - count // 2
            for level in self.levels:
                slices[index] += level.share(z) * (np.float32(level.value) - slices[index])
            if self.texture is not None:
                strength, field = self.texture
                slices[index] *= 1 + np.float32(strength) * field.at(z)
        slices *= self.outline
        return slices


def rock(rng: np.random.Generator, radius: float, rows: int, size: int) -> Rock:
    """Return a random rock: its borders are where random fields exceed thresholds.

    Parameters
    ----------
    radius : of the body, pixels
    rows, size : slices, and pixels along each side of one
    """
    levels: list[Level] = []
    grain = max(1.5, radius * math.exp(rng.uniform(math.log(0.008), math.log(0.12))))
    for _ in range(int(rng.integers(1, LEVELS + 1))):
        field = _field(rng, grain * rng.uniform(0.6, 1.6), size)
        threshold = rng.uniform(0.2, 1.6)
        # The first level makes pores, the others minerals.
        value = rng.uniform(0.2, 2.5) if levels else rng.choice([0.0, 0.0, rng.uniform(0, 0.7)])
        levels.append(Level(field, threshold, float(value), _gentlest(field, rows)))
    texture = None
    if chance(rng, 0.4):
        strength = rng.uniform(0.01, 0.08)
        texture = strength, _field(rng, grain * rng.uniform(0.3, 3), size)
    return Rock((rows, size, size), tuple(levels), texture, outline(rng, radius, size))


def _field(rng: np.random.Generator, grain: float, size: int) -> Field:
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
    return Field(pair, grain)


def _slope(field: Float32) -> Float32:
    return np.asarray(np.hypot(*np.gradient(field)), np.float32)


def _gentlest(field: Field, rows: int) -> float:
    """Return a fifth of a field's mean slope around z = 0."""
    slopes = np.stack([_slope(field.at(z)) for z in heights_of(min(rows, MEASURED))])
    return float(slopes.mean() / 5)


def outline(rng: np.random.Generator, radius: float, size: int) -> Float32:
    """Return the share of each pixel, (y, x), that a lumpy disc of about this radius fills."""
    axis = axis_of(size)
    y, x = np.ogrid[size - 1 - axis : -axis - 1 : -1, -axis : size - axis]
    direction = np.arctan2(y, x)
    edge = np.full((size, size), 0.93)
    for lobes in range(2, 6):
        edge += rng.normal(0, 0.08 / lobes) * np.cos(lobes * direction + rng.uniform(0, 2 * math.pi))
    return np.asarray(np.clip(0.5 + radius * np.minimum(edge, 1) - np.hypot(x, y), 0, 1), np.float32)
