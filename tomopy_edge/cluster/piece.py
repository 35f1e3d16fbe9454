"""What a worker does: it makes some rows of an output that another process has begun, and says what became of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tomopy_edge.begun import Begun, read_begun
from tomopy_edge.chunk_size import rows_at_once, side_by_side
from tomopy_edge.contact_sheet import Shown
from tomopy_edge.data import Volume
from tomopy_edge.errors import ClusterError, EdgeError, OutputError, ScanLostError
from tomopy_edge.job import Job, Tally
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.output import LOCK
from tomopy_edge.pipeline import Span
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.record import Picked
from tomopy_edge.rows_left import Failure, gaps, make_rows, told_of
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
class Task:
    """What all pieces of a run have in common.

    Attributes
    ----------
    scan : path of the scan file, as every worker sees it
    chunk : rows worked on at once; None chooses by memory
    threads : of a worker
    folder : the unfinished output, as every worker sees it
    run : what the lock in it holds as long as that run fills it
    shown : detector rows that the contact sheet shows
    """

    scan: str
    chunk: int | None
    threads: int
    folder: str = ""
    run: str = ""
    shown: tuple[int, ...] = ()


@dataclass(frozen=True)
class Piece:
    """Rows for a worker.

    Attributes
    ----------
    task : the run that they belong to
    first, last : the detector rows `first` to `last - 1`
    share : workers on its machine, which share the memory of that
    claimed : hashes of slices that an earlier run left: those that are on the disk so are not made again
    """

    task: Task
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
        _make(piece, teller, tally, picked, failed)
    except Exception as error:
        log.debug("rows %d to %d", piece.first, piece.last - 1, exc_info=True)
        fault = told_of(error)
        fatal = next((what for what, kind in FATAL.items() if isinstance(error, kind)), fatal)
    return Made(teller.done, teller.shape, failed, fault, fatal, tally, picked.shown)


def _make(piece: Piece, teller: _Teller, tally: Tally, picked: Picked, failed: dict[int, str]) -> None:
    spare_memory()
    folder = Path(piece.task.folder)
    begun = _begun(folder)
    _expect_run(folder, piece.task.run)
    catalogue = load_catalogue()
    recipe = begun.recipe(catalogue)
    picked.last_stage = recipe.blocks[-1].entry.name
    free = free_memory() // piece.share
    with open_scan(Path(piece.task.scan)) as source:
        rows = begun.rows[0], begun.rows[1]
        begun.expect_same(parse_recipe(begun.asked, catalogue), source, Span(*rows, source.rows), folder)
        chunk = rows_at_once(source, piece.task.chunk, free)
        job = Job(
            ncore=piece.task.threads,
            tally=tally,
            catalogue=catalogue,
            scan=source,
            output=folder,
            rows=rows,
            ledger=teller,
            # A worker of one thread is to take one core: stages side by side would each have their own.
            overlap=piece.task.threads > 1 and side_by_side(source.angles, source.columns, chunk, free),
        )
        there = rows_there(recipe.blocks[-1].options, job) - set(picked.rows)
        teller.enter({row: teller.digests[row] for row in there})
        spans = gaps(Span(piece.first, piece.last, source.rows), there)

        def observe(stage: str, made: Any) -> None:
            # A task that runs cannot be called off: before anything of it is written, it looks whether it is wanted.
            if stage == recipe.blocks[-2].entry.name:
                _expect_run(folder, piece.task.run)
            picked.observe(stage, made)

        for one in make_rows(recipe, spans, chunk, job, observe):
            if isinstance(one, Failure):
                failed[one.row] = one.why


def _expect_run(folder: Path, run: str) -> None:
    try:
        now = (folder / LOCK).read_text(encoding="utf-8")
    except OSError:
        now = ""
    if now != run:
        raise OutputError(f"{folder}: the run that these rows were for has ended")


def _begun(folder: Path) -> Begun:
    begun = read_begun(folder)
    if begun is None:
        raise ClusterError(
            f"{folder}: is not seen from here; workers need the same files under the same paths: put scan and output "
            "on the file system that they share"
        )
    return begun
