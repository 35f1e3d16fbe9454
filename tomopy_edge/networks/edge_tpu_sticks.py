"""Deal tiles to several devices, keep their order, and have others answer what a lost device was asked."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend
from tomopy_edge.errors import BackendError

log = logging.getLogger(__name__)

CPU = "the CPU"


class Sticks(Backend):
    """A network that is open on several devices at once, and on the CPU for when they are gone.

    Every device takes the next batch when it has answered its last, so that a slow one holds up none. A batch that a
    device was lost with is put back, for the other devices; when none is left, the CPU answers the rest.

    Parameters
    ----------
    sticks : name -> the network, open on that device; they raise a `BackendError` once their device is lost
    stand_by : the same network, not compiled, on the CPU: its answers differ by no more than the kernels' rounding
    note : takes a sentence on each device that is lost and, at the end, how many tiles each has answered
    told : what runs the network
    """

    def __init__(
        self, sticks: Mapping[str, Backend], stand_by: Backend, note: Callable[[str], None], told: str
    ) -> None:
        super().__init__(stand_by.ends, told)
        self._sticks, self._stand_by, self._note = dict(sticks), stand_by, note
        self._answered = dict.fromkeys((*self._sticks, CPU), 0)
        self._anew = 0
        self.at_once = max(len(self._sticks), 1) * self.ends.shape[0]
        self._threads = ThreadPoolExecutor(max(len(self._sticks), 1), "stick")

    def _run_all(self, tiles: NDArray[Any]) -> NDArray[Any]:
        batch = self.ends.shape[0]
        answers = np.empty(tiles.shape[:3], tiles.dtype)
        waiting = deque(slice(first, first + batch) for first in range(0, len(tiles), batch))

        def answer(name: str, by: Backend) -> tuple[slice, BackendError] | None:
            """Answer batches while there are any; return the one that the device was lost with, and how."""
            while True:
                try:
                    some = waiting.popleft()
                except IndexError:
                    return None
                try:
                    answers[some] = by.infer(tiles[some])
                except BackendError as fault:
                    return some, fault
                self._answered[name] += len(tiles[some])

        while waiting and self._sticks:
            working = {name: self._threads.submit(answer, name, stick) for name, stick in self._sticks.items()}
            try:
                outcomes = {name: one.result() for name, one in working.items()}
            except BaseException:
                # Ctrl-C, or a mistake of ours: the devices must not go on with what nobody waits for.
                waiting.clear()
                raise
            lost = {name: outcome for name, outcome in outcomes.items() if outcome is not None}
            for name in lost:
                self._sticks.pop(name).close()
            for name, (some, fault) in lost.items():
                waiting.append(some)
                self._tell(name, len(tiles[some]), fault)
        for some in waiting:
            answers[some] = self._stand_by.infer(tiles[some])
            self._answered[CPU] += len(tiles[some])
        return answers

    def _tell(self, name: str, unanswered: int, fault: BackendError) -> None:
        self._anew += unanswered
        others = " and ".join(self._sticks) or CPU
        tiles = f"{unanswered} tile{'s' * (unanswered != 1)}"
        told = f"{fault}, after {self._answered[name]} tiles; {tiles} that it had not answered went to {others}"
        # Said at once, for without a device a run may take many times as long.
        log.warning(told)
        self._note(told)

    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        return self._run_all(batch)

    def _free(self) -> None:
        for stick in (*self._sticks.values(), self._stand_by):
            stick.close()
        self._threads.shutdown()
        shares = ", ".join(f"{name} {count}" for name, count in self._answered.items() if count or name != CPU)
        anew = f"; {self._anew} of them after another device was lost with them" if self._anew else ""
        self._note(f"tiles answered: {shares}{anew}")
