"""What makes a run fit into memory: tried on paper, so that whoever follows it is told that it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tomopy_edge.errors import EdgeError
from tomopy_edge.writers.sizes import in_words

if TYPE_CHECKING:
    from tomopy_edge.forecast import Forecast

FLAGS = {"nchunk": "--nsino-per-chunk", "ncore": "--ncore"}

CLOSE = 0.97
"""Of the memory that there is, what a run may take that is advised: no two measurements are the same."""

STEP, MOST = 1.1, 2**50
"""By how much the memory that would do is raised from one try to the next, and bytes at which that is given up."""


def mend(told: Forecast, otherwise: Callable[..., Forecast]) -> str:
    """Return in words what makes a run fit that takes more memory than there is.

    Parameters
    ----------
    told : the run
    otherwise : returns what it takes with another `nchunk` or `ncore`, or where `free` bytes are there
    """
    for asked in _easier(told.at_once, told.ncore):
        if _fits(otherwise, told.free, **asked):
            return f"it fits with {' '.join(f'{FLAGS[name]} {number}' for name, number in asked.items())}"
    enough = told.libraries
    while enough < MOST and not _fits(otherwise, enough):
        enough = int(STEP * enough)
    alone = " (Python and its libraries alone take more than there is)" if told.libraries > told.free else ""
    return (
        f"fewer rows at once and fewer threads are not enough{alone}; end what else takes memory, raise the limit that "
        f"is set for it, or take a machine with more: {in_words(enough)} would do"
    )


def _easier(rows: int, threads: int) -> Iterator[dict[str, int]]:
    """Yield what may be asked of a run that it takes less memory: what costs least time first."""
    fewer = [*_halves(rows // 2 * 2, 2)]
    yield from ({"nchunk": number} for number in fewer)
    yield from ({"ncore": number} for number in _halves(threads, 1))
    if threads > 1:
        yield from ({"nchunk": number, "ncore": 1} for number in fewer)


def _halves(number: int, least: int) -> Iterator[int]:
    """Yield the half of a number, the half of that and so on: multiples of `least`, down to that."""
    while number > least:
        number = max(number // 2 // least * least, least)
        yield number


def _fits(otherwise: Callable[..., Forecast], free: int, **asked: int) -> bool:
    # What a little less memory makes it choose, such as other tiles, may take more.
    less = int(CLOSE * free)
    try:
        return all(otherwise(free=there, **asked).memory <= less for there in (free, less))
    except EdgeError:  # too little for a network
        return False
