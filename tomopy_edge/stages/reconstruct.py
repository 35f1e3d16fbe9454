"""Stage `reconstruct`: sinograms become slices, by whichever algorithm the recipe names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field, replace
from typing import Any

import numpy as np

from tomopy_edge.catalogue import find
from tomopy_edge.data import Float32, Sinograms, Volume, all_finite
from tomopy_edge.errors import DataError
from tomopy_edge.fbp.axis import radii
from tomopy_edge.hookspecs import Choice, Reconstructor, ReconstructorEntry, StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.options import options


@options
class ReconstructOptions:
    """Options of the stage `reconstruct`."""

    algorithm: str = "fbp"
    """Which algorithm; `tomopy-edge plugins` lists them."""

    options: Any = field(default_factory=dict)
    """The algorithm's own options, such as `filter_name`."""

    mask: float | None = 1.0
    """Radius of the circle outside which slices are set to zero, as a share of the inscribed circle; none keeps all."""

    def __post_init__(self) -> None:
        if self.mask is not None and not self.mask > 0:
            raise ValueError(f"mask: must be above 0, got {self.mask}")


def reconstruct(sinograms: Sinograms, reconstructor: Reconstructor, mask: float | None = 1.0) -> Volume:
    """Return the slices that `sinograms` (row, angle, column) show, attenuation per pixel, masked by a circle.

    Raises
    ------
    DataError : where the centre is not known or not on the detector, or line integrals or slices are not finite
    """
    columns = sinograms.line_integrals.shape[2]
    if sinograms.center is None:
        raise DataError("reconstruct: the rotation axis is not known; put the stage find_center before it")
    center = np.asarray(sinograms.center, np.float64)
    if not ((center >= 0) & (center <= columns - 1)).all():
        raise DataError(
            f"reconstruct: the rotation axis must lie on the detector, columns 0 to {columns - 1}; got {center}"
        )
    if not all_finite(sinograms.line_integrals):
        raise DataError("reconstruct: the line integrals hold values that are not finite, which would spread")
    volume = reconstructor(sinograms)
    if not getattr(reconstructor, "fresh", False):
        # It may write to them again, while the stages after this one are at work on them.
        volume = replace(volume, slices=volume.slices.copy())
    if not all_finite(volume.slices):
        raise DataError("reconstruct: the algorithm made values that are not finite; choose another, or other options")
    return volume if mask is None else replace(volume, slices=_masked(volume.slices, mask))


def _masked(slices: Float32, mask: float) -> Float32:
    """Return slices (z, y, x) that are zero outside the circle: the same array, where it may be written to."""
    shape = slices.shape[1:]
    outside = radii(shape) > mask * min(shape) / 2
    masked = slices if slices.flags.writeable else slices.copy()
    for slice_ in masked:
        slice_[outside] = 0
    return masked


@contextmanager
def _open(chosen: ReconstructOptions, job: Job) -> Iterator[Step]:
    if job.catalogue is None:
        raise ValueError("catalogue: the job needs one to look the algorithm up by name")
    entry: ReconstructorEntry = find(job.catalogue.reconstructors, chosen.algorithm, "algorithm")
    with open_with(entry.create(chosen.options, job))(chosen, job) as step:
        yield step


def open_with(reconstructor: Reconstructor) -> Callable[[ReconstructOptions, Job], AbstractContextManager[Step]]:
    """Return the `open` of a stage that reconstructs with `reconstructor`, whatever its options name."""

    @contextmanager
    def opened(chosen: ReconstructOptions, _job: Job) -> Iterator[Step]:
        try:
            together = getattr(reconstructor, "together", 1)
            yield Step(lambda sinograms: reconstruct(sinograms, reconstructor, chosen.mask), together=together)
        finally:
            getattr(reconstructor, "close", lambda: None)()

    return opened


ENTRY = StageEntry(
    "reconstruct",
    "Sinograms to slices, by an algorithm",
    ReconstructOptions,
    Sinograms,
    Volume,
    _open,
    choice=Choice("algorithm", "algorithm", "reconstructors"),
)
