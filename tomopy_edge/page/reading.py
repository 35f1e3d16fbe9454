"""Read `report.json` back, also one that another version has written, and say what it lacks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from tomopy_edge.errors import DataError
from tomopy_edge.output import REPORT
from tomopy_edge.page.examined import examined_of
from tomopy_edge.report import Report

UNKNOWN: dict[str, Callable[[], Any]] = {
    "started": str,
    "recipe": list,
    "seconds": lambda: math.nan,
    "settling": lambda: math.nan,
    "settings": dict,
    "timings": dict,
    "counts": dict,
    "notes": dict,
    "measures": dict,
    "versions": dict,
    "machine": dict,
    "failed": dict,
}
"""Field that a report may lack -> makes what stands for it. Without the others nothing can be told."""


def read_report(folder: Path) -> tuple[Report, list[str]]:
    """Return the report of an output, and sentences about what of it is missing or cannot be read.

    Raises
    ------
    DataError : where there is none, or it is no report
    """
    path = folder / REPORT
    plain = _read(path)
    names = [field.name for field in fields(Report)]
    lacking = [name for name in names if name not in plain]
    needed = [name for name in lacking if name not in UNKNOWN and _required(name)]
    if needed:
        raise DataError(f"{path}: is no report of a run, as it does not say {' and '.join(needed)}")
    told = [f"{REPORT} does not hold “{name}”: another version has written it" for name in lacking]
    known = {name: make() for name, make in UNKNOWN.items()}
    known |= {name: plain[name] for name in names if name in plain}
    report = _checked(known, path)
    try:
        examined = examined_of(report.trust)
    except (ValueError, LookupError, TypeError, AttributeError):
        told.append(f"what {REPORT} says of examined slices cannot be read: another version has written it")
        return replace(report, trust=None), told
    if examined is not None and examined.unread:
        rows = ", ".join(str(row) for row in examined.unread)
        told.append(f"the findings of row{'s' * (len(examined.unread) != 1)} {rows} cannot be read")
    if "trust" in plain and report.trust is None and any("trust" in stage for stage in report.recipe):
        told.append(f"{REPORT} says nothing of examined slices, though its recipe has the stage “trust”")
    return report, told


def _required(name: str) -> bool:
    field = next(field for field in fields(Report) if field.name == name)
    return field.default is MISSING and field.default_factory is MISSING


def _read(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{path}: is not there; name the folder of a finished run (an unfinished one is gone on with by --resume)"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is damaged: {error}") from None
    if not isinstance(plain, dict):
        raise DataError(f"{path}: is no report of a run")
    return plain


def _checked(plain: dict[str, Any], path: Path) -> Report:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Report).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: is no report of a run: {place}: {first['msg'].lower()}") from None
