"""Which worker makes which rows, and who makes them again where one fails, dies, or makes none for too long."""

from __future__ import annotations

import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tomopy_edge.cluster.crew import Crew, Told
from tomopy_edge.cluster.piece import FATAL, Digests, Made, Piece, Shape
from tomopy_edge.cluster.workplace import Task
from tomopy_edge.errors import ClusterError
from tomopy_edge.job import Tally
from tomopy_edge.pipeline import Span
from tomopy_edge.record import Picked
from tomopy_edge.rows_left import Failure, gaps

log = logging.getLogger(__name__)

TRIES = 2
"""By different workers, where there are, before a piece is cut into rows, and a row is given up."""

DISTRUST = 3
"""Lots that a worker has ended before their time, from which on others come first."""

AT_ONCE = 1000
"""News that are taken in, at most, before somebody looks who is there."""

ALONE = 60.0
"""Seconds without any worker, after which none is waited for; those of a batch system are waited for without end."""

LOOK_EVERY = 1.0
"""Seconds between two looks at who is there and who stalls."""


@dataclass(frozen=True)
class Dealt:
    """Slices that lie on the disk.

    Attributes
    ----------
    made : hashes of those that workers made
    found : how many they found there, as an earlier run had made them
    shape : of a slice that was made
    """

    made: Digests
    found: int
    shape: Shape


@dataclass(frozen=True)
class _Lot:
    """Rows that are to be made, whom they failed with, and whether that was what no row could be made after."""

    first: int
    last: int
    tried: tuple[str, ...] = ()
    fatal: bool = False


@dataclass
class _Busy:
    worker: str
    lot: _Lot
    left: set[int]
    since: float
    at_work: bool = False

    @property
    def told(self) -> set[int]:
        """Rows that lie on the disk."""
        return {*range(self.lot.first, self.lot.last)} - self.left


class Dealer:
    """Deals rows out to a crew until all are made, or given up.

    Parameters
    ----------
    crew : the workers
    task : what all pieces have in common
    rows : lots of rows, first and the one after the last
    patience : seconds in which a worker must make a slice
    picked, tally : take in what pieces tell
    claimed : hashes of slices that an earlier run left, for workers to compare with what lies on the disk

    Attributes
    ----------
    again : rows that more than one worker had in hand
    slices : worker -> slices that it made
    """

    def __init__(
        self,
        crew: Crew,
        task: Task,
        rows: Iterable[tuple[int, int]],
        *,
        patience: float,
        picked: Picked,
        tally: Tally,
        claimed: Digests | None = None,
    ) -> None:
        self._crew, self._task, self._patience = crew, task, patience
        self._picked, self._tally, self._claimed = picked, tally, claimed or {}
        self._waiting = deque(_Lot(*lot) for lot in rows)
        self._numbers = itertools.count()
        self._busy: dict[int, _Busy] = {}
        self._present: Mapping[str, str] = {}
        # Pieces of workers that were taken for stalled.
        self._ending: dict[int, str] = {}
        self._blamed: Counter[str] = Counter()
        self._made = 0
        self._fresh = Dealt({}, 0, ())
        self._looked = self._seen = time.monotonic()
        self.again = set[int]()
        self._lost = set[int]()
        self.slices = Counter[str]()

    def deal(self) -> Iterator[Dealt | Failure]:
        """Yield slices that lie on the disk, and rows that are given up.

        Raises
        ------
        ClusterError : where no worker is left, or not one row of the first lot can be made by any
        OutputError, ScanLostError : where workers cannot write, or not read any more
        """
        yield from self._look()
        while self._waiting or self._busy:
            self._hand_out()
            told = self._crew.hear(LOOK_EVERY)
            # All there is, as it is written down at once: on a file system of many machines each time takes its time.
            for left in reversed(range(AT_ONCE)):
                if told is None:
                    break
                yield from self._take(told)
                told = self._crew.hear(0) if left else None
            if self._fresh.made or self._fresh.found:
                yield self._fresh
                self._fresh = Dealt({}, 0, ())
            if time.monotonic() - self._looked >= LOOK_EVERY:
                yield from self._look()

    @property
    def uncounted(self) -> set[int]:
        """Rows on the disk of which nobody knows what was counted: their piece goes on, or its worker was lost."""
        return self._lost.union(*(busy.told for busy in self._busy.values()))

    def _hand_out(self) -> None:
        trusted = {worker for worker in self._present if self._blamed[worker] < DISTRUST} or {*self._present}
        given = {busy.worker for busy in self._busy.values()}
        for worker in [each for each in self._present if each in trusted and each not in given]:
            lot = self._lot_for(worker, trusted)
            if lot is None:
                continue
            machine = self._present[worker]
            share = sum(each == machine for each in self._present.values())
            left = set(range(lot.first, lot.last))
            if lot.tried:
                self.again |= left
            number = next(self._numbers)
            self._busy[number] = _Busy(worker, lot, left, time.monotonic())
            log.debug("%s: rows %d to %d", worker, lot.first, lot.last - 1)
            claimed = {row: self._claimed[row] for row in left if row in self._claimed}
            self._crew.give(worker, Piece(self._task, number, lot.first, lot.last, share, claimed))

    def _lot_for(self, worker: str, trusted: set[str]) -> _Lot | None:
        """Take a lot that `worker` has not failed with, or one that all who are trusted have."""
        for n, lot in enumerate(self._waiting):
            if worker not in lot.tried or trusted <= {*lot.tried}:
                del self._waiting[n]
                return lot
        return None

    def _take(self, told: Told) -> Iterator[Failure]:
        busy = self._busy.get(told.piece)
        if busy is None:
            # Its worker was taken for stalled, or lost, and others have its rows.
            if told.made is not None:
                self._ending.pop(told.piece, None)
            return
        busy.since, busy.at_work = time.monotonic(), True
        new = {row: sum_ for row, sum_ in told.digests.items() if row in busy.left}
        if told.made is None:
            # What the contact sheet shows of a row comes at the end alone: until then it is not made.
            new = {row: sum_ for row, sum_ in new.items() if row not in self._task.shown}
        busy.left -= set(new)
        self._made += len(new)
        before = self._fresh
        # What is found comes before anything is made, whose shape it would have.
        if told.shape:
            self._fresh = Dealt(before.made | new, before.found, told.shape)
            self.slices[busy.worker] += len(new)
        else:
            self._fresh = Dealt(before.made, before.found + len(new), before.shape)
        if told.made is not None:
            del self._busy[told.piece]
            self._tally.take_in(told.made.tally)
            self._picked.shown.update(told.made.shown)
            yield from self._end(busy, told.made)

    def _end(self, busy: _Busy, made: Made) -> Iterator[Failure]:
        for row, why in made.failed.items():
            busy.left.discard(row)
            yield from self._once_more(busy.worker, busy.lot, row, row + 1, why)
        if made.fatal and busy.lot.fatal:
            raise FATAL[made.fatal](made.fault)
        if made.fault or busy.left:
            yield from self._rest(busy, made.fault or "some rows were left out", fatal=bool(made.fatal))

    def _unheard(self, number: int, why: str) -> Iterator[Failure]:
        busy = self._busy.pop(number)
        self._lost |= busy.told
        yield from self._rest(busy, why)

    def _rest(self, busy: _Busy, why: str, *, fatal: bool = False) -> Iterator[Failure]:
        """Deal out again what of a lot is left where all of it ended before its time."""
        worker = busy.worker
        self._blamed[worker] += 1
        if not busy.left:
            return
        machine = self._present.get(worker)
        name = f"worker {worker}" + (f" on {machine}" if machine else "")
        count = len(busy.left)
        rows = f"{count} rows are" if count > 1 else "1 row is"
        log.warning("%s: %s; %s dealt out again", name, why, rows)
        self._tally.note("cluster", f"{name}: {why}; {rows} dealt out again")
        lot = busy.lot
        for span in gaps(Span(lot.first, lot.last, lot.last), busy.told):
            yield from self._once_more(worker, lot, span.first, span.last, why, fatal=fatal)

    def _once_more(
        self, worker: str, lot: _Lot, first: int, last: int, why: str, *, fatal: bool = False
    ) -> Iterator[Failure]:
        tried = (*lot.tried, worker)
        if len(tried) < TRIES:
            self._waiting.appendleft(_Lot(first, last, tried, fatal))
        elif last - first > 1:
            # One of these rows may be at fault, and ends all that come after it.
            self._waiting.extendleft(_Lot(row, row + 1, (worker,), fatal) for row in reversed(range(first, last)))
        elif not self._made:
            raise ClusterError(f"row {first}: {why}; it was tried {len(tried)} times, and no slice was made before it")
        else:
            yield Failure(first, "", ClusterError(why))

    def _look(self) -> Iterator[Failure]:
        """Look who is there, who is lost, and who stalls."""
        now = self._looked = time.monotonic()
        there = self._crew.workers()
        for number in [each for each, worker in self._ending.items() if worker not in there]:
            del self._ending[number]
            self._crew.call_off(number)
        for number in [each for each, busy in self._busy.items() if busy.worker not in there]:
            self._crew.call_off(number)
            yield from self._unheard(number, "was lost")
        for number, busy in [*self._busy.items()]:
            if now - busy.since <= self._patience:
                continue
            if not busy.at_work and self._crew.waits(busy.worker):
                busy.since = now
                continue
            self._ending[number] = busy.worker
            self._crew.restart(busy.worker)
            yield from self._unheard(number, f"made no slice for {self._patience:.0f} s")
        ending = {*self._ending.values()}
        self._present = {worker: machine for worker, machine in there.items() if worker not in ending}
        if self._present or self._crew.expects_more():
            self._seen = now
        elif now - self._seen > ALONE:
            raise ClusterError("no worker is left; --resume goes on with what is made, with other workers or none")
