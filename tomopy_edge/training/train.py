"""The training loop: crops in, a network out, with a schedule, checkpoints, a log, and an end when it goes wrong."""

from __future__ import annotations

import csv
import json
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tomopy_edge.errors import EdgeError, OutputError
from tomopy_edge.options import options
from tomopy_edge.training.generator import MULTIPLE
from tomopy_edge.training.samples import Crops, check_values, open_pairs
from tomopy_edge.training.scores import Scores, judge

log = logging.getLogger(__name__)

LOWEST_RATE = 0.01
"""Share of the learning rate that is left at the end."""

WORSE = 10.0
"""A training whose loss is so many times its best has diverged."""


class DivergedError(EdgeError):
    """A training went wrong; the last good network was kept."""


@options
class TrainOptions:
    """How a network is trained."""

    minutes: float | None = None
    """Time to train for; the learning rate falls along with it. This or `steps`."""
    steps: int | None = None
    """Batches to train for. This or `minutes`."""
    crop: int = 192
    """Rows and columns of a crop, pixels; a multiple of 8."""
    batch: int = 6
    """Crops in a batch."""
    rate: float = 1e-3
    """Highest learning rate of Adam."""
    warm_up: int = 100
    """Batches over which the learning rate rises."""
    check_every: int = 200
    """Batches between two looks at the held-out pairs, each followed by a checkpoint."""
    check_pairs: int = 12
    """Held-out pairs to look at."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What is computed in; bfloat16 takes half the time on processors with AVX512-BF16, AMX or a GPU."""
    vary: bool = True
    """Multiply and lift crops at random, for a scan's unit is an estimate; not for a network that mends int8 codes."""
    seed: int = 1
    """Of the weights and the crops."""

    def __post_init__(self) -> None:
        """Check that the training has an end."""
        if (self.minutes is None) == (self.steps is None):
            raise ValueError("minutes: give either minutes or steps")
        for name in ("crop", "batch", "rate", "check_every", "check_pairs"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: must be above 0, got {getattr(self, name)}")


@dataclass(frozen=True)
class Progress:
    """How far a training is; kept beside its checkpoint.

    Attributes
    ----------
    step : batches seen
    seconds : time spent
    best : lowest mean absolute error on the held-out pairs, network units
    """

    step: int = 0
    seconds: float = 0.0
    best: float = math.inf

    def share(self, chosen: TrainOptions) -> float:
        """Return how much of the training is done, 0 to 1."""
        done = self.step / chosen.steps if chosen.steps else self.seconds / (60 * (chosen.minutes or 1))
        return min(done, 1.0)


def learning_rate(progress: Progress, chosen: TrainOptions) -> float:
    """Return Adam's rate: a linear rise, then half a cosine down to a hundredth."""
    falling = LOWEST_RATE + (1 - LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * progress.share(chosen)))
    return chosen.rate * falling * min(1.0, (progress.step + 1) / max(chosen.warm_up, 1))


def train(build: Callable[[], Any], pairs: Path, model: Path, chosen: TrainOptions, *, resume: bool = False) -> Scores:
    """Train a network on a file of pairs and write it to `model`, a .keras file in float32.

    Beside it a folder `<model>.training` keeps the last checkpoint, with Adam's state, and the log, `log.csv`. The
    loss is the mean absolute error: unlike the squared one it does not blur what is uncertain.

    Parameters
    ----------
    build : makes the untrained network, (batch, y, x, channel) -> (batch, y, x, 1)
    pairs : see `simulation.files.write_pairs`
    model : file to write; its network is the best one on the held-out pairs
    chosen : how
    resume : go on from the checkpoint that an earlier training of `model` left

    Returns
    -------
    the scores of the written network on the held-out pairs

    Raises
    ------
    DataError : where nothing can be learned from the pairs
    OutputError : where `model` exists, or there is nothing to resume from
    DivergedError : where the loss grows instead of falling, or is not a number
    """
    import keras

    keras.utils.set_random_seed(chosen.seed)
    run = _Run(build, model, chosen, resume=resume)
    with open_pairs(pairs, run.network.input_shape[-1], MULTIPLE, chosen.crop) as file:
        check_values(pairs, file)
        run.folder.mkdir(parents=True, exist_ok=True)
        crops = Crops(file["train_ns"], file["train_gt"], chosen.crop, chosen.batch, chosen.seed, chosen.vary)
        held_out = (file["test_ns"][: chosen.check_pairs], file["test_gt"][: chosen.check_pairs])
        try:
            run.go(crops, held_out)
        except KeyboardInterrupt:
            run.checkpoint()
            raise
        return judge(keras.models.load_model(model), *held_out)


class _Run:
    """One training while it runs."""

    def __init__(self, build: Callable[[], Any], model: Path, chosen: TrainOptions, *, resume: bool) -> None:
        import keras

        self.model, self.chosen, self.build = model, chosen, build
        self.folder = model.with_name(f"{model.name}.training")
        self.progress = Progress()
        if resume:
            try:
                state = json.loads((self.folder / "progress.json").read_text(encoding="utf-8"))
            except OSError:
                raise OutputError(
                    f"{self.folder}: holds no checkpoint to resume from; train without --resume"
                ) from None
            self.progress = Progress(**state)
            self.network = keras.models.load_model(self.folder / "last.keras")
            return
        if model.exists() or self.folder.exists():
            raise OutputError(f"{model}: exists; choose another name, remove it and {self.folder.name}, or resume it")
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16" if chosen.precision == "bfloat16" else "float32")
        try:
            self.network = build()
        finally:
            keras.config.set_dtype_policy(before)
        self.network.compile(keras.optimizers.Adam(chosen.rate, clipnorm=1.0), loss="mae", jit_compile=False)

    def go(self, crops: Crops, held_out: tuple[Any, Any]) -> None:
        """Train to the end of the budget."""
        losses: list[float] = []
        lowest = math.inf
        with ThreadPoolExecutor(1) as ahead:
            batch = ahead.submit(crops.draw, self.progress.step)
            while self.progress.share(self.chosen) < 1:
                start = time.monotonic()
                noisy, truth = batch.result()
                batch = ahead.submit(crops.draw, self.progress.step + 1)
                self.network.optimizer.learning_rate = learning_rate(self.progress, self.chosen)
                losses.append(float(self.network.train_on_batch(noisy, truth)))
                spent = self.progress.seconds + time.monotonic() - start
                self.progress = replace(self.progress, step=self.progress.step + 1, seconds=spent)
                if not math.isfinite(losses[-1]):
                    raise self._diverged(f"the loss at step {self.progress.step} is {losses[-1]}")
                if self.progress.step % self.chosen.check_every == 0 or self.progress.share(self.chosen) >= 1:
                    loss, losses = float(np.mean(losses)), []
                    if loss > WORSE * lowest:
                        raise self._diverged(f"the loss rose from {lowest:.4g} to {loss:.4g}")
                    lowest = min(lowest, loss)
                    self._look(loss, held_out)

    def _look(self, loss: float, held_out: tuple[Any, Any]) -> None:
        scores = judge(self.network, *held_out)
        if scores.error < self.progress.best:
            self.progress = replace(self.progress, best=scores.error)
            self._write_model()
        self.checkpoint()
        row = {**asdict(self.progress), "loss": loss, "rate": learning_rate(self.progress, self.chosen)} | asdict(
            scores
        )
        path = self.folder / "log.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
        log.info(
            "step %d, %.1f min: loss %.4f, held out: error %.4f, PSNR %.2f dB, SSIM %.4f",
            *(self.progress.step, self.progress.seconds / 60, loss, scores.error, scores.psnr, scores.ssim),
        )

    def _write_model(self) -> None:
        """Write the network in float32, whatever it is trained in."""
        plain = self.build()
        plain.set_weights(self.network.get_weights())
        plain.save(self.model)

    def checkpoint(self) -> None:
        """Write what a resumed training needs; the old checkpoint stands until the new one is whole."""
        written = self.folder / "next.keras"
        self.network.save(written)
        written.replace(self.folder / "last.keras")
        (self.folder / "progress.json").write_text(json.dumps(asdict(self.progress)), encoding="utf-8")

    def _diverged(self, what: str) -> DivergedError:
        kept = f"the best network so far is {self.model}" if self.model.exists() else "no network was kept"
        return DivergedError(
            f"training diverged: {what}; {kept}. Train anew with a lower rate (it was {self.chosen.rate:g}), or resume "
            "from the last checkpoint"
        )
