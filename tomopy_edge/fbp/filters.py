"""How strongly each frequency of a projection enters the slice, and at which frequencies projections are sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tomopy_edge.data import Float64

FilterName = Literal["ramlak", "shepp", "cosine", "hann", "hamming", "none"]

WINDOWS: dict[FilterName, Callable[[Float64], Float64]] = {
    "ramlak": np.ones_like,
    "shepp": np.sinc,
    "cosine": lambda f: np.cos(np.pi * f),
    "hann": lambda f: 0.5 + 0.5 * np.cos(2 * np.pi * f),
    "hamming": lambda f: 0.54 + 0.46 * np.cos(2 * np.pi * f),
    "none": np.ones_like,
}
"""What multiplies the ramp at f cycles per column, |f| <= 1/2."""

FINE = 24
"""Below this many frequency steps a projection is sampled at half steps too."""


@dataclass(frozen=True)
class RadialSamples:
    """The frequencies at which every projection's spectrum is taken, from zero up.

    Attributes
    ----------
    frequencies : (sample,), cycles per column; half steps below `FINE` steps, whole ones above
    response : (sample,), weight of each sample in the slice, per radian of angle
    """

    frequencies: Float64
    response: Float64


def band_limited_ramp(frequencies: Float64, length: int) -> Float64:
    """Return the ramp filter's response, as designed in space, at frequencies in cycles per column.

    The ramp |f| cut off at half a cycle per column is, in space, 1/4 at zero and -1 / (pi n)^2 at odd n (Kak and
    Slaney, Principles of Computerized Tomographic Imaging, 1988, equation 3.61). Summed over the columns that a
    projection can reach it is slightly positive at zero frequency, where |f| would lose the slice's mean value.

    Parameters
    ----------
    frequencies : (sample,), cycles per column
    length : how far the filter reaches in space, columns in all
    """
    odd = np.arange(1, length // 2, 2)
    return np.asarray(0.25 - 2 * np.cos(2 * np.pi * np.outer(frequencies, odd)) @ (1 / (np.pi * odd) ** 2))


def radial_samples(length: int, name: FilterName) -> RadialSamples:
    """Return the samples that filter projections padded to `length` columns without wrapping around.

    The ramp has a kink at zero, so that samples a whole step (1 / length) apart would let its long tails wrap around.
    There the samples are half a step apart, as if projections were padded to twice the length; a cosine-squared taper
    leads from the half steps to the whole ones.
    """
    low = np.arange(2 * FINE) / (2 * length)
    high = np.arange(FINE, length // 2) / length
    taper = np.cos(np.pi * low * length / (2 * FINE)) ** 2
    ramp, low_ramp = (high, low), band_limited_ramp(low, 2 * length)
    if name == "none":
        ramp, low_ramp = (np.ones_like(high), np.ones_like(low)), np.ones_like(low)
    whole_step = np.arange(2 * FINE) % 2 == 0
    low_response = low_ramp * taper / 2 + np.where(whole_step, ramp[1] * (1 - taper), 0)
    frequencies = np.concatenate([low, high])
    response = np.concatenate([low_response, ramp[0]]) * WINDOWS[name](frequencies) / length
    return RadialSamples(frequencies, response)
