"""Memory, streams and copies of one NVIDIA GPU, through cuda-bindings or PyCUDA, whichever is there.

The names and signatures are those of cuda-bindings 12.8 to 13.5 and PyCUDA 2026.1. None of it has run on a GPU yet:
cuda-bindings was tried on a library that plays the driver, PyCUDA was read only.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import BackendError

NO_DRIVER = (
    "there is no NVIDIA driver: libcuda.so.1 cannot be loaded; install it, or give the container its GPU runtime"
)

MENDED = {
    "CUDA_ERROR_NO_DEVICE": "start a container with its GPU runtime, and look at CUDA_VISIBLE_DEVICES",
    "CUDA_ERROR_OUT_OF_MEMORY": "take a network with smaller tiles, or end what else uses the GPU",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "the driver was updated while it was in use, so start the machine again",
    "CUDA_ERROR_STUB_LIBRARY": "a stub of libcuda.so.1 is found before the driver's own: mend LD_LIBRARY_PATH",
}
"""What helps against what the driver answers, by its name for it."""

NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: a stream that does not wait for what others give to no stream."""


class Gpu(ABC):
    """One GPU, in its primary context: the one that CUDA's runtime, and with it TensorRT, works in.

    Memory and streams stay until `close`, which gives all of them back. They are made and used within `current`, from
    any thread.

    Attributes
    ----------
    device : its name in recipes, such as "cuda:0"
    name : its maker's name for it
    capability : its compute capability, such as "8.7"
    """

    def __init__(self, device: str, name: str, capability: str) -> None:
        self.device, self.name, self.capability = device, name, capability
        self._held = ExitStack()

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make this GPU the one that CUDA's calls in this thread mean."""
        self._push()
        try:
            yield
        finally:
            self._pop()

    def close(self) -> None:
        """Give back what was reserved, and the GPU."""
        # One that was lost takes nothing back, and was told of when it was lost.
        with suppress(BackendError), self.current():
            self._held.close()
        with suppress(BackendError):
            self._release()

    @abstractmethod
    def reserve(self, size: int) -> int:
        """Return the address of `size` bytes of device memory."""

    @abstractmethod
    def pinned(self, shape: tuple[int, ...]) -> Float32:
        """Return host memory of a shape that is locked in place: only then does a copy run while the GPU computes."""

    @abstractmethod
    def stream(self) -> int:
        """Return a new stream: what is given to one is done in turn, what is given to two may overlap."""

    @abstractmethod
    def upload(self, pinned: Float32, address: int, stream: int) -> None:
        """Copy pinned memory to the GPU, in turn in a stream; `pinned` must stay as it is until `wait`."""

    @abstractmethod
    def download(self, address: int, pinned: Float32, stream: int) -> None:
        """Fill pinned memory from the GPU, in turn in a stream; it holds nothing before `wait`."""

    @abstractmethod
    def wait(self, stream: int) -> None:
        """Wait until all that a stream was given is done."""

    @abstractmethod
    def _push(self) -> None: ...

    @abstractmethod
    def _pop(self) -> None: ...

    @abstractmethod
    def _release(self) -> None: ...


def devices() -> tuple[str, ...]:
    """Return the GPUs of this machine, such as ("cuda:0",).

    Raises
    ------
    BackendError : where there is none, or no way to it
    """
    _, count = _way()
    if not count:
        raise BackendError(f"the NVIDIA driver finds no GPU; {MENDED['CUDA_ERROR_NO_DEVICE']}")
    return tuple(f"cuda:{n}" for n in range(count))


def open_gpu(device: str | None) -> Gpu:
    """Return a GPU, ready for use: that of the name `device`, or the first.

    Raises
    ------
    BackendError : where there is none of that name, or no way to it
    """
    there = devices()
    if device is not None and device not in there:
        raise BackendError(f"device {device!r} is not there; this machine has {', '.join(there)}")
    kind, _ = _way()
    return kind(there[0] if device is None else device)


def _way() -> tuple[type[_Bindings | _PyCuda], int]:
    """Return what reaches the GPUs, after it started the driver, and how many GPUs there are."""
    faults = []
    for module, kind in (("cuda.bindings.driver", _Bindings), ("pycuda.driver", _PyCuda)):
        try:
            import_module(module)
        except ImportError as error:  # noqa: PERF203 - two turns
            faults.append(str(error))
        else:
            return kind, kind.count()
    raise BackendError(
        f"neither cuda-bindings nor pycuda can be imported ({'; '.join(faults)}); pip install cuda-bindings, and for a "
        "driver of CUDA 12 'cuda-bindings<13'"
    )


class _Bindings(Gpu):
    """A GPU through cuda-bindings: the driver's own functions, each of which answers with a status first."""

    def __init__(self, device: str) -> None:
        from cuda.bindings import driver

        self._number = _ask("cuDeviceGet", int(device.removeprefix("cuda:")))
        name = _ask("cuDeviceGetName", 256, self._number).split(b"\0")[0].decode(errors="replace")
        of = driver.CUdevice_attribute
        wanted = of.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, of.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
        super().__init__(device, name, ".".join(str(_ask("cuDeviceGetAttribute", one, self._number)) for one in wanted))
        self._context = _ask("cuDevicePrimaryCtxRetain", self._number)

    @staticmethod
    def count() -> int:
        """Start the driver and return how many GPUs it has."""
        _ask("cuInit", 0)
        return int(_ask("cuDeviceGetCount"))

    def reserve(self, size: int) -> int:
        address = _ask("cuMemAlloc", size)
        self._held.callback(_ask, "cuMemFree", address)
        return int(address)

    def pinned(self, shape: tuple[int, ...]) -> Float32:
        address = int(_ask("cuMemHostAlloc", prod(shape) * np.dtype(np.float32).itemsize, 0))
        self._held.callback(_ask, "cuMemFreeHost", address)
        pinned: Float32 = np.ctypeslib.as_array((ctypes.c_float * prod(shape)).from_address(address)).reshape(shape)
        pinned[...] = 0
        return pinned

    def stream(self) -> int:
        stream = _ask("cuStreamCreate", NON_BLOCKING)
        self._held.callback(_ask, "cuStreamDestroy", stream)
        return int(stream)

    def upload(self, pinned: Float32, address: int, stream: int) -> None:
        _ask("cuMemcpyHtoDAsync", address, pinned.ctypes.data, pinned.nbytes, stream)

    def download(self, address: int, pinned: Float32, stream: int) -> None:
        _ask("cuMemcpyDtoHAsync", pinned.ctypes.data, address, pinned.nbytes, stream)

    def wait(self, stream: int) -> None:
        _ask("cuStreamSynchronize", stream)

    def _push(self) -> None:
        _ask("cuCtxPushCurrent", self._context)

    def _pop(self) -> None:
        _ask("cuCtxPopCurrent")

    def _release(self) -> None:
        _ask("cuDevicePrimaryCtxRelease", self._number)


def _ask(function: str, *given: Any) -> Any:
    """Call a function of the driver through cuda-bindings, and return what it answers behind its status."""
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


class _PyCuda(Gpu):
    """A GPU through PyCUDA, whose functions raise."""

    def __init__(self, device: str) -> None:
        with _pycuda() as driver:
            gpu = driver.Device(int(device.removeprefix("cuda:")))
            super().__init__(device, gpu.name(), ".".join(map(str, gpu.compute_capability())))
            self._context = gpu.retain_primary_context()
        self._streams: dict[int, Any] = {}

    @staticmethod
    def count() -> int:
        """Start the driver and return how many GPUs it has."""
        with _pycuda() as driver:
            driver.init()
            return int(driver.Device.count())

    def reserve(self, size: int) -> int:
        with _pycuda() as driver:
            memory = driver.mem_alloc(size)
        self._held.callback(_given_back, memory)
        return int(memory)

    def pinned(self, shape: tuple[int, ...]) -> Float32:
        with _pycuda() as driver:
            pinned: Float32 = driver.pagelocked_empty(shape, np.float32)
        memory: Any = pinned.base
        self._held.callback(_given_back, memory)
        pinned[...] = 0
        return pinned

    def stream(self) -> int:
        with _pycuda() as driver:
            stream = driver.Stream(NON_BLOCKING)
        handle = int(stream.handle)
        self._streams[handle] = stream
        self._held.callback(self._streams.pop, handle)
        return handle

    def upload(self, pinned: Float32, address: int, stream: int) -> None:
        with _pycuda() as driver:
            driver.memcpy_htod_async(address, pinned, self._streams[stream])

    def download(self, address: int, pinned: Float32, stream: int) -> None:
        with _pycuda() as driver:
            driver.memcpy_dtoh_async(pinned, address, self._streams[stream])

    def wait(self, stream: int) -> None:
        with _pycuda():
            self._streams[stream].synchronize()

    def _push(self) -> None:
        with _pycuda():
            self._context.push()

    def _pop(self) -> None:
        with _pycuda() as driver:
            driver.Context.pop()

    def _release(self) -> None:
        # Its destructor releases it; `detach` is for contexts that were made, not retained.
        self._context = None


def _given_back(memory: Any) -> None:
    with _pycuda():
        memory.free()


@contextmanager
def _pycuda() -> Iterator[Any]:
    """Give PyCUDA's driver, and turn what it raises into a sentence."""
    import pycuda.driver

    try:
        yield pycuda.driver
    except pycuda.driver.Error as error:
        raise BackendError(f"CUDA: {error}; the GPU may be lost, or in use by others: nvidia-smi shows it") from None
