"""Stage `denoise`: noisy slices become clean ones, by whichever denoiser the recipe names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field, replace
from typing import Any

import numpy as np

from tomopy_edge.catalogue import find
from tomopy_edge.data import Volume, all_finite
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import Choice, Denoiser, DenoiserEntry, StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.options import options


@options
class DenoiseOptions:
    """Options of the stage `denoise`."""

    denoiser: str = "tomogan"
    """Which denoiser; `tomopy-edge plugins` lists them."""

    options: Any = field(default_factory=dict)
    """The denoiser's own options."""


def denoise(volume: Volume, denoiser: Denoiser) -> Volume:
    """Return `volume` denoised.

    Parameters
    ----------
    volume : its slices begin and end with the `denoiser.neighbours` slices that are looked at but not returned

    Raises
    ------
    DataError : where the denoiser gives back another shape, no real numbers, or values that are not finite though the
        noisy ones were
    """
    margin = denoiser.neighbours
    made = np.asarray(denoiser(volume.slices))
    if made.dtype.kind != "f":
        raise DataError(f"the denoiser made values of type {made.dtype}; slices are attenuation, as float32")
    # Of what is too large for float32 more is said below. What a denoiser may write to again is copied: its next answer
    # is made while this one goes to the disk.
    with np.errstate(over="ignore"):
        clean = made.astype(np.float32, copy=not getattr(denoiser, "fresh", False))
    inner = volume.slices[margin : len(volume.slices) - margin]
    if clean.shape != inner.shape:
        raise DataError(f"the denoiser made slices of shape {clean.shape} out of {inner.shape}; both must be the same")
    if not all_finite(clean) and all_finite(volume.slices):
        raise DataError("the denoiser made values that are not finite; nothing of this is written")
    unit = getattr(denoiser, "unit", volume.unit)
    precision = getattr(denoiser, "precision", volume.precision)
    return replace(volume, slices=clean, first_row=volume.first_row + margin, unit=unit, precision=precision)


def _entry(chosen: DenoiseOptions, job: Job) -> DenoiserEntry:
    if job.catalogue is None:
        raise ValueError("catalogue: the job needs one to look the denoiser up by name")
    entry: DenoiserEntry = find(job.catalogue.denoisers, chosen.denoiser, "denoiser")
    return entry


def settle_denoise(chosen: DenoiseOptions, sample: Volume, job: Job) -> DenoiseOptions:
    """Return `chosen` with everything that the denoiser left open found on `sample`."""
    return replace(chosen, options=_entry(chosen, job).settle(chosen.options, sample, job))


def _open(chosen: DenoiseOptions, job: Job) -> AbstractContextManager[Step]:
    return opened(_entry(chosen, job).create(chosen.options, job))


@contextmanager
def opened(denoiser: Denoiser) -> Iterator[Step]:
    """Yield the step that denoises with `denoiser`, and close that afterwards where it can be closed."""
    try:
        yield Step(lambda volume: denoise(volume, denoiser), neighbours=denoiser.neighbours)
    finally:
        getattr(denoiser, "close", lambda: None)()


ENTRY = StageEntry(
    "denoise",
    "Noisy slices to clean ones, by a denoiser",
    DenoiseOptions,
    Volume,
    Volume,
    _open,
    settle_denoise,
    Choice("denoiser", "denoiser", "denoisers"),
)
