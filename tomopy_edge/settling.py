"""Which rows a recipe is settled on: the middle ones, or others where those will not do."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tomopy_edge.errors import DataError, ScanLostError
from tomopy_edge.job import Job
from tomopy_edge.pipeline import settle
from tomopy_edge.recipe import Recipe
from tomopy_edge.stages.read import RowRange

log = logging.getLogger(__name__)


def settle_on(recipe: Recipe, samples: Sequence[tuple[int, int]], job: Job) -> Recipe:
    """Settle a recipe, or the first stages of one, on the first of some samples of rows that will do.

    Parameters
    ----------
    samples : the first row of each, and the one after the last; see `samples_in`

    Raises
    ------
    DataError : why the first sample will not do, where none does
    """
    first: DataError | None = None
    for sample in samples:
        log.info("settling the recipe on rows %d to %d", sample[0], sample[1] - 1)
        try:
            return settle(recipe, RowRange(*sample), job)
        except ScanLostError:
            raise
        except DataError as error:
            first = first or error
            log.warning("the recipe cannot be settled on rows %d to %d: %s", sample[0], sample[1] - 1, error)
    assert first is not None, "there is a sample"  # noqa: S101 - the middle of the rows
    raise first
