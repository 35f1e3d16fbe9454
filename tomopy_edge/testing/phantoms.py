"""Slices and sinograms in which every mistake of axes shows: not square, no symmetry, no two rows alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64, Sinograms

FIRST_ROW, PIXEL_SIZE = 11, 1.3
"""What must be carried along with the rows."""

NOISE = 0.1
"""Standard deviation of the noise in slices, as a share of the attenuation of the matter."""


FEWEST, SMALLEST = 4, 32
"""Slices, and pixels along an edge, in which mistakes can be told apart."""


def expect_shape(shape: tuple[int, int, int]) -> None:
    """Raise a `ValueError` unless mistakes of axes would show in arrays of `shape`."""
    first, *edges = shape
    if first < FEWEST or min(edges) < SMALLEST or edges[0] == edges[1]:
        raise ValueError(
            f"shape: must be at least {FEWEST} slices of at least {SMALLEST} along each edge, and not square, so that "
            f"swapped axes show; got {shape}"
        )


@dataclass(frozen=True)
class Slices:
    """A body with denser grains and a hole, in noise.

    Attributes
    ----------
    noisy, clean : (z, y, x), attenuation per pixel
    matter, air : (y, x), where all slices are the body alone, or nothing, away from edges
    attenuation : of the body, per pixel
    """

    noisy: Float32
    clean: Float32
    matter: NDArray[np.bool_]
    air: NDArray[np.bool_]
    attenuation: float


def slices(shape: tuple[int, int, int], attenuation: float, seed: int = 0) -> Slices:
    """Return slices of `shape` (z, y, x); another `seed` gives other noise and other places of the grains."""
    count, rows, columns = shape
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:rows, :columns] / np.array([rows - 1, columns - 1])[:, None, None]
    off = np.hypot((v - 0.45) / 0.38, (u - 0.55) / 0.4)
    clean = np.empty(shape, np.float32)
    for z in range(count):
        turn = 0.7 * z + rng.uniform(0, 0.3)
        grain = np.hypot(v - 0.58 - 0.07 * np.sin(turn), u - 0.42 - 0.1 * np.cos(turn)) < 0.06 + 0.012 * (z % 4)
        hole = np.hypot(v - 0.3 - 0.05 * np.cos(turn), u - 0.62 + 0.05 * np.sin(turn)) < 0.08  # noqa: PLR2004 - edge 1
        clean[z] = attenuation * ((off < 1) * 1.0 + 0.6 * grain - hole)
    noise = rng.normal(scale=NOISE * attenuation, size=shape)
    plain = np.ptp(clean, axis=0) == 0
    return Slices(
        (clean + noise).astype(np.float32),
        clean,
        plain & (off < 0.8) & (clean[0] > 0),  # noqa: PLR2004 - a share of the body
        plain & (off > 1.3),  # noqa: PLR2004 - a share of the body
        attenuation,
    )


DISCS = ((0.0, 0.0, 0.62, 1.0), (0.32, 0.5, 0.17, 0.7), (0.36, 2.4, 0.12, -1.0), (0.25, 4.2, 0.09, 1.5))
"""Distance from the axis and radius, as shares of the half-width, angle in radians, attenuation as a share: (distance,
angle, radius, attenuation)."""


def sinograms(rows: int, columns: int, angles: int, attenuation: float, *, centers: bool = False) -> Sinograms:
    """Return the exact line integrals of discs, of which two turn from row to row; the axis is not in the middle.

    Parameters
    ----------
    centers : whether the axis has a column of its own in each row
    """
    # Neither from 0 on nor in order: whoever makes up angles of his own gets another picture.
    theta = 0.3 + np.arange(angles) * np.pi / angles
    theta = np.concatenate([theta[angles // 3 :], theta[: angles // 3]])
    half = (columns - 1) / 2
    middle = half - 2.3
    axis: Float64 = np.full(rows, middle) + (0.6 * centers) * np.arange(rows)
    made = np.zeros((rows, angles, columns))
    for row in range(rows):
        for number, (distance, angle, radius, share) in enumerate(DISCS):
            turned = angle + (0.35 * row if number > 1 else 0.0)
            away = np.arange(columns) - axis[row] - distance * half * np.cos(theta[:, None] - turned)
            made[row] += 2 * share * attenuation * np.sqrt(np.maximum((radius * half) ** 2 - away**2, 0))
    return Sinograms(made.astype(np.float32), theta, axis if centers else middle, FIRST_ROW, PIXEL_SIZE)
