"""What a call takes and leaves of memory: Python's own count, and what the system says of the process."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tomopy_edge.system_files import text_of

PROC = Path("/proc/self")

WARM = 2
"""Calls that may keep what they make: tables, buffers."""

CALLS, SECONDS = 40, 0.15
"""Most calls that are watched in a round, and how long they may take in all; there are six at least."""

ROUNDS = 5
"""Rounds in each of which the process must grow."""

FEWEST = 6
NOTICED = 2**20
"""Bytes by which the process must have grown before anything is said of it: the system counts in pages, and C libraries
keep some."""


def peak(call: Callable[[], object]) -> int:
    """Return the bytes that a call takes at most, beyond what there is before it."""
    with suppress(OSError):
        # Sets the highest mark of the process back to where it is.
        (PROC / "clear_refs").write_text("5")
    before, marked = _resident("VmRSS"), _resident("VmHWM")
    tracemalloc.start()
    try:
        call()
        counted = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    after = _resident("VmHWM")
    # Where the mark could not be set back, only a new record tells anything.
    return max(counted, after - before if after > marked else 0)


def left_by(call: Callable[[], object]) -> tuple[int, int]:
    """Return the bytes that each call leaves behind, as Python counts them, and as the process grows.

    The least growth of any call counts, so that what is kept once, or comes from elsewhere, does not.
    """
    for _ in range(WARM):
        call()
    tracemalloc.start()
    try:
        counted = _least(call, collect=False)
        # What waits for the collector is not lost; it takes its time, and is asked where anything waits alone.
        counted = _least(call, collect=True) if counted else 0
    finally:
        tracemalloc.stop()
    # In every round: what grows once, such as a library that is loaded or a heap in pieces, does not grow in all.
    grown = _growth(call)
    for _ in range(ROUNDS - 1):
        grown = min(grown, _growth(call)) if grown else 0
    return counted, grown


def _growth(call: Callable[[], object]) -> int:
    """Return the bytes by which each of several calls lets the process grow, 0 where that may be anything."""
    start, first, calls = time.perf_counter(), _resident("VmRSS"), 0
    while calls < FEWEST or (calls < CALLS and time.perf_counter() - start < SECONDS):
        call()
        calls += 1
    grown = _resident("VmRSS") - first
    return grown // calls if grown > NOTICED else 0


def _least(call: Callable[[], object], *, collect: bool) -> int:
    """Return the least that one of several calls adds to what Python counts, bytes."""
    growths = []
    for _ in range(FEWEST):
        before = tracemalloc.get_traced_memory()[0]
        call()
        if collect:
            gc.collect()
        growths.append(tracemalloc.get_traced_memory()[0] - before)
    return max(min(growths), 0)


def _resident(name: str) -> int:
    """Return what the system says of the memory of this process, bytes; 0 where it says nothing."""
    for line in text_of(PROC / "status").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
