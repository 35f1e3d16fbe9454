"""Which spatial frequencies a denoised slice holds, compared with the truth: blur and left-over noise show here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float32, Float64
from tomopy_edge.evaluation.measures import RIM
from tomopy_edge.fbp.axis import radii

RINGS = 32
"""Rings of equal width, from frequency 0 to 0.5 cycles per pixel, over which power is averaged."""

BANDS = {"low": (0.0, 0.1), "middle": (0.1, 0.25), "high": (0.25, 0.5)}
"""Name of a band -> its frequencies, cycles per pixel."""

DEFINITION = (
    "radial power spectrum over that of the truth, 1 the same, in the bands "
    + ", ".join(f"{name} {low:g}-{high:g}" for name, (low, high) in BANDS.items())
    + " cycles per pixel; the slice is multiplied by a Hann window over the diameter of the measured circle"
)
"""What the spectrum means, for the table."""


@dataclass(frozen=True)
class Spectrum:
    """Power of a slice over that of the truth.

    Attributes
    ----------
    bands : one ratio for each of `BANDS`, of the power summed over the band
    curve : (RINGS,), one ratio for each ring, from low to high frequency
    """

    bands: tuple[float, ...]
    curve: tuple[float, ...]


def power_ratio(denoised: Float32, truth: Float32) -> Spectrum:
    """Return the radial power spectrum of a slice over that of the truth, (y, x) each."""
    own, true = _power(denoised), _power(truth)
    frequency = np.hypot(np.fft.fftfreq(truth.shape[0])[:, None], np.fft.rfftfreq(truth.shape[1]))
    bands = tuple(
        float(own[inside].sum() / true[inside].sum())
        for inside in ((low < frequency) & (frequency <= high) for low, high in BANDS.values())
    )
    ring = np.ceil(frequency * 2 * RINGS).astype(int).ravel()
    own_rings, true_rings = (np.bincount(ring, power.ravel(), RINGS + 1)[1 : RINGS + 1] for power in (own, true))
    return Spectrum(bands, tuple(float(ratio) for ratio in own_rings / true_rings))


def _power(image: Float32) -> Float64:
    """Return the power spectrum, with each frequency of the half that `rfft2` leaves out counted once only."""
    radius, end = radii(image.shape), min(image.shape) / 2 - RIM
    window = np.where(radius < end, 0.5 + 0.5 * np.cos(np.pi * radius / end), 0.0)
    power: Float64 = np.abs(np.fft.rfft2(image * window)) ** 2
    return power
