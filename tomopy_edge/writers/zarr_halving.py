"""The mean of voxels that becomes one of the next level of a pyramid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32


def halved(planes: Iterable[Float32]) -> Float32:
    """Return the means of 2 x 2 pixels of adjacent slices (y, x), of those that are numbers; NaN where none is.

    A last odd row or column is taken alone.
    """
    total: Any = 0
    count: Any = 0
    for plane in planes:
        odd = [(0, size % 2) for size in plane.shape]
        even = np.pad(plane, odd, constant_values=np.nan) if any(size % 2 for size in plane.shape) else plane
        missing = np.isnan(even)
        if missing.any():
            total = total + _sums(np.where(missing, np.float32(0), even))
            count = count + _sums((~missing).astype(np.float32))
        else:
            total = total + _sums(even)
            count = count + np.float32(4)
    mean: Float32 = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean


def _sums(plane: Float32) -> NDArray[np.float32]:
    # Rows first: they lie together.
    rows = plane[0::2] + plane[1::2]
    return rows[:, 0::2] + rows[:, 1::2]
