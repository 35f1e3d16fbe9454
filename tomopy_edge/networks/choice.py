"""Which of several runtimes is fastest on this machine, measured once, among those that answer as LiteRT does."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Placement
from tomopy_edge.errors import BackendError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import available_cores
from tomopy_edge.networks.agreement import disagreement, refer
from tomopy_edge.networks.cache import cache_folder
from tomopy_edge.networks.manifest import Model, NetworkFile
from tomopy_edge.networks.probing import probed
from tomopy_edge.processor import board_name, processor_name

ROUNDS, SPENT = 5, 10.0
"""Rounds in which every runtime has its turn; no further one is begun after as many seconds."""

FORMAT = 1
"""Of what is kept; another number has everything measured again."""


@dataclass(frozen=True)
class Candidate:
    """A runtime that could run a network.

    Attributes
    ----------
    entry : the runtime
    file : what it would run
    reference : the .tflite file whose answers it must give: the same, or what it was compiled from
    """

    entry: BackendEntry
    file: NetworkFile
    reference: NetworkFile

    def seconds(self, measured: float, shape: tuple[int, int]) -> float:
        """Return the seconds that a slice of `shape` (y, x) takes, of those that were measured for one batch."""
        rows, columns = self.file.grid(shape).counts
        return measured * -(-rows * columns // self.file.batch)


@dataclass(frozen=True)
class Measured:
    """How fast runtimes are on this machine.

    Attributes
    ----------
    seconds : name of a runtime -> seconds for one batch of tiles, median
    left_out : name of a runtime -> why it is not to be chosen
    failed : whether one of those failed; that may pass, and is not kept
    day : when that was found, YYYY-MM-DD
    """

    seconds: dict[str, float]
    left_out: dict[str, str]
    failed: bool
    day: str


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
    path = _place(candidates, threads)
    measured = _read(path)
    if measured is None:
        measured = measure(candidates, model, threads)
        if not measured.failed:
            _keep(path, measured)
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
    running: dict[str, tuple[Backend, NDArray[Any]]] = {}
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
                running[name] = backend, reference.tiles
            else:
                left_out[name] = fault
        begun = time.perf_counter()
        for _ in range(ROUNDS):
            for name, (backend, tiles) in [*running.items()]:
                start = time.perf_counter()
                try:
                    backend.infer(tiles)
                except Exception as error:  # noqa: BLE001 - likewise
                    left_out[name], failed = f"{type(error).__name__}: {error}", True
                    del running[name]
                seconds.setdefault(name, []).append(time.perf_counter() - start)
            if time.perf_counter() - begun > SPENT:
                break
    medians = {name: median(seconds[name]) for name in running}
    return Measured(medians, left_out, failed, date.today().isoformat())  # noqa: DTZ011 - the user's day


def _place(candidates: list[Candidate], threads: int) -> Path | None:
    """Return where what is measured for such candidates is kept; None where there is no place."""
    known = [
        (one.entry.name, probed(one.entry).version, probed(one.entry).devices, one.file.sha256, one.reference.sha256)
        for one in candidates
    ]
    key = json.dumps([FORMAT, _machine(), threads, known])
    try:
        folder = cache_folder() / "runtimes"
    except RuntimeError:  # a user without a home
        return None
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _machine() -> tuple[str, ...]:
    """Return what tells machines apart that share a home: their processor, and how much of it is ours."""
    # No host name: the nodes of a cluster have many, and one speed.
    return processor_name(), board_name(), platform.machine(), str(available_cores())


def _read(path: Path | None) -> Measured | None:
    try:
        return None if path is None else Measured(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # not there, or not what was kept
        return None


def _keep(path: Path | None, measured: Measured) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(asdict(measured)), encoding="utf-8")
        written.replace(path)
    except OSError:
        pass  # it is measured again next time
