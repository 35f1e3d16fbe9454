"""What two halves of the views, whose noise is independent, say of a slice: its resolution, and what denoising gained.

The two halves differ by noise, and by nothing else that the scan shows. So up to the frequency at which they agree
there is structure (Fourier ring correlation: W. O. Saxton, W. Baumeister, J. Microscopy 127, 127, 1982); and a denoised
half should be nearer to the other, raw one than the raw half is (J. Lehtinen et al., Noise2Noise, ICML 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from tomopy_edge.data import Float32, Float64
from tomopy_edge.fbp.axis import radii
from tomopy_edge.trust.field import RADIUS, inside

AGREE = 1 / 7
"""Correlation of the halves up to which there is structure: then that of all views with the truth is one half (P. B.
Rosenthal, R. Henderson, J. Mol. Biol. 333, 721, 2003)."""

FEWEST_VIEWS = 32
"""With fewer, halves show the streaks of too few views rather than noise."""

CHANCE = 0.05
"""Share of how far the halves are apart, by which that may be off."""

POINTS = 96
"""Of a curve, at most, that are kept."""

SMOOTHED = 3
"""Rings whose mean is compared: single ones of few pixels correlate by chance."""

CLEAR = 0.1
"""Correlation of the halves, pixel by pixel, below which they tell no contrast."""

LARGEST = 1024
"""Edge of the square, in the middle of a slice, that correlations are taken in, pixels."""


@dataclass(frozen=True)
class Halves:
    """What the even views, the odd views and the denoised even views say of a slice.

    Attributes
    ----------
    resolution : pixels per period up to which the raw halves agree: that of half the views, at best, which is coarser
        than that of all where views are few; 2 is the finest that pixels can hold
    frequencies : (point,), cycles per pixel
    raw : (point,), correlation of the raw halves
    denoised : (point,), correlation of the denoised even half with the raw odd one
    gain : dB by which denoising brought the even half nearer to the odd one; 3.01 where it left no error at all, below
        0 where it did harm. More than 3.01 says that the views are too few: halves then differ by streaks, too.
    error : rms error that the denoised half is left with, attenuation per pixel; None where the gain is above 3.01
    error_left : that as a share of the raw half's; above 1 where denoising did harm
    contrast : of the denoised even half, as a share of the contrast that the raw halves agree on; 1 where denoising
        changed no attenuation, None where they agree on too little
    """

    resolution: float
    frequencies: tuple[float, ...]
    raw: tuple[float, ...]
    denoised: tuple[float, ...]
    gain: float
    error: float | None
    error_left: float | None
    contrast: float | None = None


def compare_halves(even: Float32, odd: Float32, denoised: Float32) -> Halves:
    """Return what halves of the views say of a slice, (y, x) each.

    Parameters
    ----------
    even, odd : slices of every second view
    denoised : that of the even views, denoised
    """
    within = inside(even.shape)
    apart, after = (float(np.mean((one - odd)[within] ** 2, dtype=np.float64)) for one in (even, denoised))
    # The odd half's own error is half of how far the raw ones are apart.
    # Where it is negative, beyond what chance does, the halves' errors are not independent.
    left = after - apart / 2
    known = left > -CHANCE * apart
    spectra = [_spectrum(_middle(one)) for one in (even, odd, denoised)]
    edge = min(LARGEST, *even.shape)
    rings = _rings(edge)
    count = edge // 2
    raw = _smooth(_correlation(spectra[0], spectra[1], rings, count))
    gained = _smooth(_correlation(spectra[2], spectra[1], rings, count))
    frequencies = np.arange(1, count + 1) / edge
    tiny = np.finfo(float).tiny
    return Halves(
        resolution=_resolution(frequencies, raw),
        frequencies=_points(frequencies),
        raw=_points(raw),
        denoised=_points(gained),
        gain=float(10 * np.log10(max(apart, tiny) / max(after, tiny))),
        error=float(np.sqrt(max(left, 0.0))) if known else None,
        error_left=float(np.sqrt(max(left, 0.0) / max(apart / 2, tiny))) if known else None,
        contrast=_contrast(even[within], odd[within], denoised[within]),
    )


def _contrast(even: Float32, odd: Float32, denoised: Float32) -> float | None:
    """Return the share of the contrast that is left, of pixels (pixel,); the odd noise is independent of both."""
    deviation = odd - odd.mean(dtype=np.float64)
    agreed, left = (float(np.mean(one * deviation, dtype=np.float64)) for one in (even, denoised))
    alone = float(even.std(dtype=np.float64)) * float(odd.std(dtype=np.float64))
    return left / agreed if agreed > CLEAR * alone and agreed > 0 else None


def _spectrum(image: Float32) -> np.ndarray:
    from scipy import fft

    window = _window(image.shape)
    level = float((image * window).sum(dtype=np.float64) / window.sum(dtype=np.float64))
    return np.asarray(fft.rfft2((image - np.float32(level)) * window))


@cache
def _window(shape: tuple[int, ...]) -> Float32:
    """Return what images (y, x) fade out by; a sharp edge would correlate at all frequencies."""
    radius, end = radii(shape), RADIUS * min(shape) / 2
    return np.where(radius < end, 0.5 + 0.5 * np.cos(np.pi * np.minimum(radius / end, 1)), 0).astype(np.float32)


def _middle(image: Float32) -> Float32:
    edge = min(LARGEST, *image.shape)
    y, x = ((length - edge) // 2 for length in image.shape)
    return image[y : y + edge, x : x + edge]


@cache
def _rings(edge: int) -> np.ndarray:
    """Return the number of the ring that each frequency of `rfft2` lies on, for images (edge, edge)."""
    frequency = np.hypot(np.fft.fftfreq(edge)[:, None], np.fft.rfftfreq(edge))
    return np.asarray(np.rint(frequency * edge), np.int64)


def _correlation(one: np.ndarray, other: np.ndarray, rings: np.ndarray, count: int) -> Float64:
    """Return the Fourier ring correlation of two spectra, from ring 1 to `count`."""
    which = rings.ravel()
    pairs = ((one * other.conj()).real, np.abs(one) ** 2, np.abs(other) ** 2)
    cross, own, others = (np.bincount(which, pair.ravel(), count + 1)[1 : count + 1] for pair in pairs)
    return np.asarray(cross / np.sqrt(np.maximum(own * others, np.finfo(float).tiny)), np.float64)


def _smooth(curve: Float64) -> Float64:
    padded = np.pad(curve, SMOOTHED // 2, "edge")
    return np.convolve(padded, np.full(SMOOTHED, 1 / SMOOTHED), "valid")


def _resolution(frequencies: Float64, curve: Float64) -> float:
    below = np.flatnonzero(curve < AGREE)
    if not below.size:
        return 2.0
    n = int(below[0])
    if n == 0:
        return float(1 / frequencies[0])
    # Between two rings, on the straight line.
    share = (curve[n - 1] - AGREE) / max(curve[n - 1] - curve[n], 1e-12)
    return float(1 / (frequencies[n - 1] + share * (frequencies[n] - frequencies[n - 1])))


def _points(curve: Float64) -> tuple[float, ...]:
    """Return a curve of few points: means of as many neighbours each."""
    starts = np.linspace(0, len(curve), min(POINTS, len(curve)) + 1).astype(int)
    means = np.add.reduceat(curve, starts[:-1]) / np.diff(starts)
    return tuple(round(float(mean), 4) for mean in means)
