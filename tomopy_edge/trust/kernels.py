"""The inner loop of the search for ridges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32


@kernel
def strongest_mean(values: Float32, steps: NDArray[np.int64], first: int, last: int, best: Float32) -> None:
    """Fill rows of `best` (y, x) with the mean of `values` along the direction in which its magnitude is largest.

    Every second pixel of every second row is computed, and stands for its three neighbours too: `values` vary little
    from pixel to pixel. What is nearer to the border than `steps` reach is left as it is.

    Parameters
    ----------
    steps : (direction, pixel, 2), y and x from the middle
    first, last : rows to fill, the last one not included
    """
    height, width = values.shape
    directions, length = steps.shape[0], steps.shape[1]
    edge = length // 2
    for y in range(max(first, edge), min(last, height - edge - 1), 2):
        for x in range(edge, width - edge - 1, 2):
            found = np.float32(0)
            for direction in range(directions):
                total = np.float32(0)
                for n in range(length):
                    total += values[y + steps[direction, n, 0], x + steps[direction, n, 1]]
                if abs(total) > abs(found):
                    found = total
            found /= np.float32(length)
            best[y, x] = best[y, x + 1] = best[y + 1, x] = best[y + 1, x + 1] = found
