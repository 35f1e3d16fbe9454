"""One Edge TPU, kept in a child process of its own.

When a stick is pulled out, or its cable fails, libedgetpu does not report an error: it ends the process it is in (its
`driver/usb/usb_driver.cc` logs "transfer in failed" as FATAL). A build that does not fit the interpreter crashes, and
a stick that has locked up never answers. All three end a child here, and are a sentence in its parent.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Ends
from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_child import OPEN
from tomopy_edge.networks.ending import last_line, signal_name

PATIENCE = 60.0
"""Seconds after which a stick that has not answered a batch, or been opened, is taken for one that has locked up."""

GRACE = 5.0
"""Seconds that a child has to give its device back."""

SCRIPT = """
import sys
from tomopy_edge.networks.edge_tpu_child import serve
line, path, device, threads = sys.argv[1:]
serve(int(line), path, device, int(threads))
"""


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
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the device
        self._line, theirs = Pipe()
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", SCRIPT, str(theirs.fileno()), str(path), device, str(threads)],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        try:
            answer = self._received()
        except BaseException:
            self.close()
            raise
        if answer != OPEN:
            self.close()
            raise BackendError(answer.decode())

    @property
    def pid(self) -> int:
        """The number of the child process."""
        return self._child.pid

    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        try:
            self._line.send_bytes(batch.data.cast("B"))
        except OSError:
            raise self._lost() from None
        return np.frombuffer(self._received(), self.ends.io)

    def _received(self) -> bytes:
        try:
            if self._line.poll(PATIENCE):
                return self._line.recv_bytes()
        except (EOFError, OSError):
            raise self._lost() from None
        self._child.kill()
        self._child.wait()
        raise BackendError(f"{self.told} did not answer within {PATIENCE:g} seconds; unplug it and plug it in again")

    def _lost(self) -> BackendError:
        """Return how the child ended, and the last line that was said in it."""
        try:
            code = self._child.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            code = self._child.wait()
        how = f"with exit code {code}" if code >= 0 else f"by {signal_name(code)}"
        self._said.seek(0)
        last = (f"({line})" for line in last_line(self._said.read(), without="INFO"))
        return BackendError(" ".join([f"{self.told} is lost: its process ended {how}", *last]))

    def _free(self) -> None:
        self._line.close()
        try:
            self._child.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._said.close()
