"""Make slices by many recipes that have stages in common: each of those runs once."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError, OutputError, PluginError, ScanLostError, told_of
from tomopy_edge.hookspecs import Step, keep
from tomopy_edge.job import Job, Tally
from tomopy_edge.pipeline import Span, Steps, run_step, settle, with_neighbours
from tomopy_edge.recipe import Block, Recipe
from tomopy_edge.stages.denoise import ENTRY as DENOISE
from tomopy_edge.stages.fine_tune import ENTRY as FINE_TUNE
from tomopy_edge.stages.read import RowRange
from tomopy_edge.sweeps.clock import Clock
from tomopy_edge.sweeps.node import Node, knowing

log = logging.getLogger(__name__)

SLOW_TO_OPEN = {DENOISE.name, FINE_TUNE.name}
"""Stages that open networks, which takes longer than a slice does, and look at nothing but the chunks they are given:
of two recipes after each other that have one in common, the second takes over the open one of the first."""


@dataclass(frozen=True)
class Made:
    """What one recipe made.

    Attributes
    ----------
    number : of the recipe, from 0
    recipe : settled
    raw, final : the slices of the first stage that makes some, and of the last
    tally : what was counted, noted, measured and how long each stage took, those in common with others included
    """

    number: int
    recipe: Recipe
    raw: Volume
    final: Volume
    tally: Tally


@dataclass(frozen=True)
class Failed:
    """A recipe that could not be run.

    Attributes
    ----------
    number : of the recipe, from 0
    why : in a sentence
    error : what was raised
    unsettled : whether the rows are at fault that it was to be settled on: others may do
    """

    number: int
    why: str
    error: Exception
    unsettled: bool


class _UnsettledError(Exception):
    """Tells of an error that keeps a recipe from being settled on some rows."""

    def __init__(self, error: DataError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _settling() -> Iterator[None]:
    try:
        yield
    except ScanLostError:
        raise
    except DataError as error:
        raise _UnsettledError(error) from error


class Tree:
    """The stages of recipes that differ in the values of options alone.

    Parameters
    ----------
    recipes : of the same stages, the last of which writes, and is left out
    span : the rows to make slices of
    samples : rows that are looked at to settle what the recipes leave open, the first and the one after the last of
        each; a recipe that cannot be settled on those is settled on the next
    outputs : of each recipe, the folder that its stages may write into
    job : what every stage gets, but for its tally and its folder
    chunk : rows worked on at once
    alike_after : stages after the one of this number are the same in all recipes, and what they leave open is found
        once, with the recipe in the middle, so that nothing else differs; None finds it for each recipe
    strict : whether the first recipe that fails ends it all

    Attributes
    ----------
    clock : how long it took to find what is found once ("once"), and to make each node that `nodes` names
    found_with : number of the recipe with which that was found, and the stages that had left it open; None where
        nothing was
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        span: Span,
        samples: Sequence[tuple[int, int]],
        outputs: Sequence[Path],
        job: Job,
        *,
        chunk: int,
        alike_after: int | None = None,
        strict: bool = False,
    ) -> None:
        self._recipes, self._span, self._job, self._outputs = recipes, span, job, outputs
        self._samples, self._chunk, self._strict = samples, chunk, strict
        self._last = len(recipes[0].blocks) - 2
        self._open_until = self._last if alike_after is None else alike_after
        self._found = Tally()
        self.clock = Clock()
        self.found_with: tuple[int, tuple[str, ...]] | None = None
        self._pool: dict[int, tuple[Block, Steps, Tally]] = {}

    def grow(self, numbers: Sequence[int] | None = None) -> Generator[Made | Failed, None, None]:
        """Yield what each recipe makes, or those of some numbers, those with a stage in common after each other.

        Raises
        ------
        ScanLostError : where the scan's file is no longer what it was
        Exception : what a stage raised, where `strict`
        """
        if self._open_until < self._last:
            with self.clock.at("once"):
                self._find_once()
        left = [*(range(len(self._recipes)) if numbers is None else numbers)]
        first: dict[int, Failed] = {}
        for sample in self._samples:
            with ExitStack() as opened:
                opened.callback(self._let_go)
                for one in self._grow(left, None, RowRange(*sample)):
                    told: Made | Failed = one
                    if isinstance(one, Failed) and one.unsettled:
                        # As in a run: of several reasons, the one that the first rows give.
                        told = first.setdefault(one.number, one)
                        if sample != self._samples[-1]:
                            log.warning("settling on rows %d to %d: %s", sample[0], sample[1] - 1, one.why)
                            continue
                    if isinstance(told, Failed) and self._strict:
                        raise told.error
                    first.pop(one.number, None)
                    yield told
            left = [*first]

    def nodes(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the number of a stage, and of the recipes that have it and all before it in common, for all stages."""
        level = [tuple(range(len(self._recipes)))]
        for n in range(self._last + 1):
            level = [tuple(alike) for numbers in level for _, alike in self._alike(list(numbers), n)]
            yield from ((n, numbers) for numbers in level)

    def _find_once(self) -> None:
        """Find what is left open after the swept stage for all, with the recipe in the middle, or near it."""
        middle, after = len(self._recipes) / 2, self._open_until + 1
        nearest = sorted(range(len(self._recipes)), key=lambda number: abs(number + 0.5 - middle))
        for number, sample in product(nearest, self._samples):
            recipe = self._recipes[number]
            try:
                found = settle(recipe, RowRange(*sample), replace(self._job, tally=self._found))
            except ScanLostError:
                raise
            except (DataError, PluginError) as error:
                log.debug("other rows or another value may do, to settle the recipe with: %s", error)
                continue
            pairs = zip(recipe.blocks[after:], found.blocks[after:], strict=True)
            names = tuple(was.entry.name for was, settled in pairs if was != settled)
            self.found_with = (number, names) if names else None
            own = (one.blocks[:after] for one in self._recipes)
            self._recipes = [Recipe((*blocks, *found.blocks[after:])) for blocks in own]
            return
        # Each fails for itself, and is told.
        self._open_until = self._last

    def _grow(self, numbers: list[int], before: Node | None, sample: Any) -> Iterator[Made | Failed]:
        n = len(before.path) if before else 0
        for block, alike in self._alike(numbers, n):
            left = dict.fromkeys(alike)
            try:
                for one in self._branch(block, alike, before, sample):
                    left.pop(one.number)
                    yield one
            except (OutputError, ScanLostError):
                raise
            except Exception as raised:
                log.debug("where it came from", exc_info=True)
                unsettled = isinstance(raised, _UnsettledError)
                error = raised.error if isinstance(raised, _UnsettledError) else raised
                yield from (Failed(number, told_of(error), error, unsettled) for number in left)

    def _branch(self, block: Block, alike: list[int], before: Node | None, sample: Any) -> Iterator[Made | Failed]:
        """Yield what the recipes make that have a stage, and all before it, in common."""
        n = len(before.path) if before else 0
        job = replace(self._job, tally=Tally(), output=self._outputs[alike[0]])
        timed = partial(self.clock.at, (n, alike[0]))
        with timed(), _settling():
            settled = settle(Recipe((block,)), sample, job).blocks[0] if n <= self._open_until else block
        with ExitStack() as opened:
            with timed():
                step = opened.enter_context(self._open(settled, before, job))
            first_volume = block.entry.gives is Volume and block.entry.takes is not Volume
            parts = n < self._last and len(self._alike(alike, n + 1)) > 1
            keeps = parts or first_volume
            node = Node(settled, step, before, job, self._span.rows, self._chunk, keeps=keeps, timed=timed)
            if n < self._last:
                with timed(), _settling():
                    sample = self._passed_on(sample, node, alike)
                yield from self._grow(alike, node, sample)
            else:
                yield from (self._leaf(number, node) for number in alike)

    @contextmanager
    def _open(self, block: Block, before: Node | None, job: Job) -> Iterator[Step]:
        """Yield a settled stage, open."""
        write = self._recipes[0].blocks[-1]
        if block.entry.name not in SLOW_TO_OPEN:
            with Steps(Recipe((knowing(block, before), write)), job) as steps:
                yield steps.open()[0]
            return
        n = len(before.path) if before else 0
        if n not in self._pool or self._pool[n][0] != block:
            self._let_go(n)
            tally = Tally()
            self._pool[n] = block, Steps(Recipe((block, write)), replace(job, tally=tally)), tally
        yield self._pool[n][1].open()[0]

    def _let_go(self, *numbers: int) -> None:
        """Close what is kept open for the next recipe, of the stages of these numbers, or of all."""
        for number in numbers or [*self._pool]:
            if number in self._pool:
                self._pool.pop(number)[1].let_go()

    def _alike(self, numbers: list[int], n: int) -> list[tuple[Block, list[int]]]:
        """Return recipes by their stage `n`."""
        groups: list[tuple[Block, list[int]]] = []
        for number in numbers:
            block = self._recipes[number].blocks[n]
            group = next((group for known, group in groups if known == block), None)
            if group is None:
                groups.append((block, [number]))
            else:
                group.append(number)
        return groups

    def _passed_on(self, sample: Any, node: Node, alike: list[int]) -> Any:
        """Return the sample as the next stage is settled on it; None where there is nothing left to be found."""
        later = self._recipes[alike[0]].blocks[len(node.path) : self._open_until + 1]
        if all(block.entry.settle is keep for block in later):
            return None
        margin = node.step.neighbours
        if isinstance(sample, Volume):
            # As in a run: a network is slow, and one slice of it tells.
            middle = len(sample.slices) // 2
            one = sample.slices[middle : middle + 1]
            sample = replace(sample, slices=one, first_row=sample.first_row + middle)
        chunk = next(with_neighbours([sample], margin)) if margin else sample
        with node.job.tally.muted():
            return run_step(node.block.entry.name, node.step, node.job, None, None, chunk)

    def _leaf(self, number: int, node: Node) -> Made:
        first, last = self._span.first, self._span.last
        if any(stage.step.witness is not None for stage in node.path):
            for stage in node.path:
                # It is shown to the witness, and handed on.
                stage.keeps = True
        final = _joined(node.made(first, last))
        makes = next(stage for stage in node.path if stage.block.entry.gives is Volume)
        raw = final if makes is node else _joined(makes.made(first, last))
        tally = Tally()
        tally.take_in(self._found)
        for n, stage in enumerate(node.path):
            if n in self._pool:
                stage.job.tally.take_in(self._pool[n][2].taken_out())
            tally.take_in(stage.job.tally)
        blocks = (*(stage.block for stage in node.path), self._recipes[number].blocks[-1])
        return Made(number, Recipe(blocks), raw, final, tally)


def _joined(volumes: list[Volume]) -> Volume:
    if len(volumes) == 1:
        return volumes[0]
    return replace(volumes[0], slices=np.concatenate([volume.slices for volume in volumes]))
