"""Which runtime runs a network: the one that is named, or the fastest of those that give the same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tomopy_edge.backend import Placement, keep_silent
from tomopy_edge.catalogue import find
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Job
from tomopy_edge.networks import litert
from tomopy_edge.networks.candidates import candidates_of
from tomopy_edge.networks.choice import fastest
from tomopy_edge.networks.manifest import PARTNERS, Model, NetworkSet
from tomopy_edge.networks.network_file import NetworkFile, Precision
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.room import Room

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
    """

    model: Model
    precision: Precision | None
    tile: int | None
    shape: tuple[int, int]


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
    if precision is None:
        precision = networks.usual if networks.usual in {file.precision for file in files} else files[0].precision
    tiles = sorted({file.tile for file in files if file.precision == precision})
    if not tiles or (tile is not None and not entry.whole and tile not in tiles):
        wanted = f"{precision} network" + f" for tiles of {tile} pixels" * bool(tiles)
        held = f"of {tiles}" if tiles else " and ".join(dict.fromkeys(file.precision for file in files))
        raise ModelError(f"the model holds no {wanted} that runtime {entry.name} could run, only {held}")
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


def fault_of(entry: BackendEntry, device: str | None) -> str | None:
    """Return why a runtime cannot run networks on this machine, or on that device; None where it can."""
    probe = probed(entry)
    if not probe.works:
        return f"runtime {entry.name}: {probe.told}"
    try:
        Placement(device=device).devices(entry.name, probe.devices)
    except BackendError as error:
        return str(error)
    return None


def able(
    name: str,
    networks: NetworkSet,
    catalogue: Any,
    *,
    device: str | None = None,
    fallback: bool = False,
    note: Callable[[str], None] = keep_silent,
) -> list[BackendEntry]:
    """Return the runtimes, at least one, that may run a network here: the one that is named, or those of "auto".

    Parameters
    ----------
    name, device : as the recipe has them
    networks : what is to be run
    catalogue : that has the runtimes
    fallback : whether others may take the place of one that does not work, or that the model holds nothing for
    note : takes a sentence where they do

    Raises
    ------
    PluginError : where there is no such runtime
    BackendError : where the runtime does not work on this machine, or none does
    """
    if name == AUTO:
        return able_for_auto(networks, catalogue)
    entry: BackendEntry = find(backends(catalogue), name, "runtime")
    fault = fault_of(entry, device)
    missing = None if files_for(entry, networks) else _without_files(entry)
    if fault is None and (missing is None or not fallback):
        return [entry]
    told = "; ".join(filter(None, (missing, fault)))
    if not fallback:
        raise BackendError(told if probed(entry).works else f"{told}; or leave the option runtime at {AUTO}")
    note(f"{told}; the recipe allows another runtime")
    return able_for_auto(networks, catalogue)


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
    name: str,
    networks: NetworkSet,
    job: Job,
    stage: str,
    *,
    device: str | None = None,
    fallback: bool,
    wish: Wish | None = None,
) -> BackendEntry:
    """Return the runtime that a run uses, and note why: the same however much memory is free.

    What is measured, and kept, is the network in tiles that there is always room for; see `candidates.MEASURED`. Which
    tiles run does depend on the memory, and is settled afterwards, for the runtime that was taken.

    Parameters
    ----------
    name : as the recipe has it; "auto" takes, of those that give LiteRT's answers and work here, the fastest
    networks : what it is to run
    job : whose catalogue has the runtimes, and where notes go
    stage : that is told of
    device, fallback : see `able`
    wish : what the fastest is to be chosen for; without it "auto" takes the first that is offered

    Raises
    ------
    PluginError : where there is no such runtime
    ModelError : where "auto" is to choose, and the model has nothing for what works here
    BackendError : where the runtime does not work on this machine, none does, or memory is too short to measure any
    """
    note = partial(job.tally.note, stage)
    entries = able(name, networks, job.catalogue, device=device, fallback=fallback, note=note)
    # What LiteRT is missing for cannot be compared with it.
    if wish is None or len(entries) == 1 or not probed(litert.ENTRY).works:
        return entries[0]
    # The precision is the same for all, whatever some of them lack.
    precision = networks.usual if wish.precision is None else wish.precision
    with_files = files_of(entries, networks, precision, wish.tile, wish.shape)
    candidates = candidates_of(with_files, networks)
    if len(candidates) < 2:  # noqa: PLR2004 - nothing to compare
        return candidates[0].entry if candidates else with_files[0][0]
    for one in candidates:
        if one.entry.reads == "tflite":
            Room.now(wish.model).expect(one.file, one.entry, wish.shape)
    entry = fastest(candidates, wish.model, wish.shape, job.ncore, note)
    taken = next(one.runs for one in candidates if one.entry is entry)
    if not networks.is_exact(taken) and any(networks.is_exact(one.runs) for one in candidates):
        job.tally.note(
            stage,
            f"its tiles of {taken.tile} pixels are blended; runtime {litert.ENTRY.name} has some that leave no seam",
        )
    return entry


def files_of(
    entries: Iterable[BackendEntry],
    networks: NetworkSet,
    precision: Precision | None,
    tile: int | None,
    shape: tuple[int, int] = (1, 1),
) -> list[tuple[BackendEntry, NetworkFile]]:
    """Return the runtimes, at least one, that have a file for what is wished, each with that; see `choose_file`.

    Raises
    ------
    ModelError : where none has
    """
    found, faults = [], []
    for entry in entries:
        try:
            found.append((entry, choose_file(entry, networks, precision, tile, shape)))
        except ModelError as error:  # noqa: PERF203 - a handful of runtimes
            faults.append(error)
    if not found:
        raise faults[0]
    return found
