"""Serves the rows of compressed frames, and decides how: unpacked once for many rows, or moved to a scratch file first.

Detectors write frame by frame, and runs read row by row. Where a frame is compressed as a whole, the scan has to be
unpacked to read a single row of it. So more rows are read than were asked for, as many as memory allows; and where
that still means to unpack the scan again and again, it is unpacked once, into a scratch file that has rows in order.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tomopy_edge.data import Counts
from tomopy_edge.errors import DataError
from tomopy_edge.memory import free_memory
from tomopy_edge.readers.scratch import ScratchRows, has_room, scratch_folder
from tomopy_edge.readers.stack import Stack

log = logging.getLogger(__name__)

MEMORY_SHARE = 1 / 8
"""Of the memory that is free, the share that rows read ahead may take, those of flats and darks included."""

PART_BYTES = 256 * 2**20
"""Frames that are turned into rows at once take this at most, and no more than rows read ahead may."""

SCRATCH_RATE = 250e6
"""Bytes a second that a scratch file is written and read back at, on a plain solid-state disk."""


@dataclass(frozen=True)
class _Block:
    """Rows that were read from the file last.

    Attributes
    ----------
    first, last : the rows `first` to `last - 1`
    seconds : that it took to read them, which is the same for many rows and for few
    rows : (frame, row, column), or None where they were all handed out
    """

    first: int
    last: int
    seconds: float
    rows: Counts | None


class RowReader:
    """Reads rows of frames; threads may share one, and wait for each other.

    Parameters
    ----------
    frames : where the rows are
    row_bytes : what a row takes that is read ahead, with those that are read ahead beside it
    """

    def __init__(self, frames: Stack, row_bytes: int) -> None:
        self.frames = frames
        self._row_bytes = row_bytes
        self._rows = int(frames.shape[1])
        # Rows are unpacked in bands of so many.
        self._band = min(frames.rows_together, self._rows)
        self._block = _Block(0, 0, 0.0, None)
        self._scratch: ScratchRows | None = None
        self._damaged: dict[int, str] = {}
        self._notes: dict[str, None] = {}
        self._lock = threading.Lock()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was done to read the rows, so far."""
        return tuple(self._notes)

    def read(self, first: int, last: int) -> Counts:
        """Return the rows `first` to `last - 1` (frame, row, column), which belong to the caller.

        Raises
        ------
        DataError : where they cannot be read
        """
        if self._band == 1:
            return self.frames.read(first, last)
        with self._lock:
            return self._read(first, last)

    def close(self) -> None:
        """Let go of what was read ahead."""
        with self._lock:
            self._block = _Block(0, 0, 0.0, None)
            self._drop_scratch()

    def _read(self, first: int, last: int) -> Counts:
        scratch, block = self._scratch, self._block
        if scratch is not None and scratch.first <= first and last <= scratch.last:
            return scratch.read(first, last)
        if block.rows is not None and block.first <= first and last <= block.last:
            return block.rows[:, first - block.first : last - block.first].copy()
        band = first // self._band
        if band in self._damaged:
            raise DataError(self._damaged[band])
        try:
            return self._read_on(first, last)
        except DataError as error:
            # All rows of a band need all of it: to unpack it again for each of them would take hours.
            if last <= (band + 1) * self._band:
                self._damaged[band] = str(error)
            raise

    def _read_on(self, first: int, last: int) -> Counts:
        """Read rows of which some at least have to be unpacked."""
        block, width = self._block, last - first
        in_order = block.first <= first <= block.last < last
        held = block.rows[:, first - block.first :].copy() if in_order and block.rows is not None else None
        # Old rows are let go of before new ones are read.
        self._block = block = _Block(block.first, block.last, block.seconds, None)
        start, end = first // self._band * self._band, min(-(-last // self._band) * self._band, self._rows)
        fit = int(MEMORY_SHARE * free_memory()) // self._row_bytes
        if end - start > fit:
            if in_order and self._worth_scratch(end - first, fit) and self._to_scratch(first, end):
                return self._read(first, last)
            start, end = first, min(first + max(fit // width, 1) * width, end)
        elif in_order:
            start = first
        began, there = time.perf_counter(), 0 if held is None else held.shape[1]
        rows = np.empty((len(self.frames.numbers), end - start, self.frames.shape[2]), self.frames.dtype)
        if held is not None:
            rows[:, :there] = held
        self.frames.read_into(rows, start + there, end, there)
        seconds = time.perf_counter() - began
        log.debug("%s: rows %d to %d unpacked in %.2f s", self.frames.place, start + there, end - 1, seconds)
        whole = (start, end) == (first, last)
        self._block = _Block(start, end, seconds, None if whole else rows)
        return rows if whole else rows[:, first - start : last - start].copy()

    def _worth_scratch(self, left: int, fit: int) -> bool:
        """Return whether a scratch file for the `left` rows is quicker than to unpack them some at a time."""
        passes = -(-left // max(fit, 1))
        moved = 2 * left * self.frames.row_bytes
        return (passes - 1) * self._block.seconds > moved / SCRATCH_RATE

    def _to_scratch(self, first: int, last: int) -> bool:
        """Move rows to a scratch file, or return False where there is no room for them."""
        self._drop_scratch()
        folder, frames, began = scratch_folder(), self.frames, time.perf_counter()
        size = (last - first) * frames.row_bytes
        if not has_room(folder, size):
            self._note_no_room(folder, size)
            return False
        scratch = None
        try:
            columns = int(frames.shape[2])
            scratch = ScratchRows(folder, first, last, frames=len(frames.numbers), columns=columns, dtype=frames.dtype)
            part = min(int(MEMORY_SHARE * free_memory()), PART_BYTES)
            self._scratch = scratch.fill(frames.parts(first, last, part))
        except OSError as error:
            log.debug("%s: %s", folder, error)
            self._note_no_room(folder, size)
            return False
        finally:
            if scratch is not None and self._scratch is not scratch:
                scratch.close()
        seconds = time.perf_counter() - began
        self._notes[
            f"{frames.place} is compressed in pieces of {self._band} rows, more than fit into memory; rows {first} to "
            f"{last - 1} were moved to a scratch file of {size / 1e9:.3g} GB in {folder}, in {seconds:.3g} s"
        ] = None
        self._block = _Block(first, last, self._block.seconds, None)
        return True

    def _note_no_room(self, folder: Path, size: int) -> None:
        self._notes[
            f"{self.frames.place} is compressed in pieces of {self._band} rows, more than fit into memory, and was "
            f"unpacked again and again: {folder} has no room for a scratch file of {size / 1e9:.3g} GB. Set TMPDIR to "
            "a folder that has"
        ] = None

    def _drop_scratch(self) -> None:
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None
