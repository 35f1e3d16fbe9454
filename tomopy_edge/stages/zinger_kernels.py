"""The loops that look for zingers in a sinogram, compiled with numba: how loud its noise is, and what exceeds it.

Kernels work on one sinogram on one thread and let Python's global lock go.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32

STEP = 0.6745 * np.sqrt(2)
"""The median of absolute differences of normal noise, in its standard deviations."""

SAFE = 1 - 1e-6
"""Takes from a bound more than rounding can have added."""

NEIGHBOURS = 8
"""Of a pixel: in the same view, in the one before and the one after."""

HIGHEST = np.int32(0x7FFFFFFF)
"""No whole number of 32 bits is above it."""

NEAR = np.float32(0.95)
"""Share of a view's level that the next view's is expected to reach."""

Keys = NDArray[np.int32]

# Infinity is an answer here, and a check for it in each pixel would cost as much as the division.
_kernel = partial(kernel, error_model="numpy")


@_kernel
def replace_zingers(sinogram: Float32, threshold: np.float32, size: int, cleaned: Float32) -> int:
    """Fill `cleaned` with `sinogram` without zingers, and return how many were replaced.

    A pixel is compared with eight: those `size` views or columns away, or both. It is replaced by their mean where it
    exceeds that, and all but one of them by half as much: at the edge of an object some are as bright as it is. Beyond
    the first and the last view, and column, the sinogram goes on as its mirror image.

    Parameters
    ----------
    sinogram, cleaned : (angle, column)
    threshold : how far a pixel must exceed the mean, as a share of that mean
    """
    angles, columns = sinogram.shape
    total, replaced = np.empty(columns, np.float32), 0
    for angle in range(angles):
        total[:] = 0
        # In another order the sums would be rounded otherwise: it is algotom's.
        _add(sinogram[_mirrored(angle + size, angles)], size, total, middle=True)
        _add(sinogram[angle], size, total, middle=False)
        _add(sinogram[_mirrored(angle - size, angles)], size, total, middle=True)
        replaced += _replace(sinogram, angle, size, total, threshold, cleaned[angle])
    return replaced


@_kernel
def _add(line: Float32, size: int, total: Float32, middle: bool) -> None:  # noqa: FBT001 - numba knows no `*`
    """Add to `total` (column,) the pixels of `line` that are `size` columns after, as far if `middle`, and before."""
    columns = len(line)
    for near_end in (0, max(columns - size, size)):
        for i in range(near_end, min(near_end + size, columns)):
            total[i] += line[_mirrored(i + size, columns)]
            if middle:
                total[i] += line[i]
            total[i] += line[_mirrored(i - size, columns)]
    inner, after, beside = total[size : columns - size], line[2 * size :], line[size : columns - size]
    if middle:
        for i in range(len(inner)):
            inner[i] = inner[i] + after[i] + beside[i] + line[i]
    else:
        for i in range(len(inner)):
            inner[i] = inner[i] + after[i] + line[i]


@_kernel
def _mirrored(i: int, length: int) -> int:
    """Return where the number that would be at place `i` is, given that both ends are mirrors.

    The last view of half a turn is the first one's mirror image, and no neighbour of it; nor are the outermost columns.
    """
    inside = abs(i)
    return inside if inside < length else max(2 * (length - 1) - inside, 0)


@_kernel
def _replace(sinogram: Float32, angle: int, size: int, total: Float32, threshold: np.float32, cleaned: Float32) -> int:
    """Fill the `cleaned` line (column,) of a view, given the sums of eight others; return how many were replaced."""
    line, replaced = sinogram[angle], 0
    for i in range(len(line)):
        mean = total[i] / np.float32(NEIGHBOURS)
        mean = mean if mean != 0 else np.float32(1)
        exceeds = line[i] / mean - np.float32(1) > threshold
        exceeds = exceeds and _stands_alone(sinogram, angle, i, size, np.float32(1) + threshold / np.float32(2))
        cleaned[i] = mean if exceeds else line[i]
        replaced += exceeds
    return replaced


@_kernel
def _stands_alone(sinogram: Float32, angle: int, i: int, size: int, times: np.float32) -> bool:
    """Return whether a pixel is above so many times each of its eight neighbours but one, which may be a zinger too."""
    angles, columns = sinogram.shape
    above = 0
    for v in (-size, 0, size):
        for u in (-size, 0, size):
            if v != 0 or u != 0:
                above += sinogram[angle, i] > times * sinogram[_mirrored(angle + v, angles), _mirrored(i + u, columns)]
    return above >= NEIGHBOURS - 1


@_kernel
def loudest(sinogram: Float32, quietest: float, darkest: np.float32) -> float:
    """Return the noise of the loudest view as a share of its level, or `quietest` where that is more.

    Noise is the median of absolute differences of neighbouring columns, level the median of the view or `darkest` where
    that is more. Both are only found of views that may be the loudest so far. A view whose noise is not a finite number
    says nothing.

    Parameters
    ----------
    sinogram : (angle, column)
    """
    angles, columns = sinogram.shape
    if columns < 2:  # noqa: PLR2004 - no steps
        return quietest
    share, expected = quietest, darkest
    steps, keys = np.empty(columns - 1, np.float32), np.empty(columns, np.int32)
    for angle in range(angles):
        line, rest = sinogram[angle], sinogram[angle, 1:]
        # No louder than `share` are views of which half the steps are below what that makes of the expected level, if
        # half of the view reaches that level.
        bound = np.float32(share * STEP * expected * SAFE)
        quiet, bright, broken = 0, 0, 0
        for i in range(columns - 1):
            step = abs(rest[i] - line[i])
            steps[i] = step
            quiet += step <= bound
            broken += step != step  # noqa: PLR0124 - NaN does not equal itself
            bright += line[i] >= expected
        if broken:
            continue
        if quiet > (columns - 1) // 2 and (bright > columns // 2 or expected == darkest):
            continue
        level = max(_median(line, keys), darkest)
        found = np.float64(_median(steps, keys[1:])) / STEP / np.float64(level)
        if not np.isfinite(found):
            continue
        share = max(share, found)
        expected = max(level * NEAR, darkest)
    return share


@_kernel
def _median(numbers: Float32, keys: Keys) -> np.float32:
    """Return the median of `numbers` (place,), none of them NaN; `keys`, as many, is a work space.

    Whole numbers ascend as the numbers do. The range of the median is halved until it is one of them: to count what is
    below its middle is quicker than to sort.
    """
    bits = numbers.view(np.int32)
    low, high = np.int64(HIGHEST), -np.int64(HIGHEST) - 1
    for i in range(len(keys)):
        keys[i] = _folded(bits[i])
        low, high = min(low, np.int64(keys[i])), max(high, np.int64(keys[i]))
    while low < high:
        middle = (low + high) >> 1
        if 2 * _reaching(keys, np.int32(middle)) >= len(keys):
            high = middle
        else:
            low = middle + 1
    alone, above = 2 * _reaching(keys, np.int32(low)) != len(keys), HIGHEST
    for i in range(len(keys)):
        above = min(above, keys[i] if keys[i] > low else HIGHEST)
    keys[0] = _folded(np.int32(low))
    one = keys.view(np.float32)[0]
    keys[0] = _folded(above)
    other = keys.view(np.float32)[0]
    return np.float32(one if alone else (one + other) / np.float32(2))


@_kernel
def _folded(bits: np.int32) -> np.int32:
    """Return a whole number that ascends as a float32 does, by its bits, or its bits by that."""
    return bits ^ ((bits >> np.int32(31)) & HIGHEST)


@_kernel
def _reaching(keys: Keys, limit: np.int32) -> int:
    """Return how many of `keys` are not above `limit`."""
    count = 0
    for i in range(len(keys)):
        count += keys[i] <= limit
    return count
