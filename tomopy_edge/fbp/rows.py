"""How the half-transformed spectrum becomes rows of pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32
from tomopy_edge.fbp.fourier import Transform, half_turn_roots, pack_spectrum, transform, transform_of
from tomopy_edge.fbp.gridding import kernel_correction
from tomopy_edge.fbp.lanes import LaneArray
from tomopy_edge.fbp.transposition import scatter


class Rows(NamedTuple):
    """What rows of pixels need to know of a geometry.

    Attributes
    ----------
    axis : the pixel that the rotation axis lies on
    roots : those of `half_turn_roots`
    halves : the transform of half the grid, which gives pixels two by two
    correction : (x,), what each pixel is multiplied with
    """

    axis: int
    roots: NDArray[np.complex64]
    halves: Transform
    correction: Float32


def plan_rows(size: int, axis: int, grid: int, beta: float) -> Rows:
    """Return the plan for rows of `size` pixels with the rotation axis on pixel `axis`."""
    correction = kernel_correction(np.arange(size) - axis, grid, beta).astype(np.float32)
    return Rows(axis, half_turn_roots(grid), transform_of(grid // 2), correction)


@kernel
def finish_rows(
    first_row: int,
    last_row: int,
    columns: LaneArray,
    plan: Rows,
    work: Any,
    slices: Float32,
    slice_starts: NDArray[np.int64],
) -> None:
    """Transform along kx and write rows of pixels.

    Parameters
    ----------
    first_row, last_row : those to do, the last one not included
    columns : (y, kx) lanes, flat
    work : two arrays of lanes as long as the transform
    slices : flat (z, y, x); these rows are filled here
    slice_starts : (lane,), where in it each slice starts
    """
    line, spare = work
    half = len(line)
    width, size = len(slice_starts), len(plan.correction)
    starts = slice_starts.copy()
    for y in range(first_row, last_row):
        pack_spectrum(columns, y * half, line, plan.roots)
        pixels = transform(line, spare, plan.halves)
        starts[:] = slice_starts + y * size
        for x in range(0, plan.axis, width):
            first = min(x, plan.axis - width)
            scatter(pixels, first - plan.axis + 2 * half, slices, starts, first, plan.correction)
        for x in range(plan.axis, size, width):
            first = min(x, size - width)
            scatter(pixels, first - plan.axis, slices, starts, first, plan.correction)
