"""What it costs to examine slices: runs of a recipe with the stage `trust` and without it, from file to file.

    python benchmarks/examining.py [--columns 1024] [--angles 1024] [--rows 256] [--every 128] [--runs 3] [--json FILE]

Both take turns in one process; a first turn, which compiles and warms up, is not counted. Times are medians for a slice
with their quartiles, "more" is the median of the ratios within each turn, less one, and "a slice" what examining one
slice takes, as the run's own report tells it, pictures and its network's answer to half of the views included.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from turns import Contestant, parser_of, published, take_turns
from whole import WAYS, recipe_for

from tomopy_edge import run
from tomopy_edge.job import available_cores
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.report import Report
from tomopy_edge.simulation.files import write_scan
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.scans import Exposure, expose


class Way(Contestant):
    """A recipe, with the stage `trust` or without, and the reports of its runs."""

    def __init__(self, name: str, recipe: list[Any], scan: Path, args: argparse.Namespace) -> None:
        super().__init__({"way": name}, self.run, args.rows)
        self._recipe, self._scan = recipe, scan
        self._how = {"ncore": args.threads, "catalogue": load_catalogue(), "overwrite": True}
        self.reports: list[Report] = []

    def run(self) -> None:
        """Run the recipe."""
        self.reports.append(run(self._recipe, self._scan, self._scan.parent / "out", **self._how).report)

    @property
    def examined(self) -> float | None:
        """Seconds for one examined slice."""
        told = [
            report.timings["trust"]["total"] * report.slices[0] / len(report.trust["examined"])
            for report in self.reports
            if report.trust
        ]
        return median(told) if told else None


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, runs=3)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--angles", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument(
        "--every", type=int, default=128, help="rows from one examined slice to the next (default: 128)"
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[*WAYS], help="recipes to run")
    parser.add_argument("--threads", type=int, default=available_cores())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tomopy-edge-examining-") as name:
        rng = np.random.default_rng(1)
        phantom = draw_phantom(rng, "ellipses", args.columns, fill=(0.8, 0.8), rows=args.rows, flawed=0.0)
        scan = Path(name) / "scan.h5"
        simulated = expose(phantom, Exposure(angles=args.angles), args.rows, args.columns, rng)
        write_scan(scan, simulated, command="examining.py")
        pairs = []
        for way in args.ways:
            model, precision, fine_tune = WAYS[way]
            plain = recipe_for(args.columns / 2, model, precision, fine_tune=fine_tune)
            examined = [*plain[:-1], {"trust": {"every": args.every}}, plain[-1]]
            pairs.append((Way(way, plain, scan, args), Way(f"{way}, examined", examined, scan, args)))
        size = f"{args.rows} slices of {args.columns} x {args.columns} pixels from {args.angles} projections"
        told = f"{size}, one in {args.every} examined, {args.threads} threads, {args.runs} runs in turns; s for a slice"
        with published(args, told) as table:
            take_turns([way for pair in pairs for way in pair], args.runs)
            for plain_way, with_trust in pairs:
                table.append({**plain_way.title, **plain_way.figures("s")})
                ratio = median(b / a for a, b in zip(plain_way.seconds, with_trust.seconds, strict=True))
                costs = {"more": ratio - 1, "a slice": with_trust.examined}
                table.append({**with_trust.title, **with_trust.figures("s"), **costs})


if __name__ == "__main__":
    main()
