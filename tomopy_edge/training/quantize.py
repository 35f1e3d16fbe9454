"""From a trained .keras network to a model folder: exports for every tile size, and the manifest that lists them."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.manifest import MANIFEST
from tomopy_edge.options import options
from tomopy_edge.training.architectures import Architecture, architecture_of
from tomopy_edge.training.calibration import ANSWERS, calibrate
from tomopy_edge.training.export import export_float, export_int8, fixed, with_tile

log = logging.getLogger(__name__)

CALIBRATION_TILE = 256
"""Edge of the tiles that ranges are measured on, pixels."""


@options
class QuantizeOptions:
    """How a network is exported."""

    tiles: tuple[int, ...] = (64, 256, 512, 640, 1152)
    """Edges of the tiles of the int8 networks, pixels."""
    float_tiles: tuple[int, ...] = (256,)
    """Edges of the tiles of the float networks, pixels."""
    samples: int = 128
    """Tiles to measure ranges on."""
    seed: int = 1
    """Of their drawing."""
    name: str = "tomogan"
    """What recipes will call the model."""
    summary: str = "TomoGAN generator for low-dose and few-view slices"
    """One line about it."""
    licence: str = "BSD-3-Clause"
    """SPDX identifier."""


def quantize_model(
    trained: Path, pairs: Path, folder: Path, chosen: QuantizeOptions, commands: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Export a trained network into a model folder, and write or extend the folder's manifest.

    All int8 networks have the same weights, scales and zero points: they are one quantized network for tiles of
    different sizes (see `export.with_tile`).

    Parameters
    ----------
    trained : a .keras file: a generator, or a Fine-Tune network for a folder that holds its denoiser
    pairs : what it was trained on, for the ranges of its activations
    folder : of the model
    chosen : how
    commands : what made the network, for the manifest

    Returns
    -------
    the manifest's entries of the files that were written

    Raises
    ------
    ModelError : where the network is neither of the two, or the folder lacks what it needs
    """
    import keras

    try:
        network = keras.models.load_model(trained, compile=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{trained}: Keras cannot load it: {error}") from None
    part = architecture_of(network, trained)
    channels = network.input_shape[-1]
    manifest = _manifest(folder, part, chosen)
    folder.mkdir(parents=True, exist_ok=True)

    span = _denoiser_output(folder, manifest) if part.block == "fine_tune" else None
    calibration = calibrate(network, pairs, count=chosen.samples, tile=CALIBRATION_TILE, seed=chosen.seed, span=span)
    log.info(
        "int8 input from %.3f to %.3f network units (%.3f %% of the noisy values beyond); %d of %d tiles left out",
        *(*calibration.span, 100 * calibration.clipped, calibration.left_out, chosen.samples),
    )
    sized = fixed(part.build, network, calibration.tiles.shape[1])
    stem = "fine_tune" if part.block == "fine_tune" else chosen.name
    entries = []
    for precision, export, tiles in (
        ("float", export_float(sized) if chosen.float_tiles else b"", chosen.float_tiles),
        ("int8", export_int8(sized, calibration.tiles, span or ANSWERS), chosen.tiles),
    ):
        for edge in tiles:
            file = folder / f"{stem}_{precision}_{edge}.tflite"
            file.write_bytes(with_tile(export, edge))
            halo, stride = part.layout(edge)
            entries.append({"file": file.name, "sha256": sha256(file), "precision": precision, "tile": edge})
            entries[-1] |= {"batch": 1, "halo": halo, "stride": stride}
    kept = folder / f"{stem}.keras"
    if trained.resolve() != kept.resolve():
        shutil.copyfile(trained, kept)
    manifest[part.block] = {"channels": channels, "reach": part.reach, "multiple": part.multiple}
    manifest[part.block]["networks"] = entries
    manifest["files"][kept.name] = sha256(kept)
    manifest["commands"] += [command for command in commands if command not in manifest["commands"]]
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return entries


def _manifest(folder: Path, part: Architecture, chosen: QuantizeOptions) -> dict[str, Any]:
    """Return the manifest that `part` is put into: a new one for a denoiser, the folder's own for a Fine-Tune net."""
    if part.block == "denoise":
        named = {"name": chosen.name, "summary": chosen.summary, "licence": chosen.licence}
        return {"format": 1, **named, "commands": [], "seed": chosen.seed, "denoise": {}, "files": {}}
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ModelError(f"{folder}: a Fine-Tune network needs the folder of its denoiser: {error}") from None
    return manifest


def _denoiser_output(folder: Path, manifest: dict[str, Any]) -> tuple[float, float]:
    """Return the range of the denoiser's int8 answers: the Fine-Tune network then takes its codes as they are."""
    from tomopy_edge.networks.litert import LiteRT

    file = next(entry["file"] for entry in manifest["denoise"]["networks"] if entry["precision"] == "int8")
    params = LiteRT(folder / file, 1).output_params
    if params is None:
        raise ModelError(f"{folder / file}: gives no int8")
    return params.lowest, params.highest


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
