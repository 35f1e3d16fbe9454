"""Cracks, pores and specks down to one pixel: what a denoiser is most tempted to take for noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tomopy_edge.simulation.pieces import Pieces, Shape, pick, pieces
from tomopy_edge.simulation.placing import Numbers, chance, drift, spots

Density = Callable[[Numbers, Numbers], Numbers]
"""Attenuation of the middle slice at points x, y."""

THINNEST, WIDEST = 0.6, 3.0
"""Width of a crack, pixels."""

SMALLEST, LARGEST = 1.0, 4.0
"""Diameter of a pore, pixels."""

FAINTEST = -0.3
"""Contrast of cracks and pores runs from this to -1, in shares of the matter around them."""

BRIGHT = 0.15
"""Share of the flaws that are denser than the matter around them."""

EMPTY = 0.05
"""Where there is less matter than this, nothing can crack."""


def flaws(rng: np.random.Generator, radius: float, density: Density) -> Pieces:
    """Return many thin cracks and small pores, each as deep as a share of the matter that it lies in.

    Parameters
    ----------
    radius : pixels, of the disc that holds them
    density : of the matter that is flawed
    """
    parts = [_crack(rng, radius) for _ in range(int(rng.integers(2, 22)))]
    parts.append(_pores(rng, radius, int(rng.integers(10, 200))))
    matter = np.concatenate(parts)
    around = density(matter["x"].copy(), matter["y"].copy())
    matter["attenuation"] *= around
    return pick(matter, around > EMPTY)


def _contrast(rng: np.random.Generator, count: int | None = None) -> Numbers:
    bright = rng.random(count) < BRIGHT
    deep = rng.random(count) < 0.4  # noqa: PLR2004 - a share
    dark = np.where(deep, -1.0, rng.uniform(-1, FAINTEST, count))
    return np.where(bright, rng.uniform(-FAINTEST, 1.5, count), dark)


def _crack(rng: np.random.Generator, radius: float) -> Pieces:
    """Return one crack: straight and alone, or winding in short pieces, thinner toward its ends."""
    width = math.exp(rng.uniform(math.log(THINNEST), math.log(WIDEST)))
    start = np.array(spots(rng, 1, radius * 0.9))[:, 0]
    direction = rng.uniform(0, 2 * math.pi)
    lean = {"drift_x": rng.normal(0, 0.2), "drift_y": rng.normal(0, 0.2)}
    contrast = float(_contrast(rng))
    if chance(rng, 0.4):
        shape = Shape.BOX if chance(rng, 0.5) else Shape.ELLIPSOID
        alone = {"x": start[0], "y": start[1], "a": rng.uniform(5, 45), "b": width / 2, "angle": direction}
        return pieces(1, shape, attenuation=contrast, **alone, **lean)
    links = int(rng.integers(3, 24))
    step = rng.uniform(5, 16)
    angles = direction + np.cumsum(rng.normal(0, rng.uniform(0.03, 0.4), links))
    steps = step * np.array([np.cos(angles), np.sin(angles)])
    places = start[:, None] + np.cumsum(steps, axis=1) - steps / 2
    taper = np.sqrt(np.sin(np.pi * (np.arange(links) + 0.5) / links)) if chance(rng, 0.5) else 1.0
    half = np.maximum(width / 2 * taper, THINNEST / 2)
    matter = pieces(links, Shape.BOX, attenuation=contrast, x=places[0], y=places[1], a=step / 2, b=half, **lean)
    matter["angle"] = angles
    return pick(matter, np.hypot(*places) < radius)


def _pores(rng: np.random.Generator, radius: float, count: int) -> Pieces:
    x, y = spots(rng, count, radius * 0.95)
    a = np.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST), count)) / 2
    c = a * rng.uniform(1, 2, count)
    # A pore whose middle lies beside the slice is seen smaller than it is: few are left so.
    z = c * rng.normal(0, 0.25, count).clip(-0.8, 0.8)
    return pieces(count, Shape.ELLIPSOID, attenuation=_contrast(rng, count), x=x, y=y, z=z, a=a, b=a, c=c)


def cracks(rng: np.random.Generator, radius: float) -> Pieces:
    """Return thin winding cracks of 0.6 to 5 pixels, pores of one to three pixels, and bright specks."""
    parts = []
    for _ in range(int(rng.integers(1, 9))):
        bends = int(rng.integers(1, 8))
        step = radius * rng.uniform(0.05, 0.35)
        directions = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 0.35, bends))
        start = np.array(spots(rng, 1, radius * 0.6))
        nodes = start + np.cumsum(step * np.array([np.cos(directions), np.sin(directions)]), axis=1)
        nodes = np.concatenate([start, nodes], axis=1)
        middle = (nodes[:, 1:] + nodes[:, :-1]) / 2
        near = np.hypot(*middle) < radius * 0.85
        width = rng.uniform(0.3, 2.5) * rng.uniform(0.7, 1, bends)
        placed = {"x": middle[0], "y": middle[1], "a": step / 2, "b": width, "angle": directions}
        lean = {"drift_x": rng.normal(0, 0.2), "drift_y": rng.normal(0, 0.2)}
        segments = pieces(bends, Shape.BOX, attenuation=-rng.uniform(0.4, 1), **placed, **lean)
        parts.append(pick(segments, near))
    count = int(rng.integers(10, 150))
    x, y = spots(rng, count, radius * 0.85)
    dark = rng.random(count) < rng.uniform(0.4, 1)
    contrast = np.where(dark, -rng.uniform(0.5, 1, count), rng.uniform(0.3, 3, count))
    a, c = rng.uniform(0.5, 3, count), rng.uniform(1.5, 6, count)
    parts.append(pieces(count, Shape.ELLIPSOID, attenuation=contrast, x=x, y=y, a=a, b=a, c=c, **drift(rng, count)))
    return np.concatenate(parts)
