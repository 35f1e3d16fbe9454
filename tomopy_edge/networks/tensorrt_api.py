"""What differs between TensorRT 8.6 and 11: how precision is asked for, how a network is read, made ready and run.

Below 11, flags of the builder allow FP16 and INT8. From 11 on there are none: every tensor is computed in the type that
the file gives it, so a float32 network is cast to FP16 before it is read. All else that is used here has the same name
and takes the same in 8.6.0, 10.3.0, 10.13.3 and 11.4.0. The real Python bindings of all four ran it, on libraries that
play TensorRT behind them; no TensorRT has built or run anything for it yet, as there was no GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks.onnx_half import halved

log = logging.getLogger(__name__)

OLDEST = (8, 6)
FLAT = (10, 0)
"""From it on, every network has its batch among its dimensions, and no flag says so."""
TYPED = (11, 0)
"""From it on, the types in the file decide what is computed in what."""

Enqueue = Callable[[int], None]
"""Gives one inference to a stream, and returns before it is done."""


def load() -> Any:
    """Return the module `tensorrt`.

    Raises
    ------
    BackendError : where it cannot be imported, is another package, or is too old
    """
    try:
        import tensorrt as trt
    except (ImportError, OSError) as error:
        raise BackendError(
            f"TensorRT cannot be imported ({error}); on a Jetson it comes with JetPack, to a virtual environment with "
            "--system-site-packages; elsewhere pip install tensorrt"
        ) from None
    missing = [name for name in ("Builder", "OnnxParser", "Runtime") if not hasattr(trt, name)]
    if missing:
        raise BackendError(
            f"the package tensorrt at {getattr(trt, '__file__', None)} has no {missing[0]}; it is a part or a stub of "
            "TensorRT, so install the whole"
        )
    if version(trt) < OLDEST:
        raise BackendError(f"TensorRT {trt.__version__} is too old; 8.6 is the first that can be used, with JetPack 6")
    return trt


def version(trt: Any) -> tuple[int, int]:
    """Return major and minor version."""
    major, minor = trt.__version__.split(".")[:2]
    return int(major), int(minor)


def check_builder(trt: Any) -> None:
    """Raise a `BackendError` unless TensorRT finds a GPU that it can build for."""
    _made(trt, trt.Builder)


@dataclass(frozen=True)
class Prepared:
    """An ONNX network as TensorRT is to read it.

    Attributes
    ----------
    graph : its bytes
    precision : what it will compute in, such as ("INT8", "FP16")
    told : what a user should know of that; may be empty
    """

    graph: bytes
    precision: tuple[str, ...]
    told: str = ""


def prepare(trt: Any, graph: bytes, path: Path) -> Prepared:
    """Return an ONNX network with what makes it compute in INT8 where it holds quantizers, and in FP16 where not.

    Raises
    ------
    ModelError : where it has to be cast for that, and is no ONNX network
    """
    # Operators stand in the file by name, and "DequantizeLinear" has another q.
    quantized = b"QuantizeLinear" in graph
    if version(trt) < TYPED:
        return Prepared(graph, ("INT8", "FP16") if quantized else ("FP16",))
    if quantized:
        return Prepared(graph, ("INT8", "FP32"))
    try:
        half = halved(graph, path)
    except BackendError as fault:
        return Prepared(graph, ("FP32",), f"computes in FP32, as {fault}")
    if half is None:
        return Prepared(graph, ("FP32",), "computes in FP32, as it has weights or operators that FP16 has not")
    return Prepared(half, ("FP16",))


def build(trt: Any, network: Prepared, path: Path) -> bytes:
    """Return the engine that TensorRT builds from the network at `path` for the current GPU; this can take minutes.

    Raises
    ------
    ModelError : where TensorRT cannot read the network
    BackendError : where it finds no GPU, or cannot build
    """
    builder = _made(trt, trt.Builder)
    flags = 0 if version(trt) >= FLAT else 1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    definition = builder.create_network(flags)
    parser = trt.OnnxParser(definition, _logger(trt))
    if not parser.parse(network.graph):
        faults = "; ".join(parser.get_error(n).desc() for n in range(parser.num_errors))
        raise ModelError(f"{path}: TensorRT {trt.__version__} cannot read it: {faults or _fault(trt)}")
    config = builder.create_builder_config()
    if version(trt) < TYPED:
        for name in network.precision:
            config.set_flag(getattr(trt.BuilderFlag, name))
    if "FP32" in network.precision:
        # It is set from the start, and has float32 multiplied with mantissas of 10 bits.
        config.clear_flag(trt.BuilderFlag.TF32)
    plan = builder.build_serialized_network(definition, config)
    if plan is None:
        raise BackendError(f"{path}: TensorRT {trt.__version__} cannot build it for this GPU: {_fault(trt)}")
    return bytes(plan)


class Engine:
    """A network that was built for the current GPU.

    Parameters
    ----------
    plan : as `build` returns it; only ever one that was built here, as a forged one can do anything

    Raises
    ------
    BackendError : where TensorRT cannot load it

    Attributes
    ----------
    inputs, outputs : name -> shape, of the tensors at the ends
    floats : whether all of these are float32
    """

    def __init__(self, trt: Any, plan: bytes) -> None:
        self._trt = trt
        # An engine must not outlive what loaded it.
        self._runtime = _made(trt, trt.Runtime)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise BackendError(f"TensorRT {trt.__version__} cannot load the engine: {_fault(trt)}")
        self.inputs: dict[str, tuple[int, ...]] = {}
        self.outputs: dict[str, tuple[int, ...]] = {}
        names = [self._engine.get_tensor_name(n) for n in range(self._engine.num_io_tensors)]
        for name in names:
            is_input = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            (self.inputs if is_input else self.outputs)[name] = tuple(self._engine.get_tensor_shape(name))
        self.floats = all(self._engine.get_tensor_dtype(name) == trt.DataType.FLOAT for name in names)

    def runner(self, addresses: dict[str, int]) -> Enqueue:
        """Return what runs the engine on device memory, with working memory of its own.

        Two runners may run in two streams at once; one may not.

        Parameters
        ----------
        addresses : of the memory of each input and output

        Raises
        ------
        BackendError : where the GPU has no memory for it; what is returned raises it where an inference fails
        """
        context = self._engine.create_execution_context()
        if context is None:
            raise BackendError(f"TensorRT cannot run the engine: {_fault(self._trt)}; take smaller tiles")
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise BackendError(f"TensorRT does not take memory for {name!r}: {_fault(self._trt)}")

        def enqueue(stream: int) -> None:
            if not context.execute_async_v3(stream):
                raise BackendError(f"TensorRT did not compute: {_fault(self._trt)}")

        return enqueue


def _made(trt: Any, kind: Any) -> Any:
    """Return a `Builder` or a `Runtime`, which are null where TensorRT cannot use the driver."""
    logger = _logger(trt)
    logger.worst = None
    try:
        return kind(logger)
    except TypeError as error:
        # pybind11's way to say that a constructor returned a null pointer.
        raise BackendError(
            f"TensorRT {trt.__version__} cannot use the GPU: {_fault(trt) if logger.worst else error}; its CUDA must "
            "not be newer than the driver's, which nvidia-smi shows"
        ) from None


def _fault(trt: Any) -> str:
    """Return the worst of the messages since the last `Builder` or `Runtime` was made."""
    worst = _logger(trt).worst
    return worst[1] if worst else "it does not say why"


@cache
def _logger(trt: Any) -> Any:
    """Return what takes TensorRT's messages to `logging`: one, as TensorRT keeps to the first that it is given."""
    severity = trt.ILogger.Severity
    levels = {
        severity.INTERNAL_ERROR: logging.ERROR,
        severity.ERROR: logging.ERROR,
        severity.WARNING: logging.WARNING,
        severity.INFO: logging.DEBUG,
    }

    class Log(trt.ILogger):  # type: ignore[misc]  # TensorRT need not be installed, so its types are not known
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.worst: tuple[int, str] | None = None

        def log(self, severity: Any, msg: str) -> None:
            # What has no level is verbose: every layer, and every kernel that was tried for it.
            if severity in levels:
                log.log(levels[severity], "TensorRT: %s", msg)
                self._weigh(levels[severity], msg)

        def _weigh(self, level: int, msg: str) -> None:
            known = self.worst[0] if self.worst else logging.DEBUG
            # The cause is the first of several errors, and the last of several warnings.
            if level > known or level == known == logging.WARNING:
                self.worst = level, msg

    return Log()
