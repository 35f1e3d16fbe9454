"""The sorts of matter a body is made of or holds, each drawn at random from a seeded generator.

Attenuation is relative: a body is about 1.
"""

from __future__ import annotations

import math

import numpy as np

from tomopy_edge.simulation.pieces import Pieces, Shape, pick, pieces
from tomopy_edge.simulation.placing import apart, chance, sizes, spots

BRIGHT = 0.1
"""Share of the pores that hold something dense, in foams that have such pores."""


def body(rng: np.random.Generator, radius: float, flat: float) -> Pieces:
    """Return the matter that holds the features: an ellipse or a box, some with a shell or a gradient."""
    angle = rng.uniform(0, math.pi)
    shape = Shape.BOX if chance(rng, 0.15) else Shape.ELLIPSOID
    fit = 0.8 if shape == Shape.BOX else 1.0
    parts = [pieces(1, shape, attenuation=1, a=radius * fit, b=radius * flat * fit, angle=angle)]
    if chance(rng, 0.35):
        thickness = rng.uniform(0.02, 0.15)
        inner = {"a": radius * fit * (1 - thickness), "b": radius * flat * fit * (1 - thickness)}
        parts.append(pieces(1, shape, attenuation=rng.uniform(-1, 0.8), angle=angle, **inner))
    if chance(rng, 0.4):
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
    a = sizes(rng, count, 2, radius * 0.6, 1.6)
    x, y = spots(rng, count, radius * 0.8)
    contrast = rng.choice([-1, 1], count) * rng.uniform(0.05, 1.0, count)
    b, c = a * rng.uniform(0.3, 1, count), a * rng.uniform(0.5, 3, count)
    z = c * rng.uniform(-0.8, 0.8, count)
    angle = rng.uniform(0, math.pi, count)
    return pieces(count, Shape.ELLIPSOID, attenuation=contrast, x=x, y=y, z=z, a=a, b=b, c=c, angle=angle)


def foam(rng: np.random.Generator, radius: float) -> Pieces:
    """Return round pores that do not touch, empty or partly filled; some foams hold bright specks."""
    drawn = sizes(rng, int(rng.integers(40, 500)), rng.uniform(1.5, 4), radius * rng.uniform(0.05, 0.25))
    x, y, size = apart(rng, drawn, radius * 0.92, rng.uniform(0, 2))
    count = len(size)
    filled = -rng.choice([1.0, 1.0, rng.uniform(0.3, 1)], count)
    if chance(rng, 0.3):
        filled[rng.random(count) < BRIGHT] = rng.uniform(0.5, 3)
    c = size * rng.uniform(1.0, 1.5)
    stretch = rng.uniform(0.75, 1.25, count)
    angle = rng.uniform(0, math.pi, count)
    round_ = {"a": size * stretch, "b": size / stretch, "c": c, "angle": angle}
    return pieces(count, Shape.ELLIPSOID, attenuation=filled, x=x, y=y, z=c * rng.uniform(-0.5, 0.5, count), **round_)


def grains(rng: np.random.Generator, radius: float) -> Pieces:
    """Return round and edged grains of a few materials, packed without touching."""
    drawn = sizes(rng, int(rng.integers(20, 300)), rng.uniform(2, 8), radius * rng.uniform(0.1, 0.3), 2)
    x, y, size = apart(rng, drawn, radius, 0.3)
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
    thickness = sizes(rng, int(rng.integers(4, 40)), 1, radius * 0.1, 1.5)
    contrast = rng.choice([-1, 1]) * rng.uniform(0.1, 0.8, len(thickness))
    edges = np.cumsum(thickness * rng.uniform(1.2, 3))
    if chance(rng, 0.5):
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


def texture(rng: np.random.Generator, radius: float) -> Pieces:
    """Return waves of many lengths over regions of the body: matter that is nowhere uniform."""
    count = int(rng.integers(8, 40))
    length = np.exp(rng.uniform(math.log(4), math.log(80), count))
    direction = rng.uniform(0, 2 * math.pi, count)
    wave = 2 * math.pi / length
    strength = rng.uniform(0.02, 0.15) * (length / 20) ** rng.uniform(0, 0.7)
    x, y = spots(rng, count, radius * 0.5)
    a = radius * rng.uniform(0.2, 0.6, count)
    waves = {"wave_x": wave * np.cos(direction), "wave_y": wave * np.sin(direction), "phase": direction * 5}
    return pieces(count, Shape.WAVE, attenuation=strength, x=x, y=y, a=a, b=a * rng.uniform(0.4, 1, count), **waves)


def tissue(rng: np.random.Generator, radius: float) -> Pieces:
    """Return smooth and sharp matter of low contrast, as soft tissue shows in a scan without phase contrast."""
    count = int(rng.integers(20, 120))
    x, y = spots(rng, count, radius * 0.85)
    a = sizes(rng, count, 3, radius * 0.5, 1.8)
    contrast = rng.normal(0, rng.uniform(0.05, 0.25), count)
    made = pieces(count, Shape.LENS, attenuation=contrast, x=x, y=y, a=a, b=a * rng.uniform(0.2, 1, count))
    made["c"] = a * rng.uniform(0.7, 3, count)
    made["z"] = made["c"] * rng.uniform(-0.5, 0.5, count)
    made["angle"] = rng.uniform(0, math.pi, count)
    sharp = rng.random(count) < rng.uniform(0, 0.8)
    made["shape"][sharp] = Shape.ELLIPSOID
    return made
