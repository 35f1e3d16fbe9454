"""How long the stages before the reconstruction take, beside what numpy, scipy and algotom take for the same.

    python benchmarks/stages.py [--threads 1 2] [--columns 1024] [--angles 1024] [--rows 8] [--runs 7] [--json FILE]

Each stage gets what the one before it makes of the same simulated counts; "plain" is the routine of a library, row by
row on as many threads. All take turns; a first turn, which compiles and warms up, is not counted. Times are medians
with the lower and upper quartile, "processor" that of all threads together, "x plain" the medians of the ratios within
each turn. "limit" is the least time for reading and writing each pixel once at the rate that this machine copies at.
Before the table stands how long the kernels of each stage took to compile in a cache that was empty.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from limits import Limits, Work, measure_limits
from turns import Contestant, Row, parser_of, published, take_turns, thread_counts

from tomopy_edge.data import Float32, Scan, Sinograms, Transmission
from tomopy_edge.job import Job
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log
from tomopy_edge.stages.normalize import NormalizeOptions, normalize
from tomopy_edge.stages.remove_outliers import RemoveOutliersOptions, remove_outliers
from tomopy_edge.stages.remove_stripes import RemoveStripesOptions, remove_stripes

LIGHT, DARK, FRAMES = 2000, 100, 20
"""Counts without object and without beam, and frames of either."""

THRESHOLD, FLOOR, SIZE = 0.5, 1e-3, 21
"""What the stages use here, too."""

BYTES = {"normalize": 6}
"""Stage -> bytes that a pixel is read and written in, where these are not 8."""

OURS: dict[str, Callable[[Any, Job], Any]] = {
    "normalize": lambda scan, job: normalize(scan, NormalizeOptions(), job),
    "remove_outliers": lambda transmission, job: remove_outliers(transmission, RemoveOutliersOptions(), job),
    "minus_log": lambda transmission, job: minus_log(transmission, MinusLogOptions(floor=FLOOR), job),
    "remove_stripes": lambda sinograms, job: remove_stripes(sinograms, RemoveStripesOptions(size=SIZE), job),
}
"""Stage -> what it makes of what the one before it made."""


def plain_normalize(scan: Scan, row: int) -> Float32:
    """Normalize a row with numpy."""
    dark, flat = (frames[:, row].mean(0, dtype=np.float64).astype(np.float32) for frames in (scan.darks, scan.flats))
    return np.asarray((scan.projections[:, row] - dark) / (flat - dark))


def plain_outliers(transmission: Transmission, row: int) -> Float32:
    """Remove zingers from a row with algotom, which asks for the threshold that the stage finds."""
    from algotom.prep.removal import remove_zinger

    return np.asarray(remove_zinger(transmission.sinograms[row], THRESHOLD))


def plain_log(transmission: Transmission, row: int) -> Float32:
    """Take the logarithm of a row with numpy."""
    return np.asarray(-np.log(np.maximum(transmission.sinograms[row], np.float32(FLOOR))))


def plain_stripes(sinograms: Sinograms, row: int) -> Float32:
    """Remove stripes from a row with algotom."""
    from algotom.prep.removal import remove_stripe_based_sorting

    return np.asarray(remove_stripe_based_sorting(sinograms.line_integrals[row], SIZE))


PLAIN: dict[str, tuple[str, Callable[[Any, int], Float32]]] = {
    "normalize": ("numpy", plain_normalize),
    "remove_outliers": ("algotom", plain_outliers),
    "minus_log": ("numpy", plain_log),
    "remove_stripes": ("algotom", plain_stripes),
}
"""Stage -> whose routine is the plain way, and that for one row."""


def scan_of(rows: int, angles: int, columns: int) -> Scan:
    """Return the counts of a disc beside the axis, with pixels that differ and some zingers."""
    rng = np.random.default_rng(1)
    theta = np.arange(angles) * np.pi / angles
    away = (np.arange(columns) - columns / 2 - columns / 10 * np.cos(theta)[:, np.newaxis]) / (0.35 * columns)
    through = np.exp(-3 * np.sqrt(np.maximum(1 - away**2, 0)))
    response = 1 + 0.03 * rng.standard_normal((rows, columns))
    projections = rng.poisson(LIGHT * through[:, np.newaxis] * response).astype(np.uint16) + np.uint16(DARK)
    projections[rng.random(projections.shape) < 1e-5] = 60000  # noqa: PLR2004 - a zinger
    frames = (FRAMES, rows, columns)
    return Scan(
        projections, rng.poisson(LIGHT + DARK, frames).astype(np.uint16), np.full(frames, DARK, np.uint16), theta
    )


def plainly(plain: Callable[[Any, int], Float32], given: Any, rows: int, threads: int) -> None:
    """Do all rows in the plain way."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(partial(plain, given), range(rows)):
            pass


def compiling() -> dict[str, float]:
    """Return the processor time that the kernels of each stage take to compile, seconds."""
    with tempfile.TemporaryDirectory(prefix="tomopy-edge-kernels-") as cache:
        told = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, __file__, "--first-use"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
        ).stdout
    return {name: float(seconds) for name, seconds in (line.split() for line in told.splitlines())}


def first_use() -> None:
    """Print how much longer than its second use the first one of each stage takes."""
    given: Any = scan_of(2, 64, 64)
    for name, ours in OURS.items():
        spent = []
        for _ in range(2):
            start = time.process_time()
            made = ours(given, Job(ncore=1))
            spent.append(time.process_time() - start)
        given = made
        print(name, spent[0] - spent[1])


def measure(args: argparse.Namespace, limits: dict[int, Limits]) -> list[Row]:
    """Return a line of the table for each stage, way and number of threads."""
    given: Any = scan_of(args.rows, args.angles, args.columns)
    pairs: list[tuple[Contestant, Contestant]] = []
    for name, ours in OURS.items():
        for threads in args.threads:
            title, (whose, plain) = {"stage": name, "threads": threads}, PLAIN[name]
            act = partial(plainly, plain, given, args.rows, threads)
            pairs.append(
                (
                    Contestant({**title, "by": "ours"}, partial(ours, given, Job(ncore=threads)), args.rows),
                    Contestant({**title, "by": whose}, act, args.rows),
                )
            )
        given = ours(given, Job())
    take_turns([one for both in pairs for one in both], args.runs)
    return [_line(one, pair[1], args, limits) for pair in pairs for one in pair]


def _line(one: Contestant, plain: Contestant, args: argparse.Namespace, limits: dict[int, Limits]) -> Row:
    moved = Work(bytes=BYTES.get(one.title["stage"], 8) * args.columns * args.angles)
    least = limits[one.title["threads"]].seconds(moved)
    assert least is not None  # noqa: S101 - no int8 in it
    processor = {"processor": 1e3 * median(one.processor)}
    return {**one.title, **one.figures(), **processor, "x plain": one.times(plain), "limit": 1e3 * least}


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, runs=7)
    parser.add_argument("--threads", type=int, nargs="+", default=thread_counts())
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--angles", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=8, help="slices at a time")
    parser.add_argument("--first-use", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.first_use:
        first_use()
        return
    limits, compiled = {threads: measure_limits(threads) for threads in args.threads}, compiling()
    size = f"{args.rows} slices of {args.columns} columns and {args.angles} angles"
    compiled_told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in compiled.items())
    told = [f"stages before FBP, {size}, {args.runs} runs in turns; ms for a slice"]
    told += [f"s of processor time to compile the kernels, once for each machine: {compiled_told}"]
    told += [each.told for each in limits.values()]
    facts = {"limits": [asdict(each) for each in limits.values()], "compiled": compiled}
    with published(args, "\n".join(told), **facts) as table:
        table.extend(measure(args, limits))


if __name__ == "__main__":
    main()
