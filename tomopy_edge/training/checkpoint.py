"""How far a training is and all it needs to go on: one file, which is replaced as a whole."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.errors import OutputError
from tomopy_edge.training.origin import Origin, differences
from tomopy_edge.training.plan import TrainOptions

CHECKPOINT = "last.npz"


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    step : steps made
    seconds : time spent
    best : lowest error on the held-out pairs: absolute, in network units, or squared for a loss that is squared
    waited : looks since then
    lowest : lowest mean loss over the steps between two looks that were `check_every` steps apart
    losses : sums of what the steps since the last look logged; after a look, of those before it
    batches : how many steps these are
    looked : whether the look that may be due after the last step was made
    """

    step: int = 0
    seconds: float = 0.0
    best: float = math.inf
    waited: int = 0
    lowest: float = math.inf
    losses: dict[str, float] = field(default_factory=dict)
    batches: int = 0
    looked: bool = True

    def share(self, chosen: TrainOptions) -> float:
        """Return how much of the training is done, 0 to 1."""
        if chosen.patience is not None and self.waited >= chosen.patience:
            return 1.0
        done = self.step / chosen.steps if chosen.steps else self.seconds / (60 * (chosen.minutes or 1))
        return min(done, 1.0)

    def stepped(self, losses: Mapping[str, float], seconds: float) -> Progress:
        """Return the progress after one more step, which took `seconds` and logged `losses`."""
        sums, batches = ({}, 0) if self.looked else (self.losses, self.batches)
        return replace(
            self,
            step=self.step + 1,
            seconds=self.seconds + seconds,
            losses={name: sums.get(name, 0.0) + one for name, one in losses.items()},
            batches=batches + 1,
            looked=False,
        )

    def means(self) -> dict[str, float]:
        """Return the means of what the steps since the last look logged."""
        return {name: total / self.batches for name, total in self.losses.items()}

    def due(self, chosen: TrainOptions) -> bool:
        """Return whether the held-out pairs are to be looked at before the next step."""
        return not self.looked and (self.step % chosen.check_every == 0 or self.share(chosen) >= 1)


def training_folder(model: Path) -> Path:
    """Return the folder beside a .keras file that its training is kept in."""
    return model.with_name(f"{model.name}.training")


def has_checkpoint(model: Path) -> bool:
    """Return whether a training of the .keras file `model` can be resumed."""
    return (training_folder(model) / CHECKPOINT).exists()


def write_checkpoint(
    folder: Path, progress: Progress, chosen: TrainOptions, origin: Origin, variables: Sequence[Any]
) -> None:
    """Write the state of a training; the old checkpoint stands until the new one is whole.

    Parameters
    ----------
    folder : of the training
    progress : how far it is
    chosen : how it is done; kept to tell what changed where it is resumed otherwise
    origin : what is learned from
    variables : Keras variables, of networks and optimizers alike
    """
    from keras import ops

    options = {name: str(one) for name, one in asdict(chosen).items()}
    state = {"progress": asdict(progress), "chosen": options, "origin": dict(origin)}
    arrays = {f"variable_{i}": ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}
    part = folder / f"{CHECKPOINT}.part"
    with part.open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state)), **arrays)
    part.replace(folder / CHECKPOINT)


def read_checkpoint(
    folder: Path, chosen: TrainOptions, origin: Origin, variables: Sequence[Any]
) -> tuple[Progress, list[str]]:
    """Put the state of a training back into its variables.

    Returns
    -------
    how far it was, and the options that differ from those it was begun with, in words

    Raises
    ------
    OutputError : where there is no checkpoint, or one of another network or other pairs
    """
    path = folder / CHECKPOINT
    try:
        with np.load(path) as file:
            state = json.loads(str(file["state"]))
            arrays = [file[f"variable_{i}"] for i in range(len(file.files) - 1)]
    except FileNotFoundError:
        raise OutputError(f"{folder}: holds no checkpoint to resume from; train without --resume") from None
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"{path}: cannot be read ({error}); remove {folder} and train anew") from None
    other = differences(state["origin"], origin) if "origin" in state else ""
    if other:
        raise OutputError(
            f"{path}: the training was begun with other pairs or another teacher ({other}); resume with those it was "
            "begun with, or choose another name for the network"
        )
    shapes = [tuple(variable.shape) for variable in variables]
    if [array.shape for array in arrays] != shapes:
        raise OutputError(
            f"{path}: is of another network, precision or loss than the one to be trained now ({len(arrays)} arrays, "
            f"expected {len(shapes)}); resume with the options that the training was begun with"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    now = {name: str(one) for name, one in asdict(chosen).items()}
    changed = [f"{name}: {was} before, {now[name]} now" for name, was in state["chosen"].items() if now[name] != was]
    return Progress(**state["progress"]), changed
