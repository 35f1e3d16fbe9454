"""What the child process does that has one Edge TPU: it opens networks and answers tiles, as its parent asks."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_claim import claimed
from tomopy_edge.networks.edge_tpu_interpreter import find_device, open_interpreter
from tomopy_edge.networks.edge_tpu_library import Device

OPENED = b"opened"
"""What the child answers once a network is open; anything else says why it is not."""


def serve(line: int, name: str) -> None:
    """Have an Edge TPU, and do what is asked over the line until its other end is closed.

    Asked is `("open", number, path, threads)`; `("answer", number)` and then the bytes of that network's input, which
    are answered with those of its output; and `("close", number)`, which has no answer. The parent numbers the
    networks. Whatever goes wrong ends the process: its parent sees that, and what was last said on stderr.

    Parameters
    ----------
    line : file descriptor of this end
    name : of the device, such as "usb:0"
    """
    # Ctrl-C reaches all processes of a terminal; what becomes of this one is its parent's affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    networks: dict[int, Any] = {}
    with Connection(line) as connection, ExitStack() as held:
        device: Device | None = None
        while True:
            try:
                what, number, *rest = connection.recv()
            except EOFError:
                return
            if what == "open":
                try:
                    if device is None:
                        found = find_device(name)
                        held.enter_context(claimed(found))
                        device = found
                    networks[number] = open_interpreter(Path(rest[0]).read_bytes(), device, rest[1])
                except BackendError as error:
                    connection.send_bytes(str(error).encode())
                else:
                    connection.send_bytes(OPENED)
            elif what == "answer":
                connection.send_bytes(_answer(networks[number], connection.recv_bytes()))
            else:
                del networks[number]


def _answer(interpreter: Any, content: bytes) -> bytes:
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(taken["index"], np.frombuffer(content, taken["dtype"]).reshape(taken["shape"]))
    interpreter.invoke()
    answer: bytes = interpreter.get_tensor(given["index"]).tobytes()
    return answer
