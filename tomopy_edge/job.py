"""What a stage may know of the run it is part of, and where it counts what it repaired."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, SupportsInt

from tomopy_edge.errors import DataError


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def at_least_one(name: str, asked: int | None, otherwise: int) -> int:
    """Return `asked`, or `otherwise` where that is None; raise a `DataError` where it is below 1."""
    if asked is not None and asked < 1:
        raise DataError(f"{name} must be at least 1, got {asked}")
    return otherwise if asked is None else asked


class Tally:
    """What a run clipped, replaced, assumed, measured, and how long it took; printed in the run report.

    Attributes
    ----------
    counts : stage -> what was clipped, saturated or replaced -> how often
    notes : stage -> sentences for the user, each once
    measures : stage -> quantity -> one number per slice
    seconds : stage -> part of it -> seconds in all
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._muted = False
        self._running: dict[object, tuple[float, str]] = {}
        self.counts: dict[str, dict[str, int]] = {}
        self.notes: dict[str, list[str]] = {}
        self.measures: dict[str, dict[str, list[float]]] = {}
        self.seconds: dict[str, dict[str, float]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes from one process to another: all but what threads of this one do."""
        return {name: value for name, value in vars(self).items() if name not in {"_lock", "_running"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what came from another process."""
        vars(self).update(state, _lock=threading.Lock(), _running={})

    def at_work(self) -> list[str]:
        """Return the stages that are at work at this moment, the one that has been longest first."""
        running = sorted([*self._running.values()])
        return [*dict.fromkeys(stage for _, stage in running)]

    def take_in(self, other: Tally) -> None:
        """Add what `other` holds."""
        for stage, counts in other.counts.items():
            for what, count in counts.items():
                self.count(stage, what, count)
        for stage, notes in other.notes.items():
            for sentence in notes:
                self.note(stage, sentence)
        for stage, measures in other.measures.items():
            for quantity, numbers in measures.items():
                for number in numbers:
                    self.measure(stage, quantity, number)
        for stage, parts in other.seconds.items():
            for part, took in parts.items():
                self._spend(stage, part, took)

    def count(self, stage: str, what: str, number: SupportsInt) -> None:
        """Add `number` to how much `stage` counted of `what`; 0 leaves no trace."""
        if self._muted or not int(number):
            return
        with self._lock:
            counts = self.counts.setdefault(stage, {})
            counts[what] = counts.get(what, 0) + int(number)

    def note(self, stage: str, sentence: str) -> None:
        """Keep one sentence about `stage`; a repeated one is kept once."""
        with self._lock:
            notes = self.notes.setdefault(stage, [])
            if sentence not in notes:
                notes.append(sentence)

    def measure(self, stage: str, quantity: str, number: float) -> None:
        """Keep `number` for the next slice of `stage`."""
        if not self._muted:
            with self._lock:
                self.measures.setdefault(stage, {}).setdefault(quantity, []).append(float(number))

    @contextmanager
    def timed(self, stage: str, part: str) -> Iterator[None]:
        """Add the seconds spent inside to `part` of `stage`."""
        start = time.perf_counter()
        work = object()
        self._running[work] = start, stage
        try:
            yield
        finally:
            del self._running[work]
        took = time.perf_counter() - start
        if not self._muted:
            self._spend(stage, part, took)

    def _spend(self, stage: str, part: str, took: float) -> None:
        with self._lock:
            seconds = self.seconds.setdefault(stage, {})
            seconds[part] = seconds.get(part, 0.0) + took

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Count, measure and time nothing inside: sample rows come again in the run and must not count twice."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False


@dataclass(frozen=True)
class Job:
    """The run that a stage is part of. `Job()` will do for calling a stage by hand.

    Attributes
    ----------
    ncore : threads to use
    tally : where repairs are counted
    catalogue : what plugins offer (see `tomopy_edge.catalogue`), for stages that look up what they run by name
    scan : the open scan (see `tomopy_edge.readers`), or None where arrays were given
    output : folder to write into, or None where nothing is written
    rows : detector rows that slices are made of, the first and the one after the last; None where nothing is written
    overlap : whether stages work side by side, which takes memory for a few more chunks
    ledger : where slices that are on the disk are entered (see `tomopy_edge.writers.ledger`), or None
    """

    ncore: int = field(default_factory=available_cores)
    tally: Tally = field(default_factory=Tally)
    catalogue: Any = None
    scan: Any = None
    output: Path | None = None
    rows: tuple[int, int] | None = None
    ledger: Any = None
    overlap: bool = False
