"""Run the stages of a recipe over chunks of rows, so that a scan larger than memory streams through."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from typing_extensions import Self

from tomopy_edge.ahead import ahead, behind
from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError, EdgeError, PluginError
from tomopy_edge.hookspecs import OpenStage, Step, keep
from tomopy_edge.job import Job
from tomopy_edge.recipe import Block, Recipe
from tomopy_edge.row_check import expect_rows_made

log = logging.getLogger(__name__)

Read = Callable[[int, int], Iterable[Any]]
"""Yields the rows from the first to the one before the last, as adjacent chunks of the first stage's kind, in order."""

Observe = Callable[[str, Any], None]
"""Is shown the name of each stage and the chunk it made."""


@dataclass(frozen=True)
class Span:
    """The rows that a run makes slices of.

    Attributes
    ----------
    first, last : the rows `first` to `last - 1`
    rows : how many the scan has: beyond `first` and `last` there may be neighbours to look at
    """

    first: int
    last: int
    rows: int

    def wider(self, margin: int) -> Span:
        """Return the span with `margin` rows more on each side, as far as the scan has them."""
        return Span(max(self.first - margin, 0), min(self.last + margin, self.rows), self.rows)

    def rounded(self, together: int) -> Span:
        """Return the span that begins and ends with multiples of `together` rows, or with the scan."""
        first, last = self.first // together * together, -(-self.last // together) * together
        return Span(first, min(last, self.rows), self.rows)


def settle(recipe: Recipe, sample: Any, job: Job) -> Recipe:
    """Return `recipe` with every "find it" turned into what was found, so that it reproduces the run exactly.

    Parameters
    ----------
    sample : a chunk of the first stage's kind: some rows from the middle of the scan
    """
    blocks = list(recipe.blocks)
    open_until = last_open(recipe)
    with job.tally.muted():
        for n, block in enumerate(blocks[: open_until + 1]):
            with _mendable(block.entry.name):
                options = block.entry.settle(block.options, sample, job)
            blocks[n] = replace(block, options=options)
            if n < open_until:
                sample = _applied(blocks[n], _one_slice(sample), job)
    return Recipe(tuple(blocks))


def last_open(recipe: Recipe) -> int:
    """Return the number of the last stage that leaves anything to be found, -1 where none does."""
    return max((n for n, block in enumerate(recipe.blocks) if block.entry.settle is not keep), default=-1)


def _applied(block: Block, sample: Any, job: Job) -> Any:
    with _mendable(block.entry.name), block.entry.open(block.options, job) as step:
        return step.apply(next(with_neighbours([sample], step.neighbours)) if step.neighbours else sample)


def _told(chunk: Any) -> str:
    """Return what a chunk is, for the log: its kind, and the shapes of its arrays."""
    fields = vars(chunk).items() if dataclasses.is_dataclass(chunk) else ()
    shapes = (f"{name} {value.shape}" for name, value in fields if isinstance(value, np.ndarray))
    row = getattr(chunk, "first_row", None)
    return ", ".join([type(chunk).__name__, *shapes, *([] if row is None else [f"from row {row}"])])


@contextmanager
def _named(stage: str, failing: list[str] | None) -> Iterator[None]:
    try:
        yield
    except Exception:
        if failing is not None:
            failing.append(stage)
        raise


@contextmanager
def _mendable(stage: str) -> Iterator[None]:
    """Raise what escapes from a stage as an error that a user can mend: its plugin can be left out."""
    try:
        yield
    except EdgeError:
        raise
    except MemoryError as error:
        raise DataError(
            f"{stage}: there is not enough memory ({str(error) or 'it ran out'}); work on fewer rows at once (nchunk, "
            "--nsino-per-chunk), on fewer threads (ncore), or end what else takes memory"
        ) from None
    except SystemExit as error:
        raise PluginError(f"{stage}: it ended itself (exit code {error.code})") from error
    except Exception as error:
        raise PluginError(f"{stage}: {type(error).__name__}: {error}") from error


def _one_slice(sample: Any) -> Any:
    """Return a `Volume` with its middle slice alone, and anything else as it is.

    What comes before slices is needed whole to find the rotation axis; a network is slow, and one slice of it tells.
    """
    if not isinstance(sample, Volume):
        return sample
    middle = len(sample.slices) // 2
    return replace(sample, slices=sample.slices[middle : middle + 1], first_row=sample.first_row + middle)


class Steps:
    """The steps of a recipe but for the last, opened when they are first wanted, and kept from span to span.

    Networks are loaded and tables computed once. The last step, which writes, is opened for each span: what it writes
    is whole where a span ends.
    """

    def __init__(self, recipe: Recipe, job: Job) -> None:
        self._recipe, self._job = recipe, job
        self._opened = ExitStack()
        self._steps: list[Step] = []

    def open(self) -> list[Step]:
        """Return the steps, which are opened where they are not."""
        if not self._steps:
            with ExitStack() as opened:
                self._steps = _opened(self._recipe.blocks[:-1], self._job, opened)
                self._opened = opened.pop_all()
        return self._steps

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Close the steps, which can be opened again; one that cannot be closed is told, and costs no slices."""
        self._steps = []
        try:
            self._opened.close()
        except Exception as error:  # noqa: BLE001 - of any plugin
            log.warning("a stage could not be closed: %s: %s", type(error).__name__, error)


def stream(
    recipe: Recipe,
    read: Read,
    span: Span,
    job: Job,
    observe: Observe | None = None,
    failing: list[str] | None = None,
    kept: Steps | None = None,
) -> Iterator[Any]:
    """Yield what the last stage of a settled `recipe` makes of the rows of `span`, chunk by chunk.

    Parameters
    ----------
    read : where the rows come from. It is asked for the neighbours of the outermost rows too, where the scan has them,
        so that a slice comes out the same whether it was asked for alone or with all others.
    observe : is shown every chunk that every stage made, neighbours included
    failing : is given the name of a stage that raises
    kept : steps that outlast the span; None opens all of them for it alone

    Notes
    -----
    Where the job has memory for it, reading, what leads to slices, what is done with them and writing each have a
    thread, and one chunk between them.
    """
    with ExitStack() as opened:
        steps = _opened(recipe.blocks, job, opened, kept.open() if kept else ())
        margins = [step.neighbours for step in steps]
        together = math.lcm(*(step.together for step in steps))
        whole = span.wider(sum(margins)).rounded(together)
        flow: Iterator[Any] = iter(read(whole.first, whole.last))
        for n, (block, step) in enumerate(zip(recipe.blocks, steps, strict=True)):
            if step.neighbours:
                flow = with_neighbours(flow, step.neighbours, span.wider(sum(margins[n + 1 :])))
            work = partial(run_step, block.entry.name, step, job, _shown_to(steps[n + 1 :], observe), failing)
            if n == len(steps) - 1 and job.overlap:
                flow = behind(work, flow, 1)
            elif job.overlap and (n == 0 or (block.entry.gives is Volume and block.entry.takes is not Volume)):
                flow = opened.enter_context(ahead(through(work, flow), 1))
            else:
                flow = through(work, flow)
            flow = within(flow, span.wider(sum(margins[n + 1 :]))) if step.together > 1 else flow
        yield from flow


def _opened(blocks: Sequence[Block], job: Job, opened: ExitStack, kept: Sequence[Step] = ()) -> list[Step]:
    """Return the steps of some blocks, of which the first ones are `kept` open; the others are opened here."""
    steps = [*kept]
    for block in blocks[len(kept) :]:
        before = (OpenStage(one.entry, one.options, step) for one, step in zip(blocks, steps, strict=False))
        with _mendable(block.entry.name):
            steps.append(opened.enter_context(block.entry.open(block.options, replace(job, before=tuple(before)))))
    return steps


def _shown_to(later: Sequence[Step], observe: Observe | None) -> Observe | None:
    """Return what shows a chunk to the witnesses among later steps, and to `observe`."""
    eyes = [*(step.witness for step in later if step.witness is not None), *([] if observe is None else [observe])]

    def show(name: str, made: Any) -> None:
        for see in eyes:
            see(name, made)

    return show if eyes else None


def run_step(name: str, step: Step, job: Job, observe: Observe | None, failing: list[str] | None, chunk: Any) -> Any:
    """Return what the step of a stage makes of a chunk; see `stream`."""
    first = getattr(chunk, "first_row", None)
    rows = job.tally.at_row(None if first is None else first + step.neighbours)
    with _named(name, failing), job.tally.timed(name, "total"), rows, _mendable(name):
        made = step.apply(chunk)
        expect_rows_made(name, made, chunk, step)
    log.debug("%s: %s", name, _told(made))
    if observe is not None:
        observe(name, made)
    return made


def through(work: Callable[[Any], Any], flow: Iterator[Any]) -> Generator[Any, None, None]:
    """Yield what `work` makes of each chunk of `flow`, and keep neither."""
    for chunk in flow:
        made = [work(chunk)]
        # Nothing is kept here while the stages after this one work: what they let go of is free.
        del chunk
        yield made.pop()


def within(volumes: Iterable[Volume], span: Span) -> Iterator[Volume]:
    """Yield those slices of `volumes` that lie within `span`."""
    for volume in volumes:
        first = max(span.first - volume.first_row, 0)
        slices = volume.slices[first : max(span.last - volume.first_row, 0)]
        if len(slices) == len(volume.slices):
            yield volume
        elif len(slices):
            yield replace(volume, slices=slices, first_row=volume.first_row + first)


def with_neighbours(volumes: Iterable[Volume], margin: int, span: Span | None = None) -> Iterator[Volume]:
    """Yield `volumes` again, each with the `margin` slices before and after it.

    At the ends of the scan the edge slice is repeated. What comes out is cut elsewhere than what went in: slices are
    held back until those after them are there, so none is reconstructed twice.

    Parameters
    ----------
    volumes : adjacent slices, in order
    span : the slices that are wanted; `volumes` may hold up to `margin` more on each side. None wants all.
    """
    held: Volume | None = None
    for volume in volumes:
        if held is None:
            spare = 0 if span is None else span.first - volume.first_row
            held = replace(
                volume,
                slices=np.repeat(volume.slices[:1], margin - spare, axis=0),
                first_row=volume.first_row - (margin - spare),
            )
        held = replace(held, slices=np.concatenate([held.slices, volume.slices]))
        del volume
        ready = len(held.slices) - 2 * margin
        if ready > 0:
            # A copy: a part of an array keeps all of it in memory. Made before others see it, who may write to it.
            rest = held.slices[ready:].copy()
            yield held
            held = replace(held, slices=rest, first_row=held.first_row + ready)
    if held is not None:
        end = held.first_row + len(held.slices)
        missing = margin if span is None else span.last + margin - end
        if missing:
            after = np.repeat(held.slices[-1:], missing, axis=0)
            yield replace(held, slices=np.concatenate([held.slices, after]))
