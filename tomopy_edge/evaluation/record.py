"""Write an evaluation down: numbers as JSON and CSV, tables as text, pictures as PNG."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tomopy_edge.evaluation.judge import Evaluation, Judged
from tomopy_edge.evaluation.near_table import near_lines
from tomopy_edge.evaluation.nearness import DEFINITIONS, Comparison, Near
from tomopy_edge.evaluation.picture import draw_boxes, draw_slices
from tomopy_edge.evaluation.spectrum import BANDS
from tomopy_edge.evaluation.summary import summarise
from tomopy_edge.evaluation.table import definitions, lines
from tomopy_edge.output import REPORT
from tomopy_edge.version import __version__
from tomopy_edge.writers.failures import told

TABLE, SCORES, SLICES, BOXES = "table.txt", "scores.csv", "slices.png", "ssim.png"
"""Files in the output folder, beside the JSON."""

Result = Evaluation | Comparison


def tables(result: Result) -> list[str]:
    """Return the tables of a result, in words."""
    return lines(result) if isinstance(result, Evaluation) else near_lines(result)


def as_plain(result: Result, command: str) -> dict[str, Any]:
    """Return a result as plain data for JSON: every number there is, what it means, and what made it."""
    plain: dict[str, Any] = {
        "source": result.description,
        "tomopy_edge": __version__,
        "command": command,
        "notes": [*result.notes],
    }
    if isinstance(result, Comparison):
        return {**plain, "definitions": DEFINITIONS, "parts": [_near(one) for one in result.near]}
    return {
        **plain,
        "definitions": definitions(),
        "summary": [asdict(summarise(result, method)) for method in result.methods],
        "scans": [_judged(one) for one in result.judged],
    }


def write_json(result: Result, path: Path, command: str) -> None:
    """Write all numbers of a result into one JSON file.

    Raises
    ------
    OutputError : where the file cannot be written
    """
    with told(path):
        path.write_text(json.dumps(as_plain(result, command), indent=1) + "\n", encoding="utf-8")


def write_files(result: Result, folder: Path, command: str) -> None:
    """Write the tables, all numbers and the pictures of a result into a folder that is there.

    Raises
    ------
    OutputError : where a file cannot be written
    """
    write_json(result, folder / REPORT, command)
    with told(folder / TABLE):
        (folder / TABLE).write_text("\n".join([*tables(result), ""]), encoding="utf-8")
    _write_csv(result, folder / SCORES)
    if result.examples:
        draw_slices(result.examples, folder / SLICES)
    if isinstance(result, Evaluation):
        draw_boxes(result, folder / BOXES)


def _write_csv(result: Result, path: Path) -> None:
    rows: Sequence[dict[str, Any]]
    if isinstance(result, Comparison):
        rows = [_near(one) for one in result.near]
    else:
        rows = [_numbers(one) for one in result.judged]
    with told(path), path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=[*rows[0]])
        writer.writeheader()
        writer.writerows(rows)


def _numbers(judged: Judged) -> dict[str, Any]:
    power = {f"power_{band}": ratio for band, ratio in zip(BANDS, judged.spectrum.bands, strict=True)}
    return {
        "scan": judged.case,
        "kind": judged.kind,
        "dose": judged.dose,
        "method": judged.method.title,
        "model": judged.method.model,
        **asdict(judged.measures),
        **power,
        "ssim_to_input": judged.ssim_to_input,
        "saturated": sum(judged.counts.values()),
        "seconds": judged.seconds,
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {
        **_numbers(judged),
        "counts": dict(judged.counts),
        "contrasts": [{"kind": kind, "kept": kept} for kind, kept in judged.contrasts],
        "power_curve": judged.spectrum.curve,
    }


def _near(near: Near) -> dict[str, Any]:
    fields = {name: value for name, value in vars(near).items() if name != "method"}
    return {"method": near.method.title, "model": near.method.model, **fields}
