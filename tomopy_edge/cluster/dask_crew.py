"""Workers of Dask distributed, as a crew that pieces can be given to."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import partial
from threading import Thread
from typing import Any
from uuid import uuid4

from tomopy_edge.cluster.crew import Told
from tomopy_edge.cluster.piece import Digests, Made, Piece, Shape, make_piece
from tomopy_edge.errors import ClusterError, told_of

log = logging.getLogger(__name__)


def make_and_tell(piece: Piece, topic: str) -> Made:
    """Make a piece, on a worker, and tell of its slices as they come."""
    from distributed import get_worker

    worker = get_worker()

    def tell(digests: Digests, shape: Shape) -> None:
        worker.log_event(topic, {"piece": piece.number, "digests": [*digests.items()], "shape": [*shape]})

    # It is at work, and no longer waiting behind other pieces.
    tell({}, ())
    return make_piece(piece, tell)


class DaskCrew:
    """The workers of a Dask scheduler.

    Parameters
    ----------
    client : connected to the scheduler, a `distributed.Client`
    more : whether workers may come however long it takes, as a batch system's jobs do
    """

    work = staticmethod(make_and_tell)
    """What a worker does with a piece."""

    def __init__(self, client: Any, *, more: bool) -> None:
        self._client, self._more = client, more
        self._news: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._topic = f"tomopy-edge-{uuid4().hex}"
        # Piece -> task. Kept: Dask ends a task that nobody holds on to any more.
        self._tasks: dict[int, Any] = {}
        with self._answering():
            client.subscribe_topic(self._topic, self._heard)

    @property
    def address(self) -> str:
        """Of the scheduler, for others that want these workers."""
        return str(self._client.scheduler.address)

    def workers(self) -> Mapping[str, str]:
        """Return address -> machine of each worker that is there."""
        with self._answering():
            found = self._client.scheduler_info(n_workers=-1)["workers"]
        return {address: str(facts["host"]) for address, facts in found.items()}

    def give(self, worker: str, piece: Piece) -> None:
        """Have a worker make a piece."""
        with self._answering():
            task = self._client.submit(
                self.work, piece, self._topic, workers=[worker], allow_other_workers=False, pure=False
            )
        self._tasks[piece.number] = task
        task.add_done_callback(partial(self._ended, piece.number))

    def call_off(self, number: int) -> None:
        """Have nobody make a piece any more, or Dask would give it to a worker that comes back to the same address."""
        task = self._tasks.pop(number, None)
        if task is not None:
            # Of a scheduler that is lost, which is told elsewhere.
            with suppress(Exception):
                task.cancel(force=True)

    def waits(self, worker: str) -> bool:
        """Return whether a worker has more to do than one piece of ours, such as those of other runs."""
        with self._answering():
            # Of all workers: asked for one that has just left, Dask raises.
            return len(self._client.processing().get(worker, ())) > 1

    def hear(self, seconds: float) -> Told | None:
        """Return the next news, or None where there is none for that long."""
        try:
            return self._news.get(timeout=seconds)
        except queue.Empty:
            return None

    def restart(self, worker: str) -> None:
        """End the process of a worker that stalls; where it has a nanny, that starts another."""
        Thread(target=self._restart, args=[worker], daemon=True).start()

    def expects_more(self) -> bool:
        """Return whether workers may come by themselves, however long it takes."""
        return self._more

    def close(self) -> None:
        """Let go of the scheduler; what workers are still at is of no use any more."""
        for number in [*self._tasks]:
            self.call_off(number)
        with suppress(Exception):
            self._client.unsubscribe_topic(self._topic)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise a `ClusterError` where the scheduler does not answer inside."""
        try:
            yield
        except (KeyError, OSError, RuntimeError) as error:
            raise ClusterError(
                f"cluster: the scheduler does not answer any more ({type(error).__name__}: {error}); --resume goes on "
                "with what is made, with another one or without a cluster"
            ) from None

    def _restart(self, worker: str) -> None:
        try:
            self._client.restart_workers([worker], timeout=60, raise_for_error=False)
        except Exception as error:  # noqa: BLE001 - it was given up before
            log.debug("worker %s could not be restarted: %s", worker, error)

    def _heard(self, event: tuple[float, Any]) -> None:
        told = event[1]
        self._news.put(Told(told["piece"], dict(told["digests"]), tuple(told["shape"])))

    def _ended(self, number: int, task: Any) -> None:
        # Until it is heard it can be called off: Dask waits without end for what a worker had made that then was lost.
        try:
            if task.status == "finished":
                made = task.result()
            elif task.status == "error":
                # Our own faults are told in `Made`: this is one of the way there, such as a worker without us.
                made = Made(fault=told_of(task.exception()))
            else:
                return  # the worker, or the scheduler, is lost
        except CancelledError:
            return
        except (OSError, RuntimeError) as error:
            made = Made(fault=told_of(error))
        finally:
            self._tasks.pop(number, None)
        self._news.put(Told(number, made.digests, made.shape, made))
