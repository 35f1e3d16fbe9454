"""How long TomoGAN takes for one slice: every network of a model, tiles and stitching included.

    python benchmarks/inference.py [--model tomogan] [--size 1024] [--runs 5] [--json FILE]

Networks take turns, so that all see the same moods of the machine. The ratio compares medians with the float network's.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

import numpy as np

from tomopy_edge.job import Tally, available_cores
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.slices import Account, open_network
from tomopy_edge.networks.tiling import computed_pixels

MACS_PER_PIXEL = 92_712
"""Multiply-accumulates of the published generator for one pixel: 97.2 G for 1024 x 1024."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tomogan")
    parser.add_argument("--size", type=int, default=1024, help="edge of the slice, pixels")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = open_model(args.model)
    networks = model.manifest.denoise
    shape = (args.size, args.size)
    noisy = np.random.default_rng(0).normal(0.5, 0.5, (networks.channels, *shape)).astype(np.float32)
    opened = {
        file.file: open_network(
            model, networks, file, shape=shape, threads=args.threads, account=Account("denoise", Tally())
        )
        for file in networks.networks
    }
    times: dict[str, list[float]] = {name: [] for name in opened}
    for run in range(args.runs + 1):
        for name, network in opened.items():
            start = time.perf_counter()
            network(noisy)
            if run:  # the first is a warm-up
                times[name].append(time.perf_counter() - start)
    # The float network that makes the same tiles where there is one, else the fastest.
    floats = {file.tile: median(times[file.file]) for file in networks.networks if file.precision == "float"}
    rows = []
    for file in networks.networks:
        grid = file.grid(shape)
        seconds = median(times[file.file])
        peer = floats.get(file.tile, min(floats.values(), default=float("nan")))
        computed = computed_pixels(grid)
        rows.append(
            {
                "network": file.file,
                "tiles": grid.counts[0] * grid.counts[1],
                "computed": computed / (args.size**2),
                "seconds": seconds,
                "fastest": min(times[file.file]),
                "slowest": max(times[file.file]),
                "gmac_per_second": computed * MACS_PER_PIXEL / seconds / 1e9,
                "times_float": peer / seconds,
            }
        )
    print(f"{args.size} x {args.size} slice, {args.threads} threads, medians of {args.runs} runs taken in turns")
    print(f"{'network':<28}{'tiles':>6}{'computed':>10}{'s/slice':>9}{'(min-max)':>16}{'GMAC/s':>8}{'x float':>9}")
    for row in rows:
        spread = f"({row['fastest']:.3f}-{row['slowest']:.3f})"
        print(
            f"{row['network']:<28}{row['tiles']:>6}{row['computed']:>9.2f}x{row['seconds']:>9.3f}{spread:>16}"
            f"{row['gmac_per_second']:>8.0f}{row['times_float']:>9.2f}"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
