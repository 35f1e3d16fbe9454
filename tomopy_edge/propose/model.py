"""Which model a machine runs in reasonable time, tried on some rows of the scan."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.denoisers.tomogan import LOUD
from tomopy_edge.forecast.pace import Duration, foretell_time
from tomopy_edge.readers import ScanFile
from tomopy_edge.recipe import Recipe

log = logging.getLogger(__name__)

BEST, COMPACT = "tomogan", "tomogan-compact"

BUDGET = 2.0
"""Seconds after which no more rows are tried: `check` tries more."""

TRIED_AT_ONCE = 2
"""Rows, so that a large slice need not be made sixteen times for an estimate."""

RecipeFor = Callable[[str], Recipe]
"""Returns the recipe with a model."""


@dataclass(frozen=True)
class ModelChoice:
    """The model that is proposed.

    Attributes
    ----------
    model : name or folder
    why : what speaks for it, in sentences
    took : model -> how long a run with it is estimated to take; empty where that was not tried
    hint : what to do where even this one takes longer than wanted, "" where it does not
    """

    model: str
    why: tuple[str, ...]
    took: dict[str, Duration]
    hint: str = ""


def choose_model(
    recipe_for: RecipeFor,
    scan: ScanFile,
    beside: Path,
    *,
    noise: float | None,
    given: str | None,
    within: float | None,
    catalogue: Catalogue,
    ncore: int | None = None,
) -> ModelChoice:
    """Return the model for a scan: `tomogan` where that is done in time, `tomogan-compact` otherwise.

    Parameters
    ----------
    beside : a path in the folder that slices are written to for the trial, and removed
    noise : of a slice, network units; None where it is not known
    given : a model that is asked for; it is taken, and only its time is told
    within : minutes that a run may take; None tries nothing

    Raises
    ------
    EdgeError : where the recipe would fail, too
    """

    def tried(model: str) -> Duration:
        log.info("trying %s on some rows, to tell how long a run takes", model)
        return foretell_time(
            recipe_for(model), scan, beside, ncore=ncore, nchunk=TRIED_AT_ONCE, catalogue=catalogue, budget=BUDGET
        )

    loud = noise is not None and noise > LOUD
    first = given or (COMPACT if loud else BEST)
    took = {} if within is None else {first: tried(first)}
    why: tuple[str, ...] = ()
    if given:
        why = (f"{given}, as was asked for.",)
    elif loud:
        level = f"The noise of a slice is {noise:.1f} times the attenuation of the densest matter"
        why = (f"{level}: there {BEST} takes streaks for structure, and {COMPACT} does less of it.",)
    chosen = first
    if within is not None and chosen == BEST and not given and took[BEST].seconds > 60 * within:
        took[COMPACT] = tried(COMPACT)
        chosen = COMPACT
        why = (f"{BEST} is the better one, and would take longer than {minutes(60 * within)} on this machine.",)
    elif not given and chosen == BEST:
        in_time = "" if within is None else f", and done within {minutes(60 * within)} on this machine"
        why = (f"{BEST} is the best of the shipped models{in_time}; {COMPACT} computes a tenth of it.",)
    why += tuple(f"{model}: {_estimate(duration)}." for model, duration in took.items())
    if within is None or took[chosen].seconds <= 60 * within:
        return ModelChoice(chosen, why, took)
    hint = (
        f"even {chosen} takes {minutes(took[chosen].seconds)} here; take fewer rows (--set read.rows=...), or have "
        "other machines help (--cluster)"
    )
    return ModelChoice(chosen, why, took, hint)


def minutes(seconds: float) -> str:
    """Return a time in words: seconds below two minutes, hours from two on."""
    if seconds < 120:  # noqa: PLR2004 - what is easily thought of in seconds
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - two digits
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


def _estimate(duration: Duration) -> str:
    slices = f"{duration.rows} slice{'s' * (duration.rows != 1)}"
    return f"{slices} in about {minutes(duration.seconds)}, {minutes(duration.each)} each, tried on this machine"
