"""Whether denoising moved grey values: the mean of each material before and after, as quantitative work needs it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.trust.field import inside

MATERIALS = 3
"""Into which grey values are divided, at most."""

RADIUS = 0.9
"""Share of the inscribed circle that is judged."""

AWAY = 3
"""Pixels from the border of a material, nearer to which blur mixes it with others."""

FEWEST = 400
"""Pixels of which a material's mean is taken."""


@dataclass(frozen=True)
class Material:
    """One material, as grey values tell it from others.

    Attributes
    ----------
    level : its mean in the denoised slice, attenuation per pixel
    bias : mean of the denoised slice less that of the raw one, attenuation per pixel
    pixels : that were compared
    """

    level: float
    bias: float
    pixels: int


def grey_values(raw: Float32, denoised: Float32) -> tuple[Material, ...]:
    """Return how denoising moved the mean of each material of a slice, (y, x) each, the thinnest material first.

    Materials are told apart by thresholds that divide the denoised grey values best (P.-S. Liao et al., J. Inf. Sci.
    Eng. 17, 713, 2001).
    """
    from scipy.ndimage import binary_erosion

    within = inside(denoised.shape, RADIUS)
    borders = [-np.inf, *_thresholds(denoised[within]), np.inf]
    found = []
    for low, high in pairwise(borders):
        material: NDArray[np.bool_] = within & (denoised > low) & (denoised <= high)
        material = binary_erosion(material, iterations=AWAY)
        count = int(material.sum())
        if count >= FEWEST:
            after, before = (float(one[material].mean(dtype=np.float64)) for one in (denoised, raw))
            found.append(Material(after, after - before, count))
    return tuple(found)


def _thresholds(values: Float32) -> list[float]:
    from skimage.filters import threshold_multiotsu

    # A sample tells as much: the histogram has 64 bins.
    some = values[:: max(1, values.size // 200_000)]
    try:
        return [float(level) for level in threshold_multiotsu(some, MATERIALS, nbins=64)]
    except ValueError:  # there are fewer grey values than materials
        return []
