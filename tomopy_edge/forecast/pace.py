"""How long a run will take, tried on some rows of the scan."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import samples_in
from tomopy_edge.errors import DataError, ScanLostError
from tomopy_edge.forecast import Plan, ahead_of, there
from tomopy_edge.job import Job, Tally
from tomopy_edge.pipeline import Span, stream
from tomopy_edge.readers import ScanFile
from tomopy_edge.readers.row_reader import SCRATCH_RATE
from tomopy_edge.recipe import Recipe
from tomopy_edge.record import Picked
from tomopy_edge.settling import settle_on
from tomopy_edge.stages.read import RowRange, even_chunks
from tomopy_edge.stages.trust import ENTRY as TRUST
from tomopy_edge.trust.rows import examined_rows
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.ledger import Ledger

log = logging.getLogger(__name__)

TRIED_ROWS = 8
"""Rows at once, at most, with which the time of a run is tried."""

UNSURE = 0.15
"""How far times are off on a machine that does nothing else, at least, as a share of them."""


@dataclass(frozen=True)
class Duration:
    """How long a run will take.

    Attributes
    ----------
    rows : that slices are made of
    settling : seconds until the recipe is settled
    beginning : seconds until libraries are loaded and networks open, at the end of all, and to examine some slices
    each : seconds for a slice from then on
    unpacking : seconds in which rows are unpacked and moved to a scratch file
    spread : seconds for a slice: of the quickest chunk and of the slowest
    """

    rows: int
    settling: float
    beginning: float
    each: float
    unpacking: float
    spread: tuple[float, float]

    @property
    def seconds(self) -> float:
        """The most likely time."""
        return self._with(self.each)

    @property
    def least(self) -> float:
        """The least that is likely."""
        return min(self._with(self.spread[0]), (1 - UNSURE) * self.seconds)

    @property
    def most(self) -> float:
        """The most that is likely."""
        return max(self._with(self.spread[1]), (1 + UNSURE) * self.seconds)

    def lines(self) -> list[str]:
        """Return it in a line for people."""
        range_ = f"{in_time(self.least)} to {in_time(self.most)}"
        unpacking = f", {in_time(self.unpacking)} to unpack the scan" if self.unpacking else ""
        parts = f"{in_time(self.settling)} to settle the recipe{unpacking}, {in_time(self.each)} for a slice"
        return [f"time: about {in_time(self.seconds)} ({range_}): {parts}"]

    def _with(self, each: float) -> float:
        return self.settling + self.unpacking + self.beginning + self.rows * each


def foretell_time(
    recipe: Recipe,
    scan: ScanFile,
    output: Path,
    *,
    ncore: int | None = None,
    nchunk: int | None = None,
    catalogue: Catalogue | None = None,
    loading: float = 0.0,
    budget: float = 8.0,
) -> Duration:
    """Return how long a run would take, by settling the recipe and running it on some rows in the middle of the scan.

    Slices are written into a folder beside the output, which is removed.

    Parameters
    ----------
    recipe, scan, output, ncore, nchunk, catalogue : as for `run`
    loading : seconds that a run takes to load its libraries, which are loaded by now; see `Forecast`
    budget : seconds after which no more rows are tried, if there are two chunks of them or all

    Raises
    ------
    EdgeError : where the run would fail, too
    """
    plan = Plan.of(recipe, scan, ncore, nchunk, catalogue)
    with folder_for(output) as folder, Ledger(folder) as ledger:
        rows = min(plan.chunk + plan.chunk % 2, TRIED_ROWS, plan.rows)
        middle = (plan.span.first + plan.span.last - rows) // 2
        tried = Span(max(middle - 8 * rows, plan.span.first), min(middle + 8 * rows, plan.span.last), scan.rows)
        job = Job(
            ncore=plan.means.ncore,
            catalogue=plan.means.catalogue,
            scan=scan,
            output=folder,
            rows=(tried.first, tried.last),
            ledger=ledger,
            overlap=plan.means.overlap and plan.rows > plan.chunk,
        )
        samples = samples_in(plan.span, scan.angles, scan.columns)
        start = time.perf_counter()
        with recipe.blocks[0].entry.open(recipe.blocks[0].options, job) as step:
            step.apply(RowRange(*samples[0]))
        reading = time.perf_counter() - start
        settled = settle_on(recipe, samples, job)
        settling = time.perf_counter() - start
        plain = Recipe(tuple(block for block in settled.blocks if block.entry is not TRUST))
        ends, drawing = _tried(plain, tried, rows, job, budget)
        examining = _examining(settled, tried, plan, job)
    _, scratch = ahead_of(scan, plan)
    # Where not all fits, the scan is unpacked from its beginning once more, and then for the scratch file.
    unpacking = 0.0 if scratch is None else 2 * reading + 2 * scratch.size / SCRATCH_RATE
    first, *_ = ends
    paces = [(b.seconds - a.seconds) / b.rows for a, b in pairwise(ends)] or [first.seconds / first.rows]
    done = sum(end.rows for end in ends[1:])
    each = (ends[-1].seconds - first.seconds) / done if done else paces[0]
    beginning = loading + max(first.seconds - first.rows * each, 0.0) + drawing + examining
    return Duration(plan.rows, settling, beginning, each, unpacking, (min(paces), max(paces)))


@dataclass(frozen=True)
class _End:
    """When a chunk of `rows` was on the disk, seconds from the beginning."""

    seconds: float
    rows: int


def _tried(settled: Recipe, span: Span, chunk: int, job: Job, budget: float) -> tuple[list[_End], float]:
    """Return when chunks were on the disk, and how long it took to draw the contact sheet."""
    last = settled.blocks[-1].entry.name
    picked, ends = Picked.among(span.first, min(span.first + chunk, span.last), last), list[_End]()
    start = time.perf_counter()

    def observe(stage: str, made: Any) -> None:
        picked.observe(stage, made)
        if stage == last:
            ends.append(_End(time.perf_counter() - start, len(made.slices)))

    chunks = partial(even_chunks, chunk=chunk)
    try:
        with closing(cast("Generator[Any, None, None]", stream(settled, chunks, span, job, observe))) as flow:
            for _ in flow:
                if len(ends) > 1 and ends[-1].seconds > budget:
                    break
    except ScanLostError:
        raise
    except DataError as error:
        if not ends:
            raise
        log.warning("%s; a run goes on with the other rows", error)
    start = time.perf_counter()
    picked.draw(Path(job.output or "") / "contact_sheet.png", job.scan)
    return ends, time.perf_counter() - start


def _examining(settled: Recipe, tried: Span, plan: Plan, job: Job) -> float:
    """Return how long it takes to examine slices, tried on one: a run examines few, and a trial of few rows none."""
    chosen = next((block.options for block in settled.blocks if block.entry is TRUST), None)
    if chosen is None:
        return 0.0
    # The first row could be made. Nothing is written: the rows that were tried lie there.
    row = tried.first
    unwritten = Recipe(settled.blocks[:-1])
    took = []
    for _ in range(2):
        # The second time, tables are made and kernels compiled.
        one = replace(job, rows=(row, row + 1), tally=Tally())
        for _ in stream(unwritten, partial(even_chunks, chunk=2), Span(row, row + 1, tried.rows), one):
            pass
        took.append(one.tally.seconds[TRUST.name]["total"])
    many = len(examined_rows(plan.span.first, plan.span.last, chosen.every))
    return took[0] + (many - 1) * took[1]


@contextmanager
def folder_for(output: Path) -> Iterator[Path]:
    """Yield a folder on the disk of the output, for as long as it is needed.

    Raises
    ------
    OutputError : where nothing can be written
    """
    with told(output):
        folder = tempfile.TemporaryDirectory(dir=there(output), prefix=".tomopy-edge-check-")
    with folder as name:
        yield Path(name)


def in_time(seconds: float) -> str:
    """Return seconds as people say them: to two digits, in minutes or hours where they are many."""
    if seconds < 100:  # noqa: PLR2004 - what is easily thought of in seconds
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
