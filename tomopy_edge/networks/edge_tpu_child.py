"""What the child process does that has one Edge TPU: it takes tiles from a line to its parent, and answers them."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_interpreter import open_interpreter

OPEN = b"open"
"""What the child says once it has the device; anything else says why it has not."""


def serve(line: int, path: str, device: str, threads: int) -> None:
    """Open a network on a device and answer batches of tiles, until the other end of the line is closed.

    A batch goes over the line as the bytes of the network's input, its answer as those of the output. Whatever goes
    wrong ends the process: its parent sees that, and what was last said on stderr.

    Parameters
    ----------
    line : file descriptor of this end
    path, device, threads : as for `open_interpreter`
    """
    # Ctrl-C reaches all processes of a terminal; what becomes of this one is its parent's affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(line) as connection:
        try:
            interpreter = open_interpreter(Path(path).read_bytes(), device, threads)
        except BackendError as error:
            connection.send_bytes(str(error).encode())
            return
        connection.send_bytes(OPEN)
        _answer_all(connection, interpreter)


def _answer_all(connection: Connection, interpreter: Any) -> None:
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    while True:
        try:
            content = connection.recv_bytes()
        except EOFError:
            return
        interpreter.set_tensor(taken["index"], np.frombuffer(content, taken["dtype"]).reshape(taken["shape"]))
        interpreter.invoke()
        connection.send_bytes(interpreter.get_tensor(given["index"]).tobytes())
