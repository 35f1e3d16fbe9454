"""How near a network comes to the truth of held-out pairs: mean absolute error, PSNR and SSIM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """Means over slices.

    Attributes
    ----------
    error : mean absolute error, in the slices' unit
    psnr : peak signal-to-noise ratio, dB; the peak is the range of the truth
    ssim : structural similarity; its data range is the range of the truth
    """

    error: float
    psnr: float
    ssim: float


def score(denoised: NDArray[Any], truth: NDArray[Any]) -> Scores:
    """Return the scores of one slice, (y, x) each.

    References
    ----------
    Z. Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE Transactions on
    Image Processing 13 (2004) 600.
    """
    from skimage.metrics import structural_similarity

    denoised, truth = np.asarray(denoised, np.float64), np.asarray(truth, np.float64)
    span = float(np.ptp(truth))
    squared = float(np.mean((denoised - truth) ** 2))
    return Scores(
        error=float(np.mean(np.abs(denoised - truth))),
        psnr=10 * float(np.log10(span**2 / max(squared, 1e-20))),
        ssim=float(structural_similarity(denoised, truth, data_range=span)),
    )


def mean(scores: list[Scores]) -> Scores:
    """Return the mean of each score."""
    return Scores(
        *(float(np.mean([getattr(one, name) for one in scores])) for name in ("error", "psnr", "ssim")),
    )


def judge(network: Any, noisy: NDArray[Any], truth: NDArray[Any]) -> Scores:
    """Return a Keras network's mean scores on slices, (pair, y, x, channel) noisy and (pair, y, x) truth."""
    answers = (network.predict_on_batch(one[None].astype(np.float32))[0, ..., 0] for one in noisy)
    return mean([score(denoised, clean) for denoised, clean in zip(answers, truth, strict=True)])
