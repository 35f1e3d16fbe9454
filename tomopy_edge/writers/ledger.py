"""Which slices of an output are on the disk, and the hashes of their values: true after a power cut, too."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path

from typing_extensions import Self

from tomopy_edge.data import Volume
from tomopy_edge.writers import digest
from tomopy_edge.writers.failures import told

NAME = "slices.jsonl"
"""The file, within the output folder: a line of JSON for each slice, with its `row` and `sha256`."""


class Ledger:
    """The slices that were written, entered after they were.

    Parameters
    ----------
    folder : of the output; a ledger that an earlier run left in it is gone on with

    Attributes
    ----------
    digests : detector row -> sha256 of its slice's values, float32, little-endian
    counted : rows of which the run's tally holds what was counted: those that this run enters, and what it takes over
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.digests: dict[int, str] = {}
        self.counted = set[int]()
        with told(self.path):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            content = b"".join(iter(lambda: os.read(self._file, 2**20), b""))
        whole, _, torn = content.rpartition(b"\n")
        for line in whole.splitlines():
            self._enter(line)
        if torn:
            # The line that was being written when the last run ended.
            os.ftruncate(self._file, len(content) - len(torn))

    def add(self, volume: Volume) -> None:
        """Enter slices that are on the disk; see `enter`."""
        self.enter({row: digest(slice_) for row, slice_ in enumerate(volume.slices, volume.first_row)})

    def enter(self, digests: Mapping[int, str]) -> None:
        """Enter slices that are on the disk, by their hashes.

        Raises
        ------
        OutputError : where the disk is full or cannot be written to
        """
        self.digests |= digests
        self.counted.update(digests)
        lines = b"".join(json.dumps({"row": row, "sha256": sum_}).encode() + b"\n" for row, sum_ in digests.items())
        with told(self.path):
            if not os.fstat(self._file).st_nlink:
                raise FileNotFoundError(errno.ENOENT, "it was removed, and the output with it")
            # One write: a line is whole, or the last one of the file. A disk that fills up takes a part first.
            while lines:
                lines = lines[os.write(self._file, lines) :]
            os.fdatasync(self._file)

    def forget(self, row: int) -> None:
        """Take a row out that is not on the disk as it was entered; the line stays, until the row is entered again."""
        self.digests.pop(row, None)

    def _enter(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            self.digests[int(entry["row"])] = str(entry["sha256"])
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            return  # damaged: the slice is made again

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._file)
