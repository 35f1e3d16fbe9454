"""How long a sweep will take, tried with some of its values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import rows_at_once
from tomopy_edge.forecast.pace import UNSURE, folder_for, in_time
from tomopy_edge.job import Job, at_least_one, available_cores
from tomopy_edge.memory import free_memory
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import ScanFile
from tomopy_edge.sweeps.forecast import crossing
from tomopy_edge.sweeps.making import planted, write_tables
from tomopy_edge.sweeps.plan import samples_of
from tomopy_edge.sweeps.results import Result, best_center
from tomopy_edge.sweeps.tree import Failed, Tree
from tomopy_edge.sweeps.variants import Variants


@dataclass(frozen=True)
class Took:
    """How long a sweep will take.

    Attributes
    ----------
    values : how many recipes it has
    first : seconds until libraries are loaded and the slices of the first value made
    seconds, least, most : of all, the most likely time and what is likely
    failed : those of the values tried that fail, each with its reason, in words
    tried : how many were tried
    """

    values: int
    first: float
    seconds: float
    least: float
    most: float
    failed: tuple[str, ...]
    tried: int

    def lines(self) -> list[str]:
        """Return it in a few lines for people."""
        others = self.values - 1
        each = f", {in_time((self.seconds - self.first) / others)} for each of the others" if others else ""
        range_ = f"{in_time(self.least)} to {in_time(self.most)}"
        told = [f"time: about {in_time(self.seconds)} ({range_}): {in_time(self.first)} for the first value{each}"]
        if self.failed:
            told.append(f"{len(self.failed)} of the {self.tried} values that were tried would FAIL:")
        return [*told, *(f"  {one}" for one in self.failed)]


def foretell_sweep_time(  # noqa: PLR0913 - values, scan, rows, output, and how
    variants: Variants,
    scan: ScanFile,
    span: Span,
    output: Path,
    *,
    rows: tuple[int, int] | None = None,
    ncore: int | None = None,
    nchunk: int | None = None,
    catalogue: Catalogue | None = None,
    loading: float = 0.0,
    budget: float = 8.0,
) -> Took:
    """Return how long a sweep would take, by making the slices of some of its values.

    They are written into a folder beside the output, which is removed. Of a stage that was not tried with a value, the
    time is that with the same options before another one, or else the mean of those that were tried.

    Parameters
    ----------
    span : the rows that slices are made of
    rows : those asked for, see `sweep`
    loading : seconds that it takes to load libraries, which are loaded by now
    budget : seconds after which no more values are tried, if there are two, or all

    Raises
    ------
    EdgeError : where all values that were tried fail
    """
    with folder_for(output) as folder:
        chunk = rows_at_once(scan, nchunk, free_memory())
        threads = at_least_one("ncore", ncore, available_cores())
        job = Job(ncore=threads, catalogue=catalogue, scan=scan, output=folder, rows=(span.first, span.last))
        start = time.perf_counter()
        failed, putting, made = list[Failed](), list[float](), list[int]()
        with (
            planted(variants, span, samples_of(variants, scan, rows), job, chunk=chunk) as (tree, shelf),
            closing(tree.grow(_spread(crossing(variants)))) as growing,
        ):
            for one in growing:
                before = time.perf_counter()
                shelf.put(one)
                putting.append(time.perf_counter() - before)
                if isinstance(one, Failed):
                    failed.append(one)
                made.append(one.number)
                if len(made) > 1 and time.perf_counter() - start > budget:
                    break
        if len(failed) == len(made):
            raise failed[0].error
        before = time.perf_counter()
        results: Sequence[Result] = [shelf.results[number] for number in made]
        write_tables(folder, variants, results, best_center(variants.axes, results), scan, span)
        drawing = (time.perf_counter() - before) / (len(made) - len(failed))
    count = len(variants.each)
    later = putting[1:] or putting
    beside = loading + tree.clock.seconds.get("once", 0.0) + putting[0] + (count - 1) * fmean(later) + count * drawing
    likely, least, most = (beside + seconds for seconds in _of_nodes(tree, variants, made[0]))
    own = sum(seconds for key, seconds in tree.clock.seconds.items() if key != "once" and _is_of(key, made[0]))
    first = min(loading + tree.clock.seconds.get("once", 0.0) + putting[0] + own, likely)
    named = tuple(f"{variants.each[one.number].name}: {one.why}" for one in failed)
    return Took(
        *(count, first, likely),
        *(min(least, (1 - UNSURE) * likely), max(most, (1 + UNSURE) * likely)),
        *(named, len(made)),
    )


def _is_of(key: object, number: int) -> bool:
    return isinstance(key, tuple) and key[1] == number


def _spread(numbers: list[int]) -> list[int]:
    """Return numbers in an order in which the first few tell of all: ends, middle, quarters."""
    if len(numbers) < 3:  # noqa: PLR2004 - nothing is between
        return numbers
    order, parts = [0, len(numbers) - 1], [(0, len(numbers) - 1)]
    while parts:
        low, high = parts.pop(0)
        middle = (low + high) // 2
        if middle > low:
            order.append(middle)
            parts += [(low, middle), (middle, high)]
    return [numbers[n] for n in order]


def _of_nodes(tree: Tree, variants: Variants, first: int) -> tuple[float, float, float]:
    """Return the seconds of all nodes of a tree, some of which were tried: most likely, least and most."""
    nodes = [*tree.nodes()]
    tried = {}
    for n, numbers in nodes:
        keys = [(n, number) for number in numbers if (n, number) in tree.clock.seconds]
        if keys:
            tried[n, numbers] = sum(tree.clock.seconds[key] for key in keys)
    likely = least = most = 0.0
    for n, numbers in nodes:
        if (n, numbers) in tried:
            some = [tried[n, numbers]]
        else:
            block = variants.each[numbers[0]].recipe.blocks[n]
            # With the first one, libraries are loaded and kernels compiled.
            others = {
                alike: seconds for (stage, alike), seconds in tried.items() if stage == n and first not in alike
            } or {alike: seconds for (stage, alike), seconds in tried.items() if stage == n}
            same = [seconds for alike, seconds in others.items() if variants.each[alike[0]].recipe.blocks[n] == block]
            some = same or [*others.values()]
        likely, least, most = likely + fmean(some), least + min(some), most + max(some)
    return likely, least, most
