"""How long a scan takes to read, some rows at a time, by how it is stored and by how it is read.

    python benchmarks/reading.py [--angles 400] [--rows 128] [--columns 1024] [--at-once 4 16] [--json FILE]

Each file holds the same noisy counts. "plain" asks HDF5 for a few rows after the other; the time of three such reads is
taken for the whole scan. The others read all of it in order through `open_scan`: with memory for all rows, for an
eighth of them, and for an eighth with a scratch file whatever it costs. "whole" is one read of everything, the least
that unpacking can take. Numbers are seconds for a scan, and GB of counts a second for "whole"; files are in the page
cache. What comes out is compared with what went in. Filters beyond gzip take part where hdf5plugin is installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py  # noqa: TID253 - a script, which starts as it likes
import numpy as np
from numpy.typing import NDArray

from tomopy_edge.readers import open_scan, row_reader

PLAIN_READS = 3

Counts16 = NDArray[np.uint16]


def counts(angles: int, rows: int, columns: int) -> Counts16:
    """Return counts (angle, row, column) as noisy as those of a detector: about 9 bits of each cannot be packed."""
    random = np.random.default_rng(0)
    return np.stack([random.normal(3000, 55, (rows, columns)).astype(np.uint16) for _ in range(angles)])


def filters() -> dict[str, Mapping[str, Any]]:
    """Return h5py's settings of each compression there is, by name."""
    found: dict[str, Mapping[str, Any]] = {
        "none": {},
        "gzip": {"compression": "gzip"},
        "gzip shuffle": {"compression": "gzip", "shuffle": True},
    }
    try:
        plugin = importlib.import_module("hdf5plugin")
    except ImportError:
        print("hdf5plugin is not installed: gzip alone")
        return found
    return found | {
        "lz4 bitshuffle": plugin.Bitshuffle(),
        "zstd": plugin.Zstd(),
        "zstd bitshuffle": plugin.Bitshuffle(cname="zstd"),
        "blosc lz4": plugin.Blosc(),
    }


def layouts(angles: int, rows: int, columns: int) -> dict[str, tuple[int, int, int]]:
    """Return shapes of chunks, by name."""
    return {
        "(1, rows, columns)": (1, rows, columns),
        "(1, rows / 4, columns)": (1, rows // 4, columns),
        "(16, 16, columns)": (16, 16, columns),
        "(angles, 1, columns)": (angles, 1, columns),
    }


def plainly(path: Path, shape: tuple[int, int, int], at_once: int) -> float:
    """Return the seconds for a scan that is read by HDF5 as it comes."""
    spent = []
    with h5py.File(path, "r") as file:
        for first in range(0, min(PLAIN_READS * at_once, shape[1]), at_once):
            rows = np.empty((shape[0], at_once, shape[2]), np.uint16)
            start = time.perf_counter()
            file["exchange/data"].read_direct(rows, np.s_[:, first : first + at_once])
            spent.append(time.perf_counter() - start)
    return float(np.median(spent)) * shape[1] / at_once


def in_order(path: Path, truth: Counts16, at_once: int, fit: int, rate: float) -> float:
    """Return the seconds for a scan that `open_scan` reads, with memory for `fit` rows to read ahead."""
    free = fit * truth[:, 0].nbytes / row_reader.MEMORY_SHARE
    with (
        patch.object(row_reader, "free_memory", lambda: free),
        patch.object(row_reader, "SCRATCH_RATE", rate),
        patch.object(row_reader, "has_room", lambda *_: True),
        open_scan(path) as scan,
    ):
        spent = 0.0
        for first in range(0, scan.rows, at_once):
            start = time.perf_counter()
            part = scan.read(first, min(first + at_once, scan.rows))
            spent += time.perf_counter() - start
            if not np.array_equal(part.projections, truth[:, first : first + at_once]):
                raise SystemExit(f"{path}: rows from {first} on differ")
    return spent


def measure(path: Path, truth: Counts16, rows_at_once: list[int]) -> Iterator[dict[str, Any]]:
    """Yield a row of the table for each number of rows in a read."""
    start = time.perf_counter()
    with h5py.File(path, "r", rdcc_nbytes=0) as file:
        file["exchange/data"].read_direct(np.empty_like(truth))
    whole = truth.nbytes / (time.perf_counter() - start) / 1e9
    rows = truth.shape[1]
    for at_once in rows_at_once:
        yield {
            "at_once": at_once,
            "plain": plainly(path, truth.shape, at_once),
            "ahead": in_order(path, truth, at_once, rows, 1e-9),
            "ahead_eighth": in_order(path, truth, at_once, rows // 8, 1e-9),
            "scratch": in_order(path, truth, at_once, rows // 8, np.inf),
            "whole_gb_s": whole,
        }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--angles", type=int, default=400)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--at-once", type=int, nargs="+", default=[4, 16], help="rows in a read")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    truth = counts(args.angles, args.rows, args.columns)
    chunks: dict[str, tuple[int, int, int] | None] = {"contiguous": None, **layouts(*truth.shape)}
    print(f"{args.angles} x {args.rows} x {args.columns} counts, {truth.nbytes / 1e9:.3g} GB")
    heads = f"{'plain':>8} {'ahead':>7} {'ahead/8':>8} {'scratch':>8} {'whole GB/s':>11}"
    print(f"{'chunks':<23} {'compression':<16} {'packed':>6} {'rows':>5} {heads}")
    table = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.h5"
        for layout, shape in chunks.items():
            for name, settings in filters().items():
                if shape is None and settings:
                    continue
                with h5py.File(path, "w") as file:
                    file.create_dataset("exchange/data", data=truth, chunks=shape, **settings)
                    file["exchange/theta"] = np.linspace(0, 180, args.angles, endpoint=False)
                packed = truth.nbytes / path.stat().st_size
                for row in measure(path, truth, args.at_once):
                    table.append({"chunks": layout, "compression": name, "packed": packed, **row})
                    print(
                        f"{layout:<23} {name:<16} {packed:>6.1f} {row['at_once']:>5} {row['plain']:>8.2f} "
                        f"{row['ahead']:>7.2f} {row['ahead_eighth']:>8.2f} {row['scratch']:>8.2f} "
                        f"{row['whole_gb_s']:>11.2f}",
                        flush=True,
                    )
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
