"""Whether what a denoiser took away looks like noise: no structure left in it, as the two halves of the views show it.

Half the difference of the slices of the even and of the odd views holds the noise of the whole slice, with its strength
and its grain at each place, and none of its structure. What was taken away should look the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float32, Float64
from tomopy_edge.fbp.axis import radii

BLOCK, AROUND = 8, 3
"""Local numbers are taken over so many blocks by so many, of so many pixels by as many."""

RADIUS = 0.95
"""Share of the inscribed circle that is judged."""

LOUDER = 1.6
"""Ratio of the variance taken away to that of the noise, above which more than noise was taken."""

ALIKE = 0.2
"""How much more neighbouring pixels of what was taken away may be alike than those of the noise."""

WITH_EDGES = 0.3
"""Correlation of what was taken away with the slice's own edges, above which those were levelled or raised."""


@dataclass(frozen=True)
class Residual:
    """How much of what was taken away is more than noise.

    Attributes
    ----------
    louder, alike, with_edges : share of the slice where it is stronger than noise, where its pixels are more alike than
        those of noise, and where it follows the slice's edges
    flagged : share of the slice where two of these, or more, agree
    """

    louder: float
    alike: float
    with_edges: float
    flagged: float


def examine_residual(raw: Float32, denoised: Float32, noise: Float32) -> tuple[Residual, Float32]:
    """Return how far what was taken away is from noise, and a map (y, x) of how many of three signs show that.

    Parameters
    ----------
    raw, denoised : (y, x), attenuation per pixel
    noise : (y, x), half the difference of the slices of even and odd views

    Notes
    -----
    The three signs are the local variance, the local correlation of pixels one apart, and the local correlation with
    the slice's own Laplacian, which is what blurring takes away.
    """
    taken, edges = raw - denoised, _laplacian(denoised)
    strength, of_noise = _local(taken**2), _local(noise**2)
    tiny = max(float(of_noise.mean()) * 1e-6, float(np.finfo(np.float32).tiny))
    together = np.abs(_local(taken * edges)) / np.sqrt(np.maximum(strength * _local(edges**2), tiny**2))
    signs = (
        strength > LOUDER * of_noise + tiny,
        _likeness(taken, strength, tiny) - _likeness(noise, of_noise, tiny) > ALIKE,
        together > WITH_EDGES,
    )
    middle = _blocks(radii(raw.shape)) < RADIUS * min(raw.shape) / 2
    louder, alike, along = (float(sign[middle].mean()) for sign in signs)
    count = np.where(middle, np.sum(signs, axis=0), 0)
    flagged = float((count[middle] >= 2).mean())  # noqa: PLR2004 - two of three
    seen = np.zeros_like(raw)
    large = count.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    seen[: len(large), : large.shape[1]] = large
    return Residual(louder, alike, along, flagged), seen


def _local(values: Float32) -> Float64:
    """Return the mean around each block."""
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(_blocks(values), AROUND, mode="nearest"))


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
