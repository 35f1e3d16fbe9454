"""The output folder: whole or not there at all, and never in place of what someone else keeps there."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tomopy_edge.errors import OutputError
from tomopy_edge.writers.failures import told

LOCK = ".tomopy_edge.lock"
"""Marks a folder that a run is filling; locked for as long as that run lives, on whatever terms it ends."""

REPORT = "report.json"
"""Marks a finished output, which `--overwrite` may replace."""


def default_output(scan: Path) -> Path:
    """Return where the slices of a scan go, as the APS tools name it: `<parent>_rec/<stem>_rec`."""
    scan = Path(scan).absolute()
    return scan.parent.parent / f"{scan.parent.name}_rec" / f"{scan.stem}_rec"


@contextmanager
def output_folder(path: Path, *, overwrite: bool = False, needed: int = 0) -> Iterator[Path]:
    """Yield a folder to write into, which becomes `path` when all went well.

    Everything is written into `<path>.part` beside it. At the end that is flushed to disk and renamed; where anything
    fails, or the user interrupts, it is removed and an older output stays as it was.

    Parameters
    ----------
    path : the output; its parents are made
    overwrite : whether an older output may be replaced. Only a folder with a `report.json` in it is ever replaced, and
        never one that holds the working or the home directory.
    needed : bytes that will be written, as far as known

    Raises
    ------
    OutputError : where there is an output already, another run is writing there, the disk has less than `needed` bytes
        free, or it cannot be written to
    """
    path = Path(path).resolve()
    _expect_free(path, overwrite=overwrite)
    part = path.with_name(f"{path.name}.part")
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        with told(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        _expect_room(path, needed)
        with _locked(part):
            try:
                yield part
                with told(path):
                    _flush(part)
                    _expect_free(path, overwrite=overwrite)
                    _put_in_place(part, path)
                    (path / LOCK).unlink()
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    except BaseException:
        for parent in made:
            # Only while they are empty: another run may have begun in them.
            _remove_if_empty(parent)
        raise


def _expect_free(path: Path, *, overwrite: bool) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise OutputError(f"{path}: is a file; the output is a folder, so choose another name")
    with told(path):
        if not any(path.iterdir()):
            return
    if not (path / REPORT).is_file():
        raise OutputError(
            f"{path}: holds files that are no output of tomopy-edge (there is no {REPORT}); it is never replaced, so "
            "choose another folder"
        )
    if any(path == kept or path in kept.parents for kept in (Path.cwd(), Path.home())):
        raise OutputError(
            f"{path}: holds the working or the home directory; it is never replaced, so choose another folder"
        )
    if not overwrite:
        raise OutputError(f"{path}: there is an output already; choose another folder, or replace it with --overwrite")


def _expect_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise OutputError(
            f"{path}: the slices need {needed / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB free; make room, or "
            "write somewhere else"
        )


@contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Make the folder `part` and hold its lock; what a dead run left of it is removed first."""
    lock = part / LOCK
    if part.exists():
        if not lock.is_file():
            raise OutputError(f"{part}: is in the way, and not from tomopy-edge; move it, or choose another output")
        with lock.open() as left:
            _lock(left.fileno(), part)
            shutil.rmtree(part)
    with told(part):
        part.mkdir()
        held = lock.open("w")
    with held:
        _lock(held.fileno(), part)
        held.write(f"{os.getpid()}\n")
        held.flush()
        yield


def _lock(file: int, part: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(f"{part}: another run is writing there; wait for it, or choose another output") from None


def _flush(part: Path) -> None:
    # At once, because the file system then writes its journal once for many files.
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(_flush_one, part.rglob("*")))
    _flush_one(part)


def _flush_one(found: Path) -> None:
    # Opened for reading: that is all that flushing needs, and folders allow no more.
    file = os.open(found, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _put_in_place(part: Path, path: Path) -> None:
    if not path.exists():
        part.rename(path)
        return
    old = path.with_name(f"{path.name}.replaced-{os.getpid()}")
    path.rename(old)
    try:
        part.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
