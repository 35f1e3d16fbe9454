"""How a failure of the disk becomes a sentence for the user."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tomopy_edge.errors import OutputError

MENDS = {
    errno.ENOSPC: "the disk is full; make room, or write somewhere else",
    errno.EDQUOT: "your quota is used up; make room, or write somewhere else",
    errno.EFBIG: "no file may be that large here (`ulimit -f`, or the file system); write somewhere else",
    errno.EACCES: "you may not write there; choose a folder of yours",
    errno.EROFS: "the file system is read-only; write somewhere else",
}

SHORT = "only a part of it was taken ({}); a quota, or a limit on the size of files (`ulimit -f`), may end there"
"""Said where the system does not say why."""

FULL = 2**20
"""A disk with fewer bytes free is full."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn an `OSError` that escapes into an `OutputError` about `path`."""
    try:
        yield
    except OSError as error:
        # NumPy's errors about short writes have no number.
        number = errno.ENOSPC if error.errno is None and _is_full(path.parent) else error.errno
        why = SHORT.format(error) if number is None else MENDS.get(number, str(error))
        raise OutputError(f"{path}: cannot be written: {why}") from error


def expect_folder(folder: Path) -> None:
    """Raise a `FileNotFoundError` unless a folder is there."""
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(folder))


def _is_full(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free < FULL
