"""Make rows on a cluster, in place of `tomopy_edge.rows_left.make_rows` on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tomopy_edge.cluster.dask_crew import DaskCrew
from tomopy_edge.cluster.dealing import Dealer
from tomopy_edge.cluster.start import open_crew
from tomopy_edge.cluster.workplace import Task
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.errors import ClusterError
from tomopy_edge.job import Job
from tomopy_edge.output import LOCK
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import ArrayScan, ScanFile
from tomopy_edge.recipe import Recipe
from tomopy_edge.record import Picked
from tomopy_edge.rows_left import Failure, Make, Written
from tomopy_edge.stages.write import writers

MOST_ROWS = 64
"""In a piece, where the caller does not say: what dies with a worker is no more than this, and what neighbours cost is
a thirtieth. Pyramids of eight levels have no voxel over two pieces."""

PIECES = 4
"""That each worker gets, at least, so that all end at about the same time."""


@contextmanager
def rows_elsewhere(
    options: ClusterOptions, source: ScanFile, chunk: int | None, *, strict: bool = False
) -> Iterator[Make]:
    """Yield what makes rows as `tomopy_edge.rows_left.rows_here` does, on workers, which are ended afterwards.

    Parameters
    ----------
    source : the scan; workers open its file themselves
    chunk : rows worked on at once; None has each worker choose by its memory
    strict : whether the first row that is given up ends it all

    Raises
    ------
    ClusterError : where there are no workers to be had, or the scan lies in no file
    """
    if isinstance(source, ArrayScan):
        raise ClusterError("cluster: arrays lie in no file that workers could read; write them to one, or run here")
    with open_crew(options) as crew:
        task = Task(str(Path(source.source).resolve()), chunk, options.cores)
        yield partial(_make, crew, options, task, strict=strict)


def _make(
    crew: DaskCrew,
    options: ClusterOptions,
    task: Task,
    recipe: Recipe,
    span: Span,
    picked: Picked,
    job: Job,
    *,
    strict: bool,
) -> Iterator[Written | Failure]:
    assert job.output is not None  # noqa: S101 - a run writes
    workers = options.workers or len(crew.workers())
    size = options.rows or rows_for_each(span.last - span.first, workers)
    folder = job.output.resolve()
    run = (folder / LOCK).read_text(encoding="utf-8")
    task = replace(task, folder=str(folder), run=run, shown=tuple(picked.rows))
    dealer = Dealer(
        crew,
        task,
        lots(span, size),
        patience=options.patience,
        picked=picked,
        tally=job.tally,
        claimed=dict(job.ledger.digests),
    )
    try:
        for one in dealer.deal():
            if isinstance(one, Failure):
                if strict:
                    raise ClusterError(one.told)
                yield one
                continue
            job.ledger.enter(one.made)
            if one.found:
                yield Written(one.found, ())
            if one.made:
                yield Written(len(one.made), one.shape)
    finally:
        job.ledger.counted -= dealer.uncounted
    made, workers = sum(dealer.slices.values()), len(dealer.slices)
    told = f"{made} slice{'s' * (made != 1)} by {workers} worker{'s' * (workers != 1)}"
    job.tally.note("cluster", told)
    # What lies over slices of several workers, which may have been told late of each other's files.
    with writers(recipe.blocks[-1].options, job) as opened:
        for writer in opened:
            writer.remake(dealer.again)


def lots(span: Span, rows: int) -> list[tuple[int, int]]:
    """Cut a span into lots of so many rows."""
    return [(first, min(first + rows, span.last)) for first in range(span.first, span.last, rows)]


def rows_for_each(rows: int, workers: int) -> int:
    """Return how many of `rows` to give to one of `workers` at a time: an even number, a power of two."""
    most = rows // (PIECES * max(workers, 1))
    size = 2
    while size * 2 <= min(most, MOST_ROWS):
        size *= 2
    return size
