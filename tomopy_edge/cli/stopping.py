"""How a command ends when it is asked to: cleanly where it listens, and without waiting for what does not come back."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType

ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask to end: ctrl-C, `kill` and batch systems, a terminal that was closed."""

GRACE = 10.0
"""Seconds that a command has to end by itself, which batch systems and containers grant it too."""

TWICE = 1.0
"""Seconds after which a second signal says that the user waits no longer. Sooner, it is the same one: a terminal and
what runs in it both send ctrl-C."""

AGAIN = 0.2
"""Seconds after which the main thread, which has not taken note of a signal, is sent it again."""

GIVEN_UP = (
    "tomopy-edge: stopped, without waiting for what does not come back; slices that a run wrote until then are kept, "
    "and --resume goes on with them\n"
)


class Asked(KeyboardInterrupt):
    """A signal other than ctrl-C asked to end; whatever ends well at ctrl-C does so at this.

    Attributes
    ----------
    number : of the signal
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_code(stop: KeyboardInterrupt) -> int:
    """Return what a command that was asked to end exits with: 130 after ctrl-C, 143 after SIGTERM, as of shells."""
    return 128 + (stop.number if isinstance(stop, Asked) else signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise an `Asked`, or a `KeyboardInterrupt` at ctrl-C, inside where a signal asks to end.

    It is raised once: what is being tidied up then is not ended by a signal that comes twice. A signal reaches Python
    code alone. Where that waits for a library or a disk that never comes back, the process is ended as by `kill -9`:
    after some seconds, or at the second signal. In other threads than the main one, which hear no signals, nothing is
    changed, nor is what a user ignores, as `nohup` does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ASKED}
    taken = [number for number in ASKED if before[number] in (signal.SIG_DFL, signal.default_int_handler)]
    heard, told = os.pipe()
    os.set_blocking(told, False)
    wakeup = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    noted: list[int] = []
    for number in taken:
        signal.signal(number, partial(_ask, noted))
    threading.Thread(target=_watch, args=(heard, noted, taken), name="stopping", daemon=True).start()
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
        signal.set_wakeup_fd(wakeup)
        os.close(told)


def _ask(noted: list[int], number: int, _frame: FrameType | None) -> None:
    if noted:
        return
    noted.append(number)
    raise KeyboardInterrupt if number == signal.SIGINT else Asked(number)


def _watch(heard: int, noted: Sequence[int], taken: Collection[int]) -> None:
    """End the process unless it does so itself in time; `heard` has the numbers of signals, and ends with the block."""
    first, begun, own = 0, 0.0, False
    while True:
        since = time.monotonic() - begun
        unheard = first in taken and not noted and not own and since < TWICE
        left = None if not first else AGAIN if unheard else max(GRACE - since, 0)
        late = not select.select([heard], [], [], left)[0]
        if late and unheard:
            # A signal that comes right before the main thread waits for something wakes nothing: Python notes it down,
            # and looks at what it noted when it waits no longer.
            if not noted:
                own = True
                signal.pthread_kill(threading.main_thread().ident or 0, first)
            continue
        number = b"" if late else os.read(heard, 1)
        if not late and not number:
            os.close(heard)
            return
        if own and number[:1] == bytes([first]):
            own = False
        elif late or (first and number[0] in ASKED and time.monotonic() - begun > TWICE):
            os.write(2, GIVEN_UP.encode())
            os._exit(128 + first)
        elif not first and number[0] in ASKED:
            first, begun = number[0], time.monotonic()
