"""The training loop: crops in, a network out, with a schedule, checkpoints, a log, and an end when it goes wrong."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from tomopy_edge.errors import EdgeError
from tomopy_edge.training.checkpoint import Progress, read_checkpoint, write_checkpoint
from tomopy_edge.training.learners import Batch, Learner
from tomopy_edge.training.logbook import Logbook
from tomopy_edge.training.origin import Origin
from tomopy_edge.training.pictures import draw_pairs
from tomopy_edge.training.plan import TrainOptions
from tomopy_edge.training.samples import Crops
from tomopy_edge.training.scores import Scores, judge

log = logging.getLogger(__name__)

LOWEST_RATE = 0.01
"""Share of the learning rate that is left at the end."""

WORSE = 10.0
"""A training whose mean loss is so many times its lowest has diverged. Only means over as many steps as lie between two
looks are compared: of a shorter rest, a single bad batch may be all there is."""


class DivergedError(EdgeError):
    """A training went wrong; the last good network was kept."""


def learning_rate(progress: Progress, chosen: TrainOptions) -> float:
    """Return Adam's rate: a linear rise, then half a cosine down to a hundredth."""
    falling = LOWEST_RATE + (1 - LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * progress.share(chosen)))
    return chosen.rate * falling * min(1.0, (progress.step + 1) / max(chosen.warm_up, 1))


def judged_error(scores: Scores, chosen: TrainOptions) -> float:
    """Return the error on held-out pairs that must fall: a network is judged as it is taught.

    From noisy truth the mean is learned, where the squared error is least; and the mean of PSNRs lets clean pairs weigh
    as much as noisy ones, which fill a mean of errors nearly alone.
    """
    by_psnr = chosen.loss == "mse" or chosen.even
    return 10 ** (-scores.psnr / 20) if by_psnr else scores.error


class Loop:
    """One training while it runs.

    Parameters
    ----------
    learner : what is trained
    build : makes its network untrained and in float32, to be written
    model : .keras file to write
    folder : for checkpoint and log
    chosen : how
    origin : what is learned from; another one is not resumed with
    resume : whether to go on from the checkpoint in `folder`
    """

    def __init__(
        self,
        learner: Learner,
        build: Callable[[], Any],
        model: Path,
        folder: Path,
        chosen: TrainOptions,
        origin: Origin,
        *,
        resume: bool,
    ) -> None:
        self._learner, self._build, self._model, self._folder, self._chosen = learner, build, model, folder, chosen
        self._origin, self._progress = origin, Progress()
        if resume:
            self._progress, changed = read_checkpoint(folder, chosen, origin, learner.variables())
            for what in changed:
                log.warning("resumed with another option than the training was begun with: %s", what)
            if not model.exists() and self._progress.best < math.inf:
                log.warning("%s: the best network so far is gone; the best from now on is written", model)
                self._progress = replace(self._progress, best=math.inf, waited=0, looked=False)
        # A look that was interrupted may have left its row, and is made again.
        told = self._progress.step - (not self._progress.looked)
        self._logbook = Logbook(folder, step=told, tensorboard=chosen.tensorboard)

    def go(self, crops: Crops, held_out: Batch) -> None:
        """Train to the end of the budget, or until the held-out pairs gain no more.

        Parameters
        ----------
        crops : what is learned from
        held_out : (pair, y, x, channel) noisy and (pair, y, x) truth

        Raises
        ------
        DivergedError : where the loss grows instead of falling, or is not a number
        """

        def draw(step: int) -> Any:
            first = step * self._learner.batches
            batches = [crops.draw(number) for number in range(first, first + self._learner.batches)]
            return self._learner.handed(batches)

        if self._progress.due(self._chosen):
            self._look(held_out)
        with ThreadPoolExecutor(self._chosen.workers) as pool:
            steps = count(self._progress.step)
            ahead = deque(pool.submit(draw, step) for step in islice(steps, self._chosen.workers))
            while self._progress.share(self._chosen) < 1:
                start = time.monotonic()
                now = ahead.popleft().result()
                ahead.append(pool.submit(draw, next(steps)))
                losses = self._learner.fit(now, learning_rate(self._progress, self._chosen))
                self._progress = self._progress.stepped(losses, time.monotonic() - start)
                if not math.isfinite(losses["loss"]):
                    raise self._diverged(f"the loss at step {self._progress.step} is {losses['loss']}")
                if self._progress.due(self._chosen):
                    start = time.monotonic()
                    self._look(held_out)
                    # A look is part of the time that was asked for; the checkpoint it wrote does not know of it yet.
                    spent = self._progress.seconds + time.monotonic() - start
                    self._progress = replace(self._progress, seconds=spent)

    @property
    def best(self) -> float:
        """The lowest error on the held-out pairs so far."""
        return self._progress.best

    def checkpoint(self) -> None:
        """Write what a resumed training needs."""
        write_checkpoint(self._folder, self._progress, self._chosen, self._origin, self._learner.variables())

    def close(self) -> None:
        """Close the log."""
        self._logbook.close()

    def _look(self, held_out: Batch) -> None:
        """Judge the network, keep it if it is the best so far, and log both; made only when the checkpoint is."""
        losses = self._progress.means()
        loss, lowest = losses["loss"], self._progress.lowest
        comparable = self._progress.batches >= self._chosen.check_every
        if comparable and loss > WORSE * lowest:
            raise self._diverged(f"the loss rose from {lowest:.4g} to {loss:.4g}")
        scores = judge(self._learner.network, *held_out)
        if not math.isfinite(scores.error):
            raise self._diverged(f"the answers after step {self._progress.step} are not finite")
        error = judged_error(scores, self._chosen)
        best = error < self._progress.best
        made = replace(
            self._progress,
            best=min(error, self._progress.best),
            waited=0 if best else self._progress.waited + 1,
            lowest=min(loss, lowest) if comparable else lowest,
            looked=True,
        )
        if best:
            self._write_model()
        rate = learning_rate(made, self._chosen)
        told = {"step": made.step, "seconds": made.seconds, "best": made.best}
        self._logbook.write({**told, **losses, "rate": rate, **asdict(scores)})
        # Only now: a look that is interrupted before is made again on resumption.
        self._progress = made
        self.checkpoint()
        if self._chosen.pictures:
            draw_pairs(self._folder / f"step_{self._progress.step:06d}.png", self._learner.network, *held_out)
        log.info(
            "step %d, %.1f min: loss %.4f, held out: error %.4f, PSNR %.2f dB, SSIM %.4f",
            *(self._progress.step, self._progress.seconds / 60, loss, scores.error, scores.psnr, scores.ssim),
        )
        if self._progress.waited == self._chosen.patience:
            log.info("no lower error in %d looks: stopped early", self._progress.waited)

    def _write_model(self) -> None:
        """Write the network in float32, whatever it is trained in; the last one stands until this one is whole."""
        plain = self._build()
        plain.set_weights(self._learner.network.get_weights())
        part = self._folder / "best.keras"
        plain.save(part)
        part.replace(self._model)

    def _diverged(self, what: str) -> DivergedError:
        kept = f"the best network so far is {self._model}" if self._model.exists() else "no network was kept"
        return DivergedError(
            f"training diverged: {what}; {kept}. Train anew with a lower rate (it was {self._chosen.rate:g}), or "
            "resume from the last checkpoint"
        )
