"""Run the stages of a recipe over chunks of rows, so that a scan larger than memory streams through."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from tomopy_edge.data import Volume
from tomopy_edge.hookspecs import Step, keep
from tomopy_edge.job import Job
from tomopy_edge.recipe import Block, Recipe

SAMPLE_ROWS = 8
"""Rows from the middle of a scan on which the rotation axis and the unit of attenuation are found."""

CHUNK_MEMORY = 2**30
"""Bytes that the rows in flight may take where the caller does not choose their number."""

Observe = Callable[[str, Any], None]
"""Is shown the name of each stage and the chunk it made."""


def settle(recipe: Recipe, sample: Any, job: Job) -> Recipe:
    """Return `recipe` with every "find it" turned into what was found, so that it reproduces the run exactly.

    Parameters
    ----------
    sample : a chunk of the first stage's kind: some rows from the middle of the scan
    """
    blocks = list(recipe.blocks)
    open_until = max((n for n, block in enumerate(blocks) if block.entry.settle is not keep), default=-1)
    with job.tally.muted():
        for n, block in enumerate(blocks[: open_until + 1]):
            options = block.entry.settle(block.options, sample, job)
            blocks[n] = dataclasses.replace(block, options=options)
            if n < open_until:
                sample = next(stream(Recipe((blocks[n],)), [_one_slice(sample)], job))
    return Recipe(tuple(blocks))


def _one_slice(sample: Any) -> Any:
    """Return a `Volume` with its middle slice alone, and anything else as it is.

    What comes before slices is needed whole to find the rotation axis; a network is slow, and one slice of it tells.
    """
    if not isinstance(sample, Volume):
        return sample
    middle = len(sample.slices) // 2
    return dataclasses.replace(sample, slices=sample.slices[middle : middle + 1], first_row=sample.first_row + middle)


def stream(recipe: Recipe, chunks: Iterable[Any], job: Job, observe: Observe | None = None) -> Iterator[Any]:
    """Yield what the last stage of a settled `recipe` makes of each of `chunks`.

    Parameters
    ----------
    chunks : adjacent chunks of the first stage's kind, in the order of their rows. All but the last hold an even number
        of rows: FBP reconstructs slices in pairs, and the same pairs give the same result to the bit.
    observe : is shown every chunk that every stage made
    """
    with ExitStack() as opened:
        flow: Iterator[Any] = iter(chunks)
        for block in recipe.blocks:
            step = opened.enter_context(block.entry.open(block.options, job))
            flow = _through(block, step, flow, job, observe)
        yield from flow


def _through(block: Block, step: Step, flow: Iterator[Any], job: Job, observe: Observe | None) -> Iterator[Any]:
    name = block.entry.name
    for chunk in with_neighbours(flow, step.neighbours) if step.neighbours else flow:
        with job.tally.timed(name, "total"):
            made = step.apply(chunk)
        if observe is not None:
            observe(name, made)
        yield made


def with_neighbours(volumes: Iterable[Volume], margin: int) -> Iterator[Volume]:
    """Yield `volumes` again, each with the `margin` slices before and after it.

    At the ends of the scan the edge slice is repeated. What comes out is cut elsewhere than what went in: slices are
    held back until those after them are there, so none is reconstructed twice.
    """
    held: Volume | None = None
    for volume in volumes:
        if held is None:
            before = np.repeat(volume.slices[:1], margin, axis=0)
            held = dataclasses.replace(volume, slices=before, first_row=volume.first_row - margin)
        held = dataclasses.replace(held, slices=np.concatenate([held.slices, volume.slices]))
        ready = len(held.slices) - 2 * margin
        if ready > 0:
            yield held
            held = dataclasses.replace(held, slices=held.slices[ready:], first_row=held.first_row + ready)
    if held is not None:
        after = np.repeat(held.slices[-1:], margin, axis=0)
        yield dataclasses.replace(held, slices=np.concatenate([held.slices, after]))


def rows_that_fit(angles: int, columns: int, memory: int) -> int:
    """Return how many rows of a scan to work on at once within about `memory` bytes.

    A row is held as counts, transmission, line integrals and the stages' working copies of them, and as the slice that
    comes out of it, before and after the denoiser: about eight float32 copies of each.
    """
    row = 8 * 4 * (angles * columns + columns * columns)
    return int(min(max(memory // row, 2), 64)) // 2 * 2
