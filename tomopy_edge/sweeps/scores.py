"""The numbers that help to choose among slices of one row: how sharp, how noisy, how far from the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.fbp.axis import radii

BLUR = 6.0
"""Standard deviation of the blur before edges are looked at, pixels: at 60 counts, too, noise makes no edges then, and
those of a misplaced rotation axis are as long as the object."""

NARROW = 256
"""Columns below which the blur is smaller in proportion."""

RADIUS = 0.95
"""Share of the inscribed circle that is looked at: its rim has edges of its own."""

SHARPNESS = (
    f"mean square of the gradient over the square of its mean, after a blur of {BLUR:g} pixels: "
    "large where few edges "
    "are strong, as in the right slice, and small where every edge has a faint double"
)
"""What sharpness means, for the report."""


@dataclass(frozen=True)
class Scores:
    """What was measured on a slice, within 95 % of the inscribed circle.

    Attributes
    ----------
    sharpness : see `sharpness`
    noise : standard deviation of the noise, attenuation per pixel; see `noise`
    mean : attenuation per pixel
    difference : root mean square of the difference from the first slice, attenuation per pixel; where the two differ
        in size, of the part that both show
    """

    sharpness: float
    noise: float
    mean: float
    difference: float


def scores(slice_: Float32, first: Float32) -> Scores:
    """Return the scores of a slice (y, x), attenuation per pixel; `first` is what it is compared with."""
    inside = _inside(slice_)
    shown = min(slice_.shape, first.shape)
    own, other = framed(slice_, shown), framed(first, shown)
    away = (own - other)[_inside(own)].astype(np.float64)
    return Scores(
        sharpness(slice_),
        noise(slice_),
        float(slice_[inside].mean(dtype=np.float64)),
        float(np.sqrt(np.mean(away**2))),
    )


def framed(slice_: Float32, shape: tuple[int, ...]) -> Float32:
    """Return a slice (y, x) cut to a shape, or with nothing around it: its axis lies where it does in such slices.

    See `tomopy_edge.fbp.FilteredBackProjection` for where that is.
    """
    if slice_.shape == tuple(shape):
        return slice_
    placed = np.zeros(shape, np.float32)
    down, across = (want - have for want, have in zip(_axis(shape), _axis(slice_.shape), strict=True))
    top, left = max(down, 0), max(across, 0)
    part = slice_[max(-down, 0) :, max(-across, 0) :][: shape[0] - top, : shape[1] - left]
    placed[top : top + part.shape[0], left : left + part.shape[1]] = part
    return placed


def _axis(shape: tuple[int, ...]) -> tuple[int, int]:
    down, across = shape
    return down // 2 - 1, (across + across % 2) // 2


def noise(slice_: Float32) -> float:
    """Return the standard deviation of the noise of a slice (y, x), in its unit.

    It is the mean size of what is left of a slice where two Laplacians are subtracted from each other, which edges and
    slopes leave little of. Fine texture counts as noise, and noise that is correlated over pixels counts for less: it
    serves to compare slices of one row.

    References
    ----------
    J. Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64 (1996) 300,
    doi:10.1006/cviu.1996.0060.
    """
    from scipy.ndimage import correlate1d

    left = correlate1d(correlate1d(slice_, [1, -2, 1], axis=0), [1, -2, 1], axis=1)
    # The mean size of 36 variances of white noise, as a standard deviation.
    return float(np.abs(left[_inside(slice_)]).mean(dtype=np.float64) * np.sqrt(np.pi / 2) / 6)


def sharpness(slice_: Float32) -> float:
    """Return how much the edges of a slice (y, x) stand out from all its gradients, at least 1; 1 in an empty slice.

    It is the squared ratio of the L2 norm of the gradient to its L1 norm, which do not change with the strength of
    the picture, and it is largest for the rotation axis with which the slice is sharp: next to it, every edge is
    smeared into a fork or a crescent, which takes from the strong gradients and adds many weak ones. Sums such as the
    variance of the slice, or the mean gradient, follow noise and rings instead.

    References
    ----------
    The ratio: D. Krishnan, T. Tay, R. Fergus, "Blind deconvolution using a normalized sparsity measure", CVPR 2011,
    doi:10.1109/CVPR.2011.5995521. To find the axis by a number taken of slices: T. Donath, F. Beckmann, A. Schreyer,
    "Automated determination of the center of rotation in tomography data", J. Opt. Soc. Am. A 23 (2006) 1048,
    doi:10.1364/JOSAA.23.001048.
    """
    from scipy.ndimage import gaussian_filter

    down, across = np.gradient(gaussian_filter(slice_, BLUR * min(1.0, min(slice_.shape) / NARROW)))
    steep = np.hypot(down, across)[_inside(slice_)].astype(np.float64)
    mean = steep.mean()
    return float(np.mean(steep**2) / mean**2) if mean > 0 else 1.0


def _inside(slice_: Float32) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = radii(slice_.shape) < RADIUS * min(slice_.shape) / 2
    return inside
