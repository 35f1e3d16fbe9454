"""From a model folder's trained networks to its ONNX files, each compared with the .tflite network of its kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import ModelError, OutputError
from tomopy_edge.networks.manifest import MANIFEST, read_manifest
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.options import options
from tomopy_edge.training.architectures import Architecture, architecture_of
from tomopy_edge.training.calibration import ANSWERS, calibrate
from tomopy_edge.training.export import export_float, fixed
from tomopy_edge.training.folder import FINE_TUNE, move_in
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.onnx_comparison import (
    Compared,
    difference,
    held_out_tiles,
    noise_tiles,
    run_onnx,
    run_tflite,
)
from tomopy_edge.training.onnx_graph import onnx_graph
from tomopy_edge.training.quantize import CALIBRATION_TILE
from tomopy_edge.training.ranges import Span, activation_ranges, stored_layers

LARGEST_DIFFERENCE = 1e-3
"""Network units: a float ONNX network that differs by more from the float .tflite one is another network."""


@options
class OnnxOptions:
    """How a model folder's networks are exported to ONNX."""

    tiles: tuple[int, ...] = (128, 256)
    """Edges of the tiles, pixels; an ONNX network takes one tile at once."""
    samples: int = 32
    """Tiles to measure the ranges of int8 on."""
    seed: int = 1
    """Of their drawing."""

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if not self.tiles:
            raise ValueError("tiles: give at least one size")
        if self.samples < 1:
            raise ValueError(f"samples: must be at least 1, got {self.samples}")
        if self.seed < 0:
            raise ValueError(f"seed: must not be negative, got {self.seed}")


@dataclass(frozen=True)
class _Part:
    """One trained network of a model folder: its Keras models, of open size, and its entries in the manifest.

    The network that was trained for int8 is another than the float one; where there is none, it is None.
    """

    folder: Path
    stem: str
    architecture: Architecture
    network: Any
    aware: Any | None
    entries: list[dict[str, Any]]

    def sized(self, precision: str, tile: int) -> Any:
        trained = self.aware if precision == "int8" and self.aware is not None else self.network
        return fixed(self.architecture.build, trained, tile)

    def tflite(self, precision: str, tile: int) -> tuple[str, bytes] | None:
        """Return the .tflite network to compare with, brought to a tile size, and what to call it."""
        # Where nothing was trained for int8, what was quantized after training comes first: so is what is made here.
        int8 = ("int8-ptq", "int8") if self.aware is None else ("int8",)
        kinds = {"float": ("float",), "int8": int8}[precision]
        entries = [one for one in self.entries if one["precision"] in kinds and one.get("batch", 1) == 1]
        if not entries:
            return ("a fresh .tflite", export_float(self.sized(precision, tile))) if precision == "float" else None
        entry = min(entries, key=lambda one: (kinds.index(one["precision"]), one["tile"] != tile))
        path = self.folder / entry["file"]
        try:
            stored = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}), though the manifest names it") from None
        return (path.name, stored) if entry["tile"] == tile else (f"{path.name} at {tile}", with_tile(stored, tile))


def export_onnx(
    folder: Path, pairs: Path | None, chosen: OnnxOptions, commands: tuple[str, ...] = ()
) -> list[Compared]:
    """Write the networks of a model folder as ONNX files, float and int8, and name them in its manifest.

    The files are `{stem}_float_{tile}.onnx` and `{stem}_int8_{tile}.onnx` (see `onnx_graph`). The int8 ones have the
    weights that were trained for int8, `{stem}_aware.keras`, where the folder holds them, as the int8 .tflite networks
    do; else they are quantized after training. The Fine-Tune network is measured and compared on what the denoiser's
    ONNX network answers.

    Parameters
    ----------
    folder : of the model; what it holds is replaced only when all is well
    pairs : what the denoiser was trained on: ranges of int8 are measured on its pairs for training, and networks are
        compared on the held-out ones. Without it no int8 networks are written, and float ones are compared on noise
    chosen : how
    commands : what is being done, for the manifest

    Returns
    -------
    how each ONNX network compares with the .tflite network of its kind, and each int8 one with its float one too

    Raises
    ------
    ModelError : where the folder lacks a network, its manifest is faulty, a tile size does not suit a network, or a
        float ONNX network is not the float .tflite one
    OutputError : where the files cannot be written
    """
    manifest = _manifest(folder)
    parts = list(_parts(folder, manifest))
    for part in parts:
        part.architecture.check_tiles(chosen.tiles)
    given = {tile: _tiles(parts[0], pairs, tile) for tile in chosen.tiles}
    measured: Float32 | None = None
    compared: list[Compared] = []
    files: dict[str, bytes] = {}
    for part in parts:
        ranges: dict[str, Span] | None = None
        if pairs is not None:
            ranges, measured = _ranges(part, pairs, measured, chosen)
        entries = []
        for tile in chosen.tiles:
            made = {"float": onnx_graph(part.sized("float", tile))}
            if ranges:
                made["int8"] = onnx_graph(part.sized("int8", tile), ranges)
            answers = {precision: run_onnx(graph, given[tile]) for precision, graph in made.items()}
            compared += _compare(part, tile, given[tile], answers)
            for precision, graph in made.items():
                files[_file(part, precision, tile)] = graph
                entries.append(_entry(part, precision, tile, graph))
            given[tile] = answers["int8" if ranges else "float"][..., None]
        block, new = manifest[part.architecture.block], {entry["file"] for entry in entries}
        block["onnx"] = [one for one in block.get("onnx", ()) if one["file"] not in new] + entries
    manifest["commands"] += [command for command in commands if command not in manifest["commands"]]
    text = json.dumps(manifest, indent=2) + "\n"
    try:
        move_in(folder, files | {MANIFEST: text.encode()})
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from None
    return compared


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return read_manifest(folder)[1]
    except FileNotFoundError as error:
        raise ModelError(f"{folder / MANIFEST}: cannot be read, so this is no model folder: {error}") from None


def _parts(folder: Path, manifest: dict[str, Any]) -> Iterator[_Part]:
    for block, stem in (("denoise", manifest["name"]), (FINE_TUNE, FINE_TUNE)):
        if manifest.get(block):
            trained, aware = folder / f"{stem}.keras", f"{stem}_aware.keras"
            network = load_network(trained)
            for_int8 = load_network(folder / aware) if aware in manifest.get("files", ()) else None
            design = architecture_of(network, trained)
            yield _Part(folder, stem, design, network, for_int8, manifest[block]["networks"])


def _tiles(part: _Part, pairs: Path | None, tile: int) -> Float32:
    """Return tiles (tile, y, x, channel) to compare the denoiser on."""
    layout, channels = part.architecture.layout(tile), part.network.input_shape[-1]
    return noise_tiles(channels, tile) if pairs is None else held_out_tiles(pairs, channels, tile, layout)


def _ranges(part: _Part, pairs: Path, measured: Float32 | None, chosen: OnnxOptions) -> tuple[dict[str, Span], Float32]:
    """Return the ranges of a network, and its int8 answers (tile, y, x, 1) to what they were measured on.

    They are measured on the float network, as those are that a network is trained for int8 with.
    """
    if measured is None:
        found = calibrate(part.network, pairs, count=chosen.samples, tile=CALIBRATION_TILE, seed=chosen.seed)
        ranges, tiles = found.ranges, found.tiles
    else:
        tiles = np.clip(measured, *ANSWERS)
        given = stored_layers(part.network)[part.network.layers[0].name]
        ranges = activation_ranges(part.network, tiles) | {given: ANSWERS}
    return ranges, run_onnx(onnx_graph(part.sized("int8", tiles.shape[1]), ranges), tiles)[..., None]


def _compare(part: _Part, tile: int, tiles: Float32, answers: dict[str, Float32]) -> Iterator[Compared]:
    for precision, found in answers.items():
        file = _file(part, precision, tile)
        reference = part.tflite(precision, tile)
        if reference is not None:
            name, stored = reference
            outcome = difference(file, name, found, run_tflite(stored, tiles))
            if precision == "float" and not outcome.most <= LARGEST_DIFFERENCE:
                raise ModelError(
                    f"{file}: differs from {name} by up to {outcome.most:.2g} network units on the same tiles, more "
                    f"than {LARGEST_DIFFERENCE:g}; it was not kept. Was the .keras file trained on, and not quantized "
                    "again?"
                )
            yield outcome
        if precision != "float":
            yield difference(file, _file(part, "float", tile), found, answers["float"])


def _file(part: _Part, precision: str, tile: int) -> str:
    return f"{part.stem}_{precision}_{tile}.onnx"


def _entry(part: _Part, precision: str, tile: int, graph: bytes) -> dict[str, Any]:
    halo, stride = part.architecture.layout(tile)
    named = {"file": _file(part, precision, tile), "sha256": hashlib.sha256(graph).hexdigest()}
    return named | {"precision": precision, "tile": tile, "batch": 1, "halo": halo, "stride": stride}
