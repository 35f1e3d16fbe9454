"""How near a model brings slices of some views to the raw slices of views that nothing was learned from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions
from tomopy_edge.errors import DataError
from tomopy_edge.fbp.axis import radii
from tomopy_edge.job import Job
from tomopy_edge.networks.manifest import Model
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.networks.unit import RADIUS


@dataclass(frozen=True)
class Distance:
    """What the slices of the views learned from are worth, against the raw slices of the held-out views.

    Both hold the noise of the held-out views, which nobody can predict: no denoiser brings the distance to zero, and
    small differences between large distances count.

    Attributes
    ----------
    raw : root mean square of the difference before denoising, attenuation per pixel, within 95 % of the circle
    denoised : the same after denoising
    raw_mean, denoised_mean : mean grey value before and after denoising, attenuation per pixel
    """

    raw: float
    denoised: float
    raw_mean: float
    denoised_mean: float

    @property
    def gain(self) -> float:
        """By how many dB denoising brings the slices nearer."""
        return 20 * math.log10(self.raw / self.denoised)

    @property
    def shift(self) -> float:
        """By what share of itself denoising moves the mean grey value."""
        return self.denoised_mean / self.raw_mean - 1


def distance(model: Model, pairs: Path, precision: Precision, job: Job) -> Distance:
    """Return how near `model`, run as a recipe runs it, comes to the held-out views.

    Parameters
    ----------
    model : whose denoiser is judged, with no Fine-Tune network after it but the one that a chained network has in it
    pairs : what `noise2inverse.write_halves` wrote with a part held out
    precision : of the network
    job : threads, and where what networks count goes

    Raises
    ------
    DataError : where no views were held out
    ModelError : where the model has no network of that precision
    """
    import h5py

    options = NetworkOptions(model=str(model.folder.absolute()), precision=precision, unit=1.0)
    network = NetworkDenoiser("denoise", "denoise", options, job)
    sums = np.zeros(4)
    pixels = 0
    with h5py.File(pairs, "r") as file:
        if "judge_gt" not in file:
            raise DataError(f"{pairs}: no views were held out, so there is nothing to judge by")
        unit = float(file.attrs["unit"])
        for noisy, others in zip(file["judge_ns"], file["judge_gt"], strict=True):
            stack = np.ascontiguousarray(np.moveaxis(noisy, 2, 0), np.float32)
            raw = stack[len(stack) // 2]
            (denoised,) = network(stack)
            inside = radii(raw.shape) <= RADIUS * min(raw.shape) / 2
            before, after, seen = (values[inside].astype(np.float64) for values in (raw, denoised, others))
            sums += ((before - seen) ** 2).sum(), ((after - seen) ** 2).sum(), before.sum(), after.sum()
            pixels += len(seen)
    network.close()
    before, after, raw_mean, denoised_mean = unit * sums / pixels
    return Distance(math.sqrt(unit * before), math.sqrt(unit * after), raw_mean, denoised_mean)
