"""The loops over pixels on the way to a network and back, compiled with numba: codes, tiles, and finer than codes.

Each kernel works on some rows alone and lets Python's global lock go, so that threads can share a slice (`workers`). No
kernel starts threads of its own.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.codes import HIGHEST, LOWEST
from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32, Int8

CALM = 2
"""Codes that a pixel and its eight neighbours span where nothing but rounding sets them apart."""

REACH = 4
"""From a pixel to the edge of the box that calm pixels are averaged over, pixels: the box is 9 x 9."""

WITHIN = np.float32(0.499)
"""How far from its code a value may be read, codes: quantized again it gets the same code."""

# A check for it in each pixel would cost as much as the division.
_kernel = partial(kernel, error_model="numpy")


@_kernel
def encode(values: Float32, scale: np.float32, zero_point: np.float32, codes: Int8) -> int:
    """Fill `codes` (pixel,) with those of `values` (pixel,), and return how many did not fit and were saturated."""
    saturated = 0
    for i in range(len(values)):
        scaled = values[i] / scale
        size = np.floor(abs(scaled) + np.float32(0.5))
        code = (size if scaled > 0 else -size) + zero_point
        # NaN is neither above the lowest code nor below the highest.
        fits = (code >= LOWEST) & (code <= HIGHEST)
        above = code if code > LOWEST else np.float32(LOWEST)
        codes[i] = np.int8(above if above < HIGHEST else np.float32(HIGHEST))
        saturated += not fits
    return saturated


@_kernel
def cut_rows(
    channels: NDArray[Any],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    tiles: NDArray[Any],
    first: int,
    last: int,
) -> None:
    """Fill the rows from `first` to before `last` of `tiles` (tile, tile_y, tile_x, channel), counted through them all.

    Parameters
    ----------
    channels : (channel, y, x)
    rows : (tile along y, tile_y), the row of the slice that each row of a tile shows
    columns : (tile along x, tile_x), likewise
    """
    height, width = tiles.shape[1:3]
    for k in range(first, last):
        tile, j = k // height, k % height
        row = rows[tile // len(columns), j]
        shown = columns[tile % len(columns)]
        for channel in range(len(channels)):
            for i in range(width):
                tiles[tile, j, i, channel] = channels[channel, row, shown[i]]


@_kernel
def read_rows(codes: Int8, scale: np.float32, zero_point: np.float32, values: Float32, first: int, last: int) -> None:
    """Fill the rows from `first` to before `last` of `values` (z, y, x), counted through all slices.

    See `tomopy_edge.networks.quantize.dequantize_slices` for what they are.

    Parameters
    ----------
    codes : (z, y, x)
    """
    height = codes.shape[1]
    for z in range(first // height, (last - 1) // height + 1):
        top, bottom = max(first - z * height, 0), min(last - z * height, height)
        _read(codes[z], scale, zero_point, values[z], top, bottom)


@_kernel
def _read(codes: Int8, scale: np.float32, zero_point: np.float32, values: Float32, first: int, last: int) -> None:
    """Fill the rows from `first` to before `last` of `values` (y, x)."""
    height, width = codes.shape
    top = max(first - REACH, 0)
    calm = _calm(codes, top, min(last + REACH, height))
    # Sums over the rows of the box, which move on with it. With integers they are exact in any order, and 81 codes fit.
    counts, totals = np.zeros(width + 2 * REACH, np.int16), np.zeros(width + 2 * REACH, np.int16)
    count, total = np.empty(width, np.int16), np.empty(width, np.int16)
    for j in range(first - REACH, last + REACH):
        entering = min(max(j, 0), height - 1)
        _add(codes[entering], calm[entering - top], 1, counts, totals)
        row = j - REACH
        if row < first:
            continue
        _sum_along(counts, count)
        _sum_along(totals, total)
        for i in range(width):
            code = np.float32(codes[row, i])
            off = np.float32(total[i]) / np.float32(count[i]) - code
            off = min(max(off, -WITHIN), WITHIN)
            off = off if calm[row - top, i] else np.float32(0)
            values[row, i] = (code + off - zero_point) * scale
        leaving = max(row - REACH, 0)
        _add(codes[leaving], calm[leaving - top], -1, counts, totals)


@_kernel
def _calm(codes: Int8, top: int, bottom: int) -> Int8:
    """Return (row, x), 1 where a pixel is calm and else 0, of the rows from `top` to before `bottom`."""
    height, width = codes.shape
    calm = np.empty((bottom - top, width), np.int8)
    most, least = np.empty(width + 2, np.int8), np.empty(width + 2, np.int8)
    for j in range(top, bottom):
        above, here, below = codes[max(j - 1, 0)], codes[j], codes[min(j + 1, height - 1)]
        for i in range(width):
            most[i + 1] = max(above[i], here[i], below[i])
            least[i + 1] = min(above[i], here[i], below[i])
        most[0], most[width + 1] = most[1], most[width]
        least[0], least[width + 1] = least[1], least[width]
        line = calm[j - top]
        for i in range(width):
            high = max(most[i], most[i + 1], most[i + 2])
            low = min(least[i], least[i + 1], least[i + 2])
            line[i] = (np.int16(high) - np.int16(low) <= CALM) & (high < HIGHEST) & (low > LOWEST)
    return calm


@_kernel
def _add(codes: Int8, calm: Int8, sign: int, counts: NDArray[np.int16], totals: NDArray[np.int16]) -> None:
    """Add the calm pixels of a row, all (x,), and their codes to `counts` and `totals` (REACH + x + REACH,)."""
    width = len(codes)
    for i in range(width):
        counts[i + REACH] += sign * calm[i]
        totals[i + REACH] += sign * calm[i] * codes[i]
    # Past the edge of the slice the outermost column is repeated.
    for k in range(REACH):
        counts[k], counts[k + REACH + width] = counts[REACH], counts[REACH + width - 1]
        totals[k], totals[k + REACH + width] = totals[REACH], totals[REACH + width - 1]


@_kernel
def _sum_along(sums: NDArray[np.int16], boxes: NDArray[np.int16]) -> None:
    """Fill `boxes` (x,) with the sums over the columns of each box."""
    for i in range(len(boxes)):
        box = np.int16(0)
        for k in range(2 * REACH + 1):
            box = np.int16(box + sums[i + k])
        boxes[i] = box
