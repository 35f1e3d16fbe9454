"""From a trained .keras network to a model folder: exports for every tile size, and the manifest that lists them."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any, Literal

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.options import options
from tomopy_edge.training.architectures import Architecture, architecture_of
from tomopy_edge.training.aware import train_aware
from tomopy_edge.training.calibration import calibrate
from tomopy_edge.training.export import export_float, export_int8, fixed
from tomopy_edge.training.folder import FINE_TUNE, ModelFolder, Sizes
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.learned import measure_learned
from tomopy_edge.training.plan import TrainOptions
from tomopy_edge.training.surgery import output_span

log = logging.getLogger(__name__)

CALIBRATION_TILE = 256
"""Edge of the tiles that ranges are measured on, pixels."""

EXPORT_TILE = 64
"""Edge of the tiles that a network is exported for before `resizing.with_tile` gives it other sizes, pixels."""

AWARE_RATE = 3e-4
"""Highest learning rate of quantization-aware training; weights are to be moved by less than a code or two."""

AWARE_LOOKS = 100
"""Batches of it between two looks at held-out pairs."""


@options
class QuantizeOptions:
    """How a network is exported."""

    tiles: tuple[int, ...] | None = None
    """Edges of the tiles of the int8 networks, pixels; None takes `Architecture.usual_tiles`."""
    float_tiles: tuple[int, ...] = (256,)
    """Edges of the tiles of the float networks, pixels."""
    batch: int = 1
    """Tiles that further networks take at once; chained ones take one."""
    io: Literal["int8", "uint8"] = "int8"
    """What the int8 networks take and give, chained ones too; uint8 puts a conversion at both ends."""
    samples: int = 128
    """Tiles to measure ranges on."""
    seed: int = 1
    """Of their drawing, and of the crops of quantization-aware training."""
    aware_minutes: float | None = None
    """Time for quantization-aware training; neither this nor `aware_steps` leaves it at post-training quantization."""
    aware_steps: int | None = None
    """Batches of quantization-aware training."""
    name: str = "tomogan"
    """What recipes will call the model."""
    summary: str | None = None
    """One line about it; None says which architecture it is."""
    trained_seed: int | None = None
    """Seed of the network's training, for the manifest, where it is known."""
    licence: str = "BSD-3-Clause"
    """SPDX identifier."""
    advise: Precision | None = None
    """Which of the denoiser's networks recipes are to run that name no precision; None keeps what the folder says, and
    takes int8 where it says nothing."""

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if self.aware_minutes is not None and self.aware_steps is not None:
            raise ValueError("aware_minutes: give either aware_minutes or aware_steps")
        for name in ("batch", "samples", "aware_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: must be at least 1, got {value}")
        if self.aware_minutes is not None and not self.aware_minutes > 0:
            raise ValueError(f"aware_minutes: must be above 0, got {self.aware_minutes}")
        for name in ("seed", "trained_seed"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name}: must not be negative, got {value}")
        if self.tiles is not None and not self.tiles:
            raise ValueError("tiles: give at least one size")
        if self.name == FINE_TUNE:
            raise ValueError(f"name: {FINE_TUNE!r} is what files of Fine-Tune networks are called; choose another")

    @property
    def aware(self) -> bool:
        """Whether the network is trained for int8."""
        return self.aware_minutes is not None or self.aware_steps is not None


def quantize_model(
    trained: Path,
    pairs: Path,
    folder: Path,
    chosen: QuantizeOptions,
    commands: tuple[str, ...] = (),
    also: tuple[Path, ...] = (),
) -> list[dict[str, Any]]:
    """Export a trained network into a model folder, and write or extend the folder's manifest.

    All int8 networks of one kind have the same weights, scales and zero points: they are one quantized network for
    tiles of different sizes (see `resizing.with_tile`). What is interrupted or fails leaves the folder as it was. A
    denoiser put into a folder takes over its name, summary, seed and licence.

    Parameters
    ----------
    trained : a .keras file: a denoiser, or a Fine-Tune network for a folder that holds its denoiser
    pairs : what it was trained on, for the ranges of its activations and for quantization-aware training
    folder : of the model
    chosen : how
    commands : what made the network, for the manifest
    also : further files of pairs to draw a third of the tiles from that ranges are measured on

    Returns
    -------
    the manifest's entries of the files that were written

    Raises
    ------
    ModelError : where the network is none of ours or a size of tiles does not suit it, where the folder lacks what it
        needs, or where it would lose its Fine-Tune network or not hold what is to be advised
    OutputError : where the folder cannot be written
    """
    network = load_network(trained)
    part = architecture_of(network, trained)
    tiles = part.usual_tiles if chosen.tiles is None else chosen.tiles
    part.check_tiles((*tiles, *chosen.float_tiles))
    fine_tune = part.block == FINE_TUNE
    model = ModelFolder.open(folder, None if fine_tune else _told(chosen, part))
    _expect_sense(model, chosen, fine_tune=fine_tune)
    kept = {"": trained.read_bytes()}
    span = output_span(model.partner()) if fine_tune else None
    measured = calibrate(
        network, pairs, count=chosen.samples, tile=CALIBRATION_TILE, seed=chosen.seed, span=span, also=also
    )
    log.info(
        "int8 input from %.3f to %.3f network units (%.3f %% of the noisy values beyond)",
        *(*measured.span, 100 * measured.clipped),
    )
    exports = {"float": export_float(fixed(part.build, network, EXPORT_TILE))} if chosen.float_tiles else {}
    exports["int8"] = export_int8(network, measured.ranges, EXPORT_TILE)
    if chosen.aware:
        # Only what takes noisy slices sees them in an uncertain unit; a Fine-Tune network sees codes.
        budget = TrainOptions(
            minutes=chosen.aware_minutes,
            steps=chosen.aware_steps,
            loss="mae",
            even=True,
            rate=AWARE_RATE,
            check_every=AWARE_LOOKS,
            vary=not fine_tune,
            seed=chosen.seed,
        )
        aware = train_aware(network, measured.ranges, pairs, budget)
        # Where it gained nothing, which was told, there is one int8 network and not the same one twice.
        if aware is not None:
            exports["int8-ptq"] = exports["int8"]
            exports["int8"] = export_int8(aware, measured.ranges, EXPORT_TILE)
            kept["_aware"] = _keras_file(aware)
    sizes = Sizes(tiles, chosen.float_tiles, chosen.batch, chosen.io)
    entries = model.put(part, network.input_shape[-1], kept, exports, sizes)
    if not fine_tune:
        model.manifest["learned"] = measure_learned(pairs)
    held = {entry["precision"] for entry in model.manifest["denoise"]["networks"]}
    # The plain network that was to be advised is then the one called int8.
    model.advise("int8" if chosen.advise == "int8-ptq" and chosen.advise not in held else chosen.advise)
    model.close(commands)
    return entries


def _expect_sense(model: ModelFolder, chosen: QuantizeOptions, *, fine_tune: bool) -> None:
    """Raise a `ModelError`, before time is spent, where the folder would lose something or not hold what it advises."""
    coming = {entry["precision"] for entry in model.manifest["denoise"].get("networks", ())}
    if fine_tune:
        coming.add("chained")
    else:
        model.expect_io(chosen.io)
        made = {"int8", *(["float"] if chosen.float_tiles else []), *(["int8-ptq"] if chosen.aware else [])}
        # Chained files outlast a denoiser that is the same; whether it is will be seen.
        coming = made | (coming & {"chained"})
    if chosen.advise not in {None, *coming}:
        raise ModelError(
            f"{model.path}: will hold no {chosen.advise} network that it could advise (but {', '.join(sorted(coming))})"
        )


def _told(chosen: QuantizeOptions, part: Architecture) -> dict[str, Any]:
    """Return what the manifest is to say of a denoiser."""
    summary = chosen.summary or f"{part.name}: denoises slices of few photons or few views"
    seed = chosen.seed if chosen.trained_seed is None else chosen.trained_seed
    return {"name": chosen.name, "summary": summary, "licence": chosen.licence, "seed": seed}


def _keras_file(network: Any) -> bytes:
    """Return a Keras model as the bytes of a .keras file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        network.save(path)
        return path.read_bytes()
