"""Looks at an HDF5 file in a child process first: on a damaged one HDF5 may crash, or never come back.

Damaged text in an attribute is enough, and HDF5 1.14 goes round in circles (`H5HG__cache_heap_deserialize`).
"""

from __future__ import annotations

import os
import resource
import select
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

from tomopy_edge.errors import DataError

SECONDS = 4
"""Of processor time that a look at what a file says of itself may take. It takes some hundredths."""

WAIT = 60
"""Seconds after which the child is given up, and the file is opened untried: a disk may be slow."""

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


def expect_survivable(path: Path, look: Callable[[], None]) -> None:
    """Raise a `DataError` where `look` ends the process that it runs in, or does not come to an end.

    What it raises does not count: the caller will meet that, too.

    Parameters
    ----------
    path : the file, for the message
    look : does with the file what is to be done with it, leaving nothing behind
    """
    from h5py._objects import phil

    reading, writing = os.pipe()
    try:
        # Nobody else is inside HDF5 while the process is copied.
        with phil, warnings.catch_warnings():
            # From Python 3.12 on, forks of a process with threads are warned of: the child needs none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
    except OSError:
        # There is no room for another process.
        os.close(reading)
        os.close(writing)
        return
    if not child:
        _look(look)
    os.close(writing)
    ended = False
    try:
        # The other end is closed when the child ends.
        ended = bool(select.select([reading], [], [], WAIT)[0])
    finally:
        os.close(reading)
        if not ended:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    number = -os.waitstatus_to_exitcode(status)
    if number in {signal.SIGPROF, *CRASHES}:
        name = signal.Signals(number).name
        told = "does not come to an end with it" if number == signal.SIGPROF else f"crashes on it ({name})"
        raise DataError(f"{path}: this HDF5 file is damaged: HDF5 itself {told}; copy it again from where it came")


def _look(look: Callable[[], None]) -> None:
    """Look, and end this process, whatever happens."""
    try:
        # What a crash prints is told by the parent, in a sentence.
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in (signal.SIGPROF, *CRASHES):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        look()
    finally:
        os._exit(0)
