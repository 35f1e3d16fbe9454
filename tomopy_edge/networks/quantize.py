"""Between float32 and int8: the only module that knows what a scale and a zero point are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Int8

LOWEST, HIGHEST = -128, 127

CALM = 2
"""Codes that a pixel and its eight neighbours span where nothing but rounding sets them apart."""

AROUND = 9
"""Edge of the box that calm pixels are averaged over, pixels."""

WITHIN = 0.499
"""How far from its code a value may be read, codes: quantized again it gets the same code."""


@dataclass(frozen=True)
class QuantParams:
    """real = scale * (code - zero_point), as in the TFLite quantization specification.

    Attributes
    ----------
    scale : real value of one code, > 0
    zero_point : the code of 0.0, -128 to 127
    """

    scale: float
    zero_point: int

    @property
    def lowest(self) -> float:
        """The smallest real value that has a code."""
        return self.scale * (LOWEST - self.zero_point)

    @property
    def highest(self) -> float:
        """The largest real value that has a code."""
        return self.scale * (HIGHEST - self.zero_point)


def quantize(values: Float32, params: QuantParams) -> tuple[Int8, int]:
    """Return the int8 codes of real `values`, and how many of them did not fit and were saturated.

    Rounds half away from zero, as TFLite's QUANTIZE operator does. NaN has no code: it is saturated to -128 and
    counted.
    """
    scaled = values / np.float32(params.scale)
    codes = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled)
    codes += np.float32(params.zero_point)
    outside = ~((codes >= LOWEST) & (codes <= HIGHEST))
    saturated = int(np.count_nonzero(outside))
    if saturated:
        codes = np.clip(np.nan_to_num(codes, nan=LOWEST), LOWEST, HIGHEST)
    return codes.astype(np.int8), saturated


def dequantize(codes: Int8, params: QuantParams) -> Float32:
    """Return the real values of int8 `codes`."""
    return (codes.astype(np.float32) - np.float32(params.zero_point)) * np.float32(params.scale)


def dequantize_slices(codes: Int8, params: QuantParams) -> Float32:
    """Return the real values of slices (..., y, x) of int8 codes, read more finely than a code where they are calm.

    A code says only in which step a value lies. A pixel is calm where it and its eight neighbours span no more than
    `CALM` codes; it takes the mean of the calm pixels within a box of `AROUND`, as far as that lies in its own step. So
    flat matter does not come out in terraces and specks of a code, and no edge and no crack that a code tells is
    touched. Codes at the end of the range, which may stand for anything beyond it, are left as they are, and so are
    their neighbours.
    """
    from scipy.ndimage import uniform_filter

    edges = [(0, 0)] * (codes.ndim - 2) + [(1, 1), (1, 1)]
    wide = np.pad(codes, edges, mode="edge")
    most, least = (_over_three(_over_three(wide, merge, -2), merge, -1) for merge in (np.maximum, np.minimum))
    calm = (most.astype(np.int16) - least <= CALM) & (most < HIGHEST) & (least > LOWEST)
    box = (1,) * (codes.ndim - 2) + (AROUND, AROUND)
    real = codes.astype(np.float32)
    share = uniform_filter(calm.astype(np.float32), box, mode="nearest")
    total = uniform_filter(np.where(calm, real, np.float32(0)), box, mode="nearest")
    mean = total / np.maximum(share, np.float32(0.5 / AROUND**2))
    off = np.where(calm, np.clip(mean - real, -WITHIN, WITHIN), np.float32(0))
    return (real + off - np.float32(params.zero_point)) * np.float32(params.scale)


def _over_three(values: NDArray[Any], merge: np.ufunc, axis: int) -> NDArray[Any]:
    """Return what `merge` makes of each three neighbours along an axis, which gets two shorter."""
    count = values.shape[axis] - 2
    first, second, third = (np.moveaxis(np.moveaxis(values, axis, 0)[i : i + count], 0, axis) for i in range(3))
    merged: NDArray[Any] = merge(merge(first, second), third)
    return merged
