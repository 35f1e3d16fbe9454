"""The loops of stripe removal by sorting, compiled with numba: columns in order, medians of each rank, and back.

Line integrals are sorted and compared by keys, whole numbers that ascend as they do: NaN has the highest, and -0.0
comes just before 0.0 in medians; in sorting both are equal. Kernels work on one sinogram on one thread and let
Python's global lock go.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32

Keys = NDArray[np.int32]
Pairs = NDArray[np.uint64]

INFINITY, NOT_A_NUMBER = np.int32(0x7F800000), np.int32(0x7FFFFFFF)
"""The bits of infinity, and the highest key, which as bits is NaN."""

LEAST = np.int32(-0x80000000)
"""No key is below it."""

TOGETHER = 16
"""Columns that are turned into rows at a time: their float32 fill a line of the processor's cache."""

DIGITS, DIGIT, VALUES = 4, np.uint64(8), 2**8
"""Keys are sorted by so many digits, of so many bits, of so many values."""

INDEX = np.uint64(32)
"""Bits below a key that tell its angle."""

LANES = 64
"""Ranks whose medians are found side by side."""


@kernel
def smooth_sorted(sinogram: Float32, size: int, clean: Float32) -> None:
    """Fill `clean` with a `sinogram` whose columns were sorted, smoothed rank by rank, and unsorted.

    Equal values keep the order of their angles. A rank is smoothed by a median over columns; past the edges they are
    reflected, the outermost included.

    Parameters
    ----------
    sinogram, clean : (angle, column), each contiguous
    size : columns of the median
    """
    angles, columns = sinogram.shape
    # A whole number of lanes; and no power of two, or all columns would compete for the same places in a cache.
    keys = np.zeros((columns, -(-angles // LANES) * LANES + TOGETHER), np.int32)
    order = np.empty((columns, angles), np.int32)
    _sort_columns(sinogram.view(np.int32), keys, order)
    _smooth(keys, size)
    _unsort(keys, order, clean.view(np.int32))


@kernel
def _sort_columns(bits: Keys, keys: Keys, order: Keys) -> None:
    """Fill `keys` (column, rank) with the keys of each column in order, and `order` with the angles they come from."""
    angles, columns = bits.shape
    block = np.empty((TOGETHER, angles + TOGETHER), np.int32)
    pairs, others = np.empty(angles, np.uint64), np.empty(angles, np.uint64)
    counts = np.empty((DIGITS, VALUES), np.uint32)
    for first in range(0, columns, TOGETHER):
        width = min(TOGETHER, columns - first)
        for angle in range(angles):
            line = bits[angle, first : first + width]
            for k in range(width):
                block[k, angle] = line[k]
        for k in range(width):
            column, ranked, ranks = block[k, :angles], keys[first + k], order[first + k]
            for angle in range(angles):
                number = column[angle]
                column[angle] = NOT_A_NUMBER if number & NOT_A_NUMBER > INFINITY else _folded(number)
            _sort(column, pairs, others, counts, ranks)
            for rank in range(angles):
                ranked[rank] = column[ranks[rank]]


@kernel
def _folded(bits: np.int32) -> np.int32:
    """Return the key of a float32 by its bits, or its bits by the key."""
    return bits ^ ((bits >> np.int32(31)) & NOT_A_NUMBER)


@kernel
def _sort(column: Keys, pairs: Pairs, others: Pairs, counts: NDArray[np.uint32], order: Keys) -> None:
    """Fill `order` with the places of the keys of `column`, ascending; the others are work spaces (radix sort)."""
    least, most = np.int64(column[0]), np.int64(column[0])
    for i in range(len(column)):
        # Both zeros are equal.
        key = np.int64(column[i]) + (column[i] == -1)
        least, most = min(least, key), max(most, key)
    counts[:] = 0
    for i in range(len(column)):
        key = np.uint64(np.int64(column[i]) + (column[i] == -1) - least)
        pairs[i] = (key << INDEX) | np.uint64(i)
        for k in range(DIGITS):
            counts[k, _digit(key, k)] += np.uint32(1)
    for k in range(DIGITS):
        if np.uint64(most - least) >> (DIGIT * np.uint64(k)) == 0:
            break
        starts, start = counts[k], np.uint32(0)
        for value in range(VALUES):
            count = starts[value]
            starts[value] = start
            start += count
        for i in range(len(column)):
            digit = _digit(pairs[i] >> INDEX, k)
            others[starts[digit]] = pairs[i]
            starts[digit] += np.uint32(1)
        pairs, others = others, pairs
    for rank in range(len(column)):
        order[rank] = np.uint32(pairs[rank])


@kernel
def _digit(key: np.uint64, k: int) -> np.uint64:
    """Return digit `k` of a key, counted from the lowest."""
    return (key >> (DIGIT * np.uint64(k))) & np.uint64(VALUES - 1)


@kernel
def _smooth(keys: Keys, size: int) -> None:
    """Replace `keys` (column, rank) by their medians over `size` columns."""
    columns, ranks = len(keys), keys.shape[1] - TOGETHER
    window, medians = np.empty((size, LANES), np.int32), np.empty((columns, LANES), np.int32)
    below, none = np.empty(LANES, np.int32), np.full(LANES, NOT_A_NUMBER)
    for first in range(0, ranks, LANES):
        last = first + LANES
        window[:] = NOT_A_NUMBER
        for k in range(size):
            _exchange(window, none, keys[_reflected(k - size // 2, columns), first:last], below)
        for column in range(columns):
            _copy(window[size // 2], medians[column])
            leaving = _reflected(column - size // 2, columns)
            entering = _reflected(column - size // 2 + size, columns)
            _exchange(window, keys[leaving, first:last], keys[entering, first:last], below)
        for column in range(columns):
            _copy(medians[column], keys[column, first:last])


@kernel
def _copy(source: Keys, target: Keys) -> None:
    """Fill `target` with `source`: numba takes seconds to compile what numpy's form of this could also mean."""
    for i in range(len(target)):
        target[i] = source[i]


@kernel
def _reflected(column: int, columns: int) -> int:
    """Return the column that is seen at `column`, which may lie past the edges."""
    column %= 2 * columns
    return min(column, 2 * columns - 1 - column)


@kernel
def _exchange(window: Keys, leaving: Keys, entering: Keys, below: Keys) -> None:
    """Take `leaving` (lane,) out of a sorted `window` (place, lane) and put `entering` in; `below` is a work space."""
    last = len(window) - 1
    below[:] = LEAST
    for k in range(last):
        _exchange_at(window[k], window[k + 1], leaving, entering, below)
    for i in range(LANES):
        window[last, i] = max(below[i], entering[i])


@kernel
def _exchange_at(here: Keys, above: Keys, leaving: Keys, entering: Keys, below: Keys) -> None:
    """Do so at one place; `below` is what remained at the one before."""
    for i in range(LANES):
        kept = here[i] if here[i] < leaving[i] else above[i]
        here[i] = min(max(below[i], entering[i]), kept)
        below[i] = kept


@kernel
def _unsort(keys: Keys, order: Keys, bits: Keys) -> None:
    """Fill `bits` (angle, column) with the numbers of `keys` (column, rank) at the angles that `order` says."""
    angles, columns = bits.shape
    block = np.empty((angles, TOGETHER), np.int32)
    for first in range(0, columns, TOGETHER):
        width = min(TOGETHER, columns - first)
        for k in range(width):
            ranked, ranks = keys[first + k], order[first + k]
            for rank in range(angles):
                block[ranks[rank], k] = _folded(ranked[rank])
        for angle in range(angles):
            line, turned = bits[angle, first : first + width], block[angle]
            for k in range(width):
                line[k] = turned[k]
