"""Run a network on the Edge TPUs of this machine, all of them at once, with the CPU standing by.

The library is only ever loaded in child processes: in one that probes it, and in one for each device. None of this has
ever run on a device. What has are the library's own answers where there is no device and, with a stand-in that claims
no operators, everything around it, on networks that were not compiled and so run on the CPU.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

from tomopy_edge.backend import Backend, Ends, Placement, Probe
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.agreement import apart, reference_network, reference_tiles
from tomopy_edge.networks.edge_tpu import COMPILED
from tomopy_edge.networks.edge_tpu_claim import claimed
from tomopy_edge.networks.edge_tpu_interpreter import interpreter_name, open_interpreter
from tomopy_edge.networks.edge_tpu_library import HOW_TO_GET, Device, Library, ask_library, library_file
from tomopy_edge.networks.edge_tpu_stick import Stick
from tomopy_edge.networks.edge_tpu_sticks import Sticks
from tomopy_edge.networks.litert import LiteRT, check_graph, ends_in
from tomopy_edge.networks.manifest import Model, read_manifest
from tomopy_edge.networks.probing import probed

NO_DEVICE = (
    "sees no Edge TPU; plug one in, or see that your user may open it (group plugdev for USB, apex for PCIe) and that "
    "no other program has it"
)


def source_of(path: Path) -> Path:
    """Return the .tflite file that the compiled one at `path` was compiled from, as the manifest beside it says.

    Raises
    ------
    ModelError : where the manifest names no such file, or the file is not what the manifest says
    """
    try:
        model = Model(path.parent, read_manifest(path.parent)[0])
    except FileNotFoundError:
        raise ModelError(f"{path}: has no manifest beside it; tomopy-edge compile makes a model folder") from None
    for networks in filter(None, (model.manifest.denoise, model.manifest.fine_tune)):
        for compiled in networks.compiled:
            if compiled.file == path.name:
                source = networks.source_of(compiled)
                return model.path(source.file, source.sha256)
    raise ModelError(f"{path}: the manifest beside it does not name it; tomopy-edge compile names what it makes")


def _open(path: Path, placement: Placement) -> Backend:
    graph = check_graph(path)
    if not any(operator.name == COMPILED for operator in graph.operators):
        raise ModelError(f"{path}: is not compiled for the Edge TPU; tomopy-edge compile does that")
    ends, devices = ends_in(graph), _devices(placement)
    with ExitStack() as opened:
        stand_by = opened.enter_context(closing(LiteRT(source_of(path), placement.threads)))
        if ends != stand_by.ends:
            raise ModelError(
                f"{path}: takes and gives {ends}, and the file that it was compiled from {stand_by.ends}; compile it "
                "anew"
            )
        sticks = _sticks(path, ends, devices, placement, opened)
        _compare(sticks, stand_by, placement)
        counted = f"{len(sticks)} Edge TPU{'s' * (len(sticks) != 1)} ({', '.join(sticks)})"
        backend = Sticks(sticks, stand_by, partial(_note, placement), f"{counted}, {probed(ENTRY).told}")
        opened.pop_all()
    return backend


def _note(placement: Placement, sentence: str) -> None:
    placement.note(f"edgetpu: {sentence}")


def _devices(placement: Placement) -> tuple[str, ...]:
    """Return the devices to open: those that are asked for, as PyCoral has it also by their bus, or all."""
    probe = probed(ENTRY)
    if not probe.works:
        raise BackendError(f"runtime edgetpu: {probe.told}")
    return placement.devices("edgetpu", probe.devices)


def _sticks(
    path: Path, ends: Ends, devices: tuple[str, ...], placement: Placement, opened: ExitStack
) -> dict[str, Backend]:
    """Return the network on each device that can be opened; where some cannot, the others do their share."""

    def open_one(device: str) -> Stick | BackendError:
        try:
            return opened.enter_context(closing(Stick(path, ends, device, max(placement.threads // len(devices), 1))))
        except BackendError as fault:
            return fault

    found = {device: open_one(device) for device in devices}
    sticks: dict[str, Backend] = {device: one for device, one in found.items() if isinstance(one, Stick)}
    refused = [one for one in found.values() if isinstance(one, BackendError)]
    if not sticks:
        raise refused[0]
    for fault in refused:
        _note(placement, f"{fault}; {' and '.join(sticks)} did without it")
    return sticks


def _compare(sticks: Mapping[str, Backend], stand_by: Backend, placement: Placement) -> None:
    """Note which devices do not answer a reference tile as the CPU does; whoever named this runtime decides on that."""
    tiles = reference_tiles(stand_by.ends)
    right = stand_by.infer(tiles)
    for name, stick in sticks.items():
        # One that is lost already is lost again when it is dealt its first tiles, and told of then.
        with suppress(BackendError):
            if (found := apart(stick.infer(tiles), right)) is not None:
                _note(
                    placement,
                    f"{name} does not answer a reference tile as LiteRT does: {found}; compare its slices with those "
                    "of runtime litert before you trust them",
                )


def _probe() -> Probe:
    """Return whether there is a library, whether it sees a device, and whether an interpreter survives it."""
    if sys.platform == "win32":
        return Probe(works=False, told="Edge TPUs are not used under Windows; use Linux or macOS")
    # The last line that is said before a crash stands in the sentence that tells of it.
    _say(library_file())
    try:
        library = ask_library()
        if not library.devices:
            return Probe(
                works=False, told=f"libedgetpu (runtime {library.version}) {NO_DEVICE}", version=library.version
            )
        _try(library)
    except BackendError as fault:
        return Probe(works=False, told=str(fault))
    told = f"libedgetpu (runtime {library.version}) through {interpreter_name()}"
    devices = tuple(device.name for device in library.devices)
    return Probe(works=True, told=told, version=library.version, devices=devices)


def _try(library: Library) -> None:
    """Have the library's delegate in an interpreter, where a build that does not fit that ends the process.

    One device that can be used is enough. The network is not compiled, as none is shipped that is: the CPU runs it,
    beside the delegate.
    """
    _say(f"libedgetpu, runtime {library.version}, in {interpreter_name()}")
    faults = []
    for fault in map(_fault, library.devices):
        if fault is None:
            return
        faults.append(fault)
    raise faults[0]


def _say(what: str) -> None:
    sys.stderr.write(f"{what}: {HOW_TO_GET}\n")
    sys.stderr.flush()


def _fault(device: Device) -> BackendError | None:
    try:
        with claimed(device):
            open_interpreter(reference_network("int8").read_bytes(), device, threads=1).invoke()
    except BackendError as fault:
        return fault
    return None


ENTRY = BackendEntry(
    "edgetpu", "Coral Edge TPUs, all that are plugged in", "edgetpu", _open, _probe, alike=True, risky=True
)
