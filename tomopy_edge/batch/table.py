"""How a batch went: as a table for people, and as a file for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from tomopy_edge.errors import OutputError
from tomopy_edge.text_table import aligned
from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.failures import told

State = Literal["done", "done before", "some slices failed", "failed", "stopped", "not begun"]

TRUSTED = "OK"
"""The verdict of slices that nothing speaks against."""

KINDS = (".csv", ".json")


@dataclass(frozen=True)
class Outcome:
    """What came of one scan.

    Attributes
    ----------
    scan, output : where they lie
    state : "done"; "done before", by an earlier run; "some slices failed", while the others were made; "failed", so
        that there is no output; "stopped", where the batch was ended meanwhile; or "not begun", where that was before
    slices : how many there are
    failed : how many of the rows have none
    center : column of the rotation axis, or None where it is one for each row, or not known
    verdict : of how far the slices may be trusted, in a word; None where the report says nothing
    trust : the same in a line
    seconds : wall time of this run of it
    own : the file with what is said for this scan alone, "" where there is none
    why : what went wrong, or why nothing was done; "" otherwise
    """

    scan: str
    output: str
    state: State
    slices: int = 0
    failed: int = 0
    center: float | None = None
    verdict: str | None = None
    trust: str = ""
    seconds: float = 0.0
    own: str = ""
    why: str = ""

    @property
    def bad(self) -> bool:
        """Whether something is to be mended."""
        return self.state in {"failed", "some slices failed"}


def table_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a table of outcomes, and below it what failed and why."""
    if not outcomes:
        return ["no scan was begun"]
    verdicts = any(one.verdict for one in outcomes)
    head = ["scan", "slices", "axis", "seconds", "state", *["trust"] * verdicts]
    rows = [head] + [
        [
            Path(one.scan).name,
            str(one.slices) if one.slices else "",
            "" if one.center is None else f"{one.center:.2f}",
            f"{one.seconds:.1f}" if one.seconds else "",
            one.state,
            *[one.verdict or ""] * verdicts,
        ]
        for one in outcomes
    ]
    bad = [one for one in outcomes if one.bad]
    counts = {
        state: sum(one.state == state for one in outcomes) for state in dict.fromkeys(one.state for one in outcomes)
    }
    told_counts = ", ".join(f"{number} {state}" for state, number in counts.items())
    lines = [*aligned(rows), f"{len(outcomes)} scan{'s' * (len(outcomes) != 1)}: {told_counts}"]
    lines += [f"{one.scan}: {one.trust}" for one in outcomes if one.verdict not in {None, TRUSTED}]
    lines += [f"{one.scan}: stopped; {one.why}" for one in outcomes if one.state == "stopped" and one.why]
    return [*lines, *(f"FAILED {one.scan}: {_indented(one.why)}" for one in bad)]


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def expect_table(path: Path) -> None:
    """Raise an `OutputError` unless a table can be written to a file of this name."""
    if path.suffix.lower() not in KINDS:
        raise OutputError(f"{path}: a table is written as {' or '.join(KINDS)}; give it a name that ends so")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")


def write_table(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes as CSV or JSON, by the suffix of the name; the file is there whole, or as it was.

    Raises
    ------
    OutputError : where it cannot be written
    """
    plain: list[dict[str, Any]] = [asdict(one) for one in outcomes]
    if path.suffix.lower() == ".json":
        text = json.dumps({"format": 1, "scans": plain}, indent=2) + "\n"
    else:
        lines = io.StringIO()
        writer = csv.DictWriter(lines, [field.name for field in fields(Outcome)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(plain)
        text = lines.getvalue()
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        put_text(path, text)
