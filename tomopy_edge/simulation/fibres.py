"""Fibres: rods that cross the slice or lie in it, straight or bent, some of them hollow."""

from __future__ import annotations

import math

import numpy as np

from tomopy_edge.simulation.pieces import Pieces, Shape, pieces
from tomopy_edge.simulation.placing import Numbers, apart, chance, spots

STEEPEST = 1.35
"""Radians between a crossing fibre and the rotation axis: beyond this its section is too long to be called one."""


def fibres(rng: np.random.Generator, radius: float) -> Pieces:
    """Return a bundle that crosses the slice, rods that lie in it, or both."""
    crosses, lies = ((True, False), (False, True), (True, True))[int(rng.integers(3))]
    contrast = rng.uniform(0.2, 1.5) * (-1 if chance(rng, 0.2) else 1)
    wall = rng.uniform(0.2, 0.6) if chance(rng, 0.35) else 1.0
    parts = [_across(rng, radius, contrast, wall)] if crosses else []
    parts += [_in_slice(rng, radius, contrast, wall)] if lies else []
    return np.concatenate(parts)


def _across(rng: np.random.Generator, radius: float, contrast: float, wall: float) -> Pieces:
    """Return fibres that run through all rows; the section of an inclined cylinder is an ellipse that drifts."""
    thickness = max(1.0, radius * math.exp(rng.uniform(math.log(0.006), math.log(0.07))))
    count = min(int(rng.integers(15, 350)), int(0.5 * (radius / thickness) ** 2))
    lean, direction = rng.uniform(0, 1.2), rng.uniform(0, 2 * math.pi)
    stray = rng.uniform(0.02, 0.3)
    sizes = thickness * rng.uniform(0.85, 1.15, count)
    x, y, size = apart(rng, sizes / math.cos(lean), radius * 0.95, 0.3)
    tilt = np.minimum(np.abs(lean + stray * rng.normal(size=len(x))), STEEPEST)
    toward = direction + stray * rng.normal(size=len(x))
    b = size * math.cos(lean)
    placed = {"x": x, "y": y, "angle": toward}
    placed |= {"drift_x": np.tan(tilt) * np.cos(toward), "drift_y": np.tan(tilt) * np.sin(toward)}
    rods = pieces(len(x), Shape.ELLIPSOID, attenuation=contrast, a=b / np.cos(tilt), b=b, **placed)
    return _hollowed(rods, wall)


def _in_slice(rng: np.random.Generator, radius: float, contrast: float, wall: float) -> Pieces:
    """Return rods along the slice, of which those that are bent are chains of short straight ones."""
    count = int(rng.integers(4, 50))
    thickness = max(0.7, radius * math.exp(rng.uniform(math.log(0.005), math.log(0.05))))
    x, y = spots(rng, count, radius * 0.65)
    aligned = rng.uniform(0, 2 * math.pi) + rng.normal(0, rng.choice([0.1, 3.0]), count)
    bend = rng.choice([0.0, 1.0]) * rng.normal(0, 1.2, count) / radius
    length = radius * rng.uniform(0.1, 0.6, count)
    parts = [
        _chain(np.array([x[i], y[i]]), aligned[i], length[i], bend[i], thickness * rng.uniform(0.8, 1.2), rng)
        for i in range(count)
    ]
    rods = np.concatenate(parts)
    rods["attenuation"] = contrast
    return _hollowed(rods, wall)


def _chain(
    middle: Numbers, direction: float, length: float, curvature: float, size: float, rng: np.random.Generator
) -> Pieces:
    """Return rods end to end along an arc; each lies in one plane, at a height where it cuts the slice."""
    links = max(1, round(abs(curvature) * length / 0.12))
    along = (np.arange(links) + 0.5) / links - 0.5
    angles = direction + curvature * length * along
    step = length / links
    steps = step * np.array([np.cos(angles), np.sin(angles)])
    places = np.cumsum(steps, axis=1) - steps / 2
    places += (middle - places.mean(axis=1))[:, None]
    height = size * rng.uniform(-0.9, 0.9)
    return pieces(links, Shape.ROD, x=places[0], y=places[1], z=height, a=step / 2, b=size, c=size, angle=angles)


def _hollowed(rods: Pieces, wall: float) -> Pieces:
    """Return rods with the cores that leave only a wall of them, `wall` thick where 1 is all of it."""
    if wall >= 1:
        return rods
    cores = rods.copy()
    cores["attenuation"] *= -1
    for name in ("b", "c") if rods["shape"][0] == Shape.ROD else ("a", "b"):
        cores[name] *= 1 - wall
    return np.concatenate([rods, cores])
