"""The fast Fourier transform of one line of lanes: all slices at once, all in cache.

Stockham's self-sorting transform with factors 8, 5, 4, 3 and 2 (Van Loan, Computational Frameworks for the Fast
Fourier Transform, 1992, section 1.7). Every transform here has the positive sign and no factor, the sum over k of
z[k] exp(2 pi i j k / n) for each j: the spectrum of real numbers with the negative sign is its complex conjugate.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.fbp.lanes import LaneArray, conjugate, load, store, times_i

FACTORS = (8, 5, 4, 3, 2)
HALF_ROOT = np.float32(np.sqrt(0.5))
SIN_3 = np.float32(np.sin(2 * np.pi / 3))
COS_5, COS_10 = np.float32(np.cos(2 * np.pi / 5)), np.float32(np.cos(4 * np.pi / 5))
SIN_5, SIN_10 = np.float32(np.sin(2 * np.pi / 5)), np.float32(np.sin(4 * np.pi / 5))


def factors_of(length: int) -> list[int] | None:
    """Return `length` as a product of the factors this transform knows, or None where it is none."""
    for factor in FACTORS:
        if length == factor:
            return [factor]
        if length % factor == 0 and (rest := factors_of(length // factor)):
            return [factor, *rest]
    return None


def fast_length(least: float, multiple: int) -> int:
    """Return the first multiple of `multiple` from `least` on whose half can be transformed."""
    start = -(-least // multiple)
    return next(int(each) * multiple for each in count(start) if factors_of(int(each) * multiple // 2))


class Transform(NamedTuple):
    """What a transform of one length needs: its factors, and the roots of unity between them, factor by factor."""

    factors: NDArray[np.int64]
    roots: NDArray[np.complex64]


@cache
def transform_of(length: int) -> Transform:
    """Return the plan for transforms of `length`.

    Raises
    ------
    ValueError : where the length has a prime factor above 5
    """
    factors = factors_of(length)
    if factors is None:
        raise ValueError(f"length: must be a product of 2, 3 and 5, got {length}")
    roots, left = [], length
    for factor in factors:
        turns = np.outer(np.arange(left // factor), np.arange(1, factor)) / left
        roots.append(np.exp(2j * np.pi * turns).ravel())
        left //= factor
    return Transform(np.array(factors), np.concatenate(roots).astype(np.complex64))


def half_turn_roots(length: int) -> NDArray[np.complex64]:
    """Return exp(2 pi i k / length) for k up to half of `length`: they join even and odd numbers of a real line."""
    roots: NDArray[np.complex64] = np.exp(2j * np.pi * np.arange(length // 2) / length).astype(np.complex64)
    return roots


@kernel
def transform(line: LaneArray, spare: LaneArray, plan: Transform) -> LaneArray:
    """Transform `line`; both arrays are overwritten, and the one that holds the result is returned.

    Parameters
    ----------
    line, spare : (length,) lanes
    plan : that of `transform_of(length)`
    """
    stride, left, root = 1, len(line), 0
    roots = plan.roots
    for factor in plan.factors:
        left //= factor
        if factor == 8:  # noqa: PLR2004 - the factors speak for themselves
            _pass_8(line, spare, left, stride, roots[root:])
        elif factor == 5:  # noqa: PLR2004
            _pass_5(line, spare, left, stride, roots[root:])
        elif factor == 4:  # noqa: PLR2004
            _pass_4(line, spare, left, stride, roots[root:])
        elif factor == 3:  # noqa: PLR2004
            _pass_3(line, spare, left, stride, roots[root:])
        else:
            _pass_2(line, spare, left, stride, roots[root:])
        root += left * (factor - 1)
        stride *= factor
        line, spare = spare, line
    return line


@kernel
def _pass_2(line: LaneArray, out: LaneArray, left: int, stride: int, roots: Any) -> None:
    for p in range(left):
        for q in range(stride):
            i, o = q + stride * p, q + stride * 2 * p
            a, b = load(line, i), load(line, i + stride * left)
            store(out, o, a + b)
            store(out, o + stride, (a - b) * roots[p])


@kernel
def _pass_3(line: LaneArray, out: LaneArray, left: int, stride: int, roots: Any) -> None:
    apart = stride * left
    for p in range(left):
        for q in range(stride):
            i, o = q + stride * p, q + stride * 3 * p
            a, b, c = load(line, i), load(line, i + apart), load(line, i + 2 * apart)
            total, turned = b + c, times_i(b - c) * SIN_3
            middle = a - total * np.float32(0.5)
            store(out, o, a + total)
            store(out, o + stride, (middle + turned) * roots[2 * p])
            store(out, o + 2 * stride, (middle - turned) * roots[2 * p + 1])


@kernel
def _pass_4(line: LaneArray, out: LaneArray, left: int, stride: int, roots: Any) -> None:
    apart = stride * left
    for p in range(left):
        for q in range(stride):
            i, o = q + stride * p, q + stride * 4 * p
            a, b, c, d = load(line, i), load(line, i + apart), load(line, i + 2 * apart), load(line, i + 3 * apart)
            even, odd, even_apart, odd_apart = a + c, b + d, a - c, times_i(b - d)
            store(out, o, even + odd)
            store(out, o + stride, (even_apart + odd_apart) * roots[3 * p])
            store(out, o + 2 * stride, (even - odd) * roots[3 * p + 1])
            store(out, o + 3 * stride, (even_apart - odd_apart) * roots[3 * p + 2])


@kernel
def _pass_5(line: LaneArray, out: LaneArray, left: int, stride: int, roots: Any) -> None:
    apart = stride * left
    for p in range(left):
        for q in range(stride):
            i, o = q + stride * p, q + stride * 5 * p
            a, b, c = load(line, i), load(line, i + apart), load(line, i + 2 * apart)
            d, e = load(line, i + 3 * apart), load(line, i + 4 * apart)
            outer, inner, outer_apart, inner_apart = b + e, c + d, b - e, c - d
            first = a + outer * COS_5 + inner * COS_10
            second = a + outer * COS_10 + inner * COS_5
            first_turned = times_i(outer_apart * SIN_5 + inner_apart * SIN_10)
            second_turned = times_i(outer_apart * SIN_10 - inner_apart * SIN_5)
            store(out, o, a + outer + inner)
            store(out, o + stride, (first + first_turned) * roots[4 * p])
            store(out, o + 2 * stride, (second + second_turned) * roots[4 * p + 1])
            store(out, o + 3 * stride, (second - second_turned) * roots[4 * p + 2])
            store(out, o + 4 * stride, (first - first_turned) * roots[4 * p + 3])


@kernel
def _pass_8(line: LaneArray, out: LaneArray, left: int, stride: int, roots: Any) -> None:
    apart = stride * left
    for p in range(left):
        for q in range(stride):
            i, o = q + stride * p, q + stride * 8 * p
            a, e = load(line, i), load(line, i + 4 * apart)
            c, g = load(line, i + 2 * apart), load(line, i + 6 * apart)
            even, odd, even_apart, odd_apart = a + e, c + g, a - e, times_i(c - g)
            a0, a1, a2, a3 = even + odd, even_apart + odd_apart, even - odd, even_apart - odd_apart

            b, f = load(line, i + apart), load(line, i + 5 * apart)
            d, h = load(line, i + 3 * apart), load(line, i + 7 * apart)
            even, odd, even_apart, odd_apart = b + f, d + h, b - f, times_i(d - h)
            b0, b2 = even + odd, times_i(even - odd)
            b1, b3 = even_apart + odd_apart, even_apart - odd_apart
            b1, b3 = (b1 + times_i(b1)) * HALF_ROOT, (times_i(b3) - b3) * HALF_ROOT

            store(out, o, a0 + b0)
            store(out, o + stride, (a1 + b1) * roots[7 * p])
            store(out, o + 2 * stride, (a2 + b2) * roots[7 * p + 1])
            store(out, o + 3 * stride, (a3 + b3) * roots[7 * p + 2])
            store(out, o + 4 * stride, (a0 - b0) * roots[7 * p + 3])
            store(out, o + 5 * stride, (a1 - b1) * roots[7 * p + 4])
            store(out, o + 6 * stride, (a2 - b2) * roots[7 * p + 5])
            store(out, o + 7 * stride, (a3 - b3) * roots[7 * p + 6])


@kernel
def pack_spectrum(half: LaneArray, start: int, line: LaneArray, roots: Any) -> None:
    """Lay the spectrum of a real line of n numbers out so that a transform of n / 2 gives the numbers, two by two.

    Parameters
    ----------
    half : lanes; from `start` on, the frequencies 0 to n / 2 - 1, that at n / 2 taken as zero
    line : (n / 2,) lanes, filled here; transformed, its element j holds number 2 j as real part and number 2 j + 1 as
        imaginary part
    roots : those of `half_turn_roots(n)`
    """
    n = len(line)
    mean = load(half, start)
    mean = (mean + conjugate(mean)) * np.float32(0.5)
    store(line, 0, mean + times_i(mean))
    for k in range(1, n):
        a, b = load(half, start + k), conjugate(load(half, start + n - k))
        store(line, k, a + b + times_i((a - b) * roots[k]))


@kernel
def spectrum_at(line: LaneArray, k: int, root: Any) -> Any:
    """Return frequency k, with the negative sign, of n real numbers.

    Parameters
    ----------
    line : (n / 2,) lanes, the transform of the numbers taken two by two as real and imaginary parts
    root : exp(2 pi i k / n)
    """
    n = len(line)
    a, b = load(line, k), conjugate(load(line, n - k if k > 0 else 0))
    return conjugate(((a + b) - times_i((a - b) * root)) * np.float32(0.5))
