"""How bytes come to lie on the disk for good: whole or not at all, also where the power fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

NEW = ".new"
"""What the name of a file ends with that is not whole yet."""


def put_in_place(files: Iterable[tuple[Path, Callable[[Path], object]]]) -> None:
    """Write files that are there whole, or not at all, whatever happens; several processes may write the same ones.

    Parameters
    ----------
    files : each with what writes it, given the name that it has until it is whole; all of one folder
    """
    made: list[tuple[Path, Path]] = []
    try:
        for path, write in files:
            made.append((unfinished(path), path))
            write(made[-1][0])
        for new, _ in made:
            flush(new)
        for new, path in made:
            new.replace(path)
        for folder in {path.parent for _, path in made}:
            flush(folder)
    except OSError:
        # On a full disk, what is of no use must not take the room of what could be.
        for new, _ in made:
            with suppress(OSError):
                new.unlink(missing_ok=True)
        raise


def put_once(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file that is there whole, or not at all, unless it is there already: of several processes one writes it.

    Where the file system has no hard links, the last one does.
    """
    new = unfinished(path)
    try:
        write(new)
        flush(new)
        try:
            os.link(new, path)
        except FileExistsError:
            pass
        except OSError:
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    flush(path.parent)


def sweep(folder: Path) -> None:
    """Remove the files that writers, which no longer live, have left in a folder and those within it."""
    for left in folder.rglob(f"*{NEW}"):
        left.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """Return the name, which no other writer takes, that a file has until it is whole."""
    return path.with_name(f"{path.name}.{uuid4().hex[:12]}{NEW}")


def put_bytes(path: Path, content: bytes) -> None:
    """Write a file that is there whole, or not at all."""
    put_in_place([(path, lambda new: new.write_bytes(content))])


def put_text(path: Path, text: str) -> None:
    """Write a file of text that is there whole, or not at all."""
    put_bytes(path, text.encode())


def flush_all(folder: Path) -> None:
    """Wait until a folder with all within it is on the disk; what writers, which no longer live, left is removed."""
    sweep(folder)
    # At once, because the file system then writes its journal once for many files.
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(flush, folder.rglob("*")))
    flush(folder)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    # Opened for reading: that is all that flushing needs, and folders allow no more.
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
