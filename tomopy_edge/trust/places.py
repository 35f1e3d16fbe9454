"""Where a slice contradicts its scan: the scores of all templates, and the places where they are too high."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.trust.templates import BANK, LENGTH, Template

RINGS, FAINTER = 10.0, 3.0
"""How far around a place a filter rings, in its widths, and by how much fainter than the place, at least."""

NEAREST, FARTHEST = 3.0, 5.0
"""Of the ring around a place that it is compared with, in widths of the structure."""

MOST_PLACES = 10
"""Places that are told of a slice, the surest first."""


@dataclass(frozen=True)
class Place:
    """Where a slice contradicts its scan.

    Attributes
    ----------
    y, x : pixel
    sort : "removed" where the scan shows a structure that the slice lacks, "invented" where it shows the slice's not
    what : the structure, in words
    contrast : attenuation per pixel that the slice lacks there, negative where it has too much
    score : standard deviations by which that surely exceeds what a slice may err by
    pixels : that are flagged around it
    """

    y: int
    x: int
    sort: str
    what: str
    contrast: float
    score: float
    pixels: int


@dataclass
class Scores:
    """What all templates together say of a slice so far, (y, x) each.

    Attributes
    ----------
    score : of the template with the largest, signed: positive where the scan shows more attenuation than the slice
    template : its number
    lacks : attenuation per pixel that the slice lacks, as that template tells it
    """

    score: Float32
    template: NDArray[np.int8]
    lacks: Float32

    def add(self, number: int, score: Float32, contrast: Float32) -> None:
        """Take over what a further template says where it says more."""
        stronger = np.abs(score) > np.abs(self.score)
        np.copyto(self.score, score, where=stronger)
        np.copyto(self.lacks, contrast, where=stronger)
        self.template[stronger] = number


def places_of(scores: Scores, limit: float, denoised: Float32) -> tuple[Place, ...]:
    """Return where scores exceed a limit, the surest place first.

    Parameters
    ----------
    denoised : (y, x), attenuation per pixel: the slice that was judged
    """
    from scipy import ndimage

    height = np.abs(scores.score)
    flagged = height > limit
    if not flagged.any():
        return ()
    labels, count = ndimage.label(ndimage.binary_dilation(flagged, iterations=2))
    peaks = ndimage.maximum_position(height, labels, range(1, count + 1))
    sizes = ndimage.sum_labels(flagged, labels, range(1, count + 1))
    found: list[tuple[Place, float]] = []
    for (y, x), pixels in sorted(zip(peaks, sizes, strict=True), key=lambda one: -height[one[0]]):
        template, lacks, score = BANK[scores.template[y, x]], float(scores.lacks[y, x]), float(height[y, x])
        if any(_is_echo(y, x, score, place, max(width, template.width)) for place, width in found):
            continue
        sort = _sort(denoised, int(y), int(x), template, lacks)
        place = Place(int(y), int(x), sort, template.name, lacks, score, int(pixels))
        found.append((place, template.width))
    return tuple(place for place, _ in found[:MOST_PLACES])


def _is_echo(y: int, x: int, score: float, place: Place, width: float) -> bool:
    """Return whether a place belongs to a stronger one beside it, around which filters ring."""
    near = np.hypot(y - place.y, x - place.x) < RINGS * width + LENGTH / 2
    return bool(near) and score < place.score / FAINTER


def _sort(denoised: Float32, y: int, x: int, template: Template, lacks: float) -> str:
    """Return whether the slice has a structure there that what it lacks would level, or lacks one."""
    reach = int(np.ceil(FARTHEST * template.width))
    top, left = max(y - reach, 0), max(x - reach, 0)
    near = denoised[top : y + reach + 1, left : x + reach + 1]
    v, u = np.ogrid[: near.shape[0], : near.shape[1]]
    away = np.hypot(v + top - y, u + left - x) / template.width
    stands_out = float(near[away <= 1].mean() - near[(away > NEAREST) & (away <= FARTHEST)].mean())
    return "invented" if stands_out * lacks < 0 and abs(stands_out) > abs(lacks) / 2 else "removed"
