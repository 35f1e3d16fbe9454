"""Which runtime runs a network: the one that is named, or the fastest of those that give the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tomopy_edge.catalogue import find
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Job
from tomopy_edge.networks import litert
from tomopy_edge.networks.choice import Candidate, fastest
from tomopy_edge.networks.manifest import PARTNERS, Model, NetworkFile, NetworkSet, Precision
from tomopy_edge.networks.probing import probed

AUTO = "auto"
"""What a recipe says to have the runtime chosen."""


Fits = Callable[[NetworkFile], bool]
"""Whether there is memory for a .tflite file."""


def always(_: NetworkFile) -> bool:
    """Say that there is memory for any file."""
    return True


@dataclass(frozen=True)
class Wish:
    """What is to be run, as far as it tells which runtime is the fastest.

    Attributes
    ----------
    model : that holds the files
    precision : None is the usual one
    tile : edge of the tiles, pixels, or None
    shape : (y, x) of the slices
    fits : whether there is memory for a file of the model on the CPU
    """

    model: Model
    precision: Precision | None
    tile: int | None
    shape: tuple[int, int]
    fits: Fits = always


def backends(catalogue: Any) -> Mapping[str, BackendEntry]:
    """Return the runtimes of a catalogue; without one, of a job that was made by hand, LiteRT alone."""
    return {litert.ENTRY.name: litert.ENTRY} if catalogue is None else catalogue.backends


def files_for(entry: BackendEntry, networks: NetworkSet) -> tuple[NetworkFile, ...]:
    """Return the files of a network that a runtime runs."""
    files = {"tflite": networks.networks, "edgetpu": networks.compiled, "onnx": networks.onnx}[entry.reads]
    return tuple(file for file in files if entry.precisions is None or file.precision in entry.precisions)


def choose_file(
    entry: BackendEntry,
    networks: NetworkSet,
    precision: Precision | None,
    tile: int | None,
    shape: tuple[int, int],
    fits: Fits = always,
) -> NetworkFile:
    """Return the file that a runtime runs on slices of `shape` (y, x); see `NetworkSet.choose`.

    For a runtime of whole slices it is told to take one tile as large as the slice and what is seen around it, or tiles
    of the edge that is named.

    Parameters
    ----------
    fits : where no tile is named, larger tiles that it refuses give way to smaller ones that leave no seam either

    Raises
    ------
    ModelError : where the model has no such file
    """
    files = files_for(entry, networks)
    if not files:
        raise ModelError(_without_files(entry))
    if precision is None and networks.usual not in {file.precision for file in files}:
        precision = files[0].precision
    if entry.whole:
        return _resized(networks.choose(precision, None, shape, among=files), networks, shape, tile)
    chosen = networks.choose(precision, tile, shape, among=files)
    if tile is not None or entry.reads != "tflite":
        return chosen
    alike = [file for file in files if networks.is_exact(file) or not networks.is_exact(chosen)]
    while not fits(chosen):
        alike = [file for file in alike if file.precision == chosen.precision and file.tile < chosen.tile]
        if not alike:
            break
        chosen = networks.choose(chosen.precision, None, shape, among=tuple(alike))
    return chosen


def partner_for(runtime: str, networks: NetworkSet, catalogue: Any) -> Precision:
    """Return the precision that a runtime runs before a Fine-Tune network: one that this was trained on, where it can.

    Raises
    ------
    PluginError : where there is no such runtime
    """
    if runtime == AUTO:
        return networks.partner
    held = [file.precision for file in files_for(find(backends(catalogue), runtime, "runtime"), networks)]
    return next((precision for precision in (*PARTNERS, *held) if precision in held), networks.partner)


def _resized(file: NetworkFile, networks: NetworkSet, shape: tuple[int, int], tile: int | None) -> NetworkFile:
    """Return the network for tiles that leave no seam: one for a whole slice of `shape`, or those of an edge `tile`."""
    multiple = networks.multiple
    reach = networks.reach if file.reach is None else file.reach
    halo = -(-reach // multiple) * multiple
    if tile is None:
        tile = -(-max(shape) // multiple) * multiple + 2 * halo
    if tile % multiple or tile <= 2 * halo:
        raise ModelError(
            f"tile: must be a multiple of {multiple} above {2 * halo} pixels, which the network sees around what it "
            f"keeps; got {tile}"
        )
    return replace(file, tile=tile, halo=halo, stride=tile - 2 * halo, batch=1)


def _without_files(entry: BackendEntry) -> str:
    made = {"edgetpu": "tomopy-edge compile", "onnx": "tomopy-edge export", "tflite": "tomopy-edge quantize"}
    asked = "" if entry.precisions is None else f" {' or '.join(entry.precisions)}"
    return f"runtime {entry.name}: the model holds no{asked} network that it could run; {made[entry.reads]} makes them"


def working(name: str, catalogue: Any) -> BackendEntry:
    """Return the runtime called `name`.

    Raises
    ------
    PluginError : where there is no such runtime
    BackendError : where it does not work on this machine
    """
    entry: BackendEntry = find(backends(catalogue), name, "runtime")
    probe = probed(entry)
    if not probe.works:
        raise BackendError(f"runtime {name}: {probe.told}; or leave the option runtime at {AUTO}")
    return entry


def able_for_auto(networks: NetworkSet, catalogue: Any) -> list[BackendEntry]:
    """Return the runtimes, at least one, that "auto" may take: they give LiteRT's answers, have files, and work here.

    Raises
    ------
    BackendError : where there is none
    """
    offered = backends(catalogue).values()
    alike = [entry for entry in offered if entry.alike and not entry.whole and files_for(entry, networks)]
    with ThreadPoolExecutor() as together:
        probes = list(together.map(probed, alike))
    able = [entry for entry, probe in zip(alike, probes, strict=True) if probe.works]
    if not able:
        tried = "; ".join(f"{entry.name}: {probed(entry).told}" for entry in alike)
        raise BackendError(f"no runtime works on this machine: {tried or 'none is offered'}")
    return able


def settle_runtime(
    name: str, networks: NetworkSet, job: Job, stage: str, *, fallback: bool, wish: Wish | None = None
) -> BackendEntry:
    """Return the runtime that a run uses, and note why.

    Parameters
    ----------
    name : as the recipe has it; "auto" takes, of those that give LiteRT's answers and work here, the fastest
    networks : what it is to run
    job : whose catalogue has the runtimes, and where notes go
    stage : that is told of
    fallback : whether another runtime may take the place of one that does not work
    wish : what the fastest is to be measured with; without it "auto" takes the first that is offered

    Raises
    ------
    PluginError : where there is no such runtime
    ModelError : where "auto" is to choose, and the model has nothing for what works here
    BackendError : where the runtime does not work on this machine, or none does
    """
    if name != AUTO:
        try:
            entry = working(name, job.catalogue)
        except BackendError as error:
            if not fallback:
                raise
            fault = str(error)
        else:
            if not fallback or files_for(entry, networks):
                return entry
            fault = _without_files(entry)
        job.tally.note(stage, f"{fault}; the recipe allows another runtime")
    able = able_for_auto(networks, job.catalogue)
    # What LiteRT is missing for cannot be compared with it.
    if wish is None or len(able) == 1 or not probed(litert.ENTRY).works:
        return able[0]
    candidates = _candidates(able, networks, wish)
    if len(candidates) == 1:
        return candidates[0].entry
    entry = fastest(candidates, wish.model, wish.shape, job.ncore, partial(job.tally.note, stage))
    taken = next(one.file for one in candidates if one.entry is entry)
    if not networks.is_exact(taken) and any(networks.is_exact(one.file) for one in candidates):
        job.tally.note(
            stage,
            f"its tiles of {taken.tile} pixels are blended; runtime {litert.ENTRY.name} has some that leave no seam",
        )
    return entry


def _candidates(entries: list[BackendEntry], networks: NetworkSet, wish: Wish) -> list[Candidate]:
    """Return the runtimes that can run what is wished for; the precision is the same for all."""
    reference = networks.choose(wish.precision, wish.tile, wish.shape)
    found = []
    for entry in entries:
        try:
            file = choose_file(entry, networks, reference.precision, wish.tile, wish.shape, wish.fits)
            original = file if entry.reads == "tflite" else _original(file, networks)
        except ModelError:
            continue  # it has this network for other tiles or in another precision only
        found.append(Candidate(entry, file, original))
    if not found:
        raise ModelError(
            f"the model holds no {reference.precision} network that {' or '.join(entry.name for entry in entries)} "
            "could run; name another runtime"
        )
    return found


def _original(file: NetworkFile, networks: NetworkSet) -> NetworkFile:
    """Return the .tflite file that another kind of file has the answers of."""
    named = (one for one in networks.networks if one.file == file.compiled_from)
    return next(named, None) or networks.choose(file.precision, file.tile, (1, 1))
