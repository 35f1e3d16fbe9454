"""Make the slices of the rows that are left, past those that fail: the only module that knows how a run goes on."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from tomopy_edge.data import Volume
from tomopy_edge.errors import BackendError, DeviceLostError, OutputError, ScanLostError, told_of
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Observe, Span, Steps, stream
from tomopy_edge.recipe import Recipe
from tomopy_edge.record import Picked
from tomopy_edge.stages.read import even_chunks
from tomopy_edge.there import rows_there

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A row that there is no slice of.

    Attributes
    ----------
    row : of the detector
    stage : that failed, "" where it is not known
    error : what it raised
    """

    row: int
    stage: str
    error: Exception

    @property
    def why(self) -> str:
        """What failed, in a sentence."""
        stage = f"{self.stage}: " if self.stage else ""
        return f"{stage}{told_of(self.error)}".replace(stage * 2, stage, 1)

    @property
    def told(self) -> str:
        """Which row failed, and why."""
        return f"row {self.row}: {self.why}"


@dataclass(frozen=True)
class Written:
    """Slices that lie on the disk.

    Attributes
    ----------
    count : how many
    shape : of each (y, x); () where an earlier run has made them
    """

    count: int
    shape: tuple[int, ...]


Make = Callable[[Recipe, Span, Picked, Job], Iterator[Written | Failure]]
"""Makes the rows of a span by a settled recipe and writes them, but for those that are there already, and has what the
contact sheet shows picked of them."""


def rows_here(chunk: int, *, strict: bool = False) -> Make:
    """Return what makes rows on this machine; see `make_rows`."""

    def make(recipe: Recipe, span: Span, picked: Picked, job: Job) -> Iterator[Written | Failure]:
        # What the contact sheet shows of rows that are there is known only when they are made again.
        there = rows_there(recipe.blocks[-1].options, job) - set(picked.rows)
        if there:
            yield Written(len(there), ())
        # Closed before the steps are, as its threads may be at work with them.
        with (
            Steps(recipe, job) as steps,
            closing(make_rows(recipe, gaps(span, there), chunk, job, picked.observe, steps, strict=strict)) as flow,
        ):
            for one in flow:
                told = one if isinstance(one, Failure) else Written(len(one.slices), one.slices.shape[1:])
                # Not kept while the next slices are made.
                del one
                yield told

    return make


def _lost(failure: Failure, *, before: bool) -> bool:
    """Return whether no runtime could be had for a row; raise a `DeviceLostError` where it was so `before`, too.

    Tried alone, a row has its networks opened anew, on a device that was lost for a moment, too.
    """
    lost = isinstance(failure.error, BackendError)
    if lost and before:
        raise DeviceLostError(
            f"{failure.told} (as it was with the row before, so no further one is tried); what is made stays, and "
            "--resume goes on when it works again"
        ) from failure.error
    return lost


def gaps(span: Span, done: Collection[int]) -> list[Span]:
    """Return the runs of adjacent rows of `span` that are not `done`."""
    found: list[Span] = []
    for row in range(span.first, span.last):
        if row in done:
            continue
        if found and found[-1].last == row:
            found[-1] = replace(found[-1], last=row + 1)
        else:
            found.append(Span(row, row + 1, span.rows))
    return found


def make_rows(
    recipe: Recipe, spans: list[Span], chunk: int, job: Job, observe: Observe, steps: Steps, *, strict: bool = False
) -> Generator[Volume | Failure, None, None]:
    """Yield the slices of rows as the last stage makes them, and what failed.

    Where a chunk fails, its rows are tried one by one, and the rest goes on. A row may fail for the sake of another
    that the network looks at beside it.

    Parameters
    ----------
    recipe : settled
    spans : the rows
    chunk : rows worked on at once
    observe : is shown every chunk that every stage made
    steps : of the recipe; they are opened anew after a failure, as nobody knows what it left in them
    strict : whether the first failure ends it all

    Raises
    ------
    OutputError : where slices cannot be written: the next one could not either
    ScanLostError : where the scan's file is no longer what it was
    DeviceLostError : where two rows, one after the other, are tried alone, and no runtime could be had for either
    Exception : what a stage raised, where `strict`, or where not one row of the first chunk that fails can be made
    """
    left = deque((span, chunk) for span in spans)
    made = lost = False
    # Until a slice is made, nobody knows whether any will be.
    held: list[Failure] = []
    while left:
        span, size = left.popleft()
        row, failing = span.first, list[str]()
        try:
            for volume in stream(recipe, partial(even_chunks, chunk=size), span, job, observe, failing, steps):
                row, made, lost = volume.first_row + len(volume.slices), True, False
                yield from held
                held.clear()
                one = [volume]
                del volume
                yield one.pop()
        except (OutputError, ScanLostError):
            raise
        except Exception as error:
            if strict:
                raise
            log.debug("rows from %d on", row, exc_info=True)
            steps.let_go()
            if span.last - span.first > 1:
                # One by one up to the end of the chunk, then on as before.
                end = min(row + size + size % 2, span.last)
                log.warning("rows %d to %d are tried one by one: %s", row, end - 1, told_of(error))
                left.extendleft([(Span(end, span.last, span.rows), size)] if end < span.last else [])
                left.extendleft((Span(one, one + 1, span.rows), 1) for one in reversed(range(row, end)))
                continue
            failure = Failure(row, "".join(failing[:1]), error)
            if made:
                lost = _lost(failure, before=lost)
                yield failure
                continue
            held.append(failure)
            if len(held) >= chunk:
                raise held[0].error from None
    if held:
        raise held[0].error
