"""Run a .tflite network on the CPU through LiteRT's interpreter, or that of the older tflite-runtime."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Ends, Placement, Probe, slice_shape
from tomopy_edge.codes import HIGHEST, LOWEST, QuantParams
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.memory import free_memory
from tomopy_edge.networks.edge_tpu import COMPILED
from tomopy_edge.networks.footprint import footprint_of
from tomopy_edge.networks.operators import expect_known
from tomopy_edge.networks.plain_files import read_plain
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.networks.room import shortage
from tomopy_edge.networks.tflite_graph import Graph, Tensor, read_graph
from tomopy_edge.networks.versions import version_of

PACKAGE, OLDER = "ai-edge-litert", "tflite-runtime"
"""Names of the distributions. The older one ended in 2023, with wheels that were built for numpy 1."""

IO: dict[type, Literal["int8", "uint8", "float32"]] = {np.int8: "int8", np.uint8: "uint8", np.float32: "float32"}
"""Types of a network's ends."""

SMALLEST, LARGEST = 1e-12, 1e6
"""Between them lie the scales of every network that means something; others can end the process inside LiteRT."""


@dataclass(frozen=True)
class Interpreters:
    """The package that interprets .tflite files here.

    Attributes
    ----------
    make : its class Interpreter
    name : what it is called
    version : of the distribution
    reads : whether it comes with a reader of network files, with which they can be checked before they are opened
    """

    make: Any
    name: str
    version: str
    reads: bool = True


def interpreters() -> Interpreters:
    """Return LiteRT, or where that is missing tflite-runtime.

    Raises
    ------
    BackendError : where neither can be used
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        if find_spec("tflite_runtime") is None:
            raise BackendError(f"{PACKAGE} cannot be imported ({error}); pip install {PACKAGE}") from None
        return _older()
    return Interpreters(Interpreter, "LiteRT", version_of("ai_edge_litert", PACKAGE))


def _older() -> Interpreters:
    found = version_of("tflite_runtime", OLDER)
    # Not even tried: beside numpy 2 its import prints a page of tracebacks and ends in a SystemError.
    if int(np.__version__.split(".")[0]) > 1:
        raise BackendError(f"{OLDER} {found} needs numpy below 2, found {np.__version__}; pip install {PACKAGE}")
    try:
        from tflite_runtime.interpreter import Interpreter
    except (ImportError, AttributeError, SystemError) as error:
        raise BackendError(f"{OLDER} {found} cannot be imported ({error}); pip install {PACKAGE}") from None
    return Interpreters(Interpreter, OLDER, found, reads=False)


class LiteRT(Backend):
    """A .tflite network, open on the CPU.

    Parameters
    ----------
    path : the .tflite file: one input (tile, y, x, channel), one output (tile, y, x, 1), both int8, both uint8 or
        both float32
    threads : threads that one inference uses; LiteRT's own default is one
    tile : edge of the tiles to open it for, pixels; None takes those of the file

    Raises
    ------
    ModelError : where the file is no such network
    BackendError : where LiteRT is missing, or memory is short
    """

    def __init__(self, path: Path, threads: int, tile: int | None = None) -> None:
        package = interpreters()
        graph, free = check_graph(path) if package.reads else None, free_memory()
        needed = 0 if graph is None else footprint_of(graph, tile)
        # What is not there is not asked for: the system may end the process instead of saying no.
        if graph is not None and (short := shortage(str(path), "it was not opened", needed, free)):
            raise short
        try:
            content = read_plain(path) if tile is None else with_tile(read_plain(path), tile)
            # From memory: the file can then be replaced while it is in use.
            interpreter = package.make(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
        except (MemoryError, OSError, RuntimeError, ValueError) as error:
            # Where memory is short, it only says that an operator could not be prepared.
            short = shortage(str(path), str(error), needed, free)
            why = f"is damaged, or {package.name} has no kernel for it"
            raise short or refused(path, why, str(error)) from None
        ends, self._input, self._output = ends_of(interpreter, path)
        unchecked = "" if package.reads else f" (files unchecked, which needs {PACKAGE})"
        told = f"{package.name} {package.version}{unchecked}, {threads} thread{'s' * (threads != 1)}"
        super().__init__(ends, told)
        self._interpreter: Any = interpreter

    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        try:
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            answer: NDArray[Any] = self._interpreter.get_tensor(self._output)
        except (MemoryError, RuntimeError) as error:
            told = f"{self.told}: inference failed"
            raise shortage(told, str(error)) or BackendError(f"{told}: {error}") from None
        except ValueError as error:
            # Such as that an input has no memory, because no operator reads it.
            raise BackendError(f"{self.told}: inference failed: {error}") from None
        return answer

    def _free(self) -> None:
        self._interpreter = None


def refused(path: Path, why: str, told: str) -> ModelError:
    """Return the error of a .tflite file that a runtime of the CPU does not open.

    Parameters
    ----------
    why : what is likely, before what the runtime says of it; not told of files that are compiled for the Edge TPU
    told : what the runtime says; it names the operator that it does not know
    """
    if COMPILED not in told:
        return ModelError(f"{path}: {why}: {told}")
    # Google's compiler puts "_edgetpu" into the name, and so does tomopy-edge compile.
    source = path.with_name(path.name.replace("_edgetpu.tflite", ".tflite"))
    known = f", {source.name} beside it" if source != path and source.is_file() else ""
    return ModelError(
        f"{path}: is compiled for the Edge TPU and runs nowhere else: set runtime: edgetpu, or open the file that it "
        f"was compiled from{known}"
    )


def ends_of(interpreter: Any, path: Path) -> tuple[Ends, int, int]:
    """Return the ends of the network that a TFLite interpreter has open, and the indices of both tensors.

    Parameters
    ----------
    interpreter : of LiteRT, tflite-runtime or TensorFlow, its tensors allocated
    path : of the network, for errors

    Raises
    ------
    ModelError : where they are not those of a network for slices
    """
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    return _ends(inputs, outputs, path), int(inputs[0]["index"]), int(outputs[0]["index"])


def ends_in(graph: Graph) -> Ends:
    """Return the ends of a network as its file has them, for runtimes that keep scales and zero points to themselves.

    Raises
    ------
    ModelError : where they are not those of a network for slices
    """
    return _ends([*map(_details, graph.inputs)], [*map(_details, graph.outputs)], graph.source)


def _details(tensor: Tensor) -> dict[str, Any]:
    """Return what an interpreter would tell of a tensor."""
    quantization = tensor.scales[0] if tensor.scales else 0, tensor.zero_points[0] if tensor.zero_points else 0
    kind = getattr(np, tensor.type.lower(), np.void)
    return {"shape": tensor.shape, "dtype": kind, "quantization": quantization}


def _ends(inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], path: Path) -> Ends:
    shape = slice_shape([end["shape"] for end in inputs], [end["shape"] for end in outputs], path)
    taken, given = inputs[0], outputs[0]
    if taken["dtype"] != given["dtype"]:
        kinds = " and ".join(np.dtype(end["dtype"]).name for end in (taken, given))
        raise ModelError(f"{path}: expected an input and an output of one type, got {kinds}")
    return Ends(shape, _params(taken, path, "input"), _params(given, path, "output"), IO[taken["dtype"]])


def check_graph(path: Path) -> Graph:
    """Return the graph of a .tflite file.

    Raises
    ------
    ModelError : where LiteRT would not survive it, or would run it in float without a word
    """
    graph = read_graph(path)
    if graph.subgraphs > 1:
        raise ModelError(f"{path}: holds {graph.subgraphs} graphs, where one is expected; export the one that denoises")
    ends_in(graph)
    tensors = {id(tensor): tensor for operator in graph.operators for tensor in operator.tensors}
    for tensor in tensors.values():
        if tensor.type not in {"INT8", "UINT8"}:
            continue
        if not tensor.scales or not all(SMALLEST <= scale <= LARGEST for scale in tensor.scales):
            found = f"the scale {min(tensor.scales):g}" if tensor.scales else "no scale"
            raise ModelError(f"{path}: the quantized tensor {tensor.name!r} has {found}, so its codes mean nothing")
        lowest, highest = (LOWEST, HIGHEST) if tensor.type == "INT8" else (0, HIGHEST - LOWEST)
        if len(tensor.zero_points) != len(tensor.scales) or not all(
            lowest <= point <= highest for point in tensor.zero_points
        ):
            raise ModelError(f"{path}: the quantized tensor {tensor.name!r} has no zero point that is a code")
    known = {id(tensor) for tensor in (*graph.inputs, *graph.constants)}
    for operator in graph.operators:
        # What was compiled for the Edge TPU runs there, or nowhere.
        if operator.name != COMPILED:
            expect_known(path, operator)
        if not {id(one) for one in operator.inputs if one is not None} <= known or known & set(
            map(id, operator.outputs)
        ):
            raise ModelError(
                f"{path}: is damaged: its {operator.name} reads what nothing computes, or computes it twice"
            )
        known |= set(map(id, operator.outputs))
    floats = [tensor.name for tensor in tensors.values() if tensor.type == "FLOAT32"]
    if floats and any(tensor.type != "FLOAT32" for tensor in (*graph.inputs, *graph.outputs)):
        raise ModelError(
            f"{path}: takes or gives integers, yet {len(floats)} of its tensors are float32, such as {floats[0]!r}: it "
            "is not a full int8 network"
        )
    return graph


def _params(tensor: Any, path: Path, end: str) -> QuantParams | None:
    """Return how one end of a network is quantized, as int8 codes; None where it is float32."""
    if tensor["dtype"] == np.float32:
        return None
    if tensor["dtype"] not in (np.int8, np.uint8):
        raise ModelError(f"{path}: expected an int8, uint8 or float32 {end}, got {np.dtype(tensor['dtype']).name}")
    scale, zero_point = tensor["quantization"]
    return QuantParams(float(scale), int(zero_point) - (128 if tensor["dtype"] == np.uint8 else 0))


def _probe() -> Probe:
    """Return whether LiteRT is there, or what it took the place of."""
    try:
        package = interpreters()
    except BackendError as fault:
        return Probe(works=False, told=str(fault))
    return Probe(works=True, told="the CPU" + (f", through {OLDER}" * (not package.reads)), version=package.version)


def _open(path: Path, placement: Placement) -> Backend:
    placement.devices("litert")
    return LiteRT(path, placement.threads)


ENTRY = BackendEntry("litert", "LiteRT on the CPU", "tflite", _open, _probe, alike=True)
