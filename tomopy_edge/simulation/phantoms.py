"""The kinds of objects that scans are simulated of, each drawn at random from a seeded generator.

Attenuation is relative here (a body is about 1); `Phantom.scaled` gives it the units of a scan.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.simulation.pieces import Phantom, Pieces, Shape, pick, pieces

Numbers = NDArray[np.float64]
Feature = Callable[[np.random.Generator, float], Pieces]
"""Draws one sort of matter for a body of a given radius, pixels."""

BRIGHT = 0.1
"""Share of the pores that hold something dense, in foams that have such pores."""

PARTS = {"mixed": 3}
"""Kinds that are made of several features; the others of one."""


def _chance(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.random() < share)


def _spots(rng: np.random.Generator, count: int, radius: float) -> tuple[Numbers, Numbers]:
    """Return x, y of points that fill a disc evenly."""
    distance = radius * np.sqrt(rng.random(count))
    direction = rng.uniform(0, 2 * math.pi, count)
    return distance * np.cos(direction), distance * np.sin(direction)


def _apart(rng: np.random.Generator, sizes: Numbers, radius: float, gap: float) -> tuple[Numbers, ...]:
    """Return x, y and size of discs drawn one after the other, largest first, leaving out those that would touch."""
    placed = np.empty((0, 3))
    for size in np.sort(sizes)[::-1]:
        for _ in range(6):
            x, y = (float(value[0]) for value in _spots(rng, 1, max(radius - size, 1.0)))
            if np.all(np.hypot(placed[:, 0] - x, placed[:, 1] - y) > placed[:, 2] + size + gap):
                placed = np.vstack([placed, (x, y, size)])
                break
    return placed[:, 0], placed[:, 1], placed[:, 2]


def _sizes(rng: np.random.Generator, count: int, smallest: float, largest: float, power: float = 2.5) -> Numbers:
    """Return sizes of which small ones are common: their density falls with the power of the size."""
    low, high = smallest ** (1 - power), largest ** (1 - power)
    sizes: Numbers = (low + (high - low) * rng.random(count)) ** (1 / (1 - power))
    return sizes


def _drift(rng: np.random.Generator, count: int) -> dict[str, Numbers]:
    """Return how pieces lean from row to row: little, for rows are thin."""
    return {"drift_x": rng.normal(0, 0.15, count), "drift_y": rng.normal(0, 0.15, count)}


def body(rng: np.random.Generator, radius: float, flat: float) -> Pieces:
    """Return the matter that holds the features: an ellipse or a box, some with a shell or a gradient."""
    angle = rng.uniform(0, math.pi)
    shape = Shape.BOX if _chance(rng, 0.15) else Shape.ELLIPSOID
    fit = 0.8 if shape == Shape.BOX else 1.0
    parts = [pieces(1, shape, attenuation=1, a=radius * fit, b=radius * flat * fit, angle=angle)]
    if _chance(rng, 0.35):
        thickness = rng.uniform(0.02, 0.15)
        inner = {"a": radius * fit * (1 - thickness), "b": radius * flat * fit * (1 - thickness)}
        parts.append(pieces(1, shape, attenuation=rng.uniform(-1, 0.8), angle=angle, **inner))
    if _chance(rng, 0.4):
        steep = rng.uniform(0.3, 1.5) / radius
        direction = rng.uniform(0, 2 * math.pi)
        wave = {"wave_x": steep * math.cos(direction), "wave_y": steep * math.sin(direction)}
        a, b = radius * 0.95 * fit, radius * flat * 0.95 * fit
        parts.append(
            pieces(1, Shape.WAVE, attenuation=rng.uniform(0.05, 0.4), a=a, b=b, angle=angle, phase=1.5, **wave)
        )
    return np.concatenate(parts)


def ellipses(rng: np.random.Generator, radius: float) -> Pieces:
    """Return overlapping ellipsoids of many sizes, denser and thinner than the body."""
    count = int(rng.integers(5, 80))
    a = _sizes(rng, count, 2, radius * 0.6, 1.6)
    x, y = _spots(rng, count, radius * 0.8)
    contrast = rng.choice([-1, 1], count) * rng.uniform(0.05, 1.0, count)
    b, c = a * rng.uniform(0.3, 1, count), a * rng.uniform(0.5, 3, count)
    z = c * rng.uniform(-0.8, 0.8, count)
    angle = rng.uniform(0, math.pi, count)
    return pieces(count, Shape.ELLIPSOID, attenuation=contrast, x=x, y=y, z=z, a=a, b=b, c=c, angle=angle)


def foam(rng: np.random.Generator, radius: float) -> Pieces:
    """Return round pores that do not touch, empty or partly filled; some foams hold bright specks."""
    drawn = _sizes(rng, int(rng.integers(40, 500)), rng.uniform(1.5, 4), radius * rng.uniform(0.05, 0.25))
    x, y, size = _apart(rng, drawn, radius * 0.92, rng.uniform(0, 2))
    count = len(size)
    filled = -rng.choice([1.0, 1.0, rng.uniform(0.3, 1)], count)
    if _chance(rng, 0.3):
        filled[rng.random(count) < BRIGHT] = rng.uniform(0.5, 3)
    c = size * rng.uniform(1.0, 1.5)
    stretch = rng.uniform(0.75, 1.25, count)
    angle = rng.uniform(0, math.pi, count)
    round_ = {"a": size * stretch, "b": size / stretch, "c": c, "angle": angle}
    return pieces(count, Shape.ELLIPSOID, attenuation=filled, x=x, y=y, z=c * rng.uniform(-0.5, 0.5, count), **round_)


def grains(rng: np.random.Generator, radius: float) -> Pieces:
    """Return round and edged grains of a few materials, packed without touching."""
    drawn = _sizes(rng, int(rng.integers(20, 300)), rng.uniform(2, 8), radius * rng.uniform(0.1, 0.3), 2)
    x, y, size = _apart(rng, drawn, radius, 0.3)
    count = len(size)
    materials = rng.uniform(0.2, 2.5, int(rng.integers(1, 5)))
    made = pieces(count, Shape.ELLIPSOID, attenuation=rng.choice(materials, count), x=x, y=y, a=size)
    made["b"] = size * rng.uniform(0.4, 1, count)
    made["c"] = size * rng.uniform(1.0, 2, count)
    made["z"] = made["c"] * rng.uniform(-0.6, 0.6, count)
    made["angle"] = rng.uniform(0, math.pi, count)
    edged = rng.random(count) < rng.choice([0.0, 0.3, 1.0])
    made["shape"][edged] = Shape.BOX
    made["a"][edged] *= 0.75
    return made


def layers(rng: np.random.Generator, radius: float) -> Pieces:
    """Return parallel sheets or nested rings of alternating contrast, from one pixel to a tenth of the body thick."""
    thickness = _sizes(rng, int(rng.integers(4, 40)), 1, radius * 0.1, 1.5)
    contrast = rng.choice([-1, 1]) * rng.uniform(0.1, 0.8, len(thickness))
    edges = np.cumsum(thickness * rng.uniform(1.2, 3))
    if _chance(rng, 0.5):
        edges = edges[edges < radius * 0.95]
        a, flat = radius - edges, rng.uniform(0.6, 1)
        alternating = contrast[: len(a)] * np.where(np.arange(len(a)) % 2, -1, 1)
        x, y = rng.normal(0, radius * 0.03, 2)
        return pieces(len(a), Shape.ELLIPSOID, attenuation=alternating, x=x, y=y, a=a, b=a * flat)
    places = edges - edges[-1] / 2
    angle = rng.uniform(0, math.pi)
    length = np.sqrt(np.maximum((radius * 0.75) ** 2 - np.minimum(np.abs(places), radius * 0.7) ** 2, 1))
    kept = np.abs(places) < radius * 0.7
    turned = {"x": -places * math.sin(angle), "y": places * math.cos(angle)}
    made = pieces(len(places), Shape.BOX, attenuation=contrast, a=length, b=thickness / 2, angle=angle, **turned)
    return pick(made, kept)


def cracks(rng: np.random.Generator, radius: float) -> Pieces:
    """Return thin winding cracks of 0.6 to 5 pixels, pores of one to three pixels, and bright specks."""
    parts = []
    for _ in range(int(rng.integers(1, 9))):
        bends = int(rng.integers(1, 8))
        step = radius * rng.uniform(0.05, 0.35)
        directions = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 0.35, bends))
        start = np.array(_spots(rng, 1, radius * 0.6))
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
    x, y = _spots(rng, count, radius * 0.85)
    dark = rng.random(count) < rng.uniform(0.4, 1)
    contrast = np.where(dark, -rng.uniform(0.5, 1, count), rng.uniform(0.3, 3, count))
    a, c = rng.uniform(0.5, 3, count), rng.uniform(1.5, 6, count)
    parts.append(pieces(count, Shape.ELLIPSOID, attenuation=contrast, x=x, y=y, a=a, b=a, c=c, **_drift(rng, count)))
    return np.concatenate(parts)


def texture(rng: np.random.Generator, radius: float) -> Pieces:
    """Return waves of many lengths over regions of the body: matter that is nowhere uniform."""
    count = int(rng.integers(8, 40))
    length = np.exp(rng.uniform(math.log(4), math.log(80), count))
    direction = rng.uniform(0, 2 * math.pi, count)
    wave = 2 * math.pi / length
    strength = rng.uniform(0.02, 0.15) * (length / 20) ** rng.uniform(0, 0.7)
    x, y = _spots(rng, count, radius * 0.5)
    a = radius * rng.uniform(0.2, 0.6, count)
    waves = {"wave_x": wave * np.cos(direction), "wave_y": wave * np.sin(direction), "phase": direction * 5}
    return pieces(count, Shape.WAVE, attenuation=strength, x=x, y=y, a=a, b=a * rng.uniform(0.4, 1, count), **waves)


def tissue(rng: np.random.Generator, radius: float) -> Pieces:
    """Return smooth and sharp matter of low contrast, as soft tissue shows in a scan without phase contrast."""
    count = int(rng.integers(20, 120))
    x, y = _spots(rng, count, radius * 0.85)
    a = _sizes(rng, count, 3, radius * 0.5, 1.8)
    contrast = rng.normal(0, rng.uniform(0.05, 0.25), count)
    made = pieces(count, Shape.LENS, attenuation=contrast, x=x, y=y, a=a, b=a * rng.uniform(0.2, 1, count))
    made["c"] = a * rng.uniform(0.7, 3, count)
    made["z"] = made["c"] * rng.uniform(-0.5, 0.5, count)
    made["angle"] = rng.uniform(0, math.pi, count)
    sharp = rng.random(count) < rng.uniform(0, 0.8)
    made["shape"][sharp] = Shape.ELLIPSOID
    return made


FEATURES: dict[str, Feature] = {
    "ellipses": ellipses,
    "foam": foam,
    "grains": grains,
    "layers": layers,
    "cracks": cracks,
    "texture": texture,
    "tissue": tissue,
}
KINDS = (*FEATURES, "mixed")
"""What `tomopy-edge simulate --kind` offers."""


def draw_phantom(
    rng: np.random.Generator, kind: str, columns: int, *, fill: tuple[float, float] = (0.4, 0.95)
) -> Phantom:
    """Return a random object of a kind, for a detector of so many columns.

    Parameters
    ----------
    rng : a seeded generator; the same state gives the same phantom
    kind : one of `KINDS`
    columns : detector pixels across
    fill : least and largest share of the detector's width that it takes up; above 1 it sticks out of the field of view

    Raises
    ------
    ValueError : where there is no such kind
    """
    if kind not in KINDS:
        raise ValueError(f"kind: must be one of {', '.join(KINDS)}, got {kind!r}")
    radius = columns / 2 * rng.uniform(*fill)
    flat = float(rng.uniform(0.7, 1.0))
    names = [kind] if kind in FEATURES else list(rng.choice(list(FEATURES), PARTS[kind], replace=False))
    # Grains may lie loose in air; everything else needs matter around it.
    parts = [] if names == ["grains"] and _chance(rng, 0.5) else [body(rng, radius, flat)]
    parts += [FEATURES[name](rng, radius * flat * rng.uniform(0.8, 1.0)) for name in names]
    matter = np.concatenate(parts)
    matter["x"] += rng.normal(0, columns * 0.02)
    matter["y"] += rng.normal(0, columns * 0.02)
    return Phantom(kind, matter)
