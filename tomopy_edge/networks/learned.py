"""What a network was trained on, in numbers that any noisy slice can be compared by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.networks.unit import RADIUS, noise_level
from tomopy_edge.options import options

PERCENTILES = {"darkest": 0.1, "middle": 50.0, "brightest": 99.9}
"""Field of a `Likeness` -> percentile of the slice, within 95 % of the inscribed circle."""


@dataclass(frozen=True)
class Likeness:
    """What a noisy slice is like, as a network sees it: in its unit.

    Attributes
    ----------
    noise : standard deviation of the noise; see `noise_level`
    darkest, middle, brightest : percentiles 0.1, 50 and 99.9
    """

    noise: float
    darkest: float
    middle: float
    brightest: float

    @classmethod
    def of(cls, noisy: Float32, unit: float) -> Likeness:
        """Return what a slice (y, x) is like whose attenuation per pixel `unit` a network sees as 1."""
        y, x = noisy.shape
        v, u = np.ogrid[:y, :x]
        inside = np.hypot(v - (y - 1) / 2, u - (x - 1) / 2) <= RADIUS * min(y, x) / 2
        levels = np.percentile(noisy[inside], [*PERCENTILES.values()]) / unit
        return cls(noise_level(noisy[np.newaxis]) / unit, *(float(level) for level in levels))


JUDGED = ("darkest", "brightest")
"""What a slice is compared by. How much of it matter fills, which moves the median, is no matter to a network."""

NARROW = 1.0
"""Network units that a range counts for, at least: a model that was adapted to one sample knows few grey values."""

FACTOR = 4
"""Times the noise of the noisiest training slices that counts as far away as a whole range of grey values."""

Range = tuple[float, float]


@options
class Learned:
    """Between which numbers nearly all of a network's training slices lay, network units."""

    slices: int
    """How many were measured."""

    noise: Range
    """Percentiles 2.5 and 97.5 of their noise's standard deviation."""

    darkest: Range
    """Of the percentile 0.1 of their pixels."""

    middle: Range
    """Of the median of their pixels."""

    brightest: Range
    """Of the percentile 99.9 of their pixels."""

    def __post_init__(self) -> None:
        for name in ("noise", "darkest", "middle", "brightest"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"{name}: must be the least and the largest, got {[low, high]}")

    def beyond(self, found: Likeness) -> dict[str, float]:
        """Return how far each number of a slice lies outside its range; those inside are left out.

        Grey values count in widths of their range, and noise in factors of 4 above the largest: less is no fault.
        """
        outside = {"noise": float(np.log(max(found.noise, 1e-9) / max(self.noise[1], 1e-9)) / np.log(FACTOR))}
        for name in JUDGED:
            (low, high), number = getattr(self, name), getattr(found, name)
            outside[name] = max(low - number, number - high) / max(high - low, NARROW)
        return {name: far for name, far in outside.items() if far > 0}
