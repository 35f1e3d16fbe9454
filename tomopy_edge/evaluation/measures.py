"""How near a slice is to the truth: similarity, error, edges, mean grey value.

All measures are taken inside a circle 6 pixels smaller than the one inscribed in the slice, with zero outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import DataError
from tomopy_edge.fbp.axis import radii
from tomopy_edge.training.scores import score

RIM = 6
"""Pixels between the circle that is measured and the inscribed one."""

MATTER = 0.1
"""Share of the truth's maximum from which a pixel belongs to the object."""

ENDS = (0.1, 99.9)
"""Percentiles of a raw slice whose distance is the data range for the similarity to it."""

TO_INPUT = (
    "structural similarity of the denoised slice to the one it was made of, as SSIM but with the data range from "
    f"percentile {ENDS[0]:g} to {ENDS[1]:g} of that"
)
"""What similarity to the input means, for the tables."""

DEFINITIONS = {
    "all measures": f"inside a circle {RIM} pixels smaller than the inscribed one; zero outside; means over scans",
    "SSIM": "structural similarity (Wang et al. 2004): windows of 7 x 7 pixels, K1 0.01, K2 0.03, data range that of "
    "the truth, mean over the whole slice",
    "PSNR": "10 log10 of the squared range of the truth over the mean squared error of the pixels in the circle, dB",
    "edges kept": "gradient (Sobel) along that of the truth, where that lies above its Otsu threshold, as the "
    "least-squares share of the truth's: 1 as steep as the truth (after the acutance of Higgins and Jones 1952)",
    "edge corr": "edge preservation index (Sattar et al. 1997): correlation of the slices' Laplacians",
    "grey %": f"size of the error of the mean inside the object (truth above {MATTER:.0%} of its maximum)",
}
"""What each measure means, for the table."""


@dataclass(frozen=True)
class Measures:
    """What was measured on one slice; see `DEFINITIONS`.

    Attributes
    ----------
    ssim : 1 where the slices are the same
    psnr : dB
    edges_kept : 1 where edges are as steep as in the truth, less where they are blurred
    edge_correlation : 1 where edges and details are those of the truth, 0 where they have nothing in common
    grey : error of the mean grey value inside the object, %
    """

    ssim: float
    psnr: float
    edges_kept: float
    edge_correlation: float
    grey: float


def inner_circle(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which pixels (y, x) are measured: those of the inscribed circle, less a rim."""
    return radii(shape) < min(shape) / 2 - RIM


def measure(denoised: Float32, truth: Float32) -> Measures:
    """Return the measures of a slice, (y, x) each, attenuation per pixel.

    Raises
    ------
    DataError : where the truth is the same everywhere, so that nothing can be told
    """
    inside = inner_circle(truth.shape)
    seen, clean = (np.where(inside, image, 0).astype(np.float64) for image in (denoised, truth))
    if not np.ptp(clean) > 0:
        raise DataError("the truth is the same everywhere inside the measured circle; nothing can be judged by it")
    return Measures(
        ssim=score(seen, clean).ssim,
        psnr=psnr(denoised, truth, inside),
        edges_kept=edges_kept(seen, clean),
        edge_correlation=edge_correlation(seen, clean),
        grey=grey_error(seen, clean),
    )


def psnr(denoised: Float32, truth: Float32, inside: NDArray[np.bool_]) -> float:
    """Return the peak signal-to-noise ratio of a slice, dB; arrays are (y, x).

    The error is averaged over the pixels `inside` alone; the peak is the range of the truth with zero outside of them.
    """
    span = float(np.ptp(np.where(inside, truth, 0)))
    squared = float(np.mean(np.square(denoised[inside] - truth[inside], dtype=np.float64)))
    return 10 * float(np.log10(span**2 / max(squared, np.finfo(np.float64).tiny)))


def ssim_to_input(denoised: Float32, raw: Float32, inside: NDArray[np.bool_]) -> float:
    """Return the structural similarity of a denoised slice to the raw one it was made of, (y, x) each; see `TO_INPUT`.

    Parameters
    ----------
    inside : (y, x), which pixels are measured; all others are taken as zero
    """
    from skimage.metrics import structural_similarity

    low, high = np.percentile(raw[inside], ENDS)
    own, other = (np.where(inside, image, 0).astype(np.float64) for image in (denoised, raw))
    return float(structural_similarity(own, other, data_range=float(high - low)))


def edges_kept(denoised: Float64, truth: Float64) -> float:
    """Return how steep the truth's edges are in a slice (y, x), as a share of their steepness in the truth.

    At the pixels whose gradient in the truth lies above its Otsu threshold, the slice's gradient is projected onto the
    truth's: sum(g . t) / sum(t . t). Noise has no preferred direction and does not count as steepness, as it would in
    the mean squared gradient.

    References
    ----------
    G. C. Higgins and L. A. Jones, The nature and evaluation of the sharpness of photographic images, Journal of the
    SMPTE 58 (1952) 277 (acutance); N. Otsu, IEEE Transactions on Systems, Man, and Cybernetics 9 (1979) 62.
    """
    from skimage.filters import threshold_otsu

    slopes = _gradient(truth)
    steepness = np.hypot(*slopes)
    edge = steepness > threshold_otsu(steepness)
    along = sum(float(np.sum(own[edge] * true[edge])) for own, true in zip(_gradient(denoised), slopes, strict=True))
    return along / float(np.sum(np.square(steepness[edge])))


def edge_correlation(denoised: Float64, truth: Float64) -> float:
    """Return the correlation of the Laplacians of two slices (y, x); 0 where one of them is flat.

    References
    ----------
    F. Sattar, L. Floreby, G. Salomonsson, B. Lovstrom, Image enhancement based on a nonlinear multiscale method, IEEE
    Transactions on Image Processing 6 (1997) 888.
    """
    from scipy.ndimage import laplace

    one, other = (image - image.mean() for image in (laplace(denoised), laplace(truth)))
    norm = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    return float(np.sum(one * other)) / norm if norm > 0 else 0.0


def grey_error(denoised: Float64, truth: Float64) -> float:
    """Return by how many per cent the mean of a slice (y, x) inside the object differs from the truth's."""
    matter = truth > MATTER * truth.max()
    return 100 * float(denoised[matter].mean() / truth[matter].mean() - 1)


def _gradient(image: Float64) -> tuple[Float64, Float64]:
    from scipy.ndimage import sobel

    return sobel(image, axis=0), sobel(image, axis=1)
