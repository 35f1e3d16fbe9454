"""Many rotation axes around a first guess, as a sweep, and what sharpness says of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tomopy_edge.chunk_size import samples_in
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import ScanFile
from tomopy_edge.recipe import Recipe, parse_recipe
from tomopy_edge.settling import settle_on
from tomopy_edge.stages.find_center import ENTRY as FIND_CENTER
from tomopy_edge.sweeps.results import Result
from tomopy_edge.sweeps.values import MOST

NEAR = 0.1
"""Share of the centres tried that is near the end of them, and by which the sharpest raw and denoised slices may be
apart."""

DOUBT = 1.05
"""How much sharper the sharpest slice must be than the least sharp one, for it to be told without a caution."""


def found_axis(stages: list[dict[str, Any]], scan: ScanFile, rows: tuple[int, int], job: Job) -> float:
    """Return the rotation axis that a run of some stages (plain data) would find for rows of a scan.

    What was found is noted in the job's tally.

    Raises
    ------
    RecipeError : with the faults of the stages
    DataError : where the axis cannot be found
    """
    recipe = parse_recipe(stages, job.catalogue, source="the flags of recon")
    names = [block.entry.name for block in recipe.blocks]
    until = names.index(FIND_CENTER.name) + 1
    samples = samples_in(Span(*rows, scan.rows), scan.angles, scan.columns)
    return float(settle_on(Recipe(recipe.blocks[:until]), samples, job).blocks[-1].options.center)


def centers_around(guess: float, width: float, step: float, columns: int) -> list[float]:
    """Return the columns from `guess - width` to `guess + width` in steps, those of them that the detector has.

    Raises
    ------
    DataError : where they are too many, or none
    """
    if not (step > 0 and width >= 0 and math.isfinite(step) and math.isfinite(width)):
        raise DataError(
            f"--center-search-width {width:g} and --center-search-step {step:g}: the step must be above 0 columns, and "
            "the width 0 or more"
        )
    # In decimals, as they were typed: a column is told, and typed again, as it was tried.
    middle, each = Decimal(str(guess)), Decimal(str(step))
    reach = int(Decimal(str(width)) / each)
    if 2 * reach + 1 > MOST:
        raise DataError(
            f"--center-search-width {width:g} and --center-search-step {step:g}: these are {2 * reach + 1} centres, "
            f"and at most {MOST} are tried; begin with a larger step"
        )
    tried = [float(middle + number * each) for number in range(-reach, reach + 1)]
    inside = [center for center in tried if 0 <= center <= columns - 1]
    if not inside:
        raise DataError(f"--rotation-axis {guess:g}: lies outside the detector, whose columns are 0 to {columns - 1}")
    return inside


def rounded(guess: float, step: float) -> float:
    """Return the multiple of `step` nearest to a guess: short numbers, the same for scans alike."""
    each = Decimal(str(step))
    return float((Decimal(str(guess)) / each).to_integral_value() * each) if step > 0 else guess


def told_of_centers(results: Sequence[Result], best: Result) -> list[str]:
    """Return in sentences what sharpness says of the centres tried."""
    made = [result for result in results if result.pictures]
    label = best.labels[0]
    lines = [f"sharpest raw slice: centre {label}"]
    final = max(made, key=lambda result: sum(picture.final.sharpness for picture in result.pictures))
    if final is not best:
        lines.append(f"sharpest denoised slice: centre {final.labels[0]}")
    places = [made.index(sharpest) for sharpest in (best, final)]
    reach = int(NEAR * (len(made) - 1))
    if len(made) > 1 and not reach < places[0] < len(made) - 1 - reach:
        at = "at" if places[0] in {0, len(made) - 1} else "near"
        lines.append(f"{label} is {at} the end of what was tried: try again around it, with --rotation-axis {label}")
    if abs(places[0] - places[1]) > max(reach, 2):
        lines.append("raw and denoised slices disagree, so that sharpness says little here: believe your eyes")
    sharp = [result.sharpness for result in made]
    if len(made) > 1 and max(sharp) < DOUBT * min(sharp):
        lines.append(
            f"all slices are about as sharp (within {max(sharp) / min(sharp) - 1:.1%}), as where the object is wider "
            "than the detector or faint: believe your eyes, and look at other rows (--row)"
        )
    return lines
