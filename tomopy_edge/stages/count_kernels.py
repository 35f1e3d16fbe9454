"""The loops from counts to what has a logarithm, compiled with numba, with what is wrong on the way counted.

Kernels work on one sinogram on one thread and let Python's global lock go.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Counts, Float32

# A beam is above zero, and a check for that in each pixel would cost as much as the division.
_kernel = partial(kernel, error_model="numpy")


@_kernel
def transmit(
    counts: Counts, row: int, dark: Float32, beam: Float32, limit: np.float32, sinogram: Float32
) -> tuple[int, int]:
    """Fill the `sinogram` of a row with its transmission, (counts - dark) / beam.

    Parameters
    ----------
    counts : (angle, row, column)
    dark, beam : (column,)
    limit : of the detector; NaN where that is not known
    sinogram : (angle, column)

    Returns
    -------
    how many counts are at the limit, and how many transmissions are not finite
    """
    angles, columns = sinogram.shape
    saturated, wrong = 0, 0
    for angle in range(angles):
        line, shares = counts[angle, row], sinogram[angle]
        for i in range(columns):
            count = np.float32(line[i])
            share = (count - dark[i]) / beam[i]
            shares[i] = share
            saturated += count == limit
            # It is 0 for every finite number, and NaN otherwise.
            wrong += share * np.float32(0) != np.float32(0)
    return saturated, wrong


@_kernel
def clip(sinogram: Float32, floor: np.float32, clipped: Float32) -> tuple[int, int]:
    """Fill `clipped` with a `sinogram` raised to `floor`; return how many were below it and how many are not finite."""
    below, wrong = 0, 0
    for angle in range(len(sinogram)):
        line, raised = sinogram[angle], clipped[angle]
        for i in range(len(line)):
            raised[i] = max(line[i], floor)
            below += line[i] < floor
            wrong += line[i] * np.float32(0) != np.float32(0)
    return below, wrong
