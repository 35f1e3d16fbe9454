"""The inner loop of the search for ridges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32


@kernel
def strongest_mean(planes: Float32, steps: NDArray[np.int64], first: int, last: int, best: Float32) -> None:
    """Fill rows of `best` (y, x) with the mean of values along the direction in which its magnitude is largest.

    Every second pixel of every second row is computed, and stands for its three neighbours too: the values vary little
    from pixel to pixel. What is nearer to the border than `steps` reach is left as it is.

    Parameters
    ----------
    planes : (2, y, x // 2), the values of the even columns and of the odd ones, so that pixels that are computed one
        after the other have theirs side by side
    steps : (direction, pixel, 2), y and x from the middle
    first, last : rows to fill, the last one not included
    """
    height, width = best.shape
    directions, length = steps.shape[0], steps.shape[1]
    edge = length // 2
    pixels = (width - 2 * edge) // 2
    total, found = np.empty(pixels, np.float32), np.empty(pixels, np.float32)
    for y in range(max(first, edge), min(last, height - edge - 1), 2):
        found[:] = 0
        for direction in range(directions):
            total[:] = 0
            for n in range(length):
                column = edge + steps[direction, n, 1]
                line = planes[column & 1, y + steps[direction, n, 0], column >> 1 :]
                for i in range(pixels):
                    total[i] += line[i]
            for i in range(pixels):
                found[i] = total[i] if abs(total[i]) > abs(found[i]) else found[i]
        for i in range(pixels):
            x, mean = edge + 2 * i, found[i] / np.float32(length)
            best[y, x] = best[y, x + 1] = best[y + 1, x] = best[y + 1, x + 1] = mean
