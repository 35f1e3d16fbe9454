"""How long each stage of a sweep takes, without the stages before it that it asks for their rows."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Clock:
    """Counts the seconds spent on one thing at a time: what is begun within another stops that one's.

    Attributes
    ----------
    seconds : what time was spent on -> how much
    """

    def __init__(self) -> None:
        self.seconds: dict[Hashable, float] = {}
        self._running: list[Hashable] = []
        self._since = 0.0

    @contextmanager
    def at(self, what: Hashable) -> Iterator[None]:
        """Spend the time inside on `what`."""
        self._turn()
        self._running.append(what)
        try:
            yield
        finally:
            self._turn()
            self._running.pop()

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._running:
            what = self._running[-1]
            self.seconds[what] = self.seconds.get(what, 0.0) + now - self._since
        self._since = now
