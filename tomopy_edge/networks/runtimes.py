"""Which runtime runs a network: the one that is named, or the fastest of those that give the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tomopy_edge.catalogue import find
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Job
from tomopy_edge.networks import litert
from tomopy_edge.networks.manifest import NetworkFile, NetworkSet, Precision
from tomopy_edge.networks.probing import probed

AUTO = "auto"
"""What a recipe says to have the runtime chosen."""


def backends(catalogue: Any) -> Mapping[str, BackendEntry]:
    """Return the runtimes of a catalogue; without one, of a job that was made by hand, LiteRT alone."""
    return {litert.ENTRY.name: litert.ENTRY} if catalogue is None else catalogue.backends


def files_for(entry: BackendEntry, networks: NetworkSet) -> tuple[NetworkFile, ...]:
    """Return the files of a network that a runtime runs."""
    files = {"tflite": networks.networks, "edgetpu": networks.compiled, "onnx": networks.onnx}[entry.reads]
    return tuple(file for file in files if entry.precisions is None or file.precision in entry.precisions)


def choose_file(
    entry: BackendEntry, networks: NetworkSet, precision: Precision | None, tile: int | None, shape: tuple[int, int]
) -> NetworkFile:
    """Return the file that a runtime runs on slices of `shape` (y, x); see `NetworkSet.choose`.

    For a runtime of whole slices it is told to take one tile as large as the slice and what is seen around it.

    Raises
    ------
    ModelError : where the model has no such file
    """
    files = files_for(entry, networks)
    if not files:
        made = {"edgetpu": "tomopy-edge compile", "onnx": "tomopy-edge export", "tflite": "tomopy-edge quantize"}
        asked = "" if entry.precisions is None else f" {' or '.join(entry.precisions)}"
        raise ModelError(
            f"runtime {entry.name}: the model holds no{asked} network that it could run; {made[entry.reads]} makes them"
        )
    if precision is None and networks.usual not in {file.precision for file in files}:
        precision = files[0].precision
    chosen = networks.choose(precision, None if entry.whole else tile, shape, among=files)
    return _whole(chosen, networks, shape) if entry.whole else chosen


def _whole(file: NetworkFile, networks: NetworkSet, shape: tuple[int, int]) -> NetworkFile:
    """Return the network as one tile for slices of `shape`, all that the network sees around them included."""
    multiple = networks.multiple
    reach = networks.reach if file.reach is None else file.reach
    halo = -(-reach // multiple) * multiple
    core = -(-max(shape) // multiple) * multiple
    return replace(file, tile=core + 2 * halo, halo=halo, stride=core, batch=1)


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


def settle_runtime(name: str, networks: NetworkSet, job: Job, stage: str, *, fallback: bool) -> BackendEntry:
    """Return the runtime that a run uses, and note why.

    Parameters
    ----------
    name : as the recipe has it; "auto" takes the first that works of those that give LiteRT's answers
    networks : what it is to run
    job : whose catalogue has the runtimes, and where notes go
    stage : that is told of
    fallback : whether another runtime may take the place of one that does not work

    Raises
    ------
    PluginError : where there is no such runtime
    BackendError : where it does not work on this machine, or none does
    """
    if name != AUTO:
        try:
            return working(name, job.catalogue)
        except BackendError as fault:
            if not fallback:
                raise
            job.tally.note(stage, f"{fault}; the recipe allows another runtime")
    alike = [entry for entry in backends(job.catalogue).values() if entry.alike and files_for(entry, networks)]
    for entry in alike:
        if probed(entry).works:
            return entry
    tried = "; ".join(f"{entry.name}: {probed(entry).told}" for entry in alike)
    raise BackendError(f"no runtime works on this machine: {tried or 'none is offered'}")
