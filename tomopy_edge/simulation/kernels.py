"""The closed forms: what a ray gathers and what a point holds of a section, compiled with numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.simulation.pieces import Pieces

LENS, WAVE, BOX = 1, 2, 3  # numba reads plain integers; a test compares them with pieces.Shape

OFF_MIDDLE = 0.5 / math.sqrt(3)
"""Rays through a wave cross a detector pixel at -/+ this: two-point Gauss quadrature."""

HALF_DIAGONAL = math.sqrt(0.5)
"""From the middle of a pixel to its corner."""

THIN = 2.0
"""Pieces whose smaller half axis is below this are averaged over twice as many points of a pixel each way."""

TINY = 1e-9


@kernel
def _left_of(t: float, piece: Any, sine: float, cosine: float, reach: float) -> float:
    """Return the area of a piece's projection between its middle and the ray at distance t, negative on the left.

    `sine` and `cosine` are those of the ray's normal against the piece's axis a. The difference of two such areas is
    what a detector pixel gathers, exactly, however thin the piece.
    """
    if piece.shape == BOX:
        c, s = abs(cosine), abs(sine)
        inner = abs(piece.a * c - piece.b * s)
        height = min(2 * piece.a / max(s, TINY), 2 * piece.b / max(c, TINY))
        far = abs(t)
        if far <= inner:
            area = height * far
        elif far < reach:
            slope = reach - inner
            area = height * inner + height * (slope**2 - (reach - far) ** 2) / (2 * slope)
        else:
            area = 2 * piece.a * piece.b
        return float(area if t >= 0 else -area)
    u = min(1.0, max(-1.0, t / reach))
    root = math.sqrt(1 - u * u)
    whole: float = piece.a * piece.b
    if piece.shape == LENS:
        return float(whole / 6 * (u * (5 - 2 * u * u) * root + 3 * math.asin(u)))
    return float(whole * (u * root + math.asin(u)))


@kernel
def _through_wave(t: float, piece: Any, sine: float, cosine: float, reach: float) -> float:
    """Return what one ray gathers of an ellipse filled with a wave."""
    u = t / reach
    inside = 1 - u * u
    if inside <= 0:
        return 0.0
    length: float = 2 * piece.a * piece.b / reach * math.sqrt(inside)
    # The wave over a chord is its value at the chord's middle times sinc; the middles lie on the conjugate diameter.
    middle_a = t * piece.a**2 * cosine / reach**2
    middle_b = t * piece.b**2 * sine / reach**2
    turn_s, turn_c = math.sin(piece.angle), math.cos(piece.angle)
    wave_a = piece.wave_x * turn_c + piece.wave_y * turn_s
    wave_b = piece.wave_y * turn_c - piece.wave_x * turn_s
    half_turns = (wave_b * cosine - wave_a * sine) * length / 2
    return length * _sinc(half_turns) * math.cos(piece.phase + wave_a * middle_a + wave_b * middle_b)


@kernel
def _sinc(x: float) -> float:
    return math.sin(x) / x if abs(x) > TINY else 1.0


@kernel
def add_projections(
    section: Pieces,
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    center: float,
    projected: NDArray[np.float32],
) -> None:
    """Add a section's line integrals to `projected`, (angle, column); a wave's phase counts from its own middle.

    The ray of column n at angle theta runs along x cos(theta) + y sin(theta) = n - center. Each column gathers the mean
    over its width: exact, but for waves, which are taken at two points of it.
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
            if piece.shape == WAVE:
                for column in range(first, last + 1):
                    gathered = 0.0
                    for t in (column - middle - OFF_MIDDLE, column - middle + OFF_MIDDLE):
                        gathered += _through_wave(t, piece, sine, cosine, reach)
                    projected[i, column] += piece.attenuation * gathered / 2
                continue
            edge = _left_of(first - 0.5 - middle, piece, sine, cosine, reach)
            for column in range(first, last + 1):
                next_edge = _left_of(column + 0.5 - middle, piece, sine, cosine, reach)
                projected[i, column] += piece.attenuation * (next_edge - edge)
                edge = next_edge


@kernel
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


@kernel
def add_slice(section: Pieces, axis_x: float, axis_y: float, fineness: int, truth: NDArray[np.float32]) -> None:
    """Add a section's attenuation to `truth`, (y, x), averaged over each pixel.

    The mean is exact where no edge of a piece crosses the pixel, else that of `fineness`^2 points of it.
    """
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
        fine = 2 * fineness if min(piece.a, piece.b) < THIN else fineness
        for v in range(max(0, math.floor(row - high - 0.5)), min(rows - 1, math.ceil(row + high + 0.5)) + 1):
            for u in range(
                max(0, math.floor(column - wide - 0.5)), min(columns - 1, math.ceil(column + wide + 0.5)) + 1
            ):
                mean, found = _inside(piece, u - column, row - v, turn_s, turn_c)
                if found:
                    truth[v, u] += mean
                    continue
                held = 0.0
                for i in range(fine):
                    y = row - v - (i + 0.5) / fine + 0.5
                    for j in range(fine):
                        x = u - column + (j + 0.5) / fine - 0.5
                        held += _density(piece, x, y, turn_s, turn_c)
                truth[v, u] += held / fine**2


@kernel
def _inside(piece: Any, x: float, y: float, turn_s: float, turn_c: float) -> tuple[float, bool]:
    """Return a piece's exact mean over the pixel at (x, y) from its middle, and whether no edge crosses that pixel."""
    u = abs(x * turn_c + y * turn_s)
    v = abs(y * turn_c - x * turn_s)
    a: float = piece.a
    b: float = piece.b
    if piece.shape == BOX:
        if u - HALF_DIAGONAL >= a or v - HALF_DIAGONAL >= b:
            return 0.0, True
        return piece.attenuation, u + HALF_DIAGONAL <= a and v + HALF_DIAGONAL <= b
    distance = math.hypot(u / a, v / b)
    margin = HALF_DIAGONAL / min(a, b)
    if distance - margin >= 1:
        return 0.0, True
    if distance + margin > 1:
        return 0.0, False
    mean: float = piece.attenuation
    if piece.shape == LENS:
        mean *= 1 - distance**2 - (1 / a**2 + 1 / b**2) / 12
    elif piece.shape == WAVE:
        mean *= _sinc(piece.wave_x / 2) * _sinc(piece.wave_y / 2)
        mean *= math.cos(piece.phase + piece.wave_x * x + piece.wave_y * y)
    return mean, True


@kernel
def density_at(section: Pieces, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the attenuation of a section at points (x, y) from the rotation axis, (point,)."""
    held = np.zeros(len(x))
    for index in range(len(section)):
        piece: Any = section[index]
        turn_s, turn_c = math.sin(piece.angle), math.cos(piece.angle)
        for i in range(len(x)):
            held[i] += _density(piece, x[i] - piece.x, y[i] - piece.y, turn_s, turn_c)
    return held


@kernel
def limit_holes(section: Pieces) -> NDArray[np.float64]:
    """Return the attenuation of each piece, a hole's no lower than what empties its middle, (piece,).

    Pieces take away only from those before them: where two pores overlap, there is one void and nothing below it.
    """
    limited = np.empty(len(section))
    for index in range(len(section)):
        hole: Any = section[index]
        limited[index] = hole.attenuation
        if hole.attenuation >= 0 or hole.shape in (WAVE, LENS):
            continue
        held = 0.0
        for before in range(index):
            piece: Any = section[before]
            x, y = hole.x - piece.x, hole.y - piece.y
            if x * x + y * y <= piece.a**2 + piece.b**2:
                share = _density(piece, x, y, math.sin(piece.angle), math.cos(piece.angle))
                if piece.attenuation != 0:
                    held += share * limited[before] / piece.attenuation
        limited[index] = max(hole.attenuation, -max(held, 0.0))
    return limited
