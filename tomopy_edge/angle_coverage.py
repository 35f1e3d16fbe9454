"""What the angles of a scan cover: how far, how evenly, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float64
from tomopy_edge.fbp.angles import WEDGE

SAME = 6
"""Decimal places of a degree to which angles are the same."""

UNEVEN = 0.1
"""Standard deviation of the steps, as a share of their median, above which they are called irregular."""

FEW = 0.1
"""Projections for each column below which the shipped networks have learned nothing: 48 for 512."""


@dataclass(frozen=True)
class Coverage:
    """What some angles cover, degrees.

    Attributes
    ----------
    count : how many projections there are
    span : from the least angle to the largest
    step : from one to the next, in the median
    unevenness : standard deviation of the steps, as a share of `step`; of a wedge that is missing nothing counts
    missing : of the half turn that a slice needs, what no view saw; 0 where no gap is wider than ten mean steps
    """

    count: int
    span: float
    step: float
    unevenness: float
    missing: float

    @classmethod
    def of(cls, theta: Float64) -> Coverage:
        """Return what `theta` (angle,), radians, in any order, covers."""
        degrees = np.rad2deg(theta)
        # An angle that was measured twice is one.
        steps = np.diff(np.unique(degrees.round(SAME)))
        step = float(np.median(steps))
        usual = steps[steps <= max(WEDGE * step, 0)]
        folded = np.unique(np.mod(degrees, 180).round(SAME))
        gaps = np.diff(folded, append=folded[0] + 180)
        mean = 180 / len(gaps)
        missing = float(gaps[gaps > WEDGE * mean].sum())
        unevenness = float(usual.std() / step) if step > 0 and usual.size else 0.0
        return cls(len(degrees), float(np.ptp(degrees)), step, unevenness, missing)

    @property
    def turns(self) -> float:
        """Whole turns that were made; 0.5 where the last view lies a step before the half turn, or on it."""
        return (self.span + self.step) / 360

    @property
    def full(self) -> bool:
        """Whether the sample went all the way round, or nearly so."""
        return self.turns > 0.9  # noqa: PLR2004 - a share

    @property
    def even(self) -> bool:
        """Whether the steps are of one size."""
        return self.unevenness <= UNEVEN

    def few(self, columns: int) -> bool:
        """Return whether there are too few for slices as wide as so many columns."""
        return self.count < FEW * columns

    @property
    def told(self) -> str:
        """What they cover, in words."""
        step = f"in steps of {self.step:.4g}" if self.even else f"in irregular steps of about {self.step:.3g}"
        return f"{self.count} projections over {self.span:.4g} degrees {step}"
