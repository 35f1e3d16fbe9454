"""Which GPUs CUDA has on this machine: asked of NVIDIA's driver library, in a child process, without any package.

It has never run beside a GPU: neither on a graphics card nor on a Jetson. Names, arguments and numbers are those of
cuda.h; a machine without a driver, and libraries that play the driver, are all that it has been tried on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.machine.child import ask_library

LIBRARY = "libcuda.so.1"

SCRIPT = """
count, name, major, minor = c_int(), create_string_buffer(256), c_int(), c_int()
memory, version, device = c_size_t(), c_int(), c_int()
def checked(function, *given):
    error = getattr(library, function)(*given)
    if error:
        tell(error=error)
        raise SystemExit
checked("cuInit", 0)
checked("cuDriverGetVersion", byref(version))
tell(version=version.value)
checked("cuDeviceGetCount", byref(count))
for index in range(count.value):
    checked("cuDeviceGet", byref(device), index)
    checked("cuDeviceGetName", name, 256, device)
    checked("cuDeviceGetAttribute", byref(major), 75, device)
    checked("cuDeviceGetAttribute", byref(minor), 76, device)
    checked("cuDeviceTotalMem_v2", byref(memory), device)
    tell(gpu=name.value.decode(errors="replace"), capability=[major.value, minor.value], memory=memory.value)
"""
"""Attributes 75 and 76 are the compute capability (CUdevice_attribute in cuda.h)."""

ERRORS = {
    34: "a stub is found in the place of the driver's library; mend LD_LIBRARY_PATH",
    100: "the driver is there and sees no GPU",
    802: "the driver waits for the GPUs' fabric manager; start nvidia-fabricmanager",
    803: "driver and library are of different releases; restart the machine after an update of the driver",
    804: "a library for newer CUDA than the driver's does not fit this GPU; remove the package cuda-compat",
    999: "the driver does not answer (an unknown error); look at the system's log",
}
"""CUresult of cuda.h -> what it means here."""


@dataclass(frozen=True)
class Cuda:
    """What CUDA's driver says.

    Attributes
    ----------
    told : which CUDA the driver knows, or why there is none: one sentence
    gpus : name, compute capability and memory of each
    """

    told: str
    gpus: tuple[str, ...] = ()


def ask_cuda(root: Path = Path("/")) -> Cuda:
    """Return what NVIDIA's driver says; whatever goes wrong becomes the sentence.

    Parameters
    ----------
    root : where the system is; other than "/", the library is looked for in its `usr/lib`
    """
    answer = ask_library(LIBRARY, SCRIPT, root)
    if fault := answer.said("fault"):
        what = "is not found" if answer.said("absent") else f"cannot be loaded: {fault}"
        return Cuda(f"no NVIDIA driver ({LIBRARY} {what})")
    gpus = tuple(
        f"{found['gpu']} (compute capability {'.'.join(map(str, found['capability']))}, "
        f"{found['memory'] / 2**30:.1f} GiB)"
        for found in answer.found
        if "gpu" in found
    )
    if answer.ended:
        return Cuda(f"{LIBRARY} {answer.ended}", gpus)
    if error := answer.said("error"):
        return Cuda(f"no CUDA: {ERRORS.get(error) or f'{LIBRARY} gives error {error}'}", gpus)
    release = answer.said("version", 0)
    return Cuda(f"the driver knows CUDA {release // 1000}.{release % 1000 // 10}", gpus)
