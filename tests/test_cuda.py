"""What reaches a GPU, on stand-ins for cuda-bindings and PyCUDA: no GPU has been seen by any of this.

The stand-ins have the names and signatures of the real packages, recorded below: cuda-bindings 12.8.0, 12.9.10 and
13.5.0 as their docstrings give them, PyCUDA 2026.1 as its sources do.
"""

import atexit
import ctypes
import enum
import gc
import inspect
import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from tomopy_edge.errors import BackendError
from tomopy_edge.networks import cuda, cuda_pycuda

BINDINGS = """
    cuInit(Flags) cuDeviceGetCount() cuDeviceGet(ordinal) cuDeviceGetName(length,dev) cuDeviceGetAttribute(attrib,dev)
    cuDevicePrimaryCtxRetain(dev) cuCtxPushCurrent(ctx) cuCtxPopCurrent()
    cuMemAlloc(bytesize) cuMemFree(dptr) cuMemHostAlloc(bytesize,Flags) cuMemFreeHost(p)
    cuMemcpyHtoDAsync(dstDevice,srcHost,ByteCount,hStream) cuMemcpyDtoHAsync(dstHost,srcDevice,ByteCount,hStream)
    cuStreamCreate(Flags) cuStreamDestroy(hStream) cuStreamSynchronize(hStream)
"""

PYCUDA = """
    init(flags) mem_alloc(bytes) pagelocked_empty(shape,dtype,order,mem_flags) memcpy_htod_async(dest,src,stream)
    memcpy_dtoh_async(dest,src,stream) Stream(flags)
"""

ANYWHERE = {"cuInit", "cuDeviceGet", "cuDeviceGetCount", "cuDeviceGetName", "cuDeviceGetAttribute", "cuCtxPushCurrent"}
ANYWHERE |= {"cuDevicePrimaryCtxRetain"}
"""What the driver does without a context that is current."""


class CUresult(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NO_DEVICE = 100
    CUDA_ERROR_INVALID_CONTEXT = 201
    CUDA_ERROR_LAUNCH_FAILED = 719
    CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803


class CUdevice_attribute(enum.Enum):  # noqa: N801 - the real one's name
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76


class Driver:
    """NVIDIA's driver with two GPUs, whose memory is this machine's: what is alive in it, and how deep contexts lie."""

    def __init__(self):
        self.alive, self.depth, self.fails, self.count = {}, 0, {}, 2
        Driver.playing = self

    def status(self, function):
        """What a function answers; see `fails`."""
        if function in self.fails or self.depth or function in ANYWHERE:
            return self.fails.get(function, CUresult.CUDA_SUCCESS)
        return CUresult.CUDA_ERROR_INVALID_CONTEXT

    def made(self, content):
        address = content.ctypes.data if isinstance(content, np.ndarray) else 4096 + len(self.alive)
        self.alive[address] = content
        return address

    def memory(self, size):
        return self.made(np.full(size, 9, np.uint8))

    def freed(self, address):
        del self.alive[address]

    @property
    def contexts(self):
        """Those of what is alive that are contexts."""
        return [one for one in self.alive.values() if str(one).startswith("context")]

    def shift(self, by):
        self.depth += by


def signatures(recorded):
    """Function -> the names of what it takes."""
    for signature in recorded.split():
        name, _, names = signature.removesuffix(")").partition("(")
        yield name, [one for one in names.split(",") if one]


def bindings(driver):
    """The module `cuda.bindings.driver`: every function answers with a status first."""
    does = {
        "cuDeviceGetCount": lambda: driver.count,
        "cuDeviceGet": lambda number: number,
        "cuDeviceGetName": lambda length, number: f"GPU {number}".encode().ljust(length, b"\0"),
        "cuDeviceGetAttribute": lambda attribute, _number: attribute.value - 67,
        "cuDevicePrimaryCtxRetain": lambda number: driver.made(f"context {number}"),
        "cuCtxPushCurrent": lambda _context: driver.shift(1),
        "cuCtxPopCurrent": lambda: driver.shift(-1),
        "cuMemAlloc": driver.memory,
        "cuMemFree": driver.freed,
        "cuMemHostAlloc": lambda size, _flags: driver.memory(size),
        "cuMemFreeHost": driver.freed,
        "cuMemcpyHtoDAsync": lambda to, source, size, _stream: ctypes.memmove(to, source, size) and None,
        "cuMemcpyDtoHAsync": lambda to, source, size, _stream: ctypes.memmove(to, source, size) and None,
        "cuStreamCreate": lambda _flags: driver.made("stream"),
        "cuStreamDestroy": driver.freed,
    }

    def call(function, taken, *given):
        assert len(given) == len(taken), f"{function} takes {taken}"
        status = driver.status(function)
        if isinstance(status, Exception):
            raise status
        value = does.get(function, lambda *_: None)(*given) if status == CUresult.CUDA_SUCCESS else None
        return (status,) if value is None else (status, value)

    module = ModuleType("cuda.bindings.driver")
    vars(module).update({name: partial(call, name, taken) for name, taken in signatures(BINDINGS)})
    module.CUresult, module.CUdevice_attribute = CUresult, CUdevice_attribute
    return module


class Error(Exception):
    """PyCUDA's."""


def checked(function):
    status = Driver.playing.status(function)
    if status != CUresult.CUDA_SUCCESS:
        raise Error(f"{function} failed: {status.name}")


def init(flags=0):
    checked("cuInit")


def mem_alloc(bytes):  # noqa: A002 - the real one's name
    checked("cuMemAlloc")
    return Memory(Driver.playing.memory(bytes))


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    checked("cuMemHostAlloc")
    locked = np.full(shape, 9, dtype).view(Locked)
    locked.memory = Memory(Driver.playing.made(locked))
    return locked


def memcpy_htod_async(dest, src, stream=None):
    checked("cuMemcpyHtoDAsync")
    ctypes.memmove(dest, src.ctypes.data, src.nbytes)


def memcpy_dtoh_async(dest, src, stream=None):
    checked("cuMemcpyDtoHAsync")
    ctypes.memmove(dest.ctypes.data, src, dest.nbytes)


class Memory:
    """Freed when nobody holds it any more, as the real one is."""

    def __init__(self, address):
        self._address, self._driver = address, Driver.playing

    def __int__(self):
        return self._address

    def free(self):
        checked("cuMemFree")
        self._driver.freed(self._address)
        self._address = None

    def __del__(self):
        if self._address is not None:
            self._driver.freed(self._address)


class Locked(np.ndarray):
    @property
    def base(self):
        return self.memory


class Stream:
    def __init__(self, flags=0):
        checked("cuStreamCreate")
        self.handle, self._driver = Driver.playing.made("stream"), Driver.playing

    def __del__(self):
        self._driver.freed(self.handle)

    def synchronize(self):
        checked("cuStreamSynchronize")


class Context:
    """A primary context. The real one is only released by `detach`: its destructor takes it for one that was made."""

    def __init__(self, number):
        self._address, self._driver = Driver.playing.made(f"context {number}"), Driver.playing

    def detach(self):
        self._driver.freed(self._address)

    def push(self):
        Driver.playing.shift(1)

    @staticmethod
    def pop():
        Driver.playing.shift(-1)


class Device:
    def __init__(self, number):
        self._number = number

    @staticmethod
    def count():
        return Driver.playing.count

    def name(self):
        return f"GPU {self._number}"

    def compute_capability(self):
        return (8, 9)

    def retain_primary_context(self):
        return Context(self._number)


def pycuda(_driver):
    """The module `pycuda.driver`: every function raises its `Error`."""
    module = ModuleType("pycuda.driver")
    made = (Error, Stream, Context, Device, init, mem_alloc, pagelocked_empty, memcpy_htod_async, memcpy_dtoh_async)
    vars(module).update({one.__name__: one for one in made})
    return module


@pytest.fixture(params=["cuda-bindings", "pycuda"])
def driver(request, monkeypatch):
    """A driver with two GPUs, reached through the one or the other package."""
    machine = Driver()
    cuda_pycuda._primary_context.cache_clear()
    machine.at_exit = []
    monkeypatch.setattr(atexit, "register", machine.at_exit.append)
    for name in ("cuda", "cuda.bindings", "cuda.bindings.driver", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    made = {"cuda-bindings": bindings, "pycuda": pycuda}[request.param](machine)
    outer = made.__name__.rpartition(".")[0]
    for name in (outer.partition(".")[0], outer):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, made.__name__, made)
    sys.modules[outer].driver = made
    machine.through = request.param
    yield machine
    cuda_pycuda._primary_context.cache_clear()


def test_the_stand_in_for_pycuda_has_the_recorded_signatures():
    for name, taken in signatures(PYCUDA):
        assert list(inspect.signature(globals()[name]).parameters) == taken


def test_gpus_are_named_by_their_number(driver):
    assert cuda.devices() == ("cuda:0", "cuda:1")
    gpu = cuda.open_gpu("cuda:1")
    assert (gpu.device, gpu.name, gpu.capability) == ("cuda:1", "GPU 1", "8.9")


def test_memory_comes_back_as_it_was_given_and_closing_gives_all_of_it_back(driver):
    gpu = cuda.open_gpu("cuda:0")
    with gpu.current():
        given, taken = gpu.pinned((2, 3)), gpu.pinned((2, 3))
        assert (given.dtype, given.sum()) == (np.float32, 0)
        given[...] = np.arange(6).reshape(2, 3)
        address, stream = gpu.reserve(given.nbytes), gpu.stream()
        gpu.upload(given, address, stream)
        gpu.download(address, taken, stream)
        gpu.wait(stream)
        np.testing.assert_array_equal(taken, np.arange(6).reshape(2, 3))
    assert driver.depth == 0
    assert len(driver.alive) == 5
    gpu.close()
    assert [*driver.alive.values()] == driver.contexts == ["context 0"]
    assert driver.depth == 0


@pytest.mark.parametrize("driver", ["pycuda"], indirect=True)
def test_pycuda_keeps_one_context_for_each_gpu_and_releases_it_when_the_process_ends(driver):
    for device in ("cuda:0", "cuda:1", "cuda:0"):
        cuda.open_gpu(device).close()
    gc.collect()
    assert driver.contexts == ["context 0", "context 1"]
    for release in driver.at_exit:
        release()
    assert not driver.alive


def test_what_the_driver_refuses_is_a_sentence(driver):
    gpu = cuda.open_gpu("cuda:0")
    driver.fails["cuMemAlloc"] = CUresult.CUDA_ERROR_OUT_OF_MEMORY
    with gpu.current(), pytest.raises(BackendError, match=r"cuMemAlloc .*CUDA_ERROR_OUT_OF_MEMORY; \w"):
        gpu.reserve(1 << 40)
    assert driver.depth == 0


def test_a_gpu_that_was_lost_can_be_closed(driver):
    gpu = cuda.open_gpu("cuda:0")
    with gpu.current():
        gpu.reserve(4)
        gpu.pinned((4,))
    driver.fails["cuMemFree"] = CUresult.CUDA_ERROR_LAUNCH_FAILED
    gpu.close()
    assert driver.depth == 0


def test_a_driver_without_a_gpu_is_a_sentence(driver):
    driver.count = 0
    with pytest.raises(BackendError, match="the NVIDIA driver finds no GPU; start a container with its GPU runtime"):
        cuda.devices()


@pytest.mark.parametrize(
    ("status", "mended"),
    [
        (CUresult.CUDA_ERROR_NO_DEVICE, "start a container with its GPU runtime"),
        (CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "the driver was updated while it was in use"),
        (CUresult.CUDA_ERROR_LAUNCH_FAILED, "nvidia-smi shows it"),
    ],
)
def test_a_driver_that_does_not_start_is_a_sentence(driver, status, mended):
    driver.fails["cuInit"] = status
    told = mended if driver.through == "cuda-bindings" else "nvidia-smi shows it"
    with pytest.raises(BackendError, match=rf"cuInit .*{status.name}; .*{told}"):
        cuda.devices()


@pytest.mark.parametrize("driver", ["cuda-bindings"], indirect=True)
def test_a_machine_without_a_driver_is_a_sentence_where_cuda_bindings_raises_instead_of_answering(driver):
    driver.fails["cuInit"] = RuntimeError('"cuda" is an NVIDIA driver library and can only be found via system search')
    with pytest.raises(BackendError, match=r"there is no NVIDIA driver: libcuda\.so\.1 cannot be loaded; install it"):
        cuda.devices()


def test_without_either_package_both_are_named(monkeypatch):
    for module in ("cuda.bindings.driver", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendError, match=r"neither cuda-bindings nor pycuda can be imported \(.*; .*\); pip install"):
        cuda.devices()
