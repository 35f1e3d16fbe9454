"""The one number of a scan that carries attenuation per pixel to what networks were trained on, and back."""

from __future__ import annotations

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError

BLOCK = 8
"""Edge of the blocks that are averaged first, pixels: noise of neighbouring pixels in an FBP slice cancels."""

PERCENTILE = 99.5
RADIUS = 0.95
"""Share of the inscribed circle that counts: its rim holds what lies outside the field of view."""


def attenuation_unit(slices: Float32) -> float:
    """Return the attenuation per pixel that a network sees as 1.

    It is the 99.5th percentile of the means of 8 x 8 pixel blocks within 95 % of the inscribed circle, so that neither
    the noise of a low dose nor a few bright specks move it: a robust measure of the densest matter that fills blocks.

    Parameters
    ----------
    slices : (z, y, x), attenuation per pixel, noisy

    Raises
    ------
    DataError : where nothing in the slices absorbs
    """
    _, y, x = slices.shape
    block = BLOCK if min(y, x) >= 16 * BLOCK else 1
    rows, columns = y // block, x // block
    whole = slices[:, : rows * block, : columns * block]
    means = whole.reshape(-1, rows, block, columns, block).mean(axis=(2, 4), dtype=np.float64)
    v, u = np.ogrid[:rows, :columns]
    middle_v, middle_u = (rows - 1) / 2, (columns - 1) / 2
    inside = np.hypot(v - middle_v, u - middle_u) <= RADIUS * min(rows, columns) / 2
    unit = float(np.percentile(means[:, inside], PERCENTILE))
    if not unit > 0:
        raise DataError(
            f"nothing in the sample slices absorbs (the {PERCENTILE}th percentile of their attenuation is {unit:.3g} "
            "per pixel), so they cannot be scaled for a network; check flats, darks and the rotation centre"
        )
    return unit
