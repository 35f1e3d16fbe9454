"""How long inference alone takes: int8 and float, by size of the tiles, tiles at once, and threads, for every runtime.

    python benchmarks/inference.py [--model tomogan-compact] [--runtime litert openvino] [--precision int8 float]
        [--tile 64 128 256] [--batch 1 4] [--threads 1 2] [--runs 5] [--json FILE]

Whole slices, with all that is done before and after the network, are timed by `tomopy-edge bench`. Here a .tflite
network is rewritten for each size and batch, whatever files the model holds; runtimes that read other files take the
tiles that there are files for, one at a time. All take turns, so that all see the same moods of the machine; a first
turn, which warms up, is not counted. Times are medians with their quartiles; "x first" tells how many times as many
pixels are computed in the same time as in the first line: the median of the ratios within each turn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Placement
from tomopy_edge.errors import EdgeError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import available_cores
from tomopy_edge.machine.timing import Spread
from tomopy_edge.networks.manifest import Model, open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.networks.runtimes import files_for
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.text_table import aligned


@dataclass
class Contestant:
    """An open network, and what each of its turns took, in seconds of the clock and of all threads together."""

    title: tuple[Any, ...]
    backend: Backend
    tiles: NDArray[Any]
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        """Infer one batch and remember how long it took."""
        start, start_processor = time.perf_counter(), time.process_time()
        self.backend.infer(self.tiles)
        self.seconds.append(time.perf_counter() - start)
        self.processor.append(time.process_time() - start_processor)

    @property
    def pixels(self) -> int:
        """Of one batch."""
        return int(np.prod(self.tiles.shape[:3]))

    def row(self, first: Contestant) -> dict[str, Any]:
        """Return the figures of this network; its first turn was a warm-up."""
        spread, tiles = Spread.of(self.seconds[1:]), len(self.tiles)
        ratios = (a / first.pixels * self.pixels / b for a, b in zip(first.seconds[1:], self.seconds[1:], strict=True))
        return {
            **dict(zip(("runtime", "precision", "tile", "batch", "threads"), self.title, strict=True)),
            "ms/tile": 1e3 * spread.median / tiles,
            "lower": 1e3 * spread.lower / tiles,
            "upper": 1e3 * spread.upper / tiles,
            "CPU ms": 1e3 * median(self.processor[1:]) / tiles,
            "Mpixel/s": self.pixels / spread.median / 1e6,
            "x first": median(ratios),
        }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tomogan-compact")
    parser.add_argument("--runtime", nargs="+", help="default: all that work here")
    parser.add_argument("--precision", nargs="+", default=["int8", "float"])
    parser.add_argument("--tile", nargs="+", type=int, default=[64, 128, 256], help="edges, pixels")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 4], help="tiles at once")
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({1, available_cores()}))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contestants = list(_opened(open_model(args.model), args, Path(folder)))
    if not contestants:
        parser.error("no runtime runs such a network here")
    for _ in range(args.runs + 1):
        for each in contestants:
            each.take_turn()
    rows = [each.row(contestants[0]) for each in contestants]
    print(f"{args.model}: inference alone, medians of {args.runs} runs taken in turns")
    print("\n".join(aligned([[*rows[0]], *([_told(value) for value in row.values()] for row in rows)])))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))


def _told(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _opened(model: Model, args: argparse.Namespace, folder: Path) -> Iterator[Contestant]:
    """Open every network on every runtime; print a line for each that cannot be."""
    for entry in load_catalogue().backends.values():
        if entry.whole or entry.name not in (args.runtime or [entry.name]):
            continue  # those of whole slices are other runtimes, without tiles
        if not probed(entry).works:
            print(f"left out: {entry.name}: {probed(entry).told}")
            continue
        for precision, tile, batch in product(args.precision, args.tile, args.batch):
            try:
                path = _file(model, entry, precision, tile, batch, folder)
                for threads in args.threads:
                    title = (entry.name, precision, tile, batch, threads)
                    backend = entry.open(path, Placement(threads))
                    noisy = np.random.default_rng(0).normal(0, 40, backend.ends.shape).clip(-128, 127)
                    yield Contestant(title, backend, noisy.astype(backend.ends.kind))
            except (EdgeError, ValueError) as error:  # noqa: PERF203 - a handful of networks
                print(f"left out: {entry.name}, {precision}, tile {tile}, batch {batch}: {error}")


def _file(model: Model, entry: BackendEntry, precision: str, tile: int, batch: int, folder: Path) -> Path:
    """Return a network file for such tiles, made for them where it is a .tflite."""
    files = [file for file in files_for(entry, model.manifest.denoise) if file.precision == precision]
    if entry.reads == "tflite" and files:
        made = folder / f"{precision}_{tile}_{batch}.tflite"
        if not made.exists():
            made.write_bytes(with_tile(model.path(files[0].file, files[0].sha256).read_bytes(), tile, batch))
        return made
    for file in files:
        if (file.tile, file.batch) == (tile, batch):
            return model.path(file.file, file.sha256)
    raise ModelError("the model holds no such file")


if __name__ == "__main__":
    main()
