"""The child process that has one Edge TPU, as its parent sees it: for all networks on that device, whoever opened them.

When a stick is pulled out, or its cable fails, libedgetpu does not report an error: it ends the process it is in (its
`driver/usb/usb_driver.cc` logs "transfer in failed" as FATAL). A build that does not fit the interpreter crashes, and
a stick that has locked up never answers. All three end a child here, and are a sentence in its parent.

A stick works for one process only, and a run may have two networks on it, one that denoises and one that fine-tunes:
so both are in the same child. What a stick does when it is lost was read in libedgetpu's source, and never seen.
"""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from os import dup
from pathlib import Path
from typing import Any

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.beginning import beginning
from tomopy_edge.networks.edge_tpu_child import OPENED
from tomopy_edge.networks.ending import last_line, signal_name

PATIENCE = 60.0
"""Seconds after which a stick that has not taken or answered a batch, or opened a network, is taken for locked up.

libedgetpu itself tries for 25 seconds to open one.
"""

GRACE = 5.0
"""Seconds that a child has to give its device back."""

SCRIPT = """
import sys
from tomopy_edge.networks.edge_tpu_child import serve
serve(int(sys.argv[1]), sys.argv[2])
"""

OUT_OF_MEMORY = -signal.SIGKILL
"""Exit code of a process that the system ended where memory was short."""

_running: dict[str, StickProcess] = {}
_changing = threading.Lock()
_opening = threading.Lock()


class StickProcess:
    """A child process that has one Edge TPU.

    Parameters
    ----------
    device : its name, such as "usb:0"

    Attributes
    ----------
    users : how many networks need it
    fault : how it was lost, once it is; it stays so
    """

    def __init__(self, device: str) -> None:
        self.device, self.users = device, 0
        self.fault: str | None = None
        self._turn = threading.Lock()
        self._numbers = count()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._line, theirs = Pipe()
        with theirs:
            _limit_sending(self._line, PATIENCE)
            try:
                self.child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [sys.executable, "-c", beginning() + SCRIPT, str(theirs.fileno()), device],
                    stdin=subprocess.DEVNULL,
                    stdout=self._said,
                    stderr=self._said,
                    pass_fds=(theirs.fileno(),),
                )
            except OSError as error:
                raise BackendError(f"the Edge TPU {device} needs a process of its own: {error.strerror}") from None

    def open(self, path: Path, threads: int) -> int:
        """Open a network, and return the number that it is asked by.

        Raises
        ------
        BackendError : where the device cannot be used
        """
        number = next(self._numbers)
        # One after the other, on all devices: a stick that is opened for the first time leaves the bus for a while, and
        # comes back with another number, by which the next one would be asked for.
        with _opening:
            answer = self._asked(("open", number, str(path), threads))
        if answer != OPENED:
            raise BackendError(answer.decode())
        return number

    def answer(self, number: int, batch: memoryview) -> bytes:
        """Return the bytes of a network's answer to those of a batch.

        Raises
        ------
        BackendError : where the device is lost
        """
        return self._asked(("answer", number), batch)

    def close(self, number: int) -> None:
        """Close a network."""
        with self._turn:
            if self.fault is None:
                try:
                    self._line.send(("close", number))
                except OSError as error:
                    self._lose(error)

    def end(self) -> None:
        """Give the device back."""
        self._line.close()
        self._wait()
        self._said.close()

    def _asked(self, what: tuple[Any, ...], batch: memoryview | None = None) -> bytes:
        with self._turn:
            if self.fault is None:
                try:
                    self._line.send(what)
                    if batch is not None:
                        self._line.send_bytes(batch)
                    if self._line.poll(PATIENCE):
                        return self._line.recv_bytes()
                    self._give_up(f"did not answer within {PATIENCE:g} seconds; unplug it and plug it in again")
                except (EOFError, OSError) as error:
                    self._lose(error)
                except BaseException:
                    # An answer that nobody waited for would be taken for that to the next question.
                    self._give_up("was given up when it was interrupted; open the network anew")
                    raise
            raise BackendError(f"the Edge TPU {self.device} {self.fault}")

    def _lose(self, error: EOFError | OSError) -> None:
        """Take the device for lost, as the line to its process fails."""
        if isinstance(error, BlockingIOError):
            self._give_up(f"took nothing for {PATIENCE:g} seconds; unplug it and plug it in again")
        else:
            self.fault = self._how_it_ended()

    def _give_up(self, why: str) -> None:
        self.fault = why
        self.child.kill()
        self.child.wait()

    def _how_it_ended(self) -> str:
        """Return how the child ended, and the last line that was said in it."""
        by_itself = self._wait()
        code = self.child.returncode
        how = f"ended with exit code {code}" if code >= 0 else f"ended by {signal_name(code)}"
        if not by_itself:
            how = f"let go of it, and had to be ended after {GRACE:g} seconds"
        elif code == OUT_OF_MEMORY:
            how += ", which is what the system does where memory is short"
        self._said.seek(0)
        last = (f"({line})" for line in last_line(self._said.read(), without="INFO"))
        return " ".join([f"is lost: its process {how}", *last])

    def _wait(self) -> bool:
        """Have the child end, and return whether it did so by itself."""
        try:
            self.child.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return False
        return True


def _limit_sending(line: Connection, seconds: float) -> None:
    """Have what is sent to a process that takes nothing fail after some time, as a `BlockingIOError`."""
    with socket.socket(fileno=dup(line.fileno())) as end:
        whole = int(seconds)
        limit = struct.pack("ll", whole, int((seconds - whole) * 1e6))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def join_process(device: str) -> StickProcess:
    """Return the process that has a device, which is started where there is none yet, or the last one was lost."""
    with _changing:
        process = _running.get(device)
        if process is None or process.fault is not None:
            process = _running[device] = StickProcess(device)
        process.users += 1
        return process


def leave_process(process: StickProcess) -> None:
    """Need a process no longer: that of which nobody does is ended."""
    with _changing:
        process.users -= 1
        if process.users:
            return
        if _running.get(process.device) is process:
            del _running[process.device]
        process.end()
