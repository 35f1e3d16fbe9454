"""How long networks take for one slice, step by step: quantize, cut tiles, infer, and stitch and read the codes.

    python benchmarks/inference.py [--model tomogan] [--precision int8] [--chosen] [--size 1024] [--runs 5]

    python benchmarks/inference.py --model tomogan tomogan-compact --precision int8 chained --chosen

Networks take turns, so that all see the same moods of the machine, and the last column compares each with the network
in the first line of the same turn. All figures are medians. The seconds of the processor, of all threads together,
tell what work there was where other programs were running beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.job import Tally, available_cores
from tomopy_edge.networks.manifest import Model, NetworkFile, open_model
from tomopy_edge.networks.slices import Account, SliceNetwork, open_network
from tomopy_edge.networks.tiling import computed_pixels

STAGE = "denoise"
STEPS = ("quantization", "tiling", "inference", "stitching")


@dataclass
class Contestant:
    """One network, and what each of its turns took, in seconds."""

    file: NetworkFile
    channels: int
    network: SliceNetwork
    tally: Tally
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    steps: list[dict[str, float]] = field(default_factory=list)

    def take_turn(self, noisy: Float32) -> None:
        """Denoise a slice and remember how long it took."""
        self.tally.seconds.clear()
        start, start_processor = time.perf_counter(), time.process_time()
        self.network(noisy)
        self.seconds.append(time.perf_counter() - start)
        self.processor.append(time.process_time() - start_processor)
        self.steps.append(dict(self.tally.seconds[STAGE]))

    def row(self, first: Contestant, size: int) -> dict[str, Any]:
        """Return the figures of this network; its first turn was a warm-up."""
        counts = self.file.grid((size, size)).counts
        return {
            "network": self.file.file,
            "tiles": counts[0] * counts[1],
            "computed": computed_pixels(self.file.grid((size, size))) / size**2,
            "seconds": median(self.seconds[1:]),
            "fastest": min(self.seconds[1:]),
            "slowest": max(self.seconds[1:]),
            "processor": median(self.processor[1:]),
            **{step: median(turn[step] for turn in self.steps[1:]) for step in STEPS},
            "times_first": median(a / b for a, b in zip(first.seconds[1:], self.seconds[1:], strict=True)),
        }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["tomogan"], help="models whose networks take turns")
    parser.add_argument("--precision", nargs="+", help="of the networks (default: all)")
    parser.add_argument("--chosen", action="store_true", help="only the tiles that recipes give such slices")
    parser.add_argument("--size", type=int, default=1024, help="edge of the slice, pixels")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    contestants = [each for name in args.model for each in _opened(open_model(name), args)]
    if not contestants:
        parser.error(f"no network of these models is of the precision {' or '.join(args.precision)}")
    channels = max(each.channels for each in contestants)
    noisy = np.random.default_rng(0).normal(0.5, 0.5, (channels, args.size, args.size)).astype(np.float32)
    for _ in range(args.runs + 1):
        for each in contestants:
            each.take_turn(noisy[: each.channels])
    rows = [each.row(contestants[0], args.size) for each in contestants]
    print(f"{args.size} x {args.size} slice, {args.threads} threads, medians of {args.runs} runs taken in turns")
    print(
        f"{'network':<37}{'tiles':>6}{'computed':>10}{'s/slice':>9}{'(min-max)':>15}{'processor':>10}"
        f"{'quantize':>10}{'tile':>7}{'infer':>7}{'stitch':>8}{'x first':>9}"
    )
    for row in rows:
        spread = f"({row['fastest']:.3f}-{row['slowest']:.3f})"
        print(
            f"{row['network']:<37}{row['tiles']:>6}{row['computed']:>9.2f}x{row['seconds']:>9.3f}{spread:>15}"
            f"{row['processor']:>10.3f}{row['quantization']:>10.4f}{row['tiling']:>7.4f}{row['inference']:>7.3f}"
            f"{row['stitching']:>8.4f}{row['times_first']:>9.2f}"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))


def _opened(model: Model, args: argparse.Namespace) -> Iterator[Contestant]:
    networks, shape = model.manifest.denoise, (args.size, args.size)
    for file in networks.networks:
        if args.precision and file.precision not in args.precision:
            continue
        if args.chosen and file != networks.choose(file.precision, None, shape):
            continue
        tally = Tally()
        network = open_network(model, networks, file, shape=shape, threads=args.threads, account=Account(STAGE, tally))
        yield Contestant(file, networks.channels, network, tally)


if __name__ == "__main__":
    main()
