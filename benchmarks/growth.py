"""How time and memory grow with slices, width and angles: one run from file to file in a process of its own for each.

    python benchmarks/growth.py [--slices 32 64 128 256] [--columns 256 512 1024] [--angles 256 512 1024]
        [--model tomogan-compact] [--runs 3] [--json FILE]

Along each axis the others stay at their first value. All sizes take turns; a first turn, which compiles and warms the
disk cache, is not counted. Seconds are those of the process from start to end, medians with their quartiles, and peak
memory is the most that a run had resident. "x time", "x work" and "x memory" compare with the first line of each axis:
time that grows less than work is growth at its limit, and memory does not grow with slices. "limit" is the least time
for FBP and the network's multiply-accumulates, without any halo, at the rates of this machine; "rows at once" are those
that the run worked on at the same time, and "their MB" what their projections and slices take in float32, once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import yaml
from limits import Limits, fbp_work, measure_limits, slice_work
from turns import Contestant, Row, parser_of, published, take_turns
from whole import recipe_for

from tomopy_edge.job import available_cores
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.simulation.files import write_scan
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.scans import Exposure, expose

DRAWN = 4
"""Rows that are simulated; taller scans hold them again and again."""

WATCH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs a command, and prints the most memory that it had. To Linux, a process has had what the one had that started it:
this one, which is small, and not ours, which is not."""


class Size(NamedTuple):
    """Of a scan."""

    slices: int
    columns: int
    angles: int


class Growing(Contestant):
    """A run on a scan of some size, with the most memory that it had in each turn."""

    def __init__(self, size: Size, folder: Path, model: str) -> None:
        super().__init__(size._asdict(), self.run)
        self.size, self.peaks = size, list[int]()
        name = "_".join(map(str, size))
        self._scan, self._output, self._recipe = folder / f"{name}.h5", folder / name, folder / f"{name}.yaml"
        write_tall(self._scan, size)
        self._recipe.write_text(yaml.safe_dump(recipe_for(size.columns / 2, model, "int8")), encoding="utf-8")

    def run(self) -> None:
        """Run the recipe in a process of its own."""
        edge = (sys.executable, "-m", "tomopy_edge", "run")
        words = (*edge, self._recipe, self._scan, "--output", self._output, "--overwrite")
        ended = subprocess.run((sys.executable, "-c", WATCH, *words), stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own command
        if ended.returncode:
            raise SystemExit(f"{self.size}: the run ended with exit code {ended.returncode}")
        # Linux counts in KiB.
        self.peaks.append(1024 * int(ended.stdout.splitlines()[-1]))

    @property
    def at_once(self) -> int:
        """How many rows the run worked on at the same time."""
        report = json.loads((self._output / "report.json").read_text(encoding="utf-8"))
        return int(report["settings"]["nchunk"])

    def least(self, limits: Limits, model: str) -> float:
        """Return the least time for all slices, by the limits of the machine; in float where it has no int8."""
        opened = open_model(model)
        network = slice_work(opened, opened.manifest.denoise, "int8", self.size.columns)
        fbp = limits.seconds(fbp_work(self.size.columns, self.size.angles))
        inference = limits.seconds(network) or 2 * network.macs / limits.flops
        assert fbp is not None  # noqa: S101 - no int8 in it
        return self.size.slices * (fbp + inference)

    def line(self, axis: str, first: Growing, limits: Limits, model: str) -> Row:
        """Return the figures, compared with the first of an axis."""
        slices, columns, angles = self.size
        peak, base = median(self.peaks[1:]), median(first.peaks[1:])
        slower, least = first.times(self), self.least(limits, model)
        return {
            "axis": axis,
            **self.title,
            **self.figures("s"),
            "x time": slower,
            "x work": least / first.least(limits, model),
            "limit": least,
            "peak MB": peak / 1e6,
            "x memory": peak / base,
            "rows at once": self.at_once,
            "their MB": 4 * min(self.at_once, slices) * columns * (angles + columns) / 1e6,
        }


def write_tall(path: Path, size: Size) -> None:
    """Write a scan whose rows repeat, a few at a time."""
    import h5py

    rng, rows = np.random.default_rng(1), min(DRAWN, size.slices)
    phantom = draw_phantom(rng, "ellipses", size.columns, fill=(0.8, 0.8), rows=rows, flawed=0.0)
    drawn = path.with_suffix(".drawn.h5")
    made = expose(phantom, Exposure(angles=size.angles), rows, size.columns, rng)
    write_scan(drawn, made, command="growth.py", overwrite=True)
    with h5py.File(drawn) as source, h5py.File(path, "w") as target:
        source.copy("exchange/theta", target.require_group("exchange"))
        for name in ("data", "data_white", "data_dark"):
            few = source["exchange"][name]
            kept = target["exchange"].create_dataset(name, (few.shape[0], size.slices, size.columns), few.dtype)
            kept.attrs.update(few.attrs)
            for row in range(0, size.slices, rows):
                count = min(rows, size.slices - row)
                kept[:, row : row + count] = few[:, :count]
    drawn.unlink()


def axes_of(args: argparse.Namespace) -> dict[str, list[Size]]:
    """Return the sizes along each axis; all axes start at the same."""
    first = Size(args.slices[0], args.columns[0], args.angles[0])
    return {axis: [first._replace(**{axis: number}) for number in getattr(args, axis)] for axis in Size._fields}


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, runs=3)
    parser.add_argument("--slices", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--columns", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--angles", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--model", default="tomogan-compact")
    args = parser.parse_args()
    limits, axes = measure_limits(available_cores()), axes_of(args)
    with tempfile.TemporaryDirectory(prefix="tomopy-edge-growth-") as folder:
        sizes = dict.fromkeys(size for along in axes.values() for size in along)
        runs = {size: Growing(size, Path(folder), args.model) for size in sizes}
        told = f"{args.model} int8, {available_cores()} threads, {args.runs} runs in turns\n{limits.told}"
        with published(args, told, limits=asdict(limits)) as table:
            take_turns([*runs.values()], args.runs)
            for axis, along in axes.items():
                table.extend(runs[size].line(axis, runs[along[0]], limits, args.model) for size in along)


if __name__ == "__main__":
    main()
