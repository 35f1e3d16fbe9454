"""A scan in parts: which views belong to which, and what each part shows, reconstructed on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.chunk_size import sample_rows
from tomopy_edge.data import Float32, Float64, Scan, Sinograms
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Span, settle, stream
from tomopy_edge.readers import ScanFile
from tomopy_edge.recipe import Block, Recipe
from tomopy_edge.reconstructors.fbp import Fbp
from tomopy_edge.stages.read import ENTRY as READ
from tomopy_edge.stages.read import RowRange, read, wanted_rows
from tomopy_edge.stages.reconstruct import ENTRY as RECONSTRUCT
from tomopy_edge.stages.reconstruct import reconstruct

FEWEST_VIEWS = 8
"""Views that a part must have: fewer show streaks and nothing else."""


def deal(theta: Float64, parts: int) -> list[NDArray[np.intp]]:
    """Return which views belong to each part: each view to one, and each part spread evenly over the half turn.

    Views are dealt out one by one in the order of their angle modulo half a turn. So the two views of a full turn that
    see the same line from both ends go to different parts, and so do views at angles in any other order.

    Parameters
    ----------
    theta : (angle,), radians

    Returns
    -------
    `parts` arrays of indices, ascending

    Raises
    ------
    DataError : where a part would have fewer than 8 views
    """
    if len(theta) // parts < FEWEST_VIEWS:
        raise DataError(
            f"{len(theta)} views in {parts} parts leave {len(theta) // parts} to a part, and it takes {FEWEST_VIEWS} "
            f"to show anything; choose at most {len(theta) // FEWEST_VIEWS} parts, or use more of the views"
        )
    order = np.argsort(np.mod(theta, np.pi), kind="stable")
    return [np.sort(order[part::parts]) for part in range(parts)]


class ViewParts:
    """An open scan, its views dealt into parts of which one may be held out.

    The views of the held-out part go through every stage on their own: nothing of these views enters the others,
    neither where the rotation axis is found nor where stripes are. Flats and darks are common to all parts, so it is
    the noise of the views alone that is independent from part to part.

    Parameters
    ----------
    scan : the open scan
    recipe : says which rows and views are read, what leads to sinograms, and the options of our FBP; what follows the
        stage `reconstruct` does not matter
    parts : how many there are, the held-out one included
    held_out : whether the last part is held out
    job : the run that this is for

    Attributes
    ----------
    parts : indices of the views of each part that is not held out, among the views that the recipe reads
    judge : indices of the held-out views, none where no part is held out
    span : the rows that the recipe reads
    recipe : the recipe up to the stage `reconstruct`, with the rotation axis found

    Raises
    ------
    DataError : where there are too few views, or the recipe leads to no slices of our FBP
    """

    def __init__(self, scan: ScanFile, recipe: Recipe, parts: int, *, held_out: bool, job: Job) -> None:
        reading, before, self._reconstruct = _divided(recipe)
        self._job = replace(job, scan=scan)
        self._reading = reading.options
        rows = wanted_rows(scan, self._reading)
        self.span = Span(rows.first, rows.last, scan.rows)
        sample = self._read(*sample_rows(self.span, scan.angles, scan.columns))
        dealt = deal(sample.theta, parts)
        self.judge = dealt.pop() if held_out else np.empty(0, np.intp)
        self.parts = tuple(dealt)
        learned = np.sort(np.concatenate(self.parts))
        self._before = settle(before, _taken(sample, learned), self._job)
        self.recipe = Recipe((reading, *self._before.blocks, self._reconstruct))
        self._groups = (*self.parts, self.judge) if held_out else self.parts
        self._fbp = [Fbp(self._reconstruct.options.options, self._job) for _ in self._groups]

    def slices(self, first: int, last: int) -> tuple[Float32, Float32 | None]:
        """Return what each part shows of the rows `first` to `last - 1`, attenuation per pixel.

        FBP is linear, so several parts together show their mean.

        Returns
        -------
        (part, z, y, x) of the parts that are not held out, and (z, y, x) of the one that is, or None
        """
        scan = self._read(first, last)
        learned = np.sort(np.concatenate(self.parts))
        sinograms = self._sinograms(scan, learned)
        shown = [
            self._slices(_views(sinograms, np.searchsorted(learned, part)), plan)
            for part, plan in zip(self.parts, self._fbp, strict=False)
        ]
        if not len(self.judge):
            return np.stack(shown), None
        return np.stack(shown), self._slices(self._sinograms(scan, self.judge), self._fbp[-1])

    def _read(self, first: int, last: int) -> Scan:
        return read(RowRange(first, last), self._reading, self._job)

    def _sinograms(self, scan: Scan, views: NDArray[np.intp]) -> Sinograms:
        span = Span(scan.first_row, scan.first_row + scan.projections.shape[1], self.span.rows)

        def chunks(_first: int, _last: int) -> Iterator[Any]:
            yield _taken(scan, views)

        (sinograms,) = stream(self._before, chunks, span, self._job)
        made: Sinograms = sinograms
        return made

    def _slices(self, sinograms: Sinograms, plan: Fbp) -> Float32:
        return reconstruct(sinograms, plan, self._reconstruct.options.mask).slices


def _taken(scan: Scan, views: NDArray[np.intp]) -> Scan:
    return replace(scan, projections=scan.projections[views], theta=scan.theta[views])


def _views(sinograms: Sinograms, views: NDArray[np.intp]) -> Sinograms:
    return replace(sinograms, line_integrals=sinograms.line_integrals[:, views], theta=sinograms.theta[views])


def _divided(recipe: Recipe) -> tuple[Block, Recipe, Block]:
    """Return the stage `read`, the stages between, and the stage `reconstruct`."""
    names = [block.entry.name for block in recipe.blocks]
    if names[0] != READ.name or RECONSTRUCT.name not in names:
        raise DataError(
            f"the recipe has the stages {', '.join(names)}; to learn from a scan it must begin with {READ.name!r} and "
            f"hold {RECONSTRUCT.name!r}"
        )
    end = names.index(RECONSTRUCT.name)
    made = recipe.blocks[end]
    if made.options.algorithm != "fbp":
        raise DataError(
            f"reconstruct.algorithm is {made.options.algorithm!r}; parts of a scan are reconstructed by 'fbp' alone, "
            "whose slices of several parts are the mean of those of each"
        )
    return recipe.blocks[0], Recipe(recipe.blocks[1:end]), made
