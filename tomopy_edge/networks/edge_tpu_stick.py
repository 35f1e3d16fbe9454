"""A network on one Edge TPU, in the child process that has that device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Ends
from tomopy_edge.networks.edge_tpu_process import join_process, leave_process


class Stick(Backend):
    """A network, open on one Edge TPU.

    Parameters
    ----------
    path : the .tflite file, compiled for the Edge TPU
    ends : what the network takes and gives, as the file has it
    device : "usb:0", "pci:1", ...
    threads : for the operators that run on the CPU

    Raises
    ------
    BackendError : where the device cannot be opened; so does `infer` once it is lost, which it then stays
    """

    def __init__(self, path: Path, ends: Ends, device: str, threads: int = 1) -> None:
        super().__init__(ends, f"the Edge TPU {device}")
        self._process = join_process(device)
        try:
            self._number = self._process.open(path, threads)
        except BaseException:
            leave_process(self._process)
            raise

    @property
    def pid(self) -> int:
        """The number of the child process."""
        return self._process.child.pid

    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        answer = self._process.answer(self._number, batch.data.cast("B"))
        return np.frombuffer(answer, self.ends.io).reshape(self.ends.shape[:3])

    def _free(self) -> None:
        self._process.close(self._number)
        leave_process(self._process)
