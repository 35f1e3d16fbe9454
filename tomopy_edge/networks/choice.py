"""Which of several runtimes is fastest on this machine, measured once, among those that answer as LiteRT does."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Placement
from tomopy_edge.errors import BackendError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import available_cores
from tomopy_edge.networks.agreement import disagreement, refer
from tomopy_edge.networks.cache import cache_folder, keep
from tomopy_edge.networks.manifest import Model
from tomopy_edge.networks.network_file import NetworkFile
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.tiling import computed_pixels
from tomopy_edge.processor import board_name, processor_name

ROUNDS, SPENT = 5, 10.0
"""Rounds in which every runtime has its turn; no further one is begun after as many seconds."""

FORMAT = 2
"""Of what is kept; another number has everything measured again."""


@dataclass(frozen=True)
class Candidate:
    """A runtime that could run a network.

    Attributes
    ----------
    entry : the runtime
    file : what it is measured on
    reference : the .tflite file whose answers it must give: the same, or what it was compiled from
    runs : what it would run, where there is memory for any tiles
    """

    entry: BackendEntry
    file: NetworkFile
    reference: NetworkFile
    runs: NetworkFile

    def seconds(self, measured: float, shape: tuple[int, int]) -> float:
        """Return the seconds that a slice of `shape` (y, x) takes, of those that were measured for one batch.

        Those of a pixel are taken to be the same in the tiles that it would run.
        """
        grid, runs = self.file.grid(shape), self.runs.grid(shape)
        rows, columns = grid.counts
        return measured * -(-rows * columns // self.file.batch) * computed_pixels(runs) / computed_pixels(grid)


@dataclass(frozen=True)
class Measured:
    """How fast runtimes are on this machine.

    Attributes
    ----------
    seconds : name of a runtime -> seconds for one batch of tiles; where several are worked on at the same time, those
        of all by their number. The least of the rounds, to which other programs add least
    left_out : name of a runtime -> why it is not to be chosen
    failed : whether one of those failed; that may pass, and is not kept
    day : when that was found, YYYY-MM-DD
    """

    seconds: dict[str, float]
    left_out: dict[str, str]
    failed: bool
    day: str

    def __post_init__(self) -> None:
        if not all(0 <= seconds < inf for seconds in self.seconds.values()):
            raise ValueError(f"seconds: expected numbers from 0, got {self.seconds}")
        if not all(isinstance(why, str) for why in self.left_out.values()):
            raise ValueError(f"left_out: expected sentences, got {self.left_out}")
        date.fromisoformat(self.day)


def fastest(
    candidates: list[Candidate], model: Model, shape: tuple[int, int], threads: int, note: Callable[[str], None]
) -> BackendEntry:
    """Return the candidate that takes the least time for a slice, of those whose answers agree with LiteRT's.

    What was measured is kept in the user's cache folder, and holds for the same files, machine, versions and threads.

    Parameters
    ----------
    candidates : at least two; of equally fast ones the first is taken
    model : that holds their files
    shape : (y, x) of the slices
    threads : that one inference may use
    note : takes a sentence on who was taken, and on each that was left out

    Raises
    ------
    BackendError : where none of them runs the network and agrees
    """
    file = _file_name(candidates, threads)
    measured = _read(file, {one.entry.name for one in candidates})
    if measured is None:
        measured = measure(candidates, model, threads)
        if not measured.failed:
            try:
                keep(_path(file), json.dumps(asdict(measured)).encode())
            except (OSError, RuntimeError) as error:
                note(f"what was measured of runtimes cannot be kept, so the next run measures it again: {error}")
    for name, why in measured.left_out.items():
        note(f"runtime {name} is left out of the choice: {why}")
    able = [one for one in candidates if one.entry.name in measured.seconds]
    if not able:
        raise BackendError("; ".join(f"runtime {name}: {why}" for name, why in measured.left_out.items()))
    took = {one.entry.name: one.seconds(measured.seconds[one.entry.name], shape) for one in able}
    best = min(able, key=lambda one: took[one.entry.name]).entry
    others = " and ".join(f"{name}'s {seconds:.2g}" for name, seconds in took.items() if name != best.name)
    against = f" against {others}" if others else ""
    note(
        f"runtime auto: {best.name}, {took[best.name]:.2g} s a slice{against}, measured on this machine on "
        f"{measured.day} with {threads} thread{'s' * (threads != 1)}"
    )
    return best


def measure(candidates: list[Candidate], model: Model, threads: int) -> Measured:
    """Time a batch of tiles on every candidate, in turns, after its answer was compared with LiteRT's."""
    references = {file: refer(model.path(file.file, file.sha256)) for file in {one.reference for one in candidates}}
    running: dict[str, tuple[Backend, NDArray[Any], int]] = {}
    left_out: dict[str, str] = {}
    failed = False
    seconds: dict[str, list[float]] = {}
    with ExitStack() as stack:
        for one in candidates:
            name, path, reference = (
                one.entry.name,
                model.path(one.file.file, one.file.sha256),
                references[one.reference],
            )
            try:
                backend = one.entry.open(path, Placement(threads))
                stack.callback(backend.close)
                fault = disagreement(backend, reference)
            except Exception as error:  # noqa: BLE001 - a runtime that fails here is one that is not chosen
                fault, failed = f"{type(error).__name__}: {error}", True
            if fault is None:
                # One batch alone would have but one of several devices work.
                batches = -(-backend.at_once // len(reference.tiles))
                running[name] = backend, np.concatenate([reference.tiles] * batches), batches
            else:
                left_out[name] = fault
        begun = time.perf_counter()
        for _ in range(ROUNDS):
            for name, (backend, tiles, batches) in [*running.items()]:
                start = time.perf_counter()
                try:
                    backend.infer(tiles)
                except Exception as error:  # noqa: BLE001 - likewise
                    left_out[name], failed = f"{type(error).__name__}: {error}", True
                    del running[name]
                seconds.setdefault(name, []).append((time.perf_counter() - start) / batches)
            if time.perf_counter() - begun > SPENT:
                break
    least = {name: min(seconds[name]) for name in running}
    return Measured(least, left_out, failed, date.today().isoformat())  # noqa: DTZ011 - the user's day


def _file_name(candidates: list[Candidate], threads: int) -> str:
    """Return the name of the file that keeps what is measured for such candidates."""
    known = [
        (one.entry.name, probed(one.entry).version, probed(one.entry).devices, one.file.sha256, one.reference.sha256)
        for one in candidates
    ]
    key = json.dumps([FORMAT, _machine(), threads, known])
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _path(file: str) -> Path:
    return cache_folder() / "runtimes" / file


def _machine() -> tuple[str, ...]:
    """Return what tells machines apart that share a home: their processor, and how much of it is ours."""
    # No host name: the nodes of a cluster have many, and one speed.
    return processor_name(), board_name(), platform.machine(), str(available_cores())


def _read(file: str, runtimes: set[str]) -> Measured | None:
    """Return what was found out about all of `runtimes`; None where nothing is kept, or what is kept is damaged."""
    try:
        measured = Measured(**json.loads(_path(file).read_text(encoding="utf-8")))
    except (OSError, RuntimeError, ValueError, TypeError, AttributeError):  # RuntimeError: a user without a home
        return None
    return measured if {*measured.seconds, *measured.left_out} == runtimes else None
