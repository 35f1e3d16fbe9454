"""How far a long job has come: a bar with its rate on a terminal and in a notebook, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

PATIENCE = 600.0
"""Seconds without anything new, after which a log says so: something may hang."""

LINE_EVERY = 10.0
"""Seconds between two lines in a log."""

CELL_EVERY = 0.5
"""Seconds between two changes of a bar in a notebook: each is a message to the browser."""

WIDTH = 40
"""Characters of a bar in a notebook."""


def track(things: Iterable[T], *, total: int, what: str, size: Callable[[T], int] = lambda _: 1) -> Iterator[T]:
    """Yield `things` and show how many of `total` are done.

    Parameters
    ----------
    things : what is worked through; each counts as done when the next is asked for
    total : how many units of work there are
    what : the unit, in words, such as "slices"
    size : units of work in a thing
    """
    show = _bar if sys.stderr.isatty() else _cell if in_notebook() else _lines
    return show(things, size, total, what)


def in_notebook() -> bool:
    """Return whether this runs in a notebook's kernel, which shows what changes in place."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython is not None else False


def watched(things: Iterable[T], doing: Callable[[], list[str]], what: str, patience: float = PATIENCE) -> Iterator[T]:
    """Yield `things`, and log whenever none comes for `patience` seconds.

    Parameters
    ----------
    doing : returns what is at work
    what : the things, in words
    """
    came, ended = threading.Event(), threading.Event()

    def watch() -> None:
        since = time.monotonic()
        while not ended.is_set():
            if came.wait(patience):
                came.clear()
                since = time.monotonic()
                continue
            at_work = ", ".join(doing()) or "nothing of ours"
            minutes = (time.monotonic() - since) / 60
            log.warning("no %s for %.0f minutes; at work: %s; ctrl-C ends it", what, minutes, at_work)

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        for thing in things:
            came.set()
            yield thing
    finally:
        ended.set()
        came.set()
        thread.join()


def _bar(things: Iterable[T], size: Callable[[T], int], total: int, what: str) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, rate="")
        start = time.monotonic()
        done = 0
        for thing in things:
            yield thing
            done += size(thing)
            bar.update(task, completed=done, rate=_rate(done, start))


def _cell(things: Iterable[T], size: Callable[[T], int], total: int, what: str) -> Iterator[T]:
    """Show a bar of text in the output of a cell, which any notebook can, with or without widgets."""
    from IPython.display import display

    start = told = time.monotonic()
    shown = display({"text/plain": _drawn(0, total, what, "")}, raw=True, display_id=True)
    done = 0
    for thing in things:
        yield thing
        done += size(thing)
        now = time.monotonic()
        if now - told >= CELL_EVERY or done >= total:
            shown.update({"text/plain": _drawn(done, total, what, _rate(done, start))}, raw=True)
            told = now


def _drawn(done: int, total: int, what: str, rate: str) -> str:
    full = WIDTH * min(done, total) // max(total, 1)
    return f"{what} {'█' * full}{'░' * (WIDTH - full)} {done}/{total} {rate}".rstrip()


def _lines(things: Iterable[T], size: Callable[[T], int], total: int, what: str) -> Iterator[T]:
    start = told = time.monotonic()
    done = 0
    for thing in things:
        yield thing
        done += size(thing)
        now = time.monotonic()
        if now - told >= LINE_EVERY or done >= total:
            log.info("%d of %d %s, %s", done, total, what, _rate(done, start))
            told = now


def _rate(done: int, start: float) -> str:
    seconds = (time.monotonic() - start) / max(done, 1)
    return f"{1 / seconds:.1f}/s" if 0 < seconds < 1 else f"{seconds:.1f} s each"
