"""What a worker keeps from piece to piece of a run: the open scan, networks and tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Timer

from tomopy_edge.begun import read_begun
from tomopy_edge.chunk_size import rows_at_once, side_by_side
from tomopy_edge.errors import ClusterError
from tomopy_edge.job import Job
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.pipeline import Span, Steps
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import Recipe, parse_recipe

SECONDS_KEPT = 10.0
"""After the last piece. A worker that nobody ends, as its scheduler goes on, keeps no network of a run that is over."""


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
class Workplace:
    """Where pieces of one run are made.

    Attributes
    ----------
    task : the run
    share : workers that it was made for, which share the memory of the machine
    recipe : settled
    steps : of it
    chunk : rows worked on at once
    job : the run, without what a piece is entered into
    """

    task: Task
    share: int
    recipe: Recipe
    steps: Steps
    chunk: int
    job: Job


class Keeper:
    """Keeps the workplace of the last piece for the next one."""

    def __init__(self) -> None:
        self._in_use = Lock()
        self._kept = ExitStack()
        self._place: Workplace | None = None
        self._timer: Timer | None = None

    @contextmanager
    def place_for(self, task: Task, share: int) -> Iterator[Workplace]:
        """Yield the workplace for a run, the one that is kept where that is its own; it is kept unless a fault ends it.

        Parameters
        ----------
        share : workers on this machine, which share its memory

        Raises
        ------
        ClusterError : where output or scan are not seen from here
        """
        if not self._in_use.acquire(blocking=False):
            # A worker of several threads makes several pieces at once.
            with _opened(task, share) as place:
                yield place
            return
        try:
            if self._timer is not None:
                self._timer.cancel()
            # What was chosen for more workers fits beside fewer.
            if self._place is None or self._place.task != task or self._place.share < share:
                self._let_go()
                self._place = self._kept.enter_context(_opened(task, share))
            try:
                yield self._place
            except BaseException:
                self._let_go()
                raise
            self._timer = Timer(SECONDS_KEPT, self.clear)
            self._timer.daemon = True
            self._timer.start()
        finally:
            self._in_use.release()

    def clear(self) -> None:
        """Let go of what is kept, unless it is in use."""
        if self._in_use.acquire(blocking=False):
            try:
                self._let_go()
            finally:
                self._in_use.release()

    def _let_go(self) -> None:
        self._place = None
        self._kept.close()


KEEPER = Keeper()
"""Of this process."""


@contextmanager
def _opened(task: Task, share: int) -> Iterator[Workplace]:
    spare_memory()
    folder, scan = Path(task.folder), Path(task.scan)
    begun = read_begun(folder)
    if begun is None or not scan.exists():
        raise ClusterError(
            f"{folder if begun is None else scan}: is not seen from here; workers need the same files under the same "
            "paths: put scan and output on the file system that they share"
        )
    catalogue = load_catalogue()
    recipe = begun.recipe(catalogue)
    free = free_memory() // share
    with open_scan(scan) as source:
        first, last = begun.rows[0], begun.rows[1]
        begun.expect_same(parse_recipe(begun.asked, catalogue), source, Span(first, last, source.rows), folder)
        chunk = rows_at_once(source, task.chunk, free)
        job = Job(
            ncore=task.threads,
            catalogue=catalogue,
            scan=source,
            output=folder,
            rows=(first, last),
            # A worker of one thread is to take one core: stages side by side would each have their own.
            overlap=task.threads > 1 and side_by_side(source.angles, source.columns, chunk, free),
        )
        with Steps(recipe, job) as steps:
            yield Workplace(task, share, recipe, steps, chunk, job)
