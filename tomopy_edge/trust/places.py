"""Where a slice contradicts its scan: the scores of all templates, and the places where they are too high."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.trust.templates import BANK, LENGTH

RINGS, FAINTER = 10.0, 3.0
"""How far around a place a filter rings, in its widths, and by how much fainter than the place, at least."""

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
    holds : contrast of such a structure in the slice itself, attenuation per pixel
    """

    score: Float32
    template: NDArray[np.int8]
    lacks: Float32
    holds: Float32

    def add(self, number: int, score: Float32, lacks: Float32, holds: Float32) -> None:
        """Take over what a further template says where it says more."""
        stronger = np.abs(score) > np.abs(self.score)
        np.copyto(self.score, score, where=stronger)
        np.copyto(self.lacks, lacks, where=stronger)
        np.copyto(self.holds, holds, where=stronger)
        self.template[stronger] = number


def places_of(scores: Scores, limit: float) -> tuple[Place, ...]:
    """Return where scores exceed a limit, the surest place first."""
    from scipy import ndimage

    height = np.abs(scores.score)
    flagged = height > limit
    if not flagged.any():
        return ()
    labels, _ = ndimage.label(ndimage.binary_dilation(flagged, iterations=2))
    pixels = np.flatnonzero(flagged)
    # The highest pixel of each place comes first.
    pixels = pixels[np.argsort(-height.ravel()[pixels])]
    _, firsts, sizes = np.unique(labels.ravel()[pixels], return_index=True, return_counts=True)
    found: list[tuple[Place, float]] = []
    for n in np.argsort(firsts):
        y, x = np.unravel_index(pixels[firsts[n]], height.shape)
        template, lacks, score = BANK[scores.template[y, x]], float(scores.lacks[y, x]), float(height[y, x])
        if any(_is_echo(int(y), int(x), score, place, max(width, template.width)) for place, width in found):
            continue
        holds = float(scores.holds[y, x])
        # What it lacks would level a structure that it holds.
        sort = "invented" if holds * lacks < 0 and abs(holds) > abs(lacks) / 2 else "removed"
        place = Place(int(y), int(x), sort, template.name, lacks, score, int(sizes[n]))
        found.append((place, template.width))
    return tuple(place for place, _ in found[:MOST_PLACES])


def _is_echo(y: int, x: int, score: float, place: Place, width: float) -> bool:
    """Return whether a place belongs to a stronger one beside it, around which filters ring."""
    near = np.hypot(y - place.y, x - place.x) < RINGS * width + LENGTH / 2
    return bool(near) and score < place.score / FAINTER
