"""Compile a model's networks for the Edge TPU into its folder, or into a copy of that."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError, OutputError
from tomopy_edge.networks.edge_tpu import LARGEST
from tomopy_edge.networks.edge_tpu_compiler import Compilation, compile_network
from tomopy_edge.networks.manifest import MANIFEST, Model, open_model, read_manifest
from tomopy_edge.networks.network_file import NetworkFile
from tomopy_edge.training.entries import BLOCKS, digest, named_files
from tomopy_edge.training.folder import move_in

log = logging.getLogger(__name__)

TILES = (64, LARGEST)
"""Edges, pixels, of the tiles that are known to map whole."""

CARD = "README.md"


@dataclass(frozen=True)
class Outcome:
    """What became of one network.

    Attributes
    ----------
    source : the .tflite file
    compilation : None where it was not compiled
    why : not
    """

    source: NetworkFile
    compilation: Compilation | None
    why: str = ""


def compile_model(
    compiler: str, name: str, output: Path | None, tiles: tuple[int, ...] = TILES, commands: tuple[str, ...] = ()
) -> list[Outcome]:
    """Compile the int8 networks of a model that take one tile at once, and name what is made in its manifest.

    The files are called as the compiler calls them, `{name}_edgetpu.tflite`. Where single networks are refused, the
    others are kept.

    Parameters
    ----------
    compiler : path of Google's compiler
    name : of a shipped model, or its folder
    output : folder to make, with all that the model holds; None writes into the model's own
    tiles : edges of the tiles to compile for, pixels
    commands : what is being done, for the manifest

    Returns
    -------
    what became of each network

    Raises
    ------
    ModelError : where the model holds no such network, or none of them was compiled
    BackendError : where the compiler cannot be run
    OutputError : where the folder is there already, or cannot be written
    """
    model = open_model(name)
    _expect_room(model, output)
    manifest = read_manifest(model.folder)[1]
    made = _copied(model, manifest) if output is not None else {}
    outcomes: list[Outcome] = []
    for block, source in networks_to_compile(model, tiles):
        outcome = _compiled(compiler, model, source)
        outcomes.append(outcome)
        if outcome.compilation is not None:
            entry = _entry(manifest[block]["networks"], source, outcome.compilation)
            made[entry["file"]] = outcome.compilation.content
            others = [one for one in manifest[block].get("compiled", ()) if one["file"] != entry["file"]]
            manifest[block]["compiled"] = [*others, entry]
    if not any(outcome.compilation for outcome in outcomes):
        raise ModelError("\n  - ".join(["none of the networks was compiled:", *(outcome.why for outcome in outcomes)]))
    manifest["commands"] += [command for command in commands if command not in manifest["commands"]]
    target = output or model.folder
    try:
        move_in(target, made | {MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode()})
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror}") from None
    return outcomes


def _expect_room(model: Model, output: Path | None) -> None:
    if output is None and not os.access(model.folder, os.W_OK):
        raise OutputError(f"{model.folder}: cannot be written; give a folder for a copy of the model with --output")
    if output is not None and output.exists():
        raise OutputError(f"{output}: is there already; give a folder that is to be made, or compile that one itself")


def networks_to_compile(model: Model, tiles: tuple[int, ...] = TILES) -> list[tuple[str, NetworkFile]]:
    """Return which networks to compile, each with its block of the manifest.

    Raises
    ------
    ModelError : where the model has none for these tiles
    """
    found = [
        (block, file)
        for block in BLOCKS
        if (networks := getattr(model.manifest, block)) is not None
        for file in networks.networks
        if file.precision != "float" and file.batch == 1
    ]
    chosen = [(block, file) for block, file in found if file.tile in tiles]
    if not chosen:
        sizes = sorted({file.tile for _, file in found})
        raise ModelError(f"{model.folder}: holds no int8 network for tiles of {list(tiles)} pixels, only of {sizes}")
    return chosen


def _compiled(compiler: str, model: Model, source: NetworkFile) -> Outcome:
    log.info("compiling %s", source.file)
    try:
        return Outcome(source, compile_network(compiler, model.path(source.file, source.sha256)))
    except ModelError as error:
        return Outcome(source, None, str(error))


def _entry(networks: list[dict[str, Any]], source: NetworkFile, compilation: Compilation) -> dict[str, Any]:
    """Return the manifest's entry of a compiled network: that of its source, and where it came from."""
    named = {"file": f"{Path(source.file).stem}_edgetpu.tflite", "sha256": digest(compilation.content)}
    came = {"compiled_from": source.file, "compiler": compilation.compiler, "on_cpu": compilation.on_cpu}
    return next(one for one in networks if one["file"] == source.file) | named | came


def _copied(model: Model, manifest: dict[str, Any]) -> dict[str, bytes]:
    """Return all that the manifest names, and the model's card."""
    return dict(_contents(model, manifest))


def _contents(model: Model, manifest: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for name, sha256 in named_files(manifest):
        yield name, model.path(name, sha256).read_bytes()
    if (card := model.folder / CARD).is_file():
        yield CARD, card.read_bytes()
