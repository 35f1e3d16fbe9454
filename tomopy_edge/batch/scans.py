"""Which scans a batch runs on: what files, folders and lists of paths stand for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from tomopy_edge.contents.folder import candidates
from tomopy_edge.contents.hdf5_kinds import kind_of
from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.output import default_output
from tomopy_edge.readers import open_scan
from tomopy_edge.readers.description import NAME as DESCRIPTION
from tomopy_edge.readers.folder import is_folder_of_images
from tomopy_edge.readers.zarr_store import is_zarr

log = logging.getLogger(__name__)

LIST = "@"
"""What the name of a file begins with that lists paths, one on a line."""

COMMENT = "#"


def scans_of(named: Iterable[str | Path], pattern: str | None = None) -> list[Path]:
    """Return the scans that files, folders and lists stand for, in order, each once.

    Parameters
    ----------
    named : a file is a scan, and so is a folder of images or a Zarr store; of any other folder all scans in it are,
        sorted by name;
        `@list.txt` is a file with one of these on each line, relative to its own folder. Empty lines and those that
        begin with `#` are left out.
    pattern : of the names of files, such as "sample_*.h5", that are taken of a folder; None goes by their suffix. Files
        that are no scans, such as slices and training pairs, are left out in either case, and told.

    Raises
    ------
    DataError : where something is not there, or a folder has no scans
    """
    found: dict[Path, Path] = {}
    for name in named:
        for path in _listed(str(name), Path(), ""):
            for scan in _scans(path, pattern):
                found.setdefault(scan.resolve(), scan)
    if not found:
        raise DataError("no scans are named; give files, folders, or @LIST")
    return list(found.values())


def _listed(name: str, folder: Path, by: str) -> list[Path]:
    """Return the paths that a name stands for, relative to a folder; `by` tells where it stands, for messages."""
    if not name.startswith(LIST):
        path = folder / name
        if not path.exists():
            beside = [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else []
            raise DataError(f"{by}{path}: no such file or folder{did_you_mean(path.name, beside)}")
        return [path]
    path = folder / name.removeprefix(LIST)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{by}{path}: this list of scans cannot be read ({error})") from None
    found = list[Path]()
    for number, line in enumerate(lines, start=1):
        text, place = line.strip(), f"{path}, line {number}: "
        if text.startswith(LIST):
            raise DataError(f"{place}{text}: a list within a list is not read; name it beside this one")
        if text and not text.startswith(COMMENT):
            found += _listed(text, path.parent, place)
    return found


def _scans(path: Path, pattern: str | None) -> list[Path]:
    if not path.is_dir() or _is_scan(path):
        return [path]
    kinds = {each: kind_of(each) for each in candidates(path, pattern)}
    for each, kind in kinds.items():
        if kind != "scan":
            log.info("%s is left out: %s", each, "it is no scan" if kind == "no scan" else f"it holds {kind}")
    scans = [each for each, kind in kinds.items() if kind == "scan"]
    if not scans:
        raise DataError(f"{path}: there are no scans in this folder" + (f" that match {pattern!r}" if pattern else ""))
    return scans


def _is_scan(folder: Path) -> bool:
    """Return whether a folder is itself a scan, and not one of scans."""
    if is_zarr(folder) or (folder / DESCRIPTION).is_file():
        return True
    if not is_folder_of_images(folder):
        return False
    try:
        with open_scan(folder):
            return True
    except DataError:
        return False


def outputs_of(scans: Sequence[Path], folder: Path | None) -> list[Path]:
    """Return where the slices of each scan go: `<stem>_rec` in a folder, or beside the folder of each scan.

    Raises
    ------
    DataError : where two scans would be written to one place
    """
    outputs = [default_output(scan) if folder is None else folder / default_output(scan).name for scan in scans]
    taken: dict[Path, Path] = {}
    for scan, output in zip(scans, outputs, strict=True):
        other = taken.setdefault(output.absolute(), scan)
        if other is not scan:
            raise DataError(
                f"{scan} and {other} would both be written to {output}; give one of them another name, or run them in "
                "two batches with an --output each"
            )
    return outputs
