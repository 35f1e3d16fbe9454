"""Where a slice has the rotation axis: what circles around it are drawn by."""

from __future__ import annotations

import numpy as np

from tomopy_edge.data import Float64


def radii(shape: tuple[int, ...]) -> Float64:
    """Return the distance of each pixel (y, x) from the rotation axis, where gridrec and our FBP put it, pixels.

    See `FilteredBackProjection` for the place of the axis. It is not the middle of the slice.
    """
    y, x = shape
    v, u = np.ogrid[:y, :x]
    distance: Float64 = np.hypot(v - (y - 1 - (y + 1) // 2), u - (x + 1) // 2)
    return distance
