"""Keeps rows in a file that nobody sees: made without a name, it is gone with the process, however that ends."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from typing_extensions import Self

from tomopy_edge.data import Counts
from tomopy_edge.errors import DataError

DISK_SHARE = 0.5
"""Of the room on a disk, the share that a scratch file may take: the slices may go to the same disk."""


def scratch_folder() -> Path:
    """Return where large files may be put for a while: $TMPDIR, or else /var/tmp, as /tmp is memory on many systems."""
    large = Path("/var/tmp")  # noqa: S108 - the file in it has no name
    usable = not os.environ.get("TMPDIR") and os.access(large, os.W_OK | os.X_OK)
    return large if usable else Path(tempfile.gettempdir())


def has_room(folder: Path, size: int) -> bool:
    """Return whether `size` bytes leave enough of the disk of `folder` free."""
    try:
        return size <= DISK_SHARE * shutil.disk_usage(folder).free
    except OSError:
        return False


class ScratchRows:
    """The rows `first` to `last - 1` of frames, row after row in a file.

    Parameters
    ----------
    folder : on whose disk the file is
    frames, columns, dtype : how many of them a row has, and the type of counts

    Raises
    ------
    OSError : where the file cannot be made
    """

    def __init__(
        self,
        folder: Path,
        first: int,
        last: int,
        *,
        frames: int,
        columns: int,
        dtype: np.dtype[np.uint16] | np.dtype[np.float32],
    ) -> None:
        self.folder, self.first, self.last = folder, first, last
        self._shape, self._dtype = (frames, columns), dtype
        self._line = columns * dtype.itemsize
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - `close` closes it

    @property
    def size(self) -> int:
        """Bytes of all the rows."""
        return (self.last - self.first) * self._shape[0] * self._line

    def fill(self, parts: Iterable[tuple[int, Counts]]) -> Self:
        """Write frames (frame, row, column), each with the position of the first.

        Raises
        ------
        OSError : where the disk is full, or cannot be written
        """
        for position, part in parts:
            for row in range(self.last - self.first):
                line = np.ascontiguousarray(part[:, row]).data
                # A disk that fills up takes a part first.
                if os.pwrite(self._file.fileno(), line, self._offset(row, position)) != line.nbytes:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self

    def read(self, first: int, last: int) -> Counts:
        """Return rows of the scan (frame, row, column).

        Raises
        ------
        DataError : where the file cannot be read
        """
        frames, columns = self._shape
        rows: Counts = np.empty((frames, last - first, columns), self._dtype)
        line = np.empty(self._shape, self._dtype)
        for row in range(first, last):
            try:
                got = os.preadv(self._file.fileno(), [line.data], self._offset(row - self.first, 0))
            except OSError as error:
                raise DataError(f"{self.folder}: the scratch file there cannot be read ({error})") from error
            if got != line.nbytes:
                raise DataError(f"{self.folder}: the scratch file there has lost its end")
            rows[:, row - first] = line
        return rows

    def close(self) -> None:
        """Give the disk its room back."""
        self._file.close()

    def _offset(self, row: int, frame: int) -> int:
        return (row * self._shape[0] + frame) * self._line
