"""Between float32 and int8, for whole slices and on several threads."""

from __future__ import annotations

import numpy as np

from tomopy_edge.codes import QuantParams
from tomopy_edge.data import Float32, Int8
from tomopy_edge.networks.workers import ALONE, Workers


def quantize(values: Float32, params: QuantParams, workers: Workers = ALONE) -> tuple[Int8, int]:
    """Return the int8 codes of real `values`, and how many of them did not fit and were saturated.

    Rounds half away from zero, as TFLite's QUANTIZE operator does. NaN has no code: it is saturated to -128 and
    counted. The `workers` share the pixels; the codes are the same with any number of them.
    """
    from tomopy_edge.networks.kernels import encode

    codes = np.empty(values.shape, np.int8)
    pixels, filled = np.ascontiguousarray(values, np.float32).reshape(-1), codes.reshape(-1)
    step, zero = np.float32(params.scale), np.float32(params.zero_point)
    saturated = workers.share(
        len(pixels), lambda first, last: encode(pixels[first:last], step, zero, filled[first:last])
    )
    return codes, sum(saturated)


def dequantize(codes: Int8, params: QuantParams) -> Float32:
    """Return the real values of int8 `codes`."""
    return (codes.astype(np.float32) - np.float32(params.zero_point)) * np.float32(params.scale)


def dequantize_slices(codes: Int8, params: QuantParams, workers: Workers = ALONE) -> Float32:
    """Return the real values of slices (..., y, x) of int8 codes, read more finely than a code where they are calm.

    A code says only in which step a value lies. A pixel is calm where it and its eight neighbours span no more than two
    codes; it takes the mean of the calm pixels within a box of 9 x 9, as far as that lies in its own step. So flat
    matter does not come out in terraces and specks of a code, and no edge and no crack that a code tells is touched.
    Codes at the end of the range, which may stand for anything beyond it, are left as they are, and so are their
    neighbours. The `workers` share the rows; the values are the same with any number of them.
    """
    from tomopy_edge.networks.kernels import read_rows

    values = np.empty(codes.shape, np.float32)
    slices = np.ascontiguousarray(codes, np.int8).reshape(-1, *codes.shape[-2:])
    read = values.reshape(slices.shape)
    step, zero = np.float32(params.scale), np.float32(params.zero_point)
    rows = slices.shape[0] * slices.shape[1]
    workers.share(rows, lambda first, last: read_rows(slices, step, zero, read, first, last))
    return values
