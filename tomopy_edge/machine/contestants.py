"""One network on one runtime, taking turns: noisy slices in, denoised slices on disk, each part on the clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue, find
from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions, networks_of, settle_tomogan
from tomopy_edge.errors import EdgeError, ModelError, OutputError
from tomopy_edge.hookspecs import Step
from tomopy_edge.job import Job
from tomopy_edge.machine.energy import Meter
from tomopy_edge.machine.timing import Timed, Turn
from tomopy_edge.networks.room import Room
from tomopy_edge.networks.runtimes import choose_file
from tomopy_edge.pipeline import run_step, through, with_neighbours
from tomopy_edge.stages.denoise import opened
from tomopy_edge.stages.fine_tune import FineTuneOptions, settle_fine_tune
from tomopy_edge.stages.write import WriteOptions, open_writers

log = logging.getLogger(__name__)

TOTAL, OPENING = "total", "opening"
"""Of what a stage's tally tells, beside its parts: all of it, and loading its network, which is in the former."""

STEPS = {"quantize": "quantization", "tile": "tiling", "infer": "inference", "stitch": "stitching"}
"""Parts of a slice -> what the tally of a network calls them."""

ALONE = ("chained", "float")
"""Precisions that no Fine-Tune network belongs behind: a chained one has it in it, and float lost nothing to mend."""


class Contestant:
    """A network with everything that it needs for its turns; opened in the first of them.

    Parameters
    ----------
    wanted : model, runtime, unit, and precision and tile, or None for those that a recipe would be given
    noisy : slices like those that it will be given
    catalogue : what plugins offer
    ncore : threads
    folder : where it writes; what it wrote is removed after each turn
    called : the model, in tables

    Attributes
    ----------
    timed : what is known so far

    Raises
    ------
    ModelError : where the model holds no such network for the runtime
    BackendError : where the machine cannot run it
    """

    def __init__(
        self, wanted: NetworkOptions, noisy: Volume, catalogue: Catalogue, ncore: int, folder: Path, called: str
    ) -> None:
        self._job, self._folder = Job(ncore=ncore, catalogue=catalogue, output=folder), folder
        self._chosen = chosen = settle_tomogan(wanted, noisy, self._job)
        model, networks = networks_of(chosen, "denoise")
        self._model, self._networks, self._shape = model, networks, noisy.slices.shape[1:]
        self.timed = Timed(called, str(chosen.precision), chosen.runtime, chosen.tile)
        self._fine_tune: FineTuneOptions | None = None
        self._missing: tuple[str, ...] = ()
        if chosen.precision not in ALONE and model.manifest.fine_tune is not None:
            named = FineTuneOptions(model=wanted.model, runtime=wanted.runtime, unit=wanted.unit)
            try:
                self._fine_tune = settle_fine_tune(named, noisy, self._job)
            except ModelError as error:
                self._missing = (f"no Fine-Tune network after it: {error}",)
        self._opened = ExitStack()
        self._steps: list[tuple[str, Step]] = []

    def take_turn(self, noisy: Volume, before: Turn, meter: Meter) -> None:
        """Denoise and write slices; remember how long that took, or why it failed, after which it takes no more turns.

        Parameters
        ----------
        noisy : the slices, at least one
        before : what making them took
        meter : tells the energy

        Raises
        ------
        OutputError : where the slices cannot be written
        """
        if self.timed.fault is not None:
            return
        try:
            turn = self._turn(noisy, before, meter)
        except OutputError:
            raise
        except EdgeError as error:
            self.timed = replace(self.timed, fault=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises must not cost the times of all others
            self.timed = replace(self.timed, fault=f"{type(error).__name__}: {error}")
        else:
            told = (sentence for notes in self._job.tally.notes.values() for sentence in notes)
            self.timed = replace(self.timed, turns=(*self.timed.turns, turn), notes=(*told, *self._missing))

    def close(self) -> None:
        """Give the runtime back; where that fails it is logged, since what was timed counts all the same."""
        try:
            self._opened.close()
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("%s: cannot be closed: %s: %s", self.timed.title, type(error).__name__, error)

    def _turn(self, noisy: Volume, before: Turn, meter: Meter) -> Turn:
        tally = self._job.tally
        tally.seconds.clear()
        start, start_processor = time.perf_counter(), time.process_time()
        with meter.measuring() as energy:
            for _ in self._flow(noisy):
                pass
        whole, processor = time.perf_counter() - start, time.process_time() - start_processor
        for written in self._folder.iterdir():
            written.unlink()
        count, stages = len(noisy.slices), tally.seconds
        opening = sum(parts.get(OPENING, 0.0) for parts in stages.values())
        fine_tune = stages.get("fine_tune", {})
        parts = {name: stages["denoise"].get(step, 0.0) for name, step in STEPS.items()}
        parts["fine-tune"] = fine_tune.get(TOTAL, 0.0) - fine_tune.get(OPENING, 0.0)
        parts["write"] = stages["write"][TOTAL]
        parts["other"] = whole - opening - sum(parts.values())
        known = energy.joules is not None and before.joules is not None
        return Turn(
            {**before.parts, **{name: seconds / count for name, seconds in parts.items()}},
            before.processor + processor / count,
            (before.joules or 0.0) + (energy.joules or 0.0) / count if known else None,
            opening,
        )

    def _flow(self, noisy: Volume) -> Iterator[Any]:
        """Yield what the last stage makes, chunk by chunk, as the stages of a recipe would."""
        flow: Iterator[Any] = iter([noisy])
        for name, step in self._steps or self._open():
            flow = with_neighbours(flow, step.neighbours) if step.neighbours else flow
            flow = through(partial(run_step, name, step, self._job, None, None), flow)
        return flow

    def _open(self) -> list[tuple[str, Step]]:
        self._expect_memory()
        stages: dict[str, AbstractContextManager[Step]] = {}
        stages["denoise"] = opened(NetworkDenoiser("denoise", "denoise", self._chosen, self._job))
        if self._fine_tune is not None:
            stages["fine_tune"] = opened(NetworkDenoiser("fine_tune", "fine_tune", self._fine_tune, self._job))
        stages["write"] = open_writers(WriteOptions(), self._job)
        # Its notes until now were about settling; those to come tell what runs.
        self._job.tally.notes.clear()
        self._steps = [(name, self._opened.enter_context(stage)) for name, stage in stages.items()]
        return self._steps

    def _expect_memory(self) -> None:
        """Raise a `BackendError` where the others, which stay open until the last turn, leave too little memory."""
        chosen, job = self._chosen, self._job
        entry = find(job.catalogue.backends, chosen.runtime, "runtime")
        if entry.reads == "tflite":
            file = choose_file(entry, self._networks, chosen.precision, chosen.tile, self._shape)
            Room.now(self._model).expect(file, entry, self._shape)
