"""What is in a folder that is none of ours: the scans in it, and how far each has come."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from tomopy_edge.contents.found import Contents, plural
from tomopy_edge.contents.hdf5_kinds import kind_of
from tomopy_edge.contents.output import at_work, read_report, rows_made, trust_in
from tomopy_edge.contents.sweep import is_sweep
from tomopy_edge.errors import DataError, EdgeError
from tomopy_edge.networks.manifest import MANIFEST
from tomopy_edge.output import LOCK, REPORT, default_output, part_of
from tomopy_edge.readers.folder import is_folder_of_images
from tomopy_edge.readers.zarr_store import is_zarr

SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".txrm")
"""Of files that may be scans."""

Progress = Literal["done", "unfinished", "at work", "not begun"]

PART, MARKS = ".part", (REPORT, LOCK)
"""What the name of an unfinished output ends with, and the files that an output is known by."""

TOLD_AT_MOST, NAMED = 30, 5
"""Scans that are told one by one, and names of other things in a message."""


def candidates(folder: Path, pattern: str | None = None) -> list[Path]:
    """Return what in a folder may be a scan, sorted by name: files by their suffix, folders of images, Zarr stores.

    Parameters
    ----------
    pattern : of the names; with it files of any suffix are taken
    """
    found = folder.iterdir() if pattern is None else folder.glob(pattern)
    return sorted(path for path in found if not path.name.startswith(".") and _may_be(path, any_suffix=bool(pattern)))


def _may_be(path: Path, *, any_suffix: bool) -> bool:
    if path.is_file():
        return any_suffix or path.suffix.lower() in SUFFIXES
    # Ours is neither an output nor a model: their files tell them.
    ours = any((path / name).exists() for name in (REPORT, LOCK, MANIFEST))
    return path.is_dir() and not ours and (is_zarr(path) or is_folder_of_images(path))


def progress_of(output: Path) -> tuple[Progress, str]:
    """Return how far the output of a scan has come, and the same in words."""
    part = part_of(output)
    if part.is_dir():
        made = plural(len(rows_made(part)), "slice")
        if at_work(part):
            return "at work", f"a run is at work, {made} so far"
        return "unfinished", f"unfinished, {made} there"
    if not (output / REPORT).is_file():
        return "not begun", "not begun"
    try:
        if is_sweep(output):
            return "done", "a sweep"
        report = read_report(output)
    except EdgeError:
        return "done", "done, but its report is damaged"
    failed = len(report["failed"])
    verdict, _ = trust_in(report)
    told = [f"done, {plural(report['slices'][0], 'slice')}", *[f"{failed} FAILED"] * bool(failed)]
    return "done", ", ".join([*told, *([f"trust: {verdict}"] if verdict else [])])


def scans_in(folder: Path) -> Contents:
    """Return the scans in a folder, and how far their outputs have come, where `run` writes them by default.

    Of a folder without any the outputs are told.

    Raises
    ------
    DataError : where there are none either
    """
    kinds = {path: kind_of(path) for path in candidates(folder)}
    scans = [path for path, kind in kinds.items() if kind == "scan"]
    if not scans:
        return _outputs_in(folder)
    listed: list[dict[str, Any]] = []
    told = [f"folder: {plural(len(scans), 'scan')}"]
    for path in scans:
        output = default_output(path)
        state, words = progress_of(output)
        listed.append({"scan": str(path), "output": str(output), "state": state})
        told.append(f"{path.name}: {words}")
    _shorten(told)
    others = {path.name: kind for path, kind in kinds.items() if kind != "scan"}
    if others:
        told.append("beside them: " + ", ".join(f"{name} ({kind})" for name, kind in others.items()))
    return Contents(folder, "folder", tuple(told), {"scans": listed, "others": others})


def _outputs_in(folder: Path) -> Contents:
    """Return the outputs in a folder, or raise a `DataError` where there are none."""
    outputs = sorted({_output_at(path) for path in folder.iterdir() if any((path / name).is_file() for name in MARKS)})
    if not outputs:
        inside = sorted(path.name for path in folder.iterdir())
        more = " and more" if len(inside) > NAMED else ""
        held = f"it holds {', '.join(inside[:NAMED])}{more}" if inside else "it is empty"
        raise DataError(
            f"{folder}: a folder without anything of tomopy-edge's in it. Expected an output, a model, slices as TIFF "
            f"or Zarr, or scans; {held}"
        )
    states = {output: progress_of(output) for output in outputs}
    told = [
        f"folder: {plural(len(outputs), 'output')}",
        *(f"{one.name}: {words}" for one, (_, words) in states.items()),
    ]
    _shorten(told)
    listed = [{"output": str(output), "state": state} for output, (state, _) in states.items()]
    return Contents(folder, "folder", tuple(told), {"outputs": listed})


def _output_at(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(PART)) if (path / LOCK).is_file() else path


def _shorten(told: list[str]) -> None:
    """Leave out what comes after some lines and say how many those are; the first line is a heading."""
    left = len(told) - 1 - TOLD_AT_MOST
    if left > 0:
        told[TOLD_AT_MOST + 1 :] = [f"and {left} more"]
