"""The output folder: whole or not there at all, and never in place of what someone else keeps there."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from tomopy_edge.errors import OutputError
from tomopy_edge.writers.durable import flush_all, sweep
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.sizes import in_words

log = logging.getLogger(__name__)

LOCK = ".tomopy_edge.lock"
"""Marks a folder that a run is filling; locked for as long as that run lives, on whatever terms it ends."""

REPORT = "report.json"
"""Marks a finished output, which `--overwrite` may replace."""


def default_output(scan: Path) -> Path:
    """Return where the slices of a scan go, as the APS tools name it: `<parent>_rec/<stem>_rec`."""
    scan = Path(scan).absolute()
    # In the name of a folder a dot begins no suffix, but that of a Zarr store.
    name = scan.name.removesuffix(".zarr") if scan.is_dir() else scan.stem
    return scan.parent.parent / f"{scan.parent.name}_rec" / f"{name}_rec"


Worth = Callable[[Path], str]
"""What a folder holds that is worth going on with, in words; "" where that is nothing."""


def nothing(_: Path) -> str:
    """Say that an unfinished folder holds nothing worth keeping."""
    return ""


@contextmanager
def output_folder(
    path: Path, *, overwrite: bool = False, resume: bool = False, worth: Worth = nothing
) -> Iterator[Path]:
    """Yield a folder to write into, which becomes `path` when all went well.

    Everything is written into `<path>.part` beside it. At the end that is flushed to disk and renamed. Where anything
    fails, or the user interrupts, it is removed, or kept where it holds what is worth going on with, and an older
    output stays as it was. An interrupt that comes when the new output is in place already, while the older one is
    removed, is logged and changes nothing more: the run is done.

    Parameters
    ----------
    path : the output; its parents are made
    overwrite : whether an older output may be replaced, and an unfinished one begun anew. Only a folder with a
        `report.json` in it is ever replaced, and never one that holds the working or the home directory.
    resume : whether an unfinished output is gone on with, where there is one
    worth : tells what an unfinished folder holds

    Raises
    ------
    OutputError : where there is an output already, or an unfinished one that is not to be gone on with, where another
        run is writing there, or it cannot be written to
    """
    path = Path(path).resolve()
    part = part_of(path)
    expect_free(path, overwrite=overwrite)
    if not (overwrite or resume) and (held := worth(part)):
        raise OutputError(
            f"{part}: holds {held} of a run that did not end; go on with it (--resume), or begin anew (--overwrite)"
        )
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        with told(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        # Of slices of which nobody can say how they were made, none is kept.
        with _locked(part, keep=resume and bool(worth(part))) as lock:
            old = path.with_name(f"{path.name}.replaced-{os.getpid()}-{time.time_ns()}")
            try:
                yield part
                with told(path):
                    flush_all(part)
                    expect_free(path, overwrite=overwrite)
                    _put_in_place(part, path, old)
            except BaseException:
                # An interrupt just after the rename comes too late: the output is whole.
                if not _lies_in(path, lock):
                    if held := worth(part):
                        log.warning("%s: holds %s; --resume goes on with it", part, held)
                    else:
                        _discard(part, lock)
                    raise
            _tidy(path, old)
    except BaseException:
        for parent in made:
            # Only while they are empty: another run may have begun in them.
            _remove_if_empty(parent)
        raise


def part_of(path: Path) -> Path:
    """Return the folder that an output is written into until it is whole."""
    return path.with_name(f"{path.name}.part")


def reopen(path: Path) -> None:
    """Make a whole output an unfinished one again, to be gone over."""
    path = Path(path).resolve()
    with told(path):
        (path / LOCK).touch()
        path.rename(part_of(path))


def expect_free(path: Path, *, overwrite: bool) -> None:
    """Raise an `OutputError` unless there is nothing at a `path` without links, or what may be replaced."""
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


def expect_room(path: Path, needed: int, hint: str = "") -> None:
    """Raise an `OutputError`, with a `hint`, unless the disk that `path` lies on, or will, has `needed` bytes free."""
    if needed > (free := shutil.disk_usage(path.parent).free):
        raise OutputError(
            f"{path}: needs {in_words(needed)}{hint}, and the disk has {in_words(free)} free; make room, or write "
            "somewhere else"
        )


@contextmanager
def _locked(part: Path, *, keep: bool) -> Iterator[IO[str]]:
    """Make the folder `part`, empty unless what is in it is to be kept, and hold its lock file.

    What a dead run left is taken over, its lock file too: were that removed, another run that had opened it a moment
    ago could lock a file that is nowhere, and believe that `part` was its own. A run may die at any point in here: an
    empty folder is as good as a marked one.
    """
    with told(part):
        _expect_ours(part)
        part.mkdir(exist_ok=True)
    try:
        with told(part):
            lock = _open_lock(part)
    except BaseException:
        _remove_if_empty(part)
        raise
    with lock:
        try:
            with told(part):
                if keep:
                    sweep(part)
                else:
                    _empty(part)
                lock.truncate(0)
                # What tells this run from all others, for workers of it on other machines.
                lock.write(f"{os.getpid()} {uuid4().hex}\n")
                lock.flush()
        except BaseException:
            if not keep:
                _discard(part, lock)
            raise
        yield lock


def _expect_ours(part: Path) -> None:
    try:
        names = [found.name for found in part.iterdir()]
    except FileNotFoundError:
        return
    except NotADirectoryError:
        names = [part.name]
    if part.is_symlink() or (names and LOCK not in names):
        raise OutputError(f"{part}: is in the way, and not from tomopy-edge; move it, or choose another output")


def _open_lock(part: Path) -> IO[str]:
    """Return the lock file of `part`, locked."""
    try:
        # For writing, which NFS demands of an exclusive lock, but not emptied: it may be another run's.
        lock = (part / LOCK).open("a", encoding="utf-8")
    except FileNotFoundError:
        raise _busy(part) from None
    try:
        _lock(lock, part)
    except BaseException:
        lock.close()
        raise
    return lock


def _lock(lock: IO[str], part: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _busy(part) from None
    except OSError as error:
        log.warning(
            "%s: files cannot be locked here (%s), so two runs on one output are not told apart; start one at a time",
            part.parent,
            error.strerror,
        )
    if not _lies_in(part, lock):
        # The run that held it has ended since it was opened, and took its folder along.
        raise _busy(part)


def _busy(part: Path) -> OutputError:
    return OutputError(f"{part}: another run is writing there; wait for it, or choose another output")


def _lies_in(folder: Path, lock: IO[str]) -> bool:
    """Return whether the lock file in `folder` is the open file `lock`."""
    try:
        return os.path.samestat((folder / LOCK).stat(), os.fstat(lock.fileno()))
    except OSError:
        return False


def _empty(part: Path) -> None:
    """Remove all in `part` but its lock file."""
    for found in part.iterdir():
        if found.name == LOCK:
            continue
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()


def _discard(part: Path, lock: IO[str]) -> None:
    """Remove `part`, its lock file after all others, so that what could not be removed stays marked as ours."""
    if _lies_in(part, lock):
        with suppress(OSError):
            _empty(part)
            (part / LOCK).unlink()
            part.rmdir()


def _put_in_place(part: Path, path: Path, old: Path) -> None:
    try:
        if path.exists():
            path.rename(old)
        part.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise


def _tidy(path: Path, old: Path) -> None:
    """Remove what is left of a replacement; nothing that happens here may look as though `path` were not whole."""
    if not _is_tidy(path, old) and not _is_tidy(path, old) and old.exists():
        log.warning("%s: is what remains of the output that was replaced; remove it", old)


def _is_tidy(path: Path, old: Path) -> bool:
    try:
        (path / LOCK).unlink(missing_ok=True)
        if old.exists():
            shutil.rmtree(old)
    except KeyboardInterrupt:
        log.warning("%s: was whole before ctrl-C, and stays", path)
        return False
    except OSError as error:
        log.warning("%s: is whole, but could not be tidied (%s)", path, error)
        return False
    return True


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
