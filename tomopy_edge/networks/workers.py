"""How rows are shared among threads, which a job may limit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """Threads that each do an equal run of rows.

    They call kernels that run on one thread each: numba's own threads, and how many of them others have set, are
    neither used nor changed.

    Parameters
    ----------
    threads : how many, the caller's own among them

    Examples
    --------
    >>> Workers(2).share(5, lambda first, last: range(first, last))
    [range(0, 2), range(2, 5)]
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        # The caller does a run itself: to be woken takes as long as some rows do.
        self._pool = ThreadPoolExecutor(threads - 1, "rows") if threads > 1 else None

    def share(self, rows: int, do: Callable[[int, int], T]) -> list[T]:
        """Return what `do(first, last)` makes of runs of rows, in order; each of `rows` rows is in one of them."""
        edges = [rows * k // self._threads for k in range(self._threads + 1)]
        runs = [(first, last) for first, last in pairwise(edges) if first < last]
        if self._pool is None or len(runs) < 2:  # noqa: PLR2004 - nothing to share
            return [do(*run) for run in runs]
        others = [self._pool.submit(do, *run) for run in runs[1:]]
        return [do(*runs[0]), *(other.result() for other in others)]

    def close(self) -> None:
        """Let the threads go. Closing twice does nothing."""
        if self._pool is not None:
            self._pool.shutdown()


ALONE = Workers()
"""The caller's own thread."""
