"""How samples of the spectrum fill its grid, strip by strip, and how each strip is transformed while it is in cache."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32, Float64
from tomopy_edge.fbp.fourier import Transform, transform, transform_of
from tomopy_edge.fbp.gridding import (
    ENTRIES,
    GUARD,
    STRIP,
    WIDTH,
    kernel_correction,
    kernel_table,
    strip_runs,
)
from tomopy_edge.fbp.lanes import LaneArray, conjugate, load, nothing, store


class Strips(NamedTuple):
    """What filling the grid needs to know of a geometry.

    Attributes
    ----------
    grid : grid points along each axis
    kx, ky : (angle,), step along each axis for one grid point of radius
    radii : (sample,), grid points
    kernel : the table of `kernel_table`, flat
    runs, starts : those of `strip_runs`
    lines : the transform along ky
    pixels, correction : (y,), where in a transformed line each pixel is, and what it is multiplied with
    """

    grid: int
    kx: Float32
    ky: Float32
    radii: Float32
    kernel: Float32
    runs: NDArray[np.int32]
    starts: NDArray[np.int64]
    lines: Transform
    pixels: NDArray[np.int64]
    correction: Float32


def plan_strips(theta: Float64, frequencies: Float64, y: NDArray[np.int64], grid: int, beta: float) -> Strips:
    """Return the plan for samples at `frequencies` along lines at `theta`.

    Parameters
    ----------
    theta : (angle,), radians
    frequencies : (sample,), cycles per pixel
    y : (y,), height of each row of pixels above the axis, from the top row down
    grid : grid points along each axis
    beta : shape of the kernel
    """
    turn = np.where(np.cos(theta) < 0, -1, 1)
    kx, ky = turn * np.cos(theta), turn * np.sin(theta)
    runs, starts = strip_runs(kx, ky, frequencies * grid, grid)
    # A strip starts at ky = -grid / 2, which changes the sign of every other row.
    correction = kernel_correction(y, grid, beta) * np.where(y % 2, -1, 1)
    return Strips(
        grid=grid,
        kx=kx.astype(np.float32),
        ky=ky.astype(np.float32),
        radii=(frequencies * grid).astype(np.float32),
        kernel=kernel_table(beta).ravel(),
        runs=runs,
        starts=starts,
        lines=transform_of(grid),
        pixels=y % grid,
        correction=correction.astype(np.float32),
    )


def strip_size(grid: int) -> int:
    """Return the grid points in a strip with its guard."""
    return (STRIP + 2 * GUARD) * (grid + 2 * GUARD)


@kernel
def fill_strip(strip: int, samples: LaneArray, plan: Strips, work: Any, columns: LaneArray) -> None:
    """Lay all samples onto one strip of the grid and transform its lines along ky.

    Parameters
    ----------
    strip : which one
    samples : (angle, sample) lanes, flat
    work : lanes: the strip with its guard, (STRIP + 2 GUARD, grid + 2 GUARD), flat, and one line of the grid
    columns : (y, kx) lanes, flat; the columns of this strip are filled here
    """
    lines, spare = work
    pitch = plan.grid + 2 * GUARD
    first = strip * STRIP
    for i in range(len(lines)):
        store(lines, i, nothing(lines))
    _spread(first, plan.starts[strip], plan.starts[strip + 1], samples, plan, lines)
    if first == 0:
        _fold(lines, plan.grid)
    half = plan.grid // 2
    for i in range(min(STRIP, half - first)):
        begin = (i + GUARD) * pitch + GUARD
        line = transform(lines[begin : begin + plan.grid], spare, plan.lines)
        for y in range(len(plan.pixels)):
            store(columns, y * half + first + i, load(line, plan.pixels[y]) * plan.correction[y])


@kernel
def _spread(first_line: int, first_run: int, last_run: int, samples: LaneArray, plan: Strips, lines: LaneArray) -> None:
    pitch = plan.grid + 2 * GUARD
    reach = np.float32(WIDTH / 2)
    above, left = np.float32(GUARD - first_line), np.float32(GUARD + plan.grid // 2)
    count = len(plan.radii)
    table = plan.kernel
    for run in range(first_run, last_run):
        angle = plan.runs[run, 0]
        kx, ky = plan.kx[angle], plan.ky[angle]
        for i in range(plan.runs[run, 1], plan.runs[run, 2]):
            u, v = plan.radii[i] * kx - reach, plan.radii[i] * ky - reach
            row, column = np.float32(math.ceil(u)), np.float32(math.ceil(v))
            a = WIDTH * min(int((row - u) * np.float32(ENTRIES)), ENTRIES - 1)
            b = WIDTH * min(int((column - v) * np.float32(ENTRIES)), ENTRIES - 1)
            sample = load(samples, angle * count + i)
            s0, s1 = sample * table[b], sample * table[b + 1]
            s2, s3 = sample * table[b + 2], sample * table[b + 3]
            o = np.int64(row + above) * pitch + np.int64(column + left)
            for line in range(WIDTH):
                weight = table[a + line]
                store(lines, o, load(lines, o) + s0 * weight)
                store(lines, o + 1, load(lines, o + 1) + s1 * weight)
                store(lines, o + 2, load(lines, o + 2) + s2 * weight)
                store(lines, o + 3, load(lines, o + 3) + s3 * weight)
                o += pitch


@kernel
def _fold(lines: LaneArray, grid: int) -> None:
    """Add to the lines at kx = 0, 1, 2 what samples that are mirror images, never laid out, would have left there."""
    pitch = grid + 2 * GUARD
    for kx in range(WIDTH // 2, -1, -1):
        for ky in range(1 - grid // 2, grid // 2):
            here = (GUARD + kx) * pitch + GUARD + grid // 2 + ky
            there = (GUARD - kx) * pitch + GUARD + grid // 2 - ky
            if kx > 0:
                store(lines, here, load(lines, here) + conjugate(load(lines, there)))
            elif ky >= 0:
                total = load(lines, here) + conjugate(load(lines, there))
                store(lines, here, total)
                store(lines, there, conjugate(total))
