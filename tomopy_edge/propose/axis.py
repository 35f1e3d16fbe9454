"""Where the rotation axis of a scan is, as the stage `find_center` finds it, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tomopy_edge.data import Sinograms
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.stages.find_center import DISAGREEMENT, MOST_ROWS, FindCenterOptions, settle_find_center

SURE = 0.5
"""Columns by which rows and methods may differ for an axis that is called sure: half of it blurs no pixel."""


@dataclass(frozen=True)
class Axis:
    """The rotation axis that was found.

    Attributes
    ----------
    center : column, with pixel centres at whole numbers; None where none could be found
    alone : what each of some rows says alone
    other : what the correlation of opposite views says; None where there are none
    search : columns on each side of the middle that were searched, where that had to be more than usual
    fault : why none could be found, "" where one was
    given : whether it was given, and not looked for
    """

    center: float | None
    alone: tuple[float, ...] = ()
    other: float | None = None
    search: float | None = None
    fault: str = ""
    given: bool = False

    @property
    def spread(self) -> float:
        """Columns by which the rows differ."""
        return max(self.alone) - min(self.alone) if self.alone else 0.0

    @property
    def doubt(self) -> float:
        """Columns that it may be off by, as far as rows and methods tell: most of what they differ by."""
        apart = 0.0 if self.other is None or self.center is None else abs(self.other - self.center)
        return max(self.spread / 2, apart)

    @property
    def around(self) -> tuple[float, float] | None:
        """The columns that it lies between, as far as can be told; None where nothing can."""
        if self.center is None or self.other is None:
            return None
        reach = max(self.spread, abs(self.other - self.center), 1.0)
        return self.center - reach, self.center + reach

    @property
    def sure(self) -> str:
        """How sure it is, in one or two words."""
        if self.center is None:
            return "not found"
        if self.given:
            return "given"
        if self.other is None:
            return "NOT sure"
        return "sure" if self.doubt <= SURE else "fairly sure" if self.doubt <= DISAGREEMENT else "NOT sure"

    @property
    def why(self) -> str:
        """How sure it is, and by what, in a sentence."""
        if self.center is None:
            return self.fault
        if self.given:
            return "given, and not looked for"
        rows = f"{len(self.alone)} row{'s' * (len(self.alone) != 1)}"
        seen = f"{rows} alone differ by {self.spread:.2f} columns" if len(self.alone) > 1 else "there is but one row"
        if self.other is None:
            return f"{self.sure}: {seen}, but no two views are half a turn apart, without which Vo's method is misled"
        return f"{self.sure}: {seen}, and opposite views say {self.other:.2f}"


def find_axis(sinograms: Sinograms, job: Job) -> Axis:
    """Return the axis of sample rows, by Vo's method, as a run finds it; see `settle_find_center`.

    Where it lies at the end of the range that is searched, all columns are. What each row says alone, and what opposite
    views say, is asked to tell how sure it is.

    Parameters
    ----------
    sinograms : (row, angle, column), line integrals
    """
    columns = sinograms.line_integrals.shape[2]
    options, wider = FindCenterOptions(), FindCenterOptions(search=(columns - 1) / 2)
    try:
        center = _found(options, sinograms, job)
        if abs(center - (columns - 1) / 2) > columns / 4 - 1:
            options, center = wider, _found(wider, sinograms, job)
    except DataError as error:
        return Axis(None, fault=str(error))
    rows = len(sinograms.line_integrals)
    chosen = np.unique(np.linspace(0, rows - 1, min(rows, MOST_ROWS)).round().astype(int))
    alone = []
    for row in chosen.tolist():
        one = replace(sinograms, line_integrals=sinograms.line_integrals[row : row + 1])
        try:
            alone.append(_found(options, one, job))
        except DataError:
            continue  # a row in which nothing absorbs says nothing
    try:
        other = _found(replace(options, method="correlation"), sinograms, job)
    except DataError:
        other = None
    return Axis(center, tuple(alone), other, options.search)


def _found(options: FindCenterOptions, sinograms: Sinograms, job: Job) -> float:
    center = settle_find_center(options, sinograms, job).center
    assert isinstance(center, float), "one column was asked for"  # noqa: S101 - for the type checker
    return center
