"""What supervised training makes small: absolute or squared error, or absolute error with multi-scale SSIM."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.training.emphasis import LEAST as SMALL
from tomopy_edge.training.emphasis import detail_weights, evened, lost_contrast

STRUCTURE = 0.84
"""Share of 1 - MS-SSIM in "mae+ms-ssim"; the rest is the mean absolute error (Zhao et al. 2017, section III-D)."""

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales of MS-SSIM, finest first; each halves the one before (Wang et al. 2003, section 3.2)."""

STEPS = (4, 2, 1, 1, 1)
"""From one window to the next, in pixels of each scale: 4 pixels of the slice for the first three. Crops lie anywhere,
so no pixel is left out in the long run, and two thirds of the loss's time are saved."""

WINDOW, SIGMA = 11, 1.5
"""Width and standard deviation of the Gaussian windows, pixels of their scale (Wang et al. 2004)."""

RANGE = 1.0
"""Data range of SSIM: one network unit, about the densest matter that fills blocks."""

STABLE = ((0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2)
"""SSIM's constants C1 and C2 for that range."""

LEAST = 0.01
"""A scale's similarity counts as at least this: below 0, as chance has it before a network knows anything, powers have
no value."""


def loss_function(
    name: str, *, details: float = 0.0, contrast: float = 0.0, even: bool = False
) -> Callable[[Any, Any], Any]:
    """Return the loss that options call `name`: (told, denoised) -> (batch,), float32.

    All are computed in float32 by `keras.ops`, whatever the network computes in and on whichever backend. What is told,
    (batch, y, x, 2), is the truth and beside it the noisy slice, of which nothing is learned; where no `contrast` is
    asked for, (batch, y, x, 1), the truth alone, will do.

    Parameters
    ----------
    name : "mae", "mse" or "mae+ms-ssim"
    details : how much more errors count on thin details; see `emphasis.detail_weights`
    contrast : how many times its own error a crop counts more where its details have lost all contrast; see
        `emphasis.lost_contrast`
    even : whether each crop counts by the share of its own error; see `emphasis.evened`
    """
    from keras import ops

    plain = {"mae": mean_absolute, "mse": mean_squared, "mae+ms-ssim": mean_absolute_and_structure}[name]

    def emphasised(told: Any, denoised: Any) -> Any:
        told, denoised = _float32(told), _float32(denoised)
        truth = told[..., :1]
        losses = plain(truth, denoised, detail_weights(truth, details) if details else 1.0)
        if contrast:
            own = ops.stop_gradient(losses) + SMALL
            losses = losses + contrast * own * lost_contrast(truth, denoised, told[..., 1:])
        return evened(losses) if even else losses

    return emphasised


def mean_absolute(truth: Any, denoised: Any, weights: Any = 1.0) -> Any:
    """Return the mean absolute error of each slice; unlike the squared one it does not blur what is uncertain."""
    from keras import ops

    return ops.mean(weights * ops.abs(_float32(denoised) - _float32(truth)), axis=(1, 2, 3))


def mean_squared(truth: Any, denoised: Any, weights: Any = 1.0) -> Any:
    """Return the mean squared error of each slice: the one to learn from noisy truth, whose mean it finds."""
    from keras import ops

    return ops.mean(weights * ops.square(_float32(denoised) - _float32(truth)), axis=(1, 2, 3))


def mean_absolute_and_structure(truth: Any, denoised: Any, weights: Any = 1.0) -> Any:
    """Return 0.16 of the mean absolute error and 0.84 of 1 - MS-SSIM, of each slice.

    References
    ----------
    H. Zhao, O. Gallo, I. Frosio and J. Kautz, Loss functions for image restoration with neural networks, IEEE
    Transactions on Computational Imaging 3 (2017) 47. There the absolute error is weighted by the coarsest window; here
    every pixel counts the same, unless `weights` say otherwise.
    """
    return (1 - STRUCTURE) * mean_absolute(truth, denoised, weights) + STRUCTURE * (1 - ms_ssim(truth, denoised))


def ms_ssim(truth: Any, denoised: Any) -> Any:
    """Return the multi-scale structural similarity of slices, (batch, y, x, 1) each -> (batch,).

    Scales that a window does not fit into are left out, and the exponents of the others raised to the same sum: crops
    of 176 pixels and more have all five. Windows lie wholly inside.

    References
    ----------
    Z. Wang, E. P. Simoncelli and A. C. Bovik, Multi-scale structural similarity for image quality assessment, 37th
    Asilomar Conference on Signals, Systems and Computers (2003) 1398.
    """
    from keras import ops

    one, other = _float32(truth)[..., 0], _float32(denoised)[..., 0]
    exponents = np.array(SCALES[: _fitting(min(one.shape[1:]))])
    exponents /= exponents.sum()
    similarity: Any = 1.0
    for scale, exponent in enumerate(exponents):
        if scale:
            one, other = (_filtered(values, _halving) for values in (one, other))
        means, structure = _compared(one, other, STEPS[scale])
        # The means are compared at the coarsest scale alone.
        compared = structure * means if scale == len(exponents) - 1 else structure
        similarity *= ops.maximum(ops.mean(compared, axis=(1, 2)), LEAST) ** float(exponent)
    return similarity


def _fitting(edge: int) -> int:
    """Return how many scales have room for a window, at least one."""
    return max(1, sum(edge >> scale >= WINDOW for scale in range(len(SCALES))))


def _compared(one: Any, other: Any, step: int) -> tuple[Any, Any]:
    """Return how like the means in each window are, and how like what is around them."""

    def windows(values: Any) -> Any:
        return _filtered(values, lambda edge: _windows(edge, step))

    mean_one, mean_other = windows(one), windows(other)
    both, squares = mean_one * mean_other, mean_one * mean_one + mean_other * mean_other
    covariance = windows(one * other) - both
    variances = windows(one * one + other * other) - squares
    return (2 * both + STABLE[0]) / (squares + STABLE[0]), (2 * covariance + STABLE[1]) / (variances + STABLE[1])


def _filtered(values: Any, matrix: Callable[[int], Float32]) -> Any:
    """Filter rows and columns by a matrix each: on processors a third of the time of a depthwise convolution."""
    from keras import ops

    rows, columns = (ops.convert_to_tensor(matrix(edge)) for edge in values.shape[1:])
    return ops.matmul(ops.matmul(rows, values), ops.transpose(columns))


@lru_cache
def _windows(edge: int, step: int) -> Float32:
    """Return the matrix of Gaussian windows along an axis, (window, pixel)."""
    width = min(WINDOW, edge)
    weights = np.exp(-0.5 * ((np.arange(width) - (width - 1) / 2) / SIGMA) ** 2)
    matrix = np.zeros(((edge - width) // step + 1, edge), np.float32)
    for row in range(len(matrix)):
        matrix[row, row * step : row * step + width] = weights / weights.sum()
    return matrix


@lru_cache
def _halving(edge: int) -> Float32:
    """Return the matrix that averages neighbours in twos, (pair, pixel); an odd last pixel is left out."""
    matrix = np.zeros((edge // 2, edge), np.float32)
    for row in range(edge // 2):
        matrix[row, 2 * row : 2 * row + 2] = 0.5
    return matrix


def _float32(values: Any) -> Any:
    from keras import ops

    return ops.cast(values, "float32")
