"""How bytes come to lie on the disk for good: whole or not at all, also where the power fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

NEW = ".new"
"""What the name of a file ends with that is not whole yet."""


def put_in_place(files: Iterable[tuple[Path, Callable[[Path], object]]]) -> None:
    """Write files that are there whole, or not at all, whatever happens.

    Parameters
    ----------
    files : each with what writes it, given the name that it has until it is whole; all of one folder
    """
    made = []
    for path, write in files:
        new = path.with_name(path.name + NEW)
        write(new)
        made.append((new, path))
    for new, _ in made:
        flush(new)
    for new, path in made:
        new.replace(path)
    for folder in {path.parent for _, path in made}:
        flush(folder)


def put_text(path: Path, text: str) -> None:
    """Write a file of text that is there whole, or not at all."""
    put_in_place([(path, lambda new: new.write_text(text, encoding="utf-8"))])


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    # Opened for reading: that is all that flushing needs, and folders allow no more.
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
