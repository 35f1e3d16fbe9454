"""Which of several runtimes is fastest on this machine, measured once, among those that answer as LiteRT does."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Ends, Placement
from tomopy_edge.errors import BackendError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import available_cores
from tomopy_edge.networks.cache import cache_folder
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import Model, NetworkFile, open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.quantize import quantize

BEYOND_ONE, BEYOND_THREE, MEAN = 0.01, 0.0005, 0.05
"""How far the codes of two runtimes may be apart: the shares that are more than 1 and more than 3 codes off, and the
mean difference, codes. LiteRT's own fast kernels are up to 0.4 % and 0.012 % from its reference kernels, where single
pixels are up to 15 codes off, so that no largest difference is asked for."""

FLOAT = 1e-4
"""How far answers of float32 may be apart, root mean square, as a share of their range."""

ROUNDS, SPENT = 5, 10.0
"""Rounds in which every runtime has its turn; no further one is begun after as many seconds."""

FORMAT = 1
"""Of what is kept; another number has everything measured again."""

Open = Callable[[Path, Placement], Backend]


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


@dataclass(frozen=True)
class Reference:
    """What LiteRT makes of a network.

    Attributes
    ----------
    ends : of the network
    tiles : one batch, (tile, y, x, channel)
    answer : to them, (tile, y, x)
    """

    ends: Ends
    tiles: NDArray[Any]
    answer: NDArray[Any]


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


def refer(path: Path) -> Reference:
    """Return what LiteRT answers with the .tflite network at `path`."""
    backend = LiteRT(path, available_cores())
    tiles = reference_tiles(backend.ends)
    answer = backend.infer(tiles)
    backend.close()
    return Reference(backend.ends, tiles, answer)


def reference_tiles(ends: Ends) -> NDArray[Any]:
    """Return one batch of tiles as a network takes them: a disc with noise, as bright as slices are."""
    batch, tile, _, channels = ends.shape
    y, x = np.ogrid[:tile, :tile]
    disc = np.hypot(y - tile / 2, x - tile / 2) < tile / 3
    noise = np.random.default_rng(tile).normal(scale=0.2, size=(batch, tile, tile, channels))
    tiles = (disc[None, :, :, None] + noise).astype(np.float32)
    return tiles if ends.input_params is None else quantize(tiles, ends.input_params)[0]


def disagreement(backend: Backend, reference: Reference) -> str | None:
    """Return how the answers of `backend` are off from the reference.

    Returns
    -------
    a part of a sentence, or None where they agree as far as two correct runtimes do
    """
    if replace(reference.ends, io=backend.ends.io) != backend.ends:
        return f"it has the network's ends as {backend.ends}, LiteRT as {reference.ends}"
    return apart(backend.infer(reference.tiles), reference.answer)


def apart(answers: NDArray[Any], right: NDArray[Any]) -> str | None:
    """Return how `answers` are off, as a part of a sentence; None where they are as right as two runtimes' ever are."""
    difference = answers.astype(np.float64) - right
    if answers.dtype == np.float32:
        rms = float(np.sqrt(np.mean(difference**2))) / max(float(np.ptp(right)), float(np.finfo(np.float32).tiny))
        # Not (rms > FLOAT), which is false of answers that are not numbers.
        return None if rms <= FLOAT else f"its answers are {rms:.1g} of their range off (allowed: {FLOAT:g})"
    far = np.abs(difference)
    if (far > 1).mean() <= BEYOND_ONE and (far > 3).mean() <= BEYOND_THREE and abs(difference.mean()) <= MEAN:  # noqa: PLR2004 - codes
        return None
    return (
        f"its answers are up to {far.max():.0f} codes off, {100 * (far > 1).mean():.3g} % of them by more than 1 and "
        f"{difference.mean():.2g} in the mean (allowed: {100 * BEYOND_ONE:g} % and {MEAN:g})"
    )


def prove(opens: Open, precisions: tuple[str, ...] = ("int8", "float")) -> str | None:
    """Return what is wrong with a runtime's answers to small networks that are shipped, None where nothing is.

    For the probes of runtimes that are known to answer wrongly, and without an error, on some machines.
    """
    for precision in precisions:
        path = reference_network(precision)
        backend = opens(path, Placement())
        found = disagreement(backend, refer(path))
        backend.close()
        if found is not None:
            return f"it answers wrongly here: with the {precision} reference network {found}"
    return None


def reference_network(precision: str) -> Path:
    """Return the smallest shipped .tflite network of a precision, to try a runtime on."""
    model = open_model("tomogan-compact")
    files = [file for file in model.manifest.denoise.networks if file.precision == precision]
    smallest = min(files, key=lambda file: file.tile)
    return model.path(smallest.file, smallest.sha256)


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
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    # No host name: the nodes of a cluster have many, and one speed.
    named = sorted({line for line in lines if line.startswith(("model name", "CPU part", "Model"))})
    return (*named, platform.machine(), str(available_cores()))


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
