"""What is in the output of a sweep: slices of a few rows with several values of an option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomopy_edge.contents.found import Contents, plural, size_on_disk
from tomopy_edge.contents.output import damaged, read_json
from tomopy_edge.output import REPORT
from tomopy_edge.writers.sizes import in_words

LONGEST = 60
"""Characters of the values of an option that are told."""


def is_sweep(folder: Path) -> bool:
    """Return whether an output is that of a sweep.

    Raises
    ------
    OutputError : where its report cannot be read
    """
    report = read_json(folder / REPORT)
    return isinstance(report, dict) and "sweeps" in report


def sweep_in(folder: Path) -> Contents:
    """Return what is in the output of a sweep.

    Raises
    ------
    OutputError : where its report is damaged
    """
    report = read_json(folder / REPORT)
    try:
        axes = {str(axis["place"]): list(axis["values"]) for axis in report["sweeps"]}
        failed = {str(one["name"]): str(one["failed"]) for one in report["results"] if one["failed"]}
        first, last = (int(row) for row in report["scan"]["rows"])
        facts: dict[str, Any] = {
            "scan": str(report["scan"]["source"]),
            "rows": [first, last],
            "sweeps": axes,
            "recipes": len(report["results"]),
            "failed": failed,
            "started": str(report["started"]),
            "seconds": float(report["seconds"]),
            "bytes": size_on_disk(folder),
        }
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise damaged(folder / REPORT, f"{type(error).__name__}: {error}") from None
    rows = f"row {first}" if last == first + 1 else f"rows {first} to {last - 1}"
    told = [
        f"sweep, finished: {plural(facts['recipes'], 'recipe')} on {rows}",
        f"scan: {facts['scan']}",
        *(f"{place}: {_told(values)}" for place, values in axes.items()),
        f"made: {facts['started'].replace('T', ' ')}, in {facts['seconds']:.1f} s",
        f"on the disk: {in_words(facts['bytes'])}",
        f"to look at: {folder / 'contact_sheet.png'}" if (folder / "contact_sheet.png").is_file() else "",
        *(f"FAILED {name}: {why}" for name, why in failed.items()),
    ]
    return Contents(folder, "sweep", tuple(line for line in told if line), facts)


def _told(values: list[Any]) -> str:
    told = ", ".join(map(str, values))
    return told if len(told) <= LONGEST else f"{len(values)} values, from {values[0]} to {values[-1]}"
