"""Our own filtered back projection as a reconstructor that a recipe can name."""

from __future__ import annotations

import numpy as np

from tomopy_edge.data import Sinograms, Volume
from tomopy_edge.errors import DataError
from tomopy_edge.fbp import SMALLEST, FilteredBackProjection
from tomopy_edge.fbp.filters import FilterName
from tomopy_edge.hookspecs import ReconstructorEntry
from tomopy_edge.job import Job
from tomopy_edge.options import options


@options
class FbpOptions:
    """Options of the algorithm `fbp`."""

    filter_name: FilterName = "shepp"
    """Window on the ramp: ramlak is the sharpest, hann the smoothest; none back-projects without a ramp."""

    size: int | None = None
    """Pixels along each side of a slice; none is as many as the detector has columns."""

    def __post_init__(self) -> None:
        if self.size is not None and self.size < SMALLEST:
            raise ValueError(f"size: must be at least {SMALLEST} pixels, got {self.size}")


class Fbp:
    """Reconstructs chunk after chunk of one scan with one plan."""

    fresh = True

    def __init__(self, chosen: FbpOptions, job: Job) -> None:
        self._options, self._ncore = chosen, job.ncore
        self._plan: FilteredBackProjection | None = None

    def __call__(self, sinograms: Sinograms) -> Volume:
        """Return the slices that `sinograms`, whose centre is known, show."""
        if sinograms.center is None:
            raise DataError("fbp: the rotation axis is not known; find or give the centre first")
        plan = self._plan_for(sinograms)
        slices = plan(sinograms.line_integrals, sinograms.center)
        return Volume(slices, first_row=sinograms.first_row, pixel_size=sinograms.pixel_size)

    def _plan_for(self, sinograms: Sinograms) -> FilteredBackProjection:
        theta, columns = sinograms.theta, sinograms.line_integrals.shape[2]
        plan = self._plan
        if plan is None or plan.columns != columns or not np.array_equal(plan.theta, theta):
            plan = FilteredBackProjection(
                theta, columns, filter_name=self._options.filter_name, size=self._options.size, ncore=self._ncore
            )
            self._plan = plan
        return plan


ENTRY = ReconstructorEntry("fbp", "Filtered back projection by Fourier gridding, on the CPU", FbpOptions, Fbp)
