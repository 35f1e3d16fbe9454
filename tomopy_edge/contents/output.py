"""What an output holds, whether a run finished it, and what to type where none did."""

from __future__ import annotations

import fcntl
import json
import shlex
from pathlib import Path
from typing import Any

from tomopy_edge.begun import Begun, read_begun
from tomopy_edge.contents.found import Contents, plural, ranges, size_on_disk
from tomopy_edge.errors import OutputError
from tomopy_edge.networks.runtimes import AUTO
from tomopy_edge.output import LOCK, REPORT, default_output, part_of
from tomopy_edge.writers.hdf5 import NAME as HDF5
from tomopy_edge.writers.ledger import NAME as LEDGER
from tomopy_edge.writers.sizes import in_words
from tomopy_edge.writers.zarr import NAME as ZARR

LARGEST = 2**28
"""Bytes of a report that is read; one of ten thousand rows that failed has some millions."""

KINDS: dict[str, type | tuple[type, ...]] = {
    "slices": list,
    "started": str,
    "recipe": list,
    "seconds": (int, float),
    "scan": dict,
    "counts": dict,
    "notes": dict,
    "failed": dict,
}
"""What a report holds, of what is told of it; what maps names to something may be missing."""

FORMATS = {"tiff": "recon_*.tiff", "hdf5": HDF5, "zarr": ZARR}


def finished(folder: Path) -> Contents:
    """Return what is in the folder of a run that ended well.

    Raises
    ------
    OutputError : where its report is damaged
    """
    report = read_report(folder)
    slices = [int(length) for length in report["slices"]]
    failed = sorted(int(row) for row in report["failed"])
    facts = {
        "slices": slices,
        "started": report["started"],
        "seconds": report["seconds"],
        "scan": report["scan"].get("source"),
        "rows": report["scan"].get("rows"),
        "recipe": report["recipe"],
        "counts": report["counts"],
        "notes": report["notes"],
        "failed": report["failed"],
        "verdict": trust_in(report)[0],
        "trust": trust_in(report)[1],
        "formats": [name for name, pattern in FORMATS.items() if next(folder.glob(pattern), None) is not None],
        "bytes": size_on_disk(folder),
    }
    shape = " x ".join(map(str, slices[1:]))
    told = [
        f"output, finished: {plural(slices[0], 'slice')}{f' of {shape} pixels' if shape else ''}",
        f"scan: {facts['scan']}" + _rows(facts["rows"]),
        f"made: {report['started'].replace('T', ' ')}, in {float(report['seconds']):.1f} s",
        f"recipe: {in_short(report['recipe'])}",
        f"on the disk: {in_words(facts['bytes'])} as {', '.join(facts['formats']) or 'NO slices'}",
    ]
    told += [f"{stage}: {number} {what}" for stage, kinds in report["counts"].items() for what, number in kinds.items()]
    if failed:
        first = report["failed"][str(failed[0])]
        told.append(f"FAILED: {plural(len(failed), 'row')} ({ranges(failed)}); the first: {first}")
    if facts["verdict"]:
        told.append(f"trust: {facts['trust']}")
    if (part_of(folder) / LOCK).exists():
        told.append(f"beside it a run was begun that is not finished: {part_of(folder)}")
    return Contents(folder, "output", tuple(told), facts)


def _rows(rows: Any) -> str:
    return f", rows {rows[0]} to {rows[1] - 1}" if rows else ""


def read_report(folder: Path) -> dict[str, Any]:
    """Return the `report.json` of an output, as plain data.

    Raises
    ------
    OutputError : where it cannot be read, or is none of ours
    """
    report = read_json(folder / REPORT)
    if fault := _fault(report):
        raise damaged(folder / REPORT, fault)
    found: dict[str, Any] = report
    return found


def read_json(path: Path) -> Any:
    """Return what a file of an output holds as JSON, or raise an `OutputError`."""
    try:
        if path.stat().st_size > LARGEST:
            raise damaged(path, f"it has {in_words(path.stat().st_size)}")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, why: object) -> OutputError:
    """Return the error of a file of an output that is not what was written."""
    return OutputError(f"{path}: cannot be read ({why}); the slices beside it may be whole all the same")


def _fault(report: Any) -> str:
    """Return what is wrong with a report, "" where nothing is."""
    if not isinstance(report, dict):
        return "it is no mapping"
    for name, kind in KINDS.items():
        if not isinstance(report.setdefault(name, {} if kind is dict else None), kind):
            return f"its {name} are missing, or something else"
    if not report["slices"] or not all(isinstance(length, int) for length in report["slices"]):
        return "its slices are no shape"
    if not all(row.isdecimal() for row in report["failed"]):
        return "what failed are no rows"
    return "" if all(isinstance(kinds, dict) for kinds in report["counts"].values()) else "its counts are none"


def trust_in(report: dict[str, Any]) -> tuple[str | None, str]:
    """Return what a report says of how far its slices may be trusted: a word, and a line; None and "" for nothing."""
    trust = report.get("trust")
    if not isinstance(trust, dict) or not (word := trust.get("verdict")):
        return None, ""
    return str(word), str(trust.get("line") or word)


def unfinished(folder: Path) -> Contents:
    """Return what is in the folder of a run that did not end, or is at work.

    Raises
    ------
    OutputError : where what it was begun with is damaged
    """
    output = folder.with_name(folder.name.removesuffix(".part"))
    begun, made = read_begun(folder), rows_made(folder)
    working = at_work(folder)
    if begun is None:
        doing = "a run is at work, and" if working else "a run that ended"
        told = [f"output, unfinished: {doing} has made no slice yet"]
        return Contents(folder, "unfinished output", tuple(told), {"slices_made": 0, "at_work": working})
    first, last = begun.rows
    left = [row for row in range(first, last) if row not in made]
    scan = scan_of(begun, output)
    facts = {
        "slices_made": len(made),
        "slices": last - first,
        "rows": begun.rows,
        "at_work": working,
        "version": begun.version,
        "scan": begun.scan,
        "scan_path": None if scan is None else str(scan),
        "recipe": begun.asked,
        "settled": begun.settled,
    }
    told = [
        f"output, unfinished: {len(made)} of {plural(last - first, 'slice')} are there",
        f"recipe: {in_short(begun.settled)}",
    ]
    if left:
        told.append(f"left: rows {ranges(left)}")
    if working:
        told.append("a run is at work on it now")
    else:
        words = f"{'SCAN' if scan is None else shlex.quote(str(scan))} --output {shlex.quote(str(output))} --resume"
        told += [f"to go on: tomopy-edge run RECIPE {words}", f"  {_recipe_hint(folder)}"]
        if scan is None:
            told.append(f"  SCAN is one of {begun.scan.get('angles')} projections, {_shape(begun.scan)}")
    return Contents(folder, "unfinished output", tuple(told), facts)


def _recipe_hint(folder: Path) -> str:
    return (
        f"RECIPE is the one that it was begun with; `tomopy-edge status {shlex.quote(str(folder))} --json` shows it as "
        "`recipe`"
    )


def _shape(scan: dict[str, Any]) -> str:
    size = f", {scan['bytes']} bytes" if "bytes" in scan else ""
    return f"{scan.get('rows')} rows and {scan.get('columns')} columns{size}"


def rows_made(folder: Path) -> set[int]:
    """Return the rows that the ledger of an output has, without changing anything; damaged lines are left out."""
    try:
        lines = (folder / LEDGER).read_bytes().splitlines()
    except OSError:
        return set()
    return {row for row in map(_row, lines) if row is not None}


def _row(line: bytes) -> int | None:
    try:
        return int(json.loads(line)["row"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def at_work(folder: Path) -> bool:
    """Return whether a run holds the lock of an unfinished output at this moment."""
    try:
        with (folder / LOCK).open("rb") as lock:
            # Shared, so that two who look do not take each other for a run, and given back at once.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # there is no lock, or files cannot be locked here
    return False


def scan_of(begun: Begun, output: Path) -> Path | None:
    """Return the scan that an output was begun with, where it lies as `run` takes it to; None where it does not."""
    raw = output.parent.with_name(output.parent.name.removesuffix("_rec"))
    if not raw.is_dir():
        return None
    for path in sorted(raw.iterdir()):
        if (
            path.is_file()
            and default_output(path) == output.absolute()
            and path.stat().st_size == begun.scan.get("bytes")
        ):
            return path
    return None


def in_short(recipe: list[Any]) -> str:
    """Return a recipe, as plain data, in one line: its stages, with what matters most of each."""
    return ", ".join(_stage(item) for item in recipe)


def _stage(item: Any) -> str:
    if not isinstance(item, dict) or len(item) != 1:
        return str(item)
    ((name, given),) = item.items()
    options = given if isinstance(given, dict) else {}
    own = options.get("options")
    own = own if isinstance(own, dict) else {}
    shown = [_said(options.get(key)) for key in ("center", "method", "algorithm", "denoiser", "formats")]
    shown += [_said(own.get(key)) for key in ("filter_name", "model", "precision", "runtime")]
    if name == "find_center" and shown[0]:
        shown[1] = ""
    # A denoiser and its model may have one name.
    return " ".join([name, *dict.fromkeys(word for word in shown if word and word != AUTO)])


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return f"for {len(value)} rows" if value and isinstance(value[0], float) else "+".join(map(str, value))
    return str(value)
