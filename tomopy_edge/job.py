"""What a stage may know of the run it is part of, and where it counts what it repaired."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
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


NO_ROW = -1
"""Stands for the row of what is counted for none."""


class Tally:
    """What a run clipped, replaced, assumed, measured, and how long it took; printed in the run report.

    Attributes
    ----------
    by_row : stage -> what was clipped, saturated or replaced -> detector row -> how often
    notes : stage -> sentences for the user, each once
    measures : stage -> quantity -> one number per slice
    seconds : stage -> part of it -> seconds in all
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._muted = False
        self._running: dict[object, tuple[float, str]] = {}
        self._at = threading.local()
        self.by_row: dict[str, dict[str, dict[int, int]]] = {}
        self.notes: dict[str, list[str]] = {}
        self.measures: dict[str, dict[str, list[float]]] = {}
        self.seconds: dict[str, dict[str, float]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes from one process to another: all but what threads of this one do."""
        return {name: value for name, value in vars(self).items() if name not in {"_at", "_lock", "_running"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what came from another process."""
        vars(self).update(state, _at=threading.local(), _lock=threading.Lock(), _running={})

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How often all was clipped, saturated or replaced: stage -> what -> how often."""
        with self._lock:
            return {
                stage: {what: sum(rows.values()) for what, rows in by_row.items()}
                for stage, by_row in self.by_row.items()
            }

    def at_work(self) -> list[str]:
        """Return the stages that are at work at this moment, the one that has been longest first."""
        running = sorted([*self._running.values()])
        return [*dict.fromkeys(stage for _, stage in running)]

    def take_in(self, other: Tally) -> None:
        """Add what `other` holds."""
        for stage, by_row in other.by_row.items():
            for what, rows in by_row.items():
                # In JSON they are words.
                self._enter(stage, what, {int(row): number for row, number in rows.items()})
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

    def taken_out(self) -> Tally:
        """Return what is held, and hold nothing of it any more but the notes, which may be told again and again."""
        taken = Tally()
        with self._lock:
            taken.notes = {stage: [*notes] for stage, notes in self.notes.items()}
            for name in ("by_row", "measures", "seconds"):
                setattr(taken, name, getattr(self, name))
                setattr(self, name, {})
        return taken

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Count, measure and time nothing that this thread does inside: it is no part of making slices."""
        self._at.aside = True
        try:
            yield
        finally:
            self._at.aside = False

    @property
    def _silent(self) -> bool:
        return self._muted or getattr(self._at, "aside", False)

    def count(self, stage: str, what: str, number: SupportsInt) -> None:
        """Add `number` to how much `stage` counted of `what`; 0 leaves no trace."""
        if not self._silent:
            self._enter(stage, what, {NO_ROW: number})

    def count_rows(self, stage: str, what: str, numbers: Sequence[SupportsInt]) -> None:
        """Count a number for each row that is at work (see `at_row`); a row that is made again is counted once."""
        first = getattr(self._at, "row", None)
        if first is None:
            self.count(stage, what, sum(map(int, numbers)))
        elif not self._silent:
            self._enter(stage, what, dict(enumerate(numbers, first)))

    def _enter(self, stage: str, what: str, numbers: Mapping[int, SupportsInt]) -> None:
        some = {row: int(number) for row, number in numbers.items() if int(number)}
        if some:
            with self._lock:
                rows = self.by_row.setdefault(stage, {}).setdefault(what, {})
                if NO_ROW in some:
                    some[NO_ROW] += rows.get(NO_ROW, 0)
                rows.update(some)

    def counted_at(self, stage: str, what: str, row: int) -> int:
        """Return how much of `what` a stage counted for a detector row."""
        with self._lock:
            return self.by_row.get(stage, {}).get(what, {}).get(row, 0)

    @contextmanager
    def at_row(self, first: int | None) -> Iterator[None]:
        """Have rows that are counted in this thread be those from `first` on; None where they are not known."""
        self._at.row = first
        try:
            yield
        finally:
            self._at.row = None

    def note(self, stage: str, sentence: str) -> None:
        """Keep one sentence about `stage`; a repeated one is kept once."""
        with self._lock:
            notes = self.notes.setdefault(stage, [])
            if sentence not in notes:
                notes.append(sentence)

    def measure(self, stage: str, quantity: str, number: float) -> None:
        """Keep `number` for the next slice of `stage`."""
        if not self._silent:
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
        if not self._silent:
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
    before : for a stage that is opened, those before it (`hookspecs.OpenStage`), in order
    """

    ncore: int = field(default_factory=available_cores)
    tally: Tally = field(default_factory=Tally)
    catalogue: Any = None
    scan: Any = None
    output: Path | None = None
    rows: tuple[int, int] | None = None
    ledger: Any = None
    overlap: bool = False
    before: tuple[Any, ...] = ()


def told_of_counts(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the counts of a tally, or of a report, in a line each."""
    return [f"{stage}: {number} {what}" for stage, counted in counts.items() for what, number in counted.items()]
