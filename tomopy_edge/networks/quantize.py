"""Between float32 and int8: the only module that knows what a scale and a zero point are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float32, Int8

LOWEST, HIGHEST = -128, 127


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
