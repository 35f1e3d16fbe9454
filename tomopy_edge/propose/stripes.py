"""How strong the stripes of a scan are, against what noise alone would leave, and what removes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tomopy_edge.data import Float32, Sinograms
from tomopy_edge.job import Job
from tomopy_edge.networks.unit import NORMAL
from tomopy_edge.stages.remove_stripes import LEAST_VIEWS, RemoveStripesOptions, remove_stripes, settle_remove_stripes

THERE, STRONG = 2.0, 8.0
"""Times what noise explains, from which on stripes are removed, and are called strong. Those of 20 flats, which are as
noisy as each view, come to about 3 in a scan of 200 views."""

LEFT = 3.0
"""Times what noise explains, of what the removal of small stripes leaves, from which on "all" is tried."""

SECOND = np.sqrt(1.5)
"""Standard deviation of a value less the mean of its two neighbours, in those of each."""


@dataclass(frozen=True)
class Removal:
    """How stripes are best removed.

    Attributes
    ----------
    method : of the stage `remove_stripes`
    before : how strong they are; see `stripe_strength`
    after : what is left by `method`; None where that is "none"
    small : what "sorting" leaves; None where it was not tried
    few : whether there are too few views to tell a stripe from the object
    """

    method: str
    before: float
    after: float | None = None
    small: float | None = None
    few: bool = False

    @property
    def told(self) -> str:
        """How strong they are, in words."""
        kind = "none" if self.before < THERE else "weak" if self.before < STRONG else "strong"
        return f"{kind}, {self.before:.1f} times what noise explains"


def stripe_strength(line_integrals: Float32) -> float:
    """Return how strong the stripes of sinograms (row, angle, column) are, in times of what noise explains; 1 is none.

    A stripe is constant along the angle. So it is in the mean of a column over all views, in which noise is as many
    times less as the square root of their number, and the object is smooth: compared is what the mean of a column
    differs from that of its two neighbours by, in the median of all columns. Of stripes that are several columns wide,
    their edges alone count. The noise is that of neighbouring columns against each other; where fine structure adds to
    it, stripes are called weaker than they are. Of several rows it is the median.
    """
    return float(np.median([_of_row(sinogram) for sinogram in line_integrals]))


def _of_row(sinogram: Float32) -> float:
    means = sinogram.mean(axis=0, dtype=np.float64)
    steps = np.diff(sinogram, axis=1)
    noise = float(np.median(np.abs(steps - steps.mean(axis=0)))) * NORMAL / np.sqrt(2)
    alone = np.abs(means[1:-1] - (means[:-2] + means[2:]) / 2) / SECOND
    # Where there is no noise, what float32 rounds is all that a column may differ by.
    rounded = float(np.finfo(np.float32).eps * np.abs(means).max())
    expected = max(noise / np.sqrt(len(sinogram)), rounded, float(np.finfo(np.float32).tiny))
    return float(np.median(alone)) * NORMAL / expected if alone.size else 0.0


def choose_removal(sinograms: Sinograms, job: Job) -> Removal:
    """Return how the stripes of sample rows are best removed: not at all, "sorting", or "all" where that leaves fewer.

    Parameters
    ----------
    sinograms : (row, angle, column), line integrals
    """
    before = stripe_strength(sinograms.line_integrals)
    if sinograms.line_integrals.shape[1] < LEAST_VIEWS:
        return Removal("none", before, few=True)
    if before < THERE:
        return Removal("none", before)
    small = stripe_strength(_without(sinograms, "sorting", job))
    if small < LEFT:
        return Removal("sorting", before, small, small)
    # It takes seconds for each row.
    middle = len(sinograms.line_integrals) // 2
    one = replace(sinograms, line_integrals=sinograms.line_integrals[middle : middle + 1])
    everything = stripe_strength(_without(one, "all", job))
    if everything < small / 2:
        return Removal("all", before, everything, small)
    return Removal("sorting", before, small, small)


def _without(sinograms: Sinograms, method: str, job: Job) -> Float32:
    options = settle_remove_stripes(RemoveStripesOptions(method=method), sinograms, job)  # type: ignore[arg-type]
    return remove_stripes(sinograms, options, job).line_integrals
