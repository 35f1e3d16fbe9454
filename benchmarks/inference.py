"""How long inference alone takes: int8 and float, by size of the tiles, tiles at once, and threads, for every runtime.

    python benchmarks/inference.py [--model tomogan-compact] [--runtime litert openvino] [--precision int8 float]
        [--tile 64 128 256] [--batch 1 4] [--threads 1 2] [--runs 5] [--json FILE]

Whole slices, with all that is done before and after the network, are timed by `tomopy-edge bench`. Here a .tflite
network is rewritten for each size and batch, whatever files the model holds; runtimes that read other files take the
tiles that there are files for, one at a time. All take turns, so that all see the same moods of the machine; a first
turn, which warms up, is not counted. Times are medians with their quartiles; "x first" tells how many times as many
pixels are computed in the same time as in the first line: the median of the ratios within each turn. "limit" is the
least time for the network's multiply-accumulates at this machine's rate, int8 or float, which is measured first; "of
it" is that share of the median.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from limits import Work, measure_limits, network_work
from turns import Contestant, Row, parser_of, published, take_turns, thread_counts

from tomopy_edge.backend import Backend, Placement
from tomopy_edge.errors import EdgeError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.manifest import Model, open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.networks.runtimes import files_for
from tomopy_edge.plugins import load_catalogue


class Inference(Contestant):
    """An open network, and what each of its turns took for a tile."""

    def __init__(self, title: Row, backend: Backend, work: Work) -> None:
        tiles, y, x, _ = backend.ends.shape
        noisy = np.random.default_rng(0).normal(0, 40, backend.ends.shape).clip(-128, 127).astype(backend.ends.kind)
        super().__init__(title, lambda: backend.infer(noisy), tiles)
        self.pixels, self._work = y * x, work

    def row(self, first: Inference) -> Row:
        """Return the figures of this network."""
        figures = self.figures()
        seconds = measure_limits(self.title["threads"]).seconds(self._work)
        least = None if seconds is None else 1e3 * seconds / self.units
        ratio = self.times(first)
        assert ratio is not None  # noqa: S101 - there is a first
        return {
            **self.title,
            **figures,
            "CPU ms": 1e3 * median(self.processor),
            "Mpixel/s": self.pixels / figures["ms"] / 1e3,
            "x first": ratio * self.pixels / first.pixels,
            "GMAC": self._work.macs / self.units / 1e9,
            "limit": least,
            "of it": None if least is None else least / figures["ms"],
        }


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--model", default="tomogan-compact")
    parser.add_argument("--runtime", nargs="+", help="default: all that work here")
    parser.add_argument("--precision", nargs="+", default=["int8", "float"])
    parser.add_argument("--tile", nargs="+", type=int, default=[64, 128, 256], help="edges, pixels")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 4], help="tiles at once")
    parser.add_argument("--threads", nargs="+", type=int, default=thread_counts())
    args = parser.parse_args()
    limits = [measure_limits(threads) for threads in args.threads]
    with tempfile.TemporaryDirectory() as folder:
        contestants = list(_opened(open_model(args.model), args, Path(folder)))
    if not contestants:
        parser.error("no runtime runs such a network here")
    told = f"{args.model}: inference alone, medians of {args.runs} runs taken in turns; ms for a tile"
    told = "\n".join([told, *(each.told for each in limits)])
    with published(args, told, limits=[asdict(each) for each in limits]) as table:
        take_turns(contestants, args.runs)
        table.extend(one.row(contestants[0]) for one in contestants)


def _opened(model: Model, args: argparse.Namespace, folder: Path) -> Iterator[Inference]:
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
                work = _work(model, precision, tile, batch, folder)
                for threads in args.threads:
                    title: Row = {"runtime": entry.name, "precision": precision, "tile": tile, "batch": batch}
                    title["threads"] = threads
                    yield Inference(title, entry.open(path, Placement(threads)), work)
            except (EdgeError, ValueError) as error:  # noqa: PERF203 - a handful of networks
                print(f"left out: {entry.name}, {precision}, tile {tile}, batch {batch}: {error}")


def _file(model: Model, entry: BackendEntry, precision: str, tile: int, batch: int, folder: Path) -> Path:
    """Return a network file for such tiles, made for them where it is a .tflite."""
    if entry.reads == "tflite":
        return _made(model, precision, tile, batch, folder)
    for file in files_for(entry, model.manifest.denoise):
        if (file.precision, file.tile, file.batch) == (precision, tile, batch):
            return model.path(file.file, file.sha256)
    raise ModelError("the model holds no such file")


def _made(model: Model, precision: str, tile: int, batch: int, folder: Path) -> Path:
    """Return the model's .tflite network, rewritten for such tiles."""
    made = folder / f"{precision}_{tile}_{batch}.tflite"
    if not made.exists():
        files = [file for file in model.manifest.denoise.networks if file.precision == precision]
        if not files:
            raise ModelError("the model holds no such network")
        made.write_bytes(with_tile(model.path(files[0].file, files[0].sha256).read_bytes(), tile, batch))
    return made


def _work(model: Model, precision: str, tile: int, batch: int, folder: Path) -> Work:
    """Return what a batch costs, in whatever file: all hold the same network."""
    return network_work(_made(model, precision, tile, batch, folder))


if __name__ == "__main__":
    main()
