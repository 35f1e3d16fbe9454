"""How long a scan takes from file to file: our recipes beside the plain way, and our wall time beside its main parts.

    python benchmarks/whole.py [--columns 1024] [--angles 1024] [--rows 32] [--plain-rows 4] [--threads N] [--runs 3]
        [--ways NAME ...] [--fbp FILE] [--json FILE]

The plain way reads the projections, reconstructs with TomoPy's gridrec, padded, and runs the float network on whole
slices, one thing after the other. Without TomoPy our own FBP makes its slices, and the time of that is replaced by
gridrec's in FILE, which `fbp.py --json FILE` wrote with a TomoPy on this machine; without such a file our time stands.
All take turns in one process; a first turn, which compiles and warms up, is not counted. Times are medians for a slice
with their quartiles, and "x plain" is the median of the ratios within each turn. The plain way makes only some of the
rows: its time for a slice does not depend on them.

"FBP" and "network" are what the runs' own reports tell of a slice, "settling" what they took, once, to settle the
recipe; "wall / parts" is the wall time of the run over its FBP and networks. "limit" is the least time for our FBP and
the multiply-accumulates of the networks, without any halo, at the rates of this machine, which are measured first.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from fbp import Engine, padded
from limits import Limits, fbp_work, measure_limits, slice_work
from turns import Contestant, Row, parser_of, published, take_turns

from tomopy_edge import Job, run
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Float32, Float64
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions
from tomopy_edge.errors import PluginError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.job import available_cores
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.report import Report
from tomopy_edge.simulation.files import write_scan
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.scans import Exposure, expose
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log
from tomopy_edge.stages.normalize import NormalizeOptions, normalize
from tomopy_edge.tomopy_library import require_tomopy

PLAIN = "plain: gridrec padded, then float"

WAYS = {
    "tomogan int8": ("tomogan", "int8", False),
    "tomogan int8 + Fine-Tune": ("tomogan", "int8", True),
    "tomogan-compact int8": ("tomogan-compact", "int8", False),
}
"""Name -> model, precision, and whether the Fine-Tune network follows."""


class Ours(Contestant):
    """A recipe of ours, run from file to file, and the reports of its runs."""

    def __init__(self, name: str, scan: Path, folder: Path, args: argparse.Namespace, catalogue: Catalogue) -> None:
        super().__init__({"way": name}, self.run, args.rows)
        self.model, self.precision, self.fine_tune = WAYS[name]
        self.recipe = recipe_for(args.columns / 2, self.model, self.precision, fine_tune=self.fine_tune)
        self.reports: list[Report] = []
        self._how = {"ncore": args.threads, "catalogue": catalogue, "overwrite": True}
        self._scan, self._output = scan, folder / name.replace(" ", "_")

    def run(self) -> None:
        """Run the recipe."""
        self.reports.append(run(self.recipe, self._scan, self._output, **self._how).report)

    def line(self, plain: Contestant, limits: Limits, args: argparse.Namespace) -> Row:
        """Return the figures of the counted turns."""
        counted = self.reports[-len(self.seconds) :]
        fbp = [_total(report, "reconstruct") for report in counted]
        network = [_total(report, "denoise") + _total(report, "fine_tune") for report in counted]
        shares = [wall / (first + second) for wall, first, second in zip(self.seconds, fbp, network, strict=True)]
        figures = self.figures("s")
        least = self._least(limits, args)
        return {
            **self.title,
            **figures,
            "x plain": self.times(plain),
            "FBP": median(fbp),
            "network": median(network),
            "settling": median(report.settling for report in counted),
            "wall / parts": median(shares),
            "limit": least,
            "of it": None if least is None else least / figures["s"],
        }

    def _least(self, limits: Limits, args: argparse.Namespace) -> float | None:
        model = open_model(self.model)
        works = [fbp_work(args.columns, args.angles)]
        works.append(slice_work(model, model.manifest.denoise, self.precision, args.columns))
        if self.fine_tune and model.manifest.fine_tune is not None:
            works.append(slice_work(model, model.manifest.fine_tune, "int8", args.columns))
        # One after the other: they want the same cores.
        seconds = [limits.seconds(work) for work in works]
        known = [each for each in seconds if each is not None]
        return sum(known) if len(known) == len(seconds) else None


class Plain(Contestant):
    """The plain way, and what is to be put in the place of our own FBP's time where that stood in for gridrec."""

    def __init__(self, scan: Path, folder: Path, args: argparse.Namespace, catalogue: Catalogue) -> None:
        super().__init__({"way": PLAIN}, self.run, args.plain_rows)
        self._scan, self._folder, self._args, self._catalogue = scan, folder, args, catalogue
        self._theta = np.arange(args.angles) * np.pi / args.angles
        self._engine, self.told, self._instead = gridrec_padded(args, self._theta)
        self._fbp = 0.0

    def run(self) -> None:
        """Read, reconstruct, denoise and write some rows."""
        import tifffile

        args, job = self._args, Job(ncore=self._args.threads, catalogue=self._catalogue)
        with open_scan(self._scan) as scan:
            counts = scan.read(0, self.units)
        sinograms = minus_log(normalize(counts, NormalizeOptions(), job), MinusLogOptions(), job)
        start = time.perf_counter()
        slices = self._engine(sinograms.line_integrals, self._theta, args.columns / 2)
        self._fbp = time.perf_counter() - start
        options = NetworkOptions(precision="float", runtime="float", unit=attenuation_unit(slices))
        network = NetworkDenoiser("denoise", "denoise", options, job)
        margin = network.neighbours
        stack = np.pad(slices, ((margin, margin), (0, 0), (0, 0)), mode="edge")
        for z in range(len(slices)):
            tifffile.imwrite(self._folder / f"plain_{z:05}.tif", network(stack[z : z + 2 * margin + 1])[0])
        network.close()

    def take_turn(self) -> None:
        """Act once, and remember how long that took, or would have taken with gridrec."""
        super().take_turn()
        if self._instead is not None:
            self.seconds[-1] += self._instead - self._fbp / self.units


def gridrec_padded(args: argparse.Namespace, theta: Float64) -> tuple[Engine, str, float | None]:
    """Return what reconstructs for the plain way, what it is in words, and the seconds a slice to put in its place."""
    try:
        recon: Callable[..., Float32] = require_tomopy().recon
    except PluginError:
        plan = FilteredBackProjection(theta, args.columns, ncore=args.threads)
        instead = None if args.fbp is None else _tabled(json.loads(args.fbp.read_text(encoding="utf-8")), args)
        if instead is None:
            told = "without TomoPy and its time our own FBP stands in for gridrec, and makes the plain way faster"
        else:
            told = f"gridrec's time, {1e3 * instead:.1f} ms a slice, is that of {args.fbp}: there is no TomoPy here"
        return lambda rows, _theta, center: plan(rows, center), told, instead
    shared = {"sinogram_order": True, "algorithm": "gridrec", "filter_name": "shepp", "ncore": args.threads}
    return padded(lambda rows, theta, center: recon(rows, theta, center=center, **shared)), "gridrec is TomoPy's", None


def _tabled(table: Any, args: argparse.Namespace) -> float | None:
    wanted = {"engine": "gridrec padded", "columns": args.columns, "angles": args.angles, "threads": args.threads}
    found = [row["ms"] / 1e3 for row in table["rows"] if wanted.items() <= row.items()]
    return found[0] if found else None


def recipe_for(center: float, model: str, precision: str, *, fine_tune: bool = False) -> list[Any]:
    """Return the recipe that these scripts run, on a scan whose rotation axis is known."""
    return [
        *("read", "normalize", "minus_log", {"find_center": {"center": center}}, "reconstruct"),
        {"denoise": {"denoiser": "tomogan", "options": {"model": model, "precision": precision}}},
        *([{"fine_tune": {"model": model}}] if fine_tune else []),
        {"write": {"formats": ["tiff"]}},
    ]


def _total(report: Report, stage: str) -> float:
    return report.timings.get(stage, {}).get("total", 0.0)


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, runs=3)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--angles", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=32, help="slices that our recipes make")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[*WAYS], help="recipes of ours to run")
    parser.add_argument("--plain-rows", type=int, default=4, help="slices that the plain way makes")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--fbp", type=Path, metavar="FILE", help="JSON that fbp.py wrote, for gridrec's time")
    args = parser.parse_args()
    limits, catalogue = measure_limits(args.threads), load_catalogue()
    with tempfile.TemporaryDirectory(prefix="tomopy-edge-whole-") as name:
        folder, rng = Path(name), np.random.default_rng(1)
        phantom = draw_phantom(rng, "ellipses", args.columns, fill=(0.8, 0.8), rows=args.rows, flawed=0.0)
        scan = folder / "scan.h5"
        write_scan(
            scan, expose(phantom, Exposure(angles=args.angles), args.rows, args.columns, rng), command="whole.py"
        )
        plain = Plain(scan, folder, args, catalogue)
        ours = [Ours(way, scan, folder, args, catalogue) for way in args.ways]
        size = f"{args.rows} slices of {args.columns} x {args.columns} pixels from {args.angles} projections"
        told = f"{size}, {args.threads} threads, {args.runs} runs in turns; s for a slice\n{plain.told}\n{limits.told}"
        with published(args, told, limits=asdict(limits)) as table:
            take_turns([plain, *ours], args.runs)
            table.append({**plain.title, **plain.figures("s"), "x plain": 1.0})
            table.extend(one.line(plain, limits, args) for one in ours)


if __name__ == "__main__":
    main()
