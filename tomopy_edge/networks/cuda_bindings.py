"""Reach an NVIDIA GPU through cuda-bindings: the driver's own functions, each of which answers with a status first.

Names, what is taken and what is answered are those of cuda-bindings 12.8.0, 12.9.10 and 13.5.0, which were tried on a
library that plays the driver. None of it has run on a GPU yet.
"""

from __future__ import annotations

import ctypes
from math import prod
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import BackendError
from tomopy_edge.networks.gpu import NON_BLOCKING, Gpu

NO_DRIVER = (
    "there is no NVIDIA driver: libcuda.so.1 cannot be loaded; install it, or give the container its GPU runtime"
)

NO_DEVICE = "CUDA_ERROR_NO_DEVICE"

MENDED = {
    NO_DEVICE: "start a container with its GPU runtime, and look at CUDA_VISIBLE_DEVICES",
    "CUDA_ERROR_OUT_OF_MEMORY": "take smaller tiles, or end what else uses the GPU",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "the driver was updated while it was in use, so start the machine again",
    "CUDA_ERROR_STUB_LIBRARY": "a stub of libcuda.so.1 is found before the driver's own: mend LD_LIBRARY_PATH",
}
"""What helps against what the driver answers, by its name for it."""


class BindingsGpu(Gpu):
    """A GPU through cuda-bindings."""

    def __init__(self, device: str) -> None:
        from cuda.bindings import driver

        number = _ask("cuDeviceGet", int(device.removeprefix("cuda:")))
        name = _ask("cuDeviceGetName", 256, number).split(b"\0")[0].decode(errors="replace")
        of = driver.CUdevice_attribute
        wanted = of.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, of.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
        super().__init__(device, name, ".".join(str(_ask("cuDeviceGetAttribute", one, number)) for one in wanted))
        self._context = _ask("cuDevicePrimaryCtxRetain", number)

    @staticmethod
    def count() -> int:
        """Start the driver and return how many GPUs it has."""
        _ask("cuInit", 0)
        return int(_ask("cuDeviceGetCount"))

    def reserve(self, size: int) -> int:
        """Return the address of `size` bytes of device memory."""
        address = _ask("cuMemAlloc", size)
        self._held.callback(_ask, "cuMemFree", address)
        return int(address)

    def pinned(self, shape: tuple[int, ...]) -> Float32:
        """Return host memory of a shape that is locked in place."""
        address = int(_ask("cuMemHostAlloc", prod(shape) * np.dtype(np.float32).itemsize, 0))
        self._held.callback(_ask, "cuMemFreeHost", address)
        pinned: Float32 = np.ctypeslib.as_array((ctypes.c_float * prod(shape)).from_address(address)).reshape(shape)
        pinned[...] = 0
        return pinned

    def stream(self) -> int:
        """Return a new stream."""
        stream = _ask("cuStreamCreate", NON_BLOCKING)
        self._held.callback(_ask, "cuStreamDestroy", stream)
        return int(stream)

    def upload(self, pinned: Float32, address: int, stream: int) -> None:
        """Copy pinned memory to the GPU, in turn in a stream."""
        _ask("cuMemcpyHtoDAsync", address, pinned.ctypes.data, pinned.nbytes, stream)

    def download(self, address: int, pinned: Float32, stream: int) -> None:
        """Fill pinned memory from the GPU, in turn in a stream."""
        _ask("cuMemcpyDtoHAsync", pinned.ctypes.data, address, pinned.nbytes, stream)

    def wait(self, stream: int) -> None:
        """Wait until all that a stream was given is done."""
        _ask("cuStreamSynchronize", stream)

    def _push(self) -> None:
        _ask("cuCtxPushCurrent", self._context)

    def _pop(self) -> None:
        _ask("cuCtxPopCurrent")


def _ask(function: str, *given: Any) -> Any:
    """Call a function of the driver, and return what it answers behind its status."""
    from cuda.bindings import driver

    try:
        status, *answers = getattr(driver, function)(*given)
    except RuntimeError as error:
        # Without the driver's library it raises where it otherwise answers.
        raise BackendError(NO_DRIVER if function == "cuInit" else f"CUDA's {function}: {error}") from None
    if status != driver.CUresult.CUDA_SUCCESS:
        told = getattr(status, "name", status)
        mended = MENDED.get(told, "the GPU may be lost, or in use by others: nvidia-smi shows it")
        raise BackendError(f"CUDA's {function} answered {told}; {mended}")
    return answers[0] if answers else None
