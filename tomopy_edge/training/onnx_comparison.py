"""How far the answers of two network files are apart on the same tiles, one of them ONNX."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.job import available_cores
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.quantize import dequantize, quantize
from tomopy_edge.networks.tiling import TileGrid, cut
from tomopy_edge.training.pairs_file import open_pairs

TILES = 8
"""Tiles that two networks are compared on."""


@dataclass(frozen=True)
class Compared:
    """One ONNX network and another network on the same tiles.

    Attributes
    ----------
    file : the ONNX file
    against : the other network
    most, mean : largest and mean absolute difference of their answers, network units
    psnr : peak signal-to-noise ratio between them, dB; the peak is the range of the other's answers
    """

    file: str
    against: str
    most: float
    mean: float
    psnr: float


def held_out_tiles(pairs: Path, channels: int, tile: int, layout: tuple[int, int]) -> Float32:
    """Return tiles (tile, y, x, channel) of held-out noisy slices, cut as a stage cuts them, from edge and middle.

    Parameters
    ----------
    pairs : see `simulation.files.write_pairs`
    channels : adjacent slices
    tile : edge of the tiles, pixels
    layout : their halo and stride, pixels

    Raises
    ------
    DataError : where the file holds other slices
    """
    with open_pairs(pairs, channels) as file:
        slices = [np.moveaxis(one.astype(np.float32), 2, 0) for one in file["test_ns"][:TILES]]
    tiles = np.concatenate([cut(one, TileGrid(one.shape[1:], tile, *layout)) for one in slices])
    return np.ascontiguousarray(tiles[np.linspace(0, len(tiles) - 1, TILES).astype(int)])


def noise_tiles(channels: int, tile: int) -> Float32:
    """Return tiles (tile, y, x, channel) of seeded noise in the range of slices, network units."""
    drawn = np.random.default_rng(tile).normal(0.5, 0.3, (TILES, tile, tile, channels))
    return drawn.astype(np.float32)


def run_onnx(graph: bytes, tiles: Float32) -> Float32:
    """Return an ONNX network's answers (tile, y, x) to tiles (tile, y, x, channel), on the CPU."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    return np.concatenate([session.run(None, {taken.name: tile[None]})[0][..., 0] for tile in tiles])


def run_tflite(network: bytes, tiles: Float32) -> Float32:
    """Return a .tflite network's answers (tile, y, x) to tiles (tile, y, x, channel), in network units."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(network)
        backend = LiteRT(path, available_cores())
    given, answered = backend.ends.input_params, backend.ends.output_params
    taken = tiles if given is None else quantize(tiles, given)[0]
    found = np.concatenate([backend.infer(one[None]) for one in taken])
    backend.close()
    return found if answered is None else dequantize(found, answered)


def difference(file: str, against: str, found: Float32, expected: Float32) -> Compared:
    """Return how far the answers of `file` are from those that are `expected`, those of `against`."""
    apart = np.abs(found.astype(np.float64) - expected)
    squared = max(float(np.mean(apart**2)), 1e-20)
    span = max(float(np.ptp(expected)), 1e-20)
    return Compared(file, against, float(apart.max()), float(apart.mean()), 10 * float(np.log10(span**2 / squared)))
