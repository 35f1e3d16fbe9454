"""Whether `tomopy-edge check` tells what a run then takes: memory, disk and time, foretold and measured.

    python benchmarks/forecast.py [SCAN ...] [--recipe quickstart] [--set STAGE.OPTION=VALUE ...] [--formats tiff ...]
        [--models tomogan-compact ...] [--columns 512 1024] [--rows 32] [--limit "COMMAND"] [--output FOLDER]
        [--json FILE]

Without a scan some are simulated, one of each width. Each is told of by a process of its own, and then run by another,
from file to file. Memory is the most that the run had resident, disk what its output takes, time that of the process
from start to end. "said / was" is what was foretold over what was measured: of memory and disk it should be at least 1,
as what does not fit must be told of, and of memory at most 1.4; of time, from 0.7 to 1.3 on a machine that does nothing
else. `--limit` are words before each command, such as those of `systemd-run`, that hold it to less memory.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from growth import WATCH, Size, write_tall
from turns import Row, parser_of, published

TELL = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from tomopy_edge.forecast import forecast
from tomopy_edge.forecast.pace import foretell_time
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import read_recipe
recipe, scan, output, *overrides = sys.argv[1:]
catalogue = load_catalogue()
recipe = read_recipe(Path(recipe), catalogue, overrides)
with open_scan(Path(scan)) as opened:
    told = forecast(recipe, opened, catalogue=catalogue)
    took = foretell_time(recipe, opened, Path(output), catalogue=catalogue, loading=told.loading)
spans = {"least": took.least, "seconds": took.seconds, "most": took.most}
print(json.dumps({"memory": told.memory, "parts": asdict(told), "disk": told.disk, **spans}, default=str))
"""
"""Foretells a run, and prints that as JSON."""


class Case(NamedTuple):
    """A run that is foretold and then done."""

    scan: Path
    model: str
    formats: tuple[str, ...]

    def overrides(self, args: argparse.Namespace) -> list[str]:
        """Return what the recipe is changed by."""
        own = [f"denoise.options.model={self.model}"] if self.model != "-" else []
        return [*own, f"write.formats=[{', '.join(self.formats)}]", *args.overrides]


def line_of(case: Case, args: argparse.Namespace, folder: Path) -> Row:
    """Foretell a run, do it, and return both."""
    output = folder / "slices"
    overrides = case.overrides(args)
    limit = shlex.split(args.limit)
    said = json.loads(_said((*limit, sys.executable, "-c", TELL, args.recipe, case.scan, output, *overrides)))
    sets = [word for override in overrides for word in ("--set", override)]
    edge = (sys.executable, "-m", "tomopy_edge", "run")
    start = time.perf_counter()
    peak = _said((*limit, sys.executable, "-c", WATCH, *edge, args.recipe, case.scan, "--output", output, *sets))
    seconds = time.perf_counter() - start
    # Linux counts in KiB.
    memory, disk = 1024 * int(peak), sum(512 * path.stat().st_blocks for path in output.rglob("*"))
    return {
        "scan": case.scan.name,
        "slices": " x ".join(map(str, said["parts"]["slices"])),
        "model": case.model,
        "formats": "+".join(case.formats),
        "memory MB": said["memory"] / 1e6,
        "was MB": memory / 1e6,
        "said / was": said["memory"] / memory,
        "disk MB": said["disk"] / 1e6,
        "disk was MB": disk / 1e6,
        "time s": said["seconds"],
        "least": said["least"],
        "most": said["most"],
        "was s": seconds,
        "time said / was": said["seconds"] / seconds,
    }


def _said(command: tuple[str | Path, ...]) -> str:
    """Run a command; return the last line that it said which is a number or JSON."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own command
    lines = [line for line in done.stdout.splitlines() if line[:1] == "{" or line.isdecimal()]
    if done.returncode or not lines:
        raise SystemExit(f"{' '.join(map(str, command[-8:]))}: ended with exit code {done.returncode}")
    return lines[-1]


def scans_of(args: argparse.Namespace, folder: Path) -> Iterator[Path]:
    """Yield the scans that are named, or those that are simulated instead."""
    yield from args.scans
    for columns in [] if args.scans else args.columns:
        path = folder / f"{columns}.h5"
        write_tall(path, Size(args.rows, columns, columns))
        yield path


def main() -> None:
    """Foretell, run and print the table."""
    parser = parser_of(__doc__, runs=1)
    parser.add_argument("scans", type=Path, nargs="*", metavar="SCAN")
    parser.add_argument("--recipe", default="quickstart")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="STAGE.OPTION=VALUE")
    parser.add_argument("--models", nargs="+", default=["tomogan-compact"], help="- for a recipe without a network")
    parser.add_argument("--formats", nargs="+", default=["tiff"], help="those joined by + are written together")
    parser.add_argument("--columns", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--limit", default="", metavar="COMMAND", help="words before each command")
    parser.add_argument("--output", type=Path, help="folder to write below (default: one for temporary files)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tomopy-edge-forecast-", dir=args.output) as name:
        told = f"{args.recipe} {' '.join(args.overrides)}; {args.limit or 'no limit of memory'}"
        with published(args, told) as table:
            for scan, model, formats in product(scans_of(args, Path(name)), args.models, args.formats):
                with tempfile.TemporaryDirectory(dir=name) as inner:
                    table.append(line_of(Case(scan, model, tuple(formats.split("+"))), args, Path(inner)))


if __name__ == "__main__":
    main()
