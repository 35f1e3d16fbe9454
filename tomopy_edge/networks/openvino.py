"""Run a .tflite network on the CPU through OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Placement, Probe
from tomopy_edge.errors import BackendError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.agreement import prove
from tomopy_edge.networks.litert import check_graph, ends_in, refused
from tomopy_edge.networks.room import shortage
from tomopy_edge.networks.versions import version_of

SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    # Else a processor with bfloat16 computes networks of float32 in it: 0.09 off where the range is 1.
    "INFERENCE_PRECISION_HINT": "f32",
    # Else processes of one thread, such as a cluster's workers, are all bound to the same core.
    "ENABLE_CPU_PINNING": False,
}
"""What every network is compiled with, beside the number of threads."""


class OpenVINO(Backend):
    """A .tflite network, compiled for the CPU.

    Parameters
    ----------
    path : the .tflite file, as for LiteRT
    threads : threads that one inference uses

    Raises
    ------
    ModelError : where the file is no such network
    BackendError : where memory is short
    """

    def __init__(self, path: Path, threads: int) -> None:
        import openvino

        # OpenVINO tells neither scale nor zero point of a network's ends; the file does.
        ends = ends_in(check_graph(path))
        try:
            network = openvino.Core().read_model(path)
            network.reshape(list(ends.shape))  # the batch may stand open in the file
            compiled = openvino.compile_model(network, "CPU", {**SETTINGS, "INFERENCE_NUM_THREADS": threads})
        except RuntimeError as error:
            told = _reason(error)
            raise shortage(str(path), told) or refused(path, "OpenVINO cannot run it", told) from None
        super().__init__(ends, f"OpenVINO {version_of('openvino', 'openvino')}, {threads} thread{'s' * (threads != 1)}")
        self._request: Any = compiled.create_infer_request()

    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        try:
            self._request.infer({0: batch}, share_inputs=True)
        except RuntimeError as error:
            failed, told = f"{self.told}: inference failed", _reason(error)
            raise shortage(failed, told) or BackendError(f"{failed}: {told}") from None
        answer: NDArray[Any] = self._request.get_output_tensor(0).data
        return answer

    def _free(self) -> None:
        self._request = None


def _reason(error: RuntimeError) -> str:
    """Return the last line of what OpenVINO says; those before tell places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "it gives no reason"


def _probe() -> Probe:
    """Return whether OpenVINO is there and answers right: on emulated aarch64 it answered wrongly, without an error."""
    try:
        import openvino  # noqa: F401 - whether it loads
    except ImportError as error:
        return Probe(works=False, told=f"it cannot be imported ({error}); pip install 'tomopy-edge[openvino]'")
    found = version_of("openvino", "openvino")
    wrong = prove(_open)
    return Probe(works=wrong is None, told=wrong or "the CPU", version=found)


def _open(path: Path, placement: Placement) -> Backend:
    placement.devices("openvino")
    return OpenVINO(path, placement.threads)


ENTRY = BackendEntry("openvino", "OpenVINO on the CPU", "tflite", _open, _probe, alike=True, risky=True)
