"""Whether what a denoiser took away looks like noise: no structure left in it, as the two halves of the views show it.

Half the difference of the slices of the even and of the odd views holds the noise of the whole slice, with its strength
and its grain at each place, and none of its structure. What was taken away should look the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.fbp.axis import radii
from tomopy_edge.trust.field import RADIUS, inside

BLOCK, AROUND = 8, 3
"""Local numbers are taken over so many blocks by so many, of so many pixels by as many."""

LOUDER = 1.6
"""Ratio of the variance taken away to that of the noise, above which more than noise was taken."""

ALIKE = 0.2
"""How much more neighbouring pixels of what was taken away may be alike than those of the noise."""

FREE = 0.02
"""Contrast, as a share of the unit, that may be taken away beside noise: FBP itself blurs by as much."""

SMOOTHED = 1.5
"""Standard deviation of the blur before edges are compared, pixels: above it noise is stronger than they are."""

CLEAR = 0.1
"""Correlation of the edges in the two halves, below which there are none to judge by."""


@dataclass(frozen=True)
class Residual:
    """How much of what was taken away is more than noise.

    Attributes
    ----------
    louder, alike : share of the slice where it is stronger than noise, and where its pixels are more alike than those
        of noise
    flagged : share of the slice where both agree
    blur : standard deviation, pixels, of the blur that took as much from the edges, negative where they were sharpened;
        None where the halves agree on no edges above their noise and streaks
    """

    louder: float
    alike: float
    flagged: float
    blur: float | None


@dataclass(frozen=True)
class HalfSlices:
    """The slices of every second view, (y, x) each, attenuation per pixel.

    Attributes
    ----------
    even, odd : as they were reconstructed
    denoised : that of the even views, denoised
    """

    even: Float32
    odd: Float32
    denoised: Float32

    @property
    def noise(self) -> Float32:
        """Half their difference: noise as strong and as grained as that of all views."""
        return (self.even - self.odd) / np.float32(2)


def examine_residual(raw: Float32, denoised: Float32, halves: HalfSlices, unit: float) -> tuple[Residual, Float32]:
    """Return how far what was taken away is from noise, and a map (y, x) of how many of two signs show that.

    Parameters
    ----------
    raw, denoised : (y, x), attenuation per pixel
    halves : of the views
    unit : attenuation per pixel of the densest matter

    Notes
    -----
    The signs are the local variance and the local correlation of pixels one apart.
    """
    taken, noise = raw - denoised, halves.noise
    strength, of_noise = _local(taken**2), _local(noise**2)
    tiny = max(float(of_noise.mean()) * 1e-6, float(np.finfo(np.float32).tiny))
    signs = (
        strength > LOUDER * of_noise + max((FREE * unit) ** 2, tiny),
        _likeness(taken, strength, tiny) - _likeness(noise, of_noise, tiny) > ALIKE,
    )
    middle = _judged(raw.shape)
    louder, alike = (float(sign[middle].mean()) for sign in signs)
    count = np.where(middle, np.sum(signs, axis=0), 0)
    flagged = float((count[middle] == len(signs)).mean())
    seen = np.zeros_like(raw)
    large = count.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    seen[: len(large), : large.shape[1]] = large
    return Residual(louder, alike, flagged, _blur(halves)), seen


def _blur(halves: HalfSlices) -> float | None:
    """Return the blur that took from the edges what the denoised even half lacks of them.

    A blur of variance s^2 takes -s^2 / 2 times the Laplacian away. What the even half lost is compared with the odd
    half's Laplacian, whose noise is independent of it.
    """
    from scipy.ndimage import gaussian_filter

    within = inside(halves.even.shape)
    even, odd, lost = (
        gaussian_filter(one, SMOOTHED) for one in (halves.even, halves.odd, halves.even - halves.denoised)
    )
    edges, again = _laplacian(even)[within], _laplacian(odd)[within]
    both = float(np.mean(edges * again, dtype=np.float64))
    alone = float(np.sqrt(np.mean(edges**2, dtype=np.float64) * np.mean(again**2, dtype=np.float64)))
    if both <= CLEAR * alone:
        return None
    slope = -2 * float(np.mean(lost[within] * again, dtype=np.float64)) / both
    return float(np.copysign(np.sqrt(abs(slope)), slope))


def _local(values: Float32) -> Float64:
    """Return the mean around each block."""
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(_blocks(values), AROUND, mode="nearest"))


@cache
def _judged(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which blocks of slices (y, x) of a shape are judged."""
    return np.asarray(_blocks(radii(shape)) < RADIUS * min(shape) / 2)


def _blocks(values: Float32 | Float64) -> Float64:
    y, x = (length // BLOCK for length in values.shape)
    blocks = values[: y * BLOCK, : x * BLOCK].reshape(y, BLOCK, x, BLOCK)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float64)


def _likeness(values: Float32, strength: Float64, tiny: float) -> Float64:
    """Return the local correlation of pixels with their neighbours to the right and below."""
    right = np.zeros_like(values)
    right[:, :-1] = values[:, :-1] * values[:, 1:]
    right[:-1] += values[:-1] * values[1:]
    return _local(right) / 2 / np.maximum(strength, tiny)


def _laplacian(values: Float32) -> Float32:
    edges = np.zeros_like(values)
    edges[1:-1, 1:-1] = values[2:, 1:-1] + values[:-2, 1:-1] + values[1:-1, 2:] + values[1:-1, :-2]
    edges[1:-1, 1:-1] -= 4 * values[1:-1, 1:-1]
    return edges
