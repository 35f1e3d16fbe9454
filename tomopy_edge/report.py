"""The run report: what was run, on what, how long each stage took, and everything that was not left as it was."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from tomopy_edge.installed import Installed
from tomopy_edge.job import Tally, available_cores, told_of_counts
from tomopy_edge.notebook import report_html
from tomopy_edge.processor import board_name, processor_name
from tomopy_edge.recipe import Recipe
from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.failures import told

PACKAGES = ("tomopy-edge", "numpy", "scipy", "numba", "algotom", "scikit-image", "ai-edge-litert", "h5py", "tifffile")
"""What the figures of a run can depend on."""

FLAGGED_TOLD = 3
"""Slices of which it is told on the command line why they are to be looked at."""


@dataclass(frozen=True)
class Report:
    """What `report.json` holds.

    Attributes
    ----------
    scan : where the projections came from, and their shape
    slices : (z, y, x) of what was made
    started : date and time, with its zone
    recipe : the settled recipe; running it again gives the same slices
    seconds : wall time of the whole run
    settling : of that, what it took to find the rotation axis and whatever else the recipe left open
    settings : what the run was told that changes no slice: threads, rows at once
    timings : stage -> part -> seconds per slice, as in Table I of the paper
    counts : stage -> what was clipped, saturated or replaced -> how often
    notes : stage -> sentences about what was assumed, chosen or found
    measures : stage -> quantity -> {"median", "worst", "slices"}
    versions : package -> version
    machine : processor, board, cores, system, Python
    failed : detector row that there is no slice of -> why
    trust : what the examined slices come to, as `trust.verdict.Verdict` says, and the findings of each; None where none
        was to be examined
    """

    scan: dict[str, Any]
    slices: tuple[int, ...]
    started: str
    recipe: list[dict[str, Any]]
    seconds: float
    settling: float
    settings: dict[str, Any]
    timings: dict[str, dict[str, float]]
    counts: dict[str, dict[str, int]]
    notes: dict[str, list[str]]
    measures: dict[str, dict[str, dict[str, float]]]
    versions: dict[str, str]
    machine: dict[str, Any]
    failed: dict[str, str]
    trust: dict[str, Any] | None = None

    def write(self, path: Path) -> None:
        """Write the report as JSON, or raise an `OutputError`."""
        with told(path):
            put_text(path, json.dumps(asdict(self), indent=2) + "\n")

    def lines(self) -> list[str]:
        """Return the report in a few lines for people: what was changed, then what took how long."""
        lines = told_of_counts(self.counts)
        lines += [f"{stage}: {sentence}" for stage, sentences in self.notes.items() for sentence in sentences]
        parts = ", ".join(f"{stage} {parts['total'] * 1e3:.0f} ms" for stage, parts in self.timings.items())
        made = f"{self.slices[0]} slice{'s' * (self.slices[0] != 1)}"
        took = f"{made} in {self.seconds:.1f} s, of which {self.settling:.1f} s to settle the recipe"
        if self.failed:
            lines.append(f"{len(self.failed)} of {made} FAILED: rows {', '.join(self.failed)}")
        return [*lines, f"{took}; per slice: {parts}", *self._verdict()]

    def _verdict(self) -> list[str]:
        """Return what the examined slices come to, and why, of a few of them."""
        if self.trust is None:
            return []
        flagged = self.trust["flagged"]
        some = [f"  slice {row}: {'; '.join(reasons)}" for row, reasons in [*flagged.items()][:FLAGGED_TOLD]]
        more = [f"  and {len(flagged) - len(some)} more: see report.json"] if len(flagged) > len(some) else []
        return [self.trust["line"], *some, *more]

    def _repr_html_(self) -> str:
        return report_html(self)


def make_report(  # noqa: PLR0913 - the parts of a report
    *,
    scan: dict[str, Any],
    slices: tuple[int, ...],
    recipe: Recipe,
    started: datetime,
    seconds: float,
    settling: float,
    settings: dict[str, Any],
    tally: Tally,
    failed: dict[int, str] | None = None,
    trust: dict[str, Any] | None = None,
) -> Report:
    """Return the report of a run that is done; see `Report`."""
    return Report(
        scan=scan,
        slices=slices,
        started=started.isoformat(timespec="seconds"),
        recipe=recipe.to_plain(),
        seconds=round(seconds, 3),
        settling=round(settling, 3),
        settings=settings,
        timings={
            stage: {part: round(spent / max(slices[0], 1), 6) for part, spent in parts.items()}
            for stage, parts in tally.seconds.items()
        },
        counts=tally.counts,
        notes=tally.notes,
        measures={
            stage: {what: _summary(numbers) for what, numbers in measured.items()}
            for stage, measured in tally.measures.items()
        },
        versions=versions(),
        machine={
            "processor": processor_name(),
            "board": board_name(),
            "cores": available_cores(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        failed={str(row): why for row, why in (failed or {}).items()},
        trust=trust,
    )


def _summary(numbers: list[float]) -> dict[str, float]:
    return {"median": median(numbers), "worst": max(numbers), "slices": len(numbers)}


def versions() -> dict[str, str]:
    """Return the version of each package that the figures of a run can depend on."""
    return {package: Installed().version(package) or "not installed" for package in PACKAGES}
