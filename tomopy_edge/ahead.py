"""Let stages work side by side, each part in a thread of its own, with no more than a few chunks between them."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

A = TypeVar("A")
T = TypeVar("T")


class _Belt:
    """Things on their way from one thread to another."""

    def __init__(self, most: int) -> None:
        self._things: queue.Queue[Any] = queue.Queue(most)
        self.stopped = threading.Event()

    def put(self, thing: Any) -> bool:
        """Return whether the other thread will take it, which waits until there is room."""
        # With a limit, or a thread that nobody takes from any more would wait for ever.
        while not self.stopped.is_set():
            try:
                self._things.put(thing, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def taken(self) -> Iterator[Any]:
        """Yield the things, and raise the fault that ended them."""
        while True:
            got = self._things.get()
            if isinstance(got, _End):
                if got.fault is not None:
                    raise got.fault
                return
            yield got.pop()


class _End:
    def __init__(self, fault: BaseException | None) -> None:
        self.fault = fault


@contextmanager
def ahead(flow: Generator[T, None, None], most: int) -> Iterator[Iterator[T]]:
    """Yield what `flow` yields, which is asked for it in another thread, before it is wanted.

    What `flow` raises is raised where its next thing was wanted. When the block ends, for whatever reason, `flow` has
    been closed in its thread, and that has ended.

    Parameters
    ----------
    most : how many things may wait to be taken. A further one may be in the making.
    """
    belt = _Belt(most)

    def work() -> None:
        fault: BaseException | None = None
        try:
            for thing in flow:
                one = [thing]
                # Nothing is kept here while it waits, and after it was taken.
                del thing
                if not belt.put(one):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks
            fault = error
        finally:
            flow.close()
        belt.put(_End(fault))

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield belt.taken()
    finally:
        belt.stopped.set()
        thread.join()


def behind(work: Callable[[A], T], flow: Iterator[A], most: int) -> Iterator[T]:
    """Yield what `work` makes of what `flow` yields, in another thread, while the next of that is made in this one.

    What was taken from `flow` is worked on to its end also where this is closed, or `flow` raises; what it raises is
    raised when that was yielded.

    Parameters
    ----------
    most : how many things may wait to be worked on
    """
    begun: deque[Future[T]] = deque()
    with ThreadPoolExecutor(1, "behind") as thread:
        try:
            for thing in flow:
                begun.append(thread.submit(work, thing))
                del thing
                if len(begun) > most:
                    yield begun.popleft().result()
        except Exception:
            # What came before the fault is there, and need not be made again.
            while begun:
                yield begun.popleft().result()
            raise
        while begun:
            yield begun.popleft().result()
