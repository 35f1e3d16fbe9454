"""How a model is trained on and exported for one scan: gently, on pairs whose truth is as noisy as their input."""

from __future__ import annotations

import logging
import shutil
from functools import partial
from pathlib import Path
from typing import Literal

from tomopy_edge.networks.manifest import Model, open_model
from tomopy_edge.options import options
from tomopy_edge.training.architectures import architecture_of
from tomopy_edge.training.checkpoint import CHECKPOINT
from tomopy_edge.training.folder import ModelFolder
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.levelling import level
from tomopy_edge.training.noise2inverse import HalvesOptions
from tomopy_edge.training.plan import TrainOptions
from tomopy_edge.training.quantize import QuantizeOptions, quantize_model
from tomopy_edge.training.train import train

log = logging.getLogger(__name__)

STEPS = 200
"""Steps of a training whose length nobody chose."""

LOOK_EVERY, LOOKED_AT = 40, 6
"""Steps between two looks at blocks that are not learned from, each followed by a checkpoint, and how many blocks: a
tenth of the time at most. The network of the least squared error is kept; the noise in its truth hardly misleads, as it
is the same for all looks."""


@options
class AdaptOptions:
    """How a model is adapted to a scan."""

    model: str = "tomogan"
    """Name of a shipped model, or path of a model folder, to start from."""
    minutes: float | None = None
    """Time to train for; this or `steps`."""
    steps: int | None = None
    """Steps to train for; neither this nor `minutes` takes 200."""
    parts: int = 4
    """Parts that the views are dealt into; one of them is held out to judge by."""
    slices: int = 8
    """Slices to learn from."""
    rate: float = 1e-4
    """Highest learning rate: low, so that what the model knows is changed and not replaced."""
    crop: int = 192
    """Rows and columns of a crop, pixels; less where the slices are small."""
    batch: int = 4
    """Crops in a batch."""
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    """What training computes in; see `TrainOptions`."""
    tiles: tuple[int, ...] | None = None
    """Edges of the tiles of the int8 networks, pixels; None takes the usual ones."""
    aware_minutes: float | None = None
    """Time for quantization-aware training on the same pairs; None leaves it at post-training quantization."""
    seed: int = 1
    """Of crops and tiles."""

    def __post_init__(self) -> None:
        """Check that there is one budget, and that a part can be held out."""
        if self.minutes is not None and self.steps is not None:
            raise ValueError("minutes: give either minutes or steps")
        for name in ("minutes", "steps", "rate", "crop", "batch", "slices", "aware_minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}: must be above 0, got {value}")
        if self.tiles is not None and not self.tiles:
            raise ValueError("tiles: give at least one size")
        HalvesOptions(parts=self.parts, seed=self.seed)


def check_tiles(start: Path, chosen: AdaptOptions) -> None:
    """Check, before anything is learned, that the network in `start` can be exported for the tiles that are chosen.

    Raises
    ------
    ModelError : where it cannot
    """
    architecture_of(load_network(start), start).check_tiles((*(chosen.tiles or ()), *QuantizeOptions.float_tiles))


def train_further(start: Path, pairs: Path, work: Path, chosen: AdaptOptions) -> Path:
    """Train a denoiser further on pairs of one scan, and level it.

    What an interrupted call left in `work` is gone on from.

    Parameters
    ----------
    start : .keras file of the denoiser
    pairs : see `noise2inverse.write_halves`
    work : folder to leave checkpoints and networks in

    Returns
    -------
    the .keras file of the new network, in `work`
    """
    import h5py

    old = load_network(start)
    build = partial(architecture_of(old, start).build, channels=old.input_shape[-1])
    with h5py.File(pairs, "r") as file:
        crop = min(chosen.crop, file["train_gt"].shape[-1])
    steps = STEPS if chosen.steps is None and chosen.minutes is None else chosen.steps
    plan = TrainOptions(
        minutes=chosen.minutes,
        steps=steps,
        loss="mse",
        vary=False,
        crop=crop,
        batch=chosen.batch,
        rate=chosen.rate,
        precision=chosen.precision,
        seed=chosen.seed,
        warm_up=20,
        check_every=LOOK_EVERY,
        check_pairs=LOOKED_AT,
    )
    trained, levelled = work / "trained.keras", work / "levelled.keras"
    left = trained.with_name(f"{trained.name}.training")
    resume = (left / CHECKPOINT).exists()
    if not resume:
        trained.unlink(missing_ok=True)
        shutil.rmtree(left, ignore_errors=True)
    train(build, pairs, trained, plan, resume=resume, start=start)
    log.info(
        "answers brought to the mean of the raw slices: they lacked %+.4f network units of one part, %+.4f of all",
        *level(trained, pairs, levelled),
    )
    return levelled


def export_adapted(
    network: Path, pairs: Path, folder: Path, chosen: AdaptOptions, *, model: Model, about: str, command: str
) -> Model:
    """Write the model folder of an adapted network and open it.

    Parameters
    ----------
    network : .keras file
    pairs : what it was trained on, to measure ranges on
    folder : to write, in place of what an interrupted call left there; it gives the model its name
    model : what it was made from, whose commands and licence it inherits, and what it advises where there is such a
        network of the new one
    about : its summary
    command : what made it, or nothing
    """
    shutil.rmtree(folder, ignore_errors=True)
    quantizing = QuantizeOptions(
        tiles=chosen.tiles,
        name=folder.name,
        summary=about,
        licence=model.manifest.licence,
        seed=chosen.seed,
        aware_minutes=chosen.aware_minutes,
    )
    commands = (*model.manifest.commands, *([command] if command else []))
    quantize_model(network, pairs, folder, quantizing, commands)
    made = open_model(str(folder))
    if model.manifest.denoise.usual not in made.manifest.denoise.held:
        return made
    advising = ModelFolder.open(folder, None)
    advising.advise(model.manifest.denoise.usual)
    advising.close(())
    return open_model(str(folder))
