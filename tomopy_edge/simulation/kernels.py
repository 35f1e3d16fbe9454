"""The closed forms: what a ray gathers and what a point holds of a section, compiled with numba."""

from __future__ import annotations

import math
from typing import Any

import numba  # noqa: TID253 - this module is nothing but numba kernels and is itself imported when they are needed
import numpy as np
from numpy.typing import NDArray

from tomopy_edge.simulation.pieces import Pieces

LENS, WAVE, BOX = 1, 2, 3  # numba reads plain integers; a test compares them with pieces.Shape

OFF_MIDDLE = 0.5 / math.sqrt(3)
"""Rays cross a detector pixel at -/+ this: two-point Gauss quadrature, so that thin features do not alias."""

TINY = 1e-9


@numba.njit(cache=True, nogil=True)
def _through_box(t: float, a: float, b: float, sine: float, cosine: float) -> float:
    """Return how long a ray runs in a box of half edges a, b; the ray passes its middle at distance t."""
    s = max(abs(sine), TINY)
    c = max(abs(cosine), TINY)
    ends = (a * c + b * s - abs(t)) / (s * c)
    return max(0.0, min(ends, 2 * a / s, 2 * b / c))


@numba.njit(cache=True, nogil=True)
def _through_ellipse(t: float, piece: Any, sine: float, cosine: float, reach: float) -> float:
    """Return what a ray gathers of a round piece; `sine`, `cosine`: of the ray's normal against the piece's axis a."""
    u = t / reach
    inside = 1 - u * u
    if inside <= 0:
        return 0.0
    length: float = 2 * piece.a * piece.b / reach * math.sqrt(inside)
    if piece.shape == LENS:
        return length * inside * (2 / 3)
    if piece.shape != WAVE:
        return length
    # The wave over a chord is its value at the chord's middle times sinc; the middles lie on the conjugate diameter.
    middle_a = t * piece.a**2 * cosine / reach**2
    middle_b = t * piece.b**2 * sine / reach**2
    turn_s, turn_c = math.sin(piece.angle), math.cos(piece.angle)
    wave_a = piece.wave_x * turn_c + piece.wave_y * turn_s
    wave_b = piece.wave_y * turn_c - piece.wave_x * turn_s
    half_turns = (wave_b * cosine - wave_a * sine) * length / 2
    sinc = math.sin(half_turns) / half_turns if abs(half_turns) > TINY else 1.0
    return length * sinc * math.cos(piece.phase + wave_a * middle_a + wave_b * middle_b)


@numba.njit(cache=True, nogil=True)
def add_projections(
    section: Pieces,
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    center: float,
    projected: NDArray[np.float32],
) -> None:
    """Add a section's line integrals to `projected`, (angle, column); a wave's phase counts from its own middle.

    The ray of column n at angle theta runs along x cos(theta) + y sin(theta) = n - center.
    """
    columns = projected.shape[1]
    for index in range(len(section)):
        piece: Any = section[index]
        turn_s, turn_c = math.sin(piece.angle), math.cos(piece.angle)
        for i in range(len(cosines)):
            cosine = cosines[i] * turn_c + sines[i] * turn_s
            sine = sines[i] * turn_c - cosines[i] * turn_s
            if piece.shape == BOX:
                reach = piece.a * abs(cosine) + piece.b * abs(sine)
            else:
                reach = math.sqrt((piece.a * cosine) ** 2 + (piece.b * sine) ** 2)
            middle = center + piece.x * cosines[i] + piece.y * sines[i]
            first = max(0, math.floor(middle - reach - 0.5))
            last = min(columns - 1, math.ceil(middle + reach + 0.5))
            for column in range(first, last + 1):
                gathered = 0.0
                for t in (column - middle - OFF_MIDDLE, column - middle + OFF_MIDDLE):
                    if piece.shape == BOX:
                        gathered += _through_box(t, piece.a, piece.b, sine, cosine)
                    else:
                        gathered += _through_ellipse(t, piece, sine, cosine, reach)
                projected[i, column] += piece.attenuation * gathered / 2


@numba.njit(cache=True, nogil=True)
def _density(piece: Any, x: float, y: float, turn_s: float, turn_c: float) -> float:
    """Return a piece's attenuation at (x, y) from its middle."""
    u = (x * turn_c + y * turn_s) / piece.a
    v = (y * turn_c - x * turn_s) / piece.b
    full: float = piece.attenuation
    if piece.shape == BOX:
        return full if abs(u) <= 1 and abs(v) <= 1 else 0.0
    inside: float = 1 - u * u - v * v
    if inside < 0:
        return 0.0
    if piece.shape == LENS:
        return full * inside
    if piece.shape == WAVE:
        return full * math.cos(piece.phase + piece.wave_x * x + piece.wave_y * y)
    return full


@numba.njit(cache=True, nogil=True)
def add_slice(section: Pieces, axis_x: float, axis_y: float, fineness: int, truth: NDArray[np.float32]) -> None:
    """Add a section's attenuation to `truth`, (y, x), averaged over `fineness`^2 points of each pixel."""
    rows, columns = truth.shape
    for index in range(len(section)):
        piece: Any = section[index]
        turn_s, turn_c = math.sin(piece.angle), math.cos(piece.angle)
        if piece.shape == BOX:
            wide = piece.a * abs(turn_c) + piece.b * abs(turn_s)
            high = piece.a * abs(turn_s) + piece.b * abs(turn_c)
        else:
            wide = math.hypot(piece.a * turn_c, piece.b * turn_s)
            high = math.hypot(piece.a * turn_s, piece.b * turn_c)
        column, row = axis_x + piece.x, axis_y - piece.y
        for v in range(max(0, math.floor(row - high - 0.5)), min(rows - 1, math.ceil(row + high + 0.5)) + 1):
            for u in range(
                max(0, math.floor(column - wide - 0.5)), min(columns - 1, math.ceil(column + wide + 0.5)) + 1
            ):
                held = 0.0
                for i in range(fineness):
                    y = row - v - (i + 0.5) / fineness + 0.5
                    for j in range(fineness):
                        x = u - column + (j + 0.5) / fineness - 0.5
                        held += _density(piece, x, y, turn_s, turn_c)
                truth[v, u] += held / fineness**2
