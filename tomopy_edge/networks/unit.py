"""The one number of a scan that carries attenuation per pixel to what networks were trained on, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError

BLOCK = 8
"""Edge of the blocks that are averaged first, pixels: noise of neighbouring pixels in an FBP slice cancels."""

PERCENTILE = 99.5
RADIUS = 0.95
"""Share of the inscribed circle that counts: its rim holds what lies outside the field of view."""

NORMAL = 1.4826
"""Standard deviation of a normal distribution, in its median distances from the mean."""


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
    block = BLOCK if min(slices.shape[1:]) >= 16 * BLOCK else 1
    _, means, inside = _blocks(slices, block)
    unit = float(np.percentile(means[:, :, 0, :, 0][:, inside], PERCENTILE))
    if not unit > 0:
        raise DataError(
            f"nothing in the sample slices absorbs (the {PERCENTILE}th percentile of their attenuation is {unit:.3g} "
            "per pixel), so they cannot be scaled for a network; check flats, darks and the rotation centre"
        )
    return unit


def noise_level(slices: Float32) -> float:
    """Return the standard deviation of the noise of FBP slices, (z, y, x), in their unit; matter adds little to it.

    It is measured by how far pixels are from the mean of their block of 8 x 8, within the same circle as the unit: the
    median distance, as a normal distribution's standard deviation; of several slices it is the median of theirs.
    Whatever the filter, noise cancels in the mean, and edges are in few of the blocks. It says how large noise is where
    that hides all else, not how small where it does not: fine texture counts as noise.
    """
    levels = []
    # One by one, in float32: all of the sample at once was the most that a run took of the memory.
    for image in slices:
        whole, means, inside = _blocks(image[np.newaxis], min(BLOCK, *image.shape))
        distances = np.abs(whole - means.astype(np.float32)).transpose(0, 2, 4, 1, 3)[..., inside]
        levels.append(float(np.median(distances)))
    return float(np.median(levels)) * NORMAL


def _blocks(slices: Float32, block: int) -> tuple[Float32, NDArray[np.float64], NDArray[np.bool_]]:
    """Return slices in blocks, (z, row, y, column, x), the blocks' means, (z, row, 1, column, 1), and which count."""
    _, y, x = slices.shape
    rows, columns = y // block, x // block
    whole = slices[:, : rows * block, : columns * block].reshape(-1, rows, block, columns, block)
    v, u = np.ogrid[:rows, :columns]
    middle_v, middle_u = (rows - 1) / 2, (columns - 1) / 2
    inside = np.hypot(v - middle_v, u - middle_u) <= RADIUS * min(rows, columns) / 2
    return whole, whole.mean(axis=(2, 4), dtype=np.float64, keepdims=True), inside
