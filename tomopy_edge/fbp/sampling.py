"""How projections become samples of the slices' spectrum: filtered, weighted, and turned about the rotation axis.

The spectrum of a projection is the slice's spectrum along a line through its origin. Projections are real, so that the
half of the line with kx >= 0 holds all there is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32, Float64
from tomopy_edge.fbp.angles import quadrature_weights
from tomopy_edge.fbp.filters import FINE, RadialSamples
from tomopy_edge.fbp.fourier import Transform, spectrum_at, transform, transform_of
from tomopy_edge.fbp.lanes import LaneArray, conjugate, lanes_of, load, nothing, store
from tomopy_edge.fbp.transposition import gather

BIN = 4
"""Pairs of columns that are summed, at most, for the samples at half steps: these are at low frequencies only."""


class Sampling(NamedTuple):
    """What sampling needs to know of a geometry.

    Attributes
    ----------
    columns : of the detector
    bin_length : pairs of columns that are summed for the samples at half steps
    weights : (angle,), angle that each projection stands for, radians
    turned : (angle,), whether its line of samples is turned by half a turn, to kx >= 0
    roots : (sample,), exp(2 pi i f) at the samples' frequencies
    whole, binned : the transforms of the pairs of columns, and of their bins
    """

    columns: int
    bin_length: int
    weights: Float32
    turned: NDArray[np.bool_]
    roots: NDArray[np.complex64]
    whole: Transform
    binned: Transform


def plan_sampling(theta: Float64, columns: int, length: int, radial: RadialSamples) -> Sampling:
    """Return the plan for projections at `theta` radians, padded from `columns` to `length`."""
    bin_length = BIN
    while length // bin_length <= 4 * FINE:
        bin_length //= 2
    return Sampling(
        columns=columns,
        bin_length=bin_length,
        weights=quadrature_weights(theta).astype(np.float32),
        turned=np.cos(theta) < 0,
        roots=np.exp(2j * np.pi * radial.frequencies).astype(np.complex64),
        whole=transform_of(length // 2),
        binned=transform_of(length // bin_length),
    )


def response_lanes(plan: Sampling, radial: RadialSamples, centers: Float64) -> LaneArray:
    """Return the filter as each slice needs it, turned so that its rotation axis lies at zero.

    Parameters
    ----------
    centers : (lane,), column of each slice's rotation axis

    Returns
    -------
    (sample,) lanes
    """
    response = radial.response.copy()
    response[0] /= 2  # zero frequency is its own mirror image, and would count twice
    low = radial.frequencies[1 : 2 * FINE : 2]
    response[1 : 2 * FINE : 2] *= (
        plan.bin_length * np.sin(2 * np.pi * low) / np.sin(2 * np.pi * low * plan.bin_length)
    ) ** 2
    return lanes_of(response[:, None] * np.exp(2j * np.pi * radial.frequencies[:, None] * centers))


@kernel
def sample_projections(
    first_angle: int,
    last_angle: int,
    sinograms: Float32,
    row_starts: NDArray[np.int64],
    plan: Sampling,
    response: LaneArray,
    work: Any,
    samples: LaneArray,
) -> None:
    """Filter projections and sample their spectra.

    Parameters
    ----------
    first_angle, last_angle : those to do, the last one not included
    sinograms : flat (row, angle, column), line integrals
    row_starts : (lane,), where in it the row of each slice starts
    response : that of `response_lanes`
    work : four arrays of lanes, two as long as each transform
    samples : (angle, sample) lanes, flat; filled here
    """
    whole_line, whole_spare, binned_line, binned_spare = work
    count = len(plan.roots)
    starts = row_starts.copy()
    for angle in range(first_angle, last_angle):
        starts[:] = row_starts + angle * plan.columns
        _lay_out(sinograms, starts, plan.columns, whole_line)
        _bin(whole_line, (plan.columns + 1) // 2, plan.bin_length, binned_line)
        whole = transform(whole_line, whole_spare, plan.whole)
        binned = transform(binned_line, binned_spare, plan.binned)
        for i in range(count):
            if i >= 2 * FINE:
                value = spectrum_at(whole, i - FINE, plan.roots[i])
            elif i % 2 == 0:
                value = spectrum_at(whole, i // 2, plan.roots[i])
            else:
                value = spectrum_at(binned, i, plan.roots[i])
            value = value * load(response, i) * plan.weights[angle]
            if plan.turned[angle]:
                value = conjugate(value)
            store(samples, angle * count + i, value)


@kernel
def _lay_out(sinograms: Float32, starts: NDArray[np.int64], columns: int, line: LaneArray) -> None:
    width = len(starts)
    for i in range(columns // 2, len(line)):
        store(line, i, nothing(line))
    for column in range(0, columns, width):
        # The last block starts early rather than reach beyond the row.
        first = min(column, columns - width)
        gather(sinograms, starts, first, line, first)


@kernel
def _bin(line: LaneArray, pairs: int, length: int, bins: LaneArray) -> None:
    """Share each pair of columns between the two bins it lies between, the nearer one getting more."""
    for i in range(len(bins)):
        store(bins, i, nothing(bins))
    last = -(-pairs // length)
    carried = nothing(bins)
    for i in range(last):
        total, behind = nothing(bins), nothing(bins)
        for j in range(length):
            pair = load(line, i * length + j)
            total, behind = total + pair, behind + pair * np.float32(j / length)
        store(bins, i, carried + total - behind)
        carried = behind
    store(bins, last, carried)
