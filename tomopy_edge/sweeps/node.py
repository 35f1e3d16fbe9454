"""One stage of a sweep that is open: what it makes of rows, kept where that is asked for again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tomopy_edge.data import Float32, Volume
from tomopy_edge.hookspecs import OpenStage, Step
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Span, run_step, with_neighbours, within
from tomopy_edge.recipe import Block
from tomopy_edge.rows_left import gaps
from tomopy_edge.stages.read import even_chunks


@dataclass
class Node:
    """A stage that is open, with the options of one or several recipes.

    Attributes
    ----------
    block : the stage, settled
    step : the same, open
    before : the stage before it; None for the first, which takes rows
    job : its own, with a tally of its own
    rows : how many the scan has
    chunk : rows worked on at once
    keeps : whether what it made is asked for again, and so kept
    timed : what it works within, such as `Clock.at`
    """

    block: Block
    step: Step
    before: Node | None
    job: Job
    rows: int
    chunk: int
    keeps: bool
    timed: Callable[[], AbstractContextManager[None]] = nullcontext
    _slices: dict[int, Float32] = field(default_factory=dict)
    _chunks: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    _latest: Volume | None = None

    def made(self, first: int, last: int) -> list[Any]:
        """Return what the stage makes of the rows `first` to `last - 1`, as adjacent chunks."""
        with self.timed():
            return self._made(first, last)

    def _made(self, first: int, last: int) -> list[Any]:
        if not self.keeps:
            return self._make(first, last)
        if self.block.entry.gives is not Volume:
            if (first, last) not in self._chunks:
                self._chunks[first, last] = self._make(first, last)
            return self._chunks[first, last]
        for gap in gaps(Span(first, last, self.rows), self._slices.keys()):
            for volume in self._make(gap.first, gap.last):
                self._slices |= dict(enumerate(volume.slices, volume.first_row))
                self._latest = volume
        assert self._latest is not None, "there are rows"  # noqa: S101 - the gaps were filled
        return [replace(self._latest, slices=np.stack([self._slices[z] for z in range(first, last)]), first_row=first)]

    def _make(self, first: int, last: int) -> list[Any]:
        wanted, step = Span(first, last, self.rows), self.step
        whole = wanted.wider(step.neighbours).rounded(step.together)
        flow: Iterator[Any] = iter(
            even_chunks(whole.first, whole.last, self.chunk)
            if self.before is None
            else self.before.made(whole.first, whole.last)
        )
        if step.witness is not None:
            self._show(whole)
        if step.neighbours:
            flow = with_neighbours(flow, step.neighbours, wanted)
        made = (run_step(self.block.entry.name, step, self.job, None, None, chunk) for chunk in flow)
        return [*(within(made, wanted) if step.together > 1 else made)]

    def _show(self, rows: Span) -> None:
        """Show a step that wants to see them the chunks of all stages before it."""
        assert self.step.witness is not None, "it was asked for"  # noqa: S101 - by the only caller
        stage, span = self.before, rows
        shown: list[tuple[str, list[Any]]] = []
        while stage is not None:
            shown.append((stage.block.entry.name, stage.made(span.first, span.last)))
            span, stage = span.wider(stage.step.neighbours).rounded(stage.step.together), stage.before
        for name, chunks in reversed(shown):
            for chunk in chunks:
                self.step.witness(name, chunk)

    @property
    def path(self) -> list[Node]:
        """All stages up to this one."""
        return [*(self.before.path if self.before else ()), self]


def knowing(block: Block, before: Node | None) -> Block:
    """Return a stage that finds those before it in its job, when it is opened."""
    earlier = tuple(
        OpenStage(node.block.entry, node.block.options, node.step) for node in (before.path if before else ())
    )

    def opened(options: Any, job: Job) -> AbstractContextManager[Step]:
        return block.entry.open(options, replace(job, before=earlier))

    return replace(block, entry=replace(block.entry, open=opened))
