"""How pieces are scattered over a body: their places, their sizes, and how they lean from row to row."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def chance(rng: np.random.Generator, share: float) -> bool:
    """Return True in a share of all draws."""
    return bool(rng.random() < share)


def spots(rng: np.random.Generator, count: int, radius: float) -> tuple[Numbers, Numbers]:
    """Return x, y of points that fill a disc evenly."""
    distance = radius * np.sqrt(rng.random(count))
    direction = rng.uniform(0, 2 * math.pi, count)
    return distance * np.cos(direction), distance * np.sin(direction)


def apart(rng: np.random.Generator, sizes: Numbers, radius: float, gap: float) -> tuple[Numbers, ...]:
    """Return x, y and size of discs drawn one after the other, largest first, leaving out those that would touch."""
    placed = np.empty((0, 3))
    for size in np.sort(sizes)[::-1]:
        for _ in range(6):
            x, y = (float(value[0]) for value in spots(rng, 1, max(radius - size, 1.0)))
            if np.all(np.hypot(placed[:, 0] - x, placed[:, 1] - y) > placed[:, 2] + size + gap):
                placed = np.vstack([placed, (x, y, size)])
                break
    return placed[:, 0], placed[:, 1], placed[:, 2]


def sizes(rng: np.random.Generator, count: int, smallest: float, largest: float, power: float = 2.5) -> Numbers:
    """Return sizes of which small ones are common: their density falls with the power of the size."""
    low, high = smallest ** (1 - power), largest ** (1 - power)
    sizes: Numbers = (low + (high - low) * rng.random(count)) ** (1 / (1 - power))
    return sizes


def drift(rng: np.random.Generator, count: int) -> dict[str, Numbers]:
    """Return how pieces lean from row to row: little, for rows are thin."""
    return {"drift_x": rng.normal(0, 0.15, count), "drift_y": rng.normal(0, 0.15, count)}
