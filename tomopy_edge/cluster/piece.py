"""What a worker does: it makes some rows of an output that another process has begun, and says what became of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tomopy_edge.cluster.workplace import KEEPER, Task, Workplace
from tomopy_edge.contact_sheet import Shown
from tomopy_edge.data import Volume
from tomopy_edge.errors import EdgeError, OutputError, ScanLostError, told_of
from tomopy_edge.job import Tally
from tomopy_edge.output import LOCK
from tomopy_edge.pipeline import Span
from tomopy_edge.record import Picked
from tomopy_edge.rows_left import Failure, gaps, make_rows
from tomopy_edge.there import rows_there
from tomopy_edge.writers import digest

log = logging.getLogger(__name__)

Digests = dict[int, str]
"""Detector row -> sha256 of its slice."""

Shape = tuple[int, ...]
"""Of a slice: (y, x)."""

Fatal = Literal["", "output", "scan"]

Tell = Callable[[Digests, Shape], None]
"""Is told of slices as soon as they lie on the disk."""


FATAL: dict[Fatal, type[EdgeError]] = {"output": OutputError, "scan": ScanLostError}
"""What ends a run, as no row could be made after it -> the error."""


@dataclass(frozen=True)
class Piece:
    """Rows for a worker.

    Attributes
    ----------
    task : the run that they belong to
    number : of the piece, by which its news is told apart from that of others
    first, last : the detector rows `first` to `last - 1`
    share : workers on its machine, which share the memory of that
    claimed : hashes of slices that an earlier run left: those that are on the disk so are not made again
    """

    task: Task
    number: int
    first: int
    last: int
    share: int = 1
    claimed: Digests = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """What became of a piece.

    Attributes
    ----------
    digests : of the slices that lie on the disk
    shape : of a slice, () where there is none
    failed : detector row that there is no slice of -> why
    fault : what ended it all before its time, in a sentence; "" where nothing did
    fatal : whether that would be so of any row: the "output" cannot be written, or the "scan" is lost
    tally : what was counted and timed
    shown : detector row -> what the contact sheet shows of it
    """

    digests: Digests = field(default_factory=dict)
    shape: Shape = ()
    failed: dict[int, str] = field(default_factory=dict)
    fault: str = ""
    fatal: Fatal = ""
    tally: Tally = field(default_factory=Tally)
    shown: dict[int, Shown] = field(default_factory=dict)


@dataclass
class _Teller:
    """Stands where a run has its ledger: enters slices elsewhere.

    Attributes
    ----------
    tell : takes the entries
    digests : what an earlier run entered
    done : what is on the disk now
    shape : of a slice
    """

    tell: Tell
    digests: Digests
    done: Digests = field(default_factory=dict)
    shape: Shape = ()

    def add(self, volume: Volume) -> None:
        """Tell of slices that are on the disk."""
        self.shape = volume.slices.shape[1:]
        self.enter({row: digest(slice_) for row, slice_ in enumerate(volume.slices, volume.first_row)})

    def enter(self, digests: Digests) -> None:
        """Tell of slices that are on the disk, by their hashes; those of an earlier run come before any shape."""
        self.done |= digests
        self.tell(digests, self.shape)

    def forget(self, row: int) -> None:
        """Take out a slice of an earlier run that is not on the disk as it was entered."""
        self.digests.pop(row, None)


def make_piece(piece: Piece, tell: Tell) -> Made:
    """Make the slices of a piece and write them.

    Nothing is raised: what ends the work is told in `Made.fault`, as exceptions do not always survive the way from one
    process to another.
    """
    teller, tally, failed = _Teller(tell, dict(piece.claimed)), Tally(), dict[int, str]()
    picked = Picked([row for row in piece.task.shown if piece.first <= row < piece.last], "")
    fault = ""
    fatal: Fatal = ""
    try:
        with KEEPER.place_for(piece.task, piece.share) as place:
            try:
                _make(piece, place, teller, picked, failed)
            finally:
                tally = place.job.tally.taken_out()
        if failed:
            # What failed once may be remembered, such as frames that could not be read: another try begins anew.
            KEEPER.clear()
    except Exception as error:
        log.debug("rows %d to %d", piece.first, piece.last - 1, exc_info=True)
        fault = told_of(error)
        fatal = next((what for what, kind in FATAL.items() if isinstance(error, kind)), fatal)
    return Made(teller.done, teller.shape, failed, fault, fatal, tally, picked.shown)


def _make(piece: Piece, place: Workplace, teller: _Teller, picked: Picked, failed: dict[int, str]) -> None:
    _expect_run(piece.task)
    *_, before, last = place.recipe.blocks
    picked.last_stage = last.entry.name
    job = replace(place.job, ledger=teller)
    there = rows_there(last.options, job) - set(picked.rows)
    teller.enter({row: teller.digests[row] for row in there})
    spans = gaps(Span(piece.first, piece.last, job.scan.rows), there)

    def observe(stage: str, made: Any) -> None:
        # A task that runs cannot be called off: before anything of it is written, it looks whether it is wanted.
        if stage == before.entry.name:
            _expect_run(piece.task)
        picked.observe(stage, made)

    for one in make_rows(place.recipe, spans, place.chunk, job, observe, place.steps):
        if isinstance(one, Failure):
            failed[one.row] = one.why
        # Not kept while the next slices are made.
        del one


def _expect_run(task: Task) -> None:
    try:
        now = (Path(task.folder) / LOCK).read_text(encoding="utf-8")
    except OSError:
        now = ""
    if now != task.run:
        raise OutputError(f"{task.folder}: the run that these rows were for has ended")
