"""Reach an NVIDIA GPU through PyCUDA, whose functions raise, and whose objects free what they stand for.

Names, what is taken and what it does are those of PyCUDA 2026.1, which was built from its sources and tried on a
library that plays the driver. None of it has run on a GPU yet.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import BackendError
from tomopy_edge.networks.gpu import NON_BLOCKING, Gpu


class PyCudaGpu(Gpu):
    """A GPU through PyCUDA."""

    def __init__(self, device: str) -> None:
        number = int(device.removeprefix("cuda:"))
        with _pycuda() as driver:
            gpu = driver.Device(number)
            super().__init__(device, gpu.name(), ".".join(map(str, gpu.compute_capability())))
            self._context = _primary_context(number)
        self._streams: dict[int, Any] = {}

    @staticmethod
    def count() -> int:
        """Start the driver and return how many GPUs it has."""
        with _pycuda() as driver:
            driver.init()
            return int(driver.Device.count())

    def reserve(self, size: int) -> int:
        """Return the address of `size` bytes of device memory."""
        with _pycuda() as driver:
            memory = driver.mem_alloc(size)
        self._held.callback(_given_back, memory)
        return int(memory)

    def pinned(self, shape: tuple[int, ...]) -> Float32:
        """Return host memory of a shape that is locked in place."""
        with _pycuda() as driver:
            pinned: Float32 = driver.pagelocked_empty(shape, np.float32)
        memory: Any = pinned.base
        self._held.callback(_given_back, memory)
        pinned[...] = 0
        return pinned

    def stream(self) -> int:
        """Return a new stream."""
        with _pycuda() as driver:
            stream = driver.Stream(NON_BLOCKING)
        handle = int(stream.handle)
        self._streams[handle] = stream
        self._held.callback(self._streams.pop, handle)
        return handle

    def upload(self, pinned: Float32, address: int, stream: int) -> None:
        """Copy pinned memory to the GPU, in turn in a stream."""
        with _pycuda() as driver:
            driver.memcpy_htod_async(address, pinned, self._streams[stream])

    def download(self, address: int, pinned: Float32, stream: int) -> None:
        """Fill pinned memory from the GPU, in turn in a stream."""
        with _pycuda() as driver:
            driver.memcpy_dtoh_async(pinned, address, self._streams[stream])

    def wait(self, stream: int) -> None:
        """Wait until all that a stream was given is done."""
        with _pycuda():
            self._streams[stream].synchronize()

    def _push(self) -> None:
        with _pycuda():
            self._context.push()

    def _pop(self) -> None:
        with _pycuda() as driver:
            driver.Context.pop()


@cache
def _primary_context(number: int) -> Any:
    """Return the primary context of a GPU: one for the whole process, however often it is opened."""
    import pycuda.driver

    context = pycuda.driver.Device(number).retain_primary_context()
    # Its destructor would take it for a context of our own making, which CUDA does not release, and leave it current.
    atexit.register(context.detach)
    return context


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
