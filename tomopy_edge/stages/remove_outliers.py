"""Stage `remove_outliers`: zingers, the bright specks of rays that hit the detector itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from tomopy_edge.data import Float32, Transmission
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.options import options
from tomopy_edge.tomopy_library import expect_tomopy, require_tomopy

LEAST_THRESHOLD = 0.5
"""Sharp edges of a dense object exceed the mean of their surroundings by up to 0.4 in a scan without noise."""

LEAST_LEVEL = 0.01
"""Transmission that the noise of a view is compared with at least, so that a black view does not divide by zero."""

SIGMAS = 10.0
"""Noise reaches 10 standard deviations once in 10^23 pixels; a zinger is usually brighter than the beam."""

Remove = Callable[[Float32, Float32], int]
"""Fills its second sinogram (angle, column) with the first without zingers, and returns how many were replaced."""


@options
class RemoveOutliersOptions:
    """Options of the stage `remove_outliers`."""

    threshold: float | None = None
    """How far a pixel must exceed the mean of its eight neighbours, as a share of that mean, and all of them but one by
    half as much; with TomoPy how far it must exceed their median, in transmission. None takes 0.5, or 10 standard
    deviations of the noise of the row where that is more."""

    size: int = 2
    """How many pixels away the neighbours are: the size of the largest zinger."""

    library: Literal["algotom", "tomopy"] = "algotom"
    """Whose method: algotom's `remove_zinger`, which takes no edge of an object for a zinger here, or TomoPy's
    `remove_outlier`, where TomoPy is installed."""

    def __post_init__(self) -> None:
        """Refuse thresholds and sizes that mean nothing."""
        if self.threshold is not None and not self.threshold > 0:
            raise ValueError(f"threshold: must be above 0, got {self.threshold}")
        if self.size < 1:
            raise ValueError(f"size: must be at least 1 pixel, got {self.size}")


def remove_outliers(transmission: Transmission, options: RemoveOutliersOptions, job: Job) -> Transmission:
    """Return `transmission` with zingers replaced by the average of their surroundings, and counted.

    Each sinogram is treated alone: a neighbour is one of the same row, in another column or another view. Dark pixels
    are left alone; those without beam were replaced by `normalize`, dead columns are for `remove_stripes`.

    Parameters
    ----------
    transmission : (row, angle, column)

    Returns
    -------
    transmission (row, angle, column), float32

    Raises
    ------
    PluginError : where TomoPy is asked for and not installed

    References
    ----------
    N. T. Vo et al., "Data processing methods and data acquisition for samples larger than the field of view in
    parallel-beam tomography", Optics Express 29 (2021) 17849, doi:10.1364/OE.418448.
    """
    remove = _with_tomopy(options) if options.library == "tomopy" else _with_kernels(options)
    cleaned = np.empty(transmission.sinograms.shape, np.float32)

    def clean(row: int) -> int:
        return remove(np.ascontiguousarray(transmission.sinograms[row], np.float32), cleaned[row])

    with ThreadPoolExecutor(job.ncore) as threads:
        replaced = [*threads.map(clean, range(len(cleaned)))]
    job.tally.count_rows("remove_outliers", "outliers replaced", replaced)
    return replace(transmission, sinograms=cleaned)


def _with_kernels(options: RemoveOutliersOptions) -> Remove:
    from tomopy_edge.stages.zinger_kernels import replace_zingers

    def remove(sinogram: Float32, cleaned: Float32) -> int:
        threshold = _by_noise(sinogram) if options.threshold is None else options.threshold
        return int(replace_zingers(sinogram, np.float32(threshold), options.size, cleaned))

    return remove


def _with_tomopy(options: RemoveOutliersOptions) -> Remove:
    tomopy = require_tomopy()
    window = 2 * options.size + 1

    def remove(sinogram: Float32, cleaned: Float32) -> int:
        threshold = _by_noise(sinogram) if options.threshold is None else options.threshold
        # TomoPy filters along the axes that it does not chunk along: a stack of one sinogram stays within its row.
        cleaned[:] = tomopy.remove_outlier(sinogram[np.newaxis].copy(), threshold, size=window, axis=0, ncore=1)[0]
        return int(np.count_nonzero(cleaned != sinogram))

    return remove


def _by_noise(sinogram: Float32) -> float:
    """Return the threshold for one row: 10 times its noise as a share of the signal, where the signal is weakest.

    The noise is the median of absolute differences of neighbouring columns, for each view; the largest of the views'
    shares counts, since photon noise is largest where the object is most opaque.
    """
    from tomopy_edge.stages.zinger_kernels import loudest

    return max(LEAST_THRESHOLD, SIGMAS * loudest(sinogram, LEAST_THRESHOLD / SIGMAS, np.float32(LEAST_LEVEL)))


def check_remove_outliers(options: RemoveOutliersOptions, catalogue: Any) -> None:  # noqa: ARG001 - the form that every `check` has
    """Raise a `PluginError` where TomoPy is asked for and not installed."""
    if options.library == "tomopy":
        expect_tomopy()


ENTRY = StageEntry(
    name="remove_outliers",
    summary="Zingers, replaced by the average of their surroundings",
    options=RemoveOutliersOptions,
    takes=Transmission,
    gives=Transmission,
    open=each_chunk(remove_outliers),
    check=check_remove_outliers,
)
