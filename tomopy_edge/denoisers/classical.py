"""Two denoisers that were never trained, as baselines: total variation and non-local means, from scikit-image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.hookspecs import DenoiserEntry
from tomopy_edge.job import Job
from tomopy_edge.options import options


@options
class TotalVariationOptions:
    """Options of the denoiser `total_variation`."""

    weight: float = 2.0
    """How much is smoothed away, in units of each slice's own noise."""

    iterations: int = 100
    """Most iterations."""

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"weight: must be above 0, got {self.weight}")
        if self.iterations < 1:
            raise ValueError(f"iterations: must be at least 1, got {self.iterations}")


@options
class NonLocalMeansOptions:
    """Options of the denoiser `non_local_means`."""

    strength: float = 0.8
    """Cut-off of the patch distance, in units of each slice's own noise."""

    patch: int = 5
    """Edge of the patches compared, pixels."""

    search: int = 6
    """How far away patches are looked for, pixels."""

    def __post_init__(self) -> None:
        if not self.strength > 0:
            raise ValueError(f"strength: must be above 0, got {self.strength}")
        if self.patch < 1 or self.search < 1:
            raise ValueError(f"patch: patch and search must be at least 1 pixel, got {self.patch} and {self.search}")


class SliceBySlice:
    """Denoises each slice on its own, in units of its own noise."""

    neighbours, fresh = 0, True

    def __init__(self, smooth: Callable[[Float32], Float32]) -> None:
        self._smooth = smooth

    def __call__(self, noisy: Float32) -> Float32:
        """Return `noisy` (z, y, x) denoised."""
        from skimage.restoration import estimate_sigma

        clean = np.empty_like(noisy)
        for z, image in enumerate(noisy):
            noise = float(estimate_sigma(image))
            # A slice without noise needs no smoothing, and has no unit to be smoothed in.
            clean[z] = self._smooth(image / np.float32(noise)) * np.float32(noise) if noise > 0 else image
        return clean


def _total_variation(options: TotalVariationOptions, _job: Job) -> SliceBySlice:
    def smooth(image: Float32) -> Float32:
        from skimage.restoration import denoise_tv_chambolle

        smoothed: Float32 = denoise_tv_chambolle(image, weight=options.weight, max_num_iter=options.iterations)
        return smoothed

    return SliceBySlice(smooth)


def _non_local_means(options: NonLocalMeansOptions, _job: Job) -> SliceBySlice:
    def smooth(image: Float32) -> Float32:
        from skimage.restoration import denoise_nl_means

        smoothed: Float32 = denoise_nl_means(
            image, patch_size=options.patch, patch_distance=options.search, h=options.strength, sigma=1.0
        )
        return smoothed

    return SliceBySlice(smooth)


TOTAL_VARIATION = DenoiserEntry(
    "total_variation", "Total variation (Chambolle), from scikit-image", TotalVariationOptions, _total_variation
)
NON_LOCAL_MEANS = DenoiserEntry(
    "non_local_means", "Non-local means, from scikit-image", NonLocalMeansOptions, _non_local_means
)
