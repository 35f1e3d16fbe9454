"""Which part of a slice is judged: the field of view but for its rim."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.fbp.axis import radii

RADIUS = 0.95
"""Share of the inscribed circle that is judged."""


@cache
def inside(shape: tuple[int, ...], share: float = RADIUS) -> NDArray[np.bool_]:
    """Return which pixels (y, x) of slices of a shape lie within a share of the inscribed circle; not to be written to.

    All slices of a run have one shape, and each is judged by several checks.
    """
    within: NDArray[np.bool_] = radii(shape) < share * min(shape) / 2
    within.flags.writeable = False
    return within
