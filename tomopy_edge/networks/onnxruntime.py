"""Run an ONNX network through onnxruntime, on the CPU or on an NVIDIA GPU.

Its CUDA and TensorRT providers were never run by us: their names, options and failures are those of onnxruntime-gpu
1.31 on machines without a GPU.
"""

from __future__ import annotations

import ctypes
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Ends, Placement, Probe, slice_shape
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.room import shortage

PROVIDERS = {
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    "cuda": ("CUDAExecutionProvider",),
    "cpu": ("CPUExecutionProvider",),
}
"""Device -> onnxruntime's providers for it, the best device first. CUDA runs what TensorRT leaves over."""

SETTINGS = {
    # Else networks of float32 are computed with mantissas of 10 bits.
    "CUDAExecutionProvider": {"use_tf32": "0"},
}
"""Options of providers, beside the number of the GPU."""


class OnnxRuntime(Backend):
    """An .onnx network, open in an inference session.

    Parameters
    ----------
    path : the .onnx file: one float32 input (tile, y, x, channel), one float32 output (tile, y, x, 1); its shapes fixed
    device : "cpu", "cuda" or "tensorrt", the latter two with a GPU's number behind them ("cuda:1") where it is not the
        first
    threads : threads that one inference uses on the CPU

    Raises
    ------
    ModelError : where the file is no such network
    BackendError : where the device does not run all of it: onnxruntime would take the CPU without a word
    """

    def __init__(self, path: Path, device: str, threads: int) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
        session = open_session(content, device, threads, str(path))
        ends = _ends(session, path)
        used = ", ".join(name.removesuffix("ExecutionProvider") for name in session.get_providers())
        on = f"CPU, {threads} thread{'s' * (threads != 1)}" if device == "cpu" else f"{device} (providers: {used})"
        super().__init__(ends, f"onnxruntime {_version()} on {on}")
        self._session: Any = session
        self._device = device
        self._input = session.get_inputs()[0].name

    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        try:
            answer: NDArray[Any] = self._session.run(None, {self._input: batch})[0]
        except Exception as error:  # its exceptions have no base of their own
            told = f"runtime onnxruntime: inference failed on {self._device}"
            raise shortage(told, str(error)) or BackendError(f"{told}: {error}") from error
        return answer

    def _free(self) -> None:
        self._session = None


def open_session(content: bytes, device: str, threads: int, source: str) -> Any:
    """Return an inference session that runs a network on `device` and nowhere else; see `OnnxRuntime`.

    Parameters
    ----------
    content : of an .onnx file
    source : where it is from, for errors
    """
    import onnxruntime

    kind, _, number = device.partition(":")
    missing = [name for name in PROVIDERS[kind] if name not in onnxruntime.get_available_providers()]
    if missing:
        raise BackendError(
            f"runtime onnxruntime: this build has no {missing[0]} for the device {device}; install onnxruntime-gpu in "
            "the place of onnxruntime"
        )
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    settings.log_severity_level = 4  # no errors either: those that matter are raised
    providers: list[Any] = list(PROVIDERS[kind])
    if kind != "cpu":
        settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        with redirect_stdout(StringIO()):  # it prints what it does not find, which the failure below tells
            getattr(onnxruntime, "preload_dlls", lambda: None)()  # CUDA's libraries that pip installed
        providers = [(name, {"device_id": number or "0", **SETTINGS.get(name, {})}) for name in providers]
    try:
        # With its fall-back, a session that fails goes on with the CPU, also amid a run.
        session = onnxruntime.InferenceSession(content, settings, providers=providers, enable_fallback=0)
    except Exception as error:  # noqa: BLE001 - its exceptions have no base of their own
        if (short := shortage(source, str(error))) is not None:
            raise short from None
        if kind == "cpu":
            raise ModelError(f"{source}: is damaged, or onnxruntime has no kernel for it: {error}") from None
        raise BackendError(f"{source}: onnxruntime does not run it on {device}: {_cause(kind, error)}") from None
    if session.get_providers()[0] != PROVIDERS[kind][0]:
        why = _cause(kind, "it fell back to the CPU and gives no reason")
        raise BackendError(f"{source}: onnxruntime does not run it on {device}: {why}")
    return session


def _cause(kind: str, otherwise: Any) -> str:
    """Return what keeps a provider from working: the library that is missing, which onnxruntime only prints."""
    import onnxruntime

    library = Path(onnxruntime.__file__).parent / "capi" / f"libonnxruntime_providers_{kind}.so"
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return str(otherwise)


def _ends(session: Any, path: Path) -> Ends:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    # An edge that is left open is a name, or None.
    shape = slice_shape([end.shape for end in inputs], [end.shape for end in outputs], path)
    kinds = inputs[0].type, outputs[0].type
    if kinds != ("tensor(float)", "tensor(float)"):
        raise ModelError(f"{path}: expected float32 at both ends, got {' and '.join(kinds)}")
    return Ends(shape)


def _version() -> str:
    """Return the version; its packages for the CPU and for GPUs have names of their own."""
    import onnxruntime

    return str(onnxruntime.__version__)


def _probe() -> Probe:
    """Return which devices really run a small network that is shipped: its list of providers only tells its build."""
    try:
        import onnxruntime
    except ImportError as error:
        return Probe(works=False, told=f"it cannot be imported ({error}); pip install 'tomopy-edge[onnx]'")
    onnxruntime.set_default_logger_severity(4)
    model = open_model("tomogan-compact")
    small = (model.manifest.fine_tune or model.manifest.denoise).onnx[0]
    content = model.path(small.file, small.sha256).read_bytes()
    devices, faults = [], []
    for device, providers in PROVIDERS.items():
        if set(providers) <= set(onnxruntime.get_available_providers()):
            try:
                open_session(content, device, 1, small.file)
            except (BackendError, ModelError) as fault:
                faults.append(str(fault))
            else:
                devices.append(device)
    told = "; ".join([", ".join(devices) or "no device works", *faults])
    return Probe(bool(devices), told, _version(), tuple(devices))


def _open(path: Path, placement: Placement) -> Backend:
    """Open a network on the device that is asked for, or on the best that runs it."""
    import onnxruntime

    if placement.device is not None:
        (device,) = placement.devices("onnxruntime", tuple(PROVIDERS))
        return OnnxRuntime(path, device, placement.threads)
    for device, providers in PROVIDERS.items():
        if device != "cpu" and set(providers) <= set(onnxruntime.get_available_providers()):
            try:
                return OnnxRuntime(path, device, placement.threads)
            except BackendError as fault:
                placement.note(f"{fault}; the next device is tried")
    return OnnxRuntime(path, "cpu", placement.threads)


ENTRY = BackendEntry(
    "onnxruntime", "onnxruntime on the CPU, or through CUDA or TensorRT", "onnx", _open, _probe, risky=True
)
