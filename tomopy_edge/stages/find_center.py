"""Stage `find_center`: the column of the rotation axis, given or found once for a scan."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from tomopy_edge.data import Float64, Sinograms
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.options import options
from tomopy_edge.rotation_axis import by_correlation, by_vo

DISAGREEMENT = 2.0
"""Columns between the axes of sample rows that are worth a sentence in the report."""

MOST_ROWS = 5
"""Sample rows that are looked at: more cost time and tell little."""


@options
class FindCenterOptions:
    """Options of the stage `find_center`.

    Columns count from 0 at the centre of the first pixel, so the middle of n columns is (n - 1) / 2. TomoPy's own
    default is n / 2, half a pixel to the right.
    """

    center: float | tuple[float, ...] | None = None
    """Column of the rotation axis: one number, or one for each row of the whole scan, or None to find it."""

    method: Literal["vo", "correlation"] = "vo"
    """How it is found: by Vo's double-wedge metric on all views, or by the correlation of opposite views."""

    search: float | None = None
    """How many columns on each side of the middle are searched; None for a quarter of the width."""

    def __post_init__(self) -> None:
        """Refuse what is no column."""
        given = self.center if isinstance(self.center, tuple) else () if self.center is None else (self.center,)
        if isinstance(self.center, tuple) and not given:
            raise ValueError("center: must be one column, or one for each row of the scan, got none")
        if not all(np.isfinite(column) for column in given):
            raise ValueError(f"center: must be a finite column, got {self.center}")
        if self.search is not None and not self.search > 0:
            raise ValueError(f"search: must be above 0 columns, got {self.search}")


def find_center(sinograms: Sinograms, options: FindCenterOptions, job: Job) -> Sinograms:  # noqa: ARG001 - a stage's form
    """Return `sinograms` with the rotation axis that `options.center` gives.

    Parameters
    ----------
    sinograms : (row, angle, column), line integrals

    Raises
    ------
    DataError : where the axis lies outside the detector, where fewer axes than rows are given, or where `options` leave
        it open: finding it is for `settle_find_center`, so that every chunk of a scan gets the same
    """
    if options.center is None:
        raise DataError("find_center: the axis is not known yet; give find_center.center, or settle the recipe first")
    rows, _, columns = sinograms.line_integrals.shape
    if isinstance(options.center, tuple):
        first, last = sinograms.first_row, sinograms.first_row + rows
        if last > len(options.center):
            raise DataError(
                f"find_center.center: holds {len(options.center)} columns, and row {last - 1} of the scan needs one; "
                "give one for each row of the whole scan"
            )
        given: float | Float64 = np.array(options.center[first:last], np.float64)
    else:
        given = float(options.center)
    outside = [column for column in np.atleast_1d(given) if not 0 <= column <= columns - 1]
    if outside:
        raise DataError(
            f"find_center.center: {outside[0]:g} lies outside the detector, whose columns go from 0 to {columns - 1}"
        )
    return replace(sinograms, center=given)


def settle_find_center(options: FindCenterOptions, sample: Sinograms, job: Job) -> FindCenterOptions:
    """Return `options` with the axis found on `sample`, where they leave it open.

    At most five rows of the sample are looked at, together; what each of them says alone is noted.

    Parameters
    ----------
    sample : (row, angle, column), line integrals: the logarithm must come before, or the axis comes out wrong

    Raises
    ------
    DataError : where nothing in the sample absorbs, where there are too few views for Vo's method, or where opposite
        views are asked for and there are none
    """
    if options.center is not None:
        return options
    rows, _, columns = sample.line_integrals.shape
    chosen = np.unique(np.linspace(0, rows - 1, min(rows, MOST_ROWS)).round().astype(int))
    looked_at = replace(sample, line_integrals=sample.line_integrals[chosen], center=None)
    if not looked_at.line_integrals.size or not np.ptp(looked_at.line_integrals) > 0:
        raise DataError("find_center: the sample rows show nothing to find the axis by; give find_center.center")
    search = min(columns / 4 if options.search is None else options.search, (columns - 1) / 2)
    if options.method == "vo":
        center, alone = by_vo(looked_at, search, job.ncore)
    else:
        center, alone, miss = by_correlation(looked_at, search)
        if miss > np.radians(0.05):
            job.tally.note("find_center", f"the opposite views used miss half a turn by {np.degrees(miss):.2f} degrees")
    _note(options.method, center, alone, (chosen + sample.first_row).tolist(), job)
    if abs(center - (columns - 1) / 2) > search - 1:
        job.tally.note("find_center", "the axis found lies at the end of the range searched: raise find_center.search")
    return replace(options, center=round(center, 3))


def _note(method: str, center: float, alone: list[float], rows: list[int], job: Job) -> None:
    each = ", ".join(f"{column:.2f} (row {row})" for column, row in zip(alone, rows, strict=True))
    job.tally.note("find_center", f"{method} found the axis at column {center:.2f}; rows alone: {each}")
    spread = max(alone) - min(alone)
    if spread > DISAGREEMENT:
        job.tally.note(
            "find_center",
            f"the rows disagree about the axis by {spread:.1f} columns: look at slices around {center:.1f}, and give "
            "find_center.center where another is sharper",
        )


ENTRY = StageEntry(
    name="find_center",
    summary="The column of the rotation axis, given or found",
    options=FindCenterOptions,
    takes=Sinograms,
    gives=Sinograms,
    open=each_chunk(find_center),
    settle=settle_find_center,
)
