"""Which worker makes which rows, and who makes them again where one fails, dies, or makes none for too long."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tomopy_edge.cluster.piece import FATAL, Digests, Made, Piece, Shape, Task
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
class Told:
    """A worker's news.

    Attributes
    ----------
    worker : its address
    digests, shape : slices that lie on the disk; see `tomopy_edge.cluster.piece`
    made : what became of its piece, where that has ended
    """

    worker: str
    digests: Digests
    shape: Shape
    made: Made | None = None


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


class Crew(Protocol):
    """Workers that pieces can be given to."""

    def workers(self) -> Mapping[str, str]:
        """Return address -> machine of each worker that is there."""
        ...

    def give(self, worker: str, piece: Piece) -> None:
        """Have a worker make a piece."""
        ...

    def hear(self, seconds: float) -> Told | None:
        """Return the next news, or None where there is none for that long."""
        ...

    def restart(self, worker: str) -> None:
        """End a worker that stalls; another may come in its place."""
        ...

    def expects_more(self) -> bool:
        """Return whether workers may come by themselves, however long it takes."""
        ...


@dataclass(frozen=True)
class _Lot:
    """Rows that are to be made, whom they failed with, and whether that was what no row could be made after."""

    first: int
    last: int
    tried: tuple[str, ...] = ()
    fatal: bool = False


@dataclass
class _Busy:
    lot: _Lot
    left: set[int]
    since: float


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
        self._busy: dict[str, _Busy] = {}
        self._present: Mapping[str, str] = {}
        self._ending = set[str]()
        self._blamed: Counter[str] = Counter()
        self._made = 0
        self._fresh = Dealt({}, 0, ())
        self._looked = self._seen = time.monotonic()
        self.again = set[int]()
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

    def _hand_out(self) -> None:
        trusted = {worker for worker in self._present if self._blamed[worker] < DISTRUST} or {*self._present}
        for worker in [each for each in self._present if each in trusted and each not in self._busy]:
            lot = self._lot_for(worker, trusted)
            if lot is None:
                continue
            machine = self._present[worker]
            share = sum(each == machine for each in self._present.values())
            left = set(range(lot.first, lot.last))
            if lot.tried:
                self.again |= left
            self._busy[worker] = _Busy(lot, left, time.monotonic())
            log.debug("%s: rows %d to %d", worker, lot.first, lot.last - 1)
            claimed = {row: self._claimed[row] for row in left if row in self._claimed}
            self._crew.give(worker, Piece(self._task, lot.first, lot.last, share, claimed))

    def _lot_for(self, worker: str, trusted: set[str]) -> _Lot | None:
        """Take a lot that `worker` has not failed with, or one that all who are trusted have."""
        for n, lot in enumerate(self._waiting):
            if worker not in lot.tried or trusted <= {*lot.tried}:
                del self._waiting[n]
                return lot
        return None

    def _take(self, told: Told) -> Iterator[Failure]:
        busy = self._busy.get(told.worker)
        if busy is None:
            # It was taken for stalled, and others have its rows.
            if told.made is not None:
                self._ending.discard(told.worker)
            return
        busy.since = time.monotonic()
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
            self.slices[told.worker] += len(new)
        else:
            self._fresh = Dealt(before.made, before.found + len(new), before.shape)
        if told.made is not None:
            del self._busy[told.worker]
            self._tally.take_in(told.made.tally)
            self._picked.shown.update(told.made.shown)
            yield from self._end(told.worker, busy, told.made)

    def _end(self, worker: str, busy: _Busy, made: Made) -> Iterator[Failure]:
        for row, why in made.failed.items():
            busy.left.discard(row)
            yield from self._once_more(worker, busy.lot, row, row + 1, why)
        if made.fatal and busy.lot.fatal:
            raise FATAL[made.fatal](made.fault)
        if made.fault or busy.left:
            yield from self._rest(worker, busy, made.fault or "some rows were left out", fatal=bool(made.fatal))

    def _rest(self, worker: str, busy: _Busy, why: str, *, fatal: bool = False) -> Iterator[Failure]:
        """Deal out again what of a lot is left where all of it ended before its time."""
        self._blamed[worker] += 1
        if not busy.left:
            return
        machine = self._present.get(worker)
        name = f"worker {worker}" + (f" on {machine}" if machine else "")
        log.warning("%s: %s; its %d rows are dealt out again", name, why, len(busy.left))
        self._tally.note("cluster", f"{name}: {why}; {len(busy.left)} rows were dealt out again")
        lot = busy.lot
        for span in gaps(Span(lot.first, lot.last, lot.last), {*range(lot.first, lot.last)} - busy.left):
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
        self._ending &= set(there)
        self._present = {worker: machine for worker, machine in there.items() if worker not in self._ending}
        for worker in [each for each in self._busy if each not in there]:
            yield from self._rest(worker, self._busy.pop(worker), "was lost")
        for worker, busy in [*self._busy.items()]:
            if now - busy.since > self._patience:
                del self._busy[worker]
                self._ending.add(worker)
                self._present = {each: at for each, at in self._present.items() if each != worker}
                self._crew.restart(worker)
                yield from self._rest(worker, busy, f"made no slice for {self._patience:.0f} s")
        if self._present or self._crew.expects_more():
            self._seen = now
        elif now - self._seen > ALONE:
            raise ClusterError("no worker is left; --resume goes on with what is made, with other workers or none")
