"""Stages for a caller who hands over rows some at a time: settled on the first of them, their networks kept open."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from tomopy_edge.data import Volume
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.options import options
from tomopy_edge.pipeline import Observe, Read, Span, Steps, settle, stream
from tomopy_edge.recipe import Block, Recipe


class KeptRecipe:
    """A recipe that ends with slices in memory, settled once and open until it is closed, or nobody refers to it.

    Attributes
    ----------
    lock : held while rows are worked on: threads wait for each other
    unit : attenuation per pixel that the network sees as 1; None before the first rows, and without a network
    """

    def __init__(self, job: Job) -> None:
        self.lock = threading.Lock()
        self.unit: float | None = None
        self._job = job
        self._key: Hashable = None
        self._recipe: Recipe | None = None
        self._steps: Steps | None = None
        self._closing = weakref.finalize(self, _nothing)

    def settle(self, key: Hashable, recipe: Callable[[], Recipe], sample: Callable[[], Any]) -> None:
        """Settle `recipe` on a sample of rows, unless that was done for the same `key`."""
        if self._steps is not None and self._key == key:
            return
        self.close()
        settled = settle(recipe(), sample(), self._job)
        chosen = (block.options.options for block in settled.blocks if block.entry.name == "denoise")
        self.unit = next((getattr(each, "unit", None) for each in chosen), None)
        # A run's last step is opened for each span anew: one that does nothing comes after those that are kept.
        self._recipe = Recipe((*settled.blocks, Block(HAND_OVER, HandOver())))
        self._key, self._steps = key, Steps(self._recipe, self._job)
        self._closing = weakref.finalize(self, self._steps.let_go)

    def slices(self, read: Read, span: Span, observe: Observe | None = None) -> Iterator[Volume]:
        """Yield the slices of `span`; see `tomopy_edge.pipeline.stream`."""
        assert self._recipe is not None, "settled before"  # noqa: S101 - for the type checker
        return stream(self._recipe, read, span, self._job, observe, kept=self._steps)

    def close(self) -> None:
        """Close the networks, and forget what was found."""
        self._closing.detach()
        if self._steps is not None:
            self._steps.let_go()
        self._recipe = self._steps = self._key = self.unit = None


@options
class HandOver:
    """The stage that hands slices over has no options."""


def _as_it_is(volume: Volume, _options: HandOver, _job: Job) -> Volume:
    return volume


HAND_OVER = StageEntry("hand_over", "Slices to the caller", HandOver, Volume, Volume, each_chunk(_as_it_is))


def _nothing() -> None:
    """Close nothing: no network is open."""
