"""Reads the files of a model folder, which may come from anyone: plain files of a bounded size, and nothing else."""

from __future__ import annotations

import errno
import hashlib
import stat
from pathlib import Path

LARGEST = 2**31 - 1
"""Bytes of the largest network file: the offsets in a .tflite file reach no further."""

PIECE = 2**20


def is_name(file: str) -> bool:
    """Return whether `file` names something within a folder, and leads nowhere else."""
    return Path(file).name == file and file not in {"", ".."} and "\0" not in file


def read_plain(path: Path, most: int = LARGEST) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    OSError : where it cannot be read, is no plain file such as a device, or holds more than `most` bytes
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is no plain file", str(path))
    if status.st_size > most:
        raise OSError(errno.EFBIG, f"holds {status.st_size} bytes, and may hold {most}", str(path))
    return path.read_bytes()


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read a piece at a time; see `read_plain` for the errors."""
    if not path.is_file():
        read_plain(path)
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()
