"""How long the parts of a slice took, turn by turn, and what medians and ratios follow from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from tomopy_edge.machine.facts import Machine

PARTS = {
    "fbp": "filtered back projection with its mask, of a turn's slices at once; shared by all lines of the turn",
    "quantize": "slices to int8 codes; nothing where the network is not quantized, or its file has float ends",
    "tile": "codes cut into tiles",
    "infer": "what the runtime does: TomoGAN on all tiles",
    "stitch": "tiles joined and codes read",
    "fine-tune": "all of the Fine-Tune network, its tiles included; none follows a chained or float network",
    "write": "one float32 TIFF a slice, until it is on the disk",
    "other": "scaling, looking for seams and for values that are not finite",
}
"""The parts of a slice, in the order they are done -> what each is."""

BUSY = 0.5
"""Load of others, for each core, from which times are not to be trusted."""


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """Return the spread of at least one number."""
        lower, middle, upper = (float(quartile) for quartile in np.percentile(numbers, [25, 50, 75]))
        return cls(middle, lower, upper)


@dataclass(frozen=True)
class Turn:
    """What a slice took in one turn, as the mean over the slices of the turn.

    Attributes
    ----------
    parts : each of `PARTS` -> seconds a slice
    processor : seconds of all threads together, a slice, of this process
    joules : a slice, of the whole machine; None where nothing tells
    opening : seconds, once, that loading the networks took; in none of the parts
    """

    parts: Mapping[str, float]
    processor: float
    joules: float | None = None
    opening: float = 0.0

    @property
    def total(self) -> float:
        """Seconds a slice, without opening."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Timed:
    """One network on one runtime.

    Attributes
    ----------
    model, precision, runtime : which
    tile : edge of the tiles, pixels; None where the runtime takes slices whole
    notes : its file, tiles and what runs it, in words; none before it was opened
    turns : the first is the first run; the others are the steady state
    fault : why it stopped, where it failed
    """

    model: str
    precision: str
    runtime: str
    tile: int | None = None
    notes: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    fault: str | None = None

    @property
    def title(self) -> str:
        """What it is called in tables."""
        tile = "whole" if self.tile is None else f"{self.tile} px"
        return f"{self.model} {self.precision}, {tile}, {self.runtime}"

    @property
    def steady(self) -> tuple[Turn, ...]:
        """The turns after the first."""
        return self.turns[1:]

    @property
    def total(self) -> Spread | None:
        """Seconds a slice in the steady state; None before there is any."""
        return Spread.of([turn.total for turn in self.steady]) if self.steady else None

    def part(self, name: str) -> Spread | None:
        """Return the seconds a slice of one of `PARTS` in the steady state."""
        return Spread.of([turn.parts[name] for turn in self.steady]) if self.steady else None

    @property
    def processor(self) -> Spread | None:
        """Seconds of all threads together, a slice."""
        return Spread.of([turn.processor for turn in self.steady]) if self.steady else None

    @property
    def joules(self) -> Spread | None:
        """Joules a slice; None where nothing tells."""
        known = [turn.joules for turn in self.steady if turn.joules is not None]
        return Spread.of(known) if known else None


def times_as_fast(first: Timed, other: Timed) -> float | None:
    """Return how many times as fast `other` is as `first`: the median of the ratios within each turn."""
    ratios = [a.total / b.total for a, b in zip(first.steady, other.steady, strict=False)]
    return median(ratios) if ratios else None


@dataclass(frozen=True)
class Timing:
    """All that was timed in one go.

    Attributes
    ----------
    columns : edge of the slices, pixels
    angles : projections that they were made of
    slices : in each turn
    turns : that were wanted after the first
    threads : that were used
    machine : what it was timed on
    load : average number of running programs before and after, as the system tells it
    energy : what the joules are of, or why there are none
    rows : in the order of their turns
    left_out : why others were not timed, a sentence each
    stopped : whether ctrl-C came before the end
    """

    columns: int
    angles: int
    slices: int
    turns: int
    threads: int
    machine: Machine
    load: tuple[float, float]
    energy: str
    rows: tuple[Timed, ...]
    left_out: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def made(self) -> str:
        """How the times were made, in words."""
        done = max((len(row.steady) for row in self.rows), default=0)
        turns = f"medians of {done} turns" if done != 1 else "one turn"
        return f"{turns} after the first; slices in each: {self.slices}; threads: {self.threads}"

    @property
    def others(self) -> float:
        """The load of other programs, at least: what was there before, or what these threads do not explain after."""
        before, after = self.load
        return max(before, after - self.threads)

    @property
    def warning(self) -> str | None:
        """What to think of the times where other programs ran so much that they are not to be trusted."""
        if self.others <= BUSY * self.machine.cores:
            return None
        cores = f"{self.machine.cores} core{'s' * (self.machine.cores != 1)}"
        return (
            f"warning: other programs ran beside this one (load {self.others:.1f} on {cores}), so "
            "times are longer than need be, and spread: compare lines of one table, not tables"
        )
