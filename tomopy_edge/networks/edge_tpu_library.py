"""Find libedgetpu on this machine and ask it which Edge TPUs it sees: the only module that knows its C functions.

Names and types are those of its header `edgetpu_c.h`. Asked without a device were Google's own builds for runtime 13
and 14; what they answer where there is one was never seen.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from dataclasses import dataclass
from typing import Any

from tomopy_edge.errors import BackendError

VARIABLE = "EDGETPU_LIBRARY"
"""Environment variable that names the library's file, where the system would not find it."""

NAMES = {"darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}
"""What the library is called, by `sys.platform`; everywhere else it is `USUAL`."""

USUAL = "libedgetpu.so.1"

BUSES = {0: "pci", 1: "usb"}
"""The header's enum edgetpu_device_type, by the names that the delegate's option `device` takes."""

HOW_TO_GET = (
    "install a build of libedgetpu for the runtime that you have, such as 16.0TF2.19.1-1 of "
    f"github.com/feranick/libedgetpu for LiteRT, or name its file in {VARIABLE}"
)


class _Device(ctypes.Structure):
    """The struct edgetpu_device."""

    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


@dataclass(frozen=True)
class Library:
    """A libedgetpu that can be loaded, and what it sees.

    Attributes
    ----------
    version : of the runtime in it, such as "14"; else all that it says of itself
    devices : the Edge TPUs, named as PyCoral does: the bus and the number on it, in the library's order
    """

    version: str
    devices: tuple[str, ...]


def ask_library() -> Library:
    """Return what the library of this machine is, and the devices that it sees now.

    A library that was built for another system may end the process: ask in one that can be spared.

    Raises
    ------
    BackendError : where there is no library, or it cannot be loaded
    """
    library = _load(library_file())
    library.edgetpu_version.restype = ctypes.c_char_p
    told = (library.edgetpu_version() or b"").decode(errors="replace")
    runtime = re.search(r"RuntimeVersion\((\d+)\)", told)
    return Library(runtime[1] if runtime else told, _devices(library))


def library_file() -> str:
    """Return the library's file as the system's loader takes it, whether it is there or not."""
    return os.environ.get(VARIABLE) or NAMES.get(sys.platform, USUAL)


def _load(file: str) -> Any:
    try:
        library = ctypes.CDLL(file)
    except OSError as error:
        raise BackendError(f"{file} cannot be loaded ({error}); {HOW_TO_GET}") from None
    if not all(hasattr(library, name) for name in ("edgetpu_version", "edgetpu_list_devices", "edgetpu_free_devices")):
        raise BackendError(f"{file} is another library: it has no edgetpu_list_devices; {HOW_TO_GET}")
    return library


def _devices(library: Any) -> tuple[str, ...]:
    count = ctypes.c_size_t()
    library.edgetpu_list_devices.argtypes = [ctypes.POINTER(ctypes.c_size_t)]
    library.edgetpu_list_devices.restype = ctypes.POINTER(_Device)
    library.edgetpu_free_devices.argtypes = [ctypes.POINTER(_Device)]
    library.edgetpu_free_devices.restype = None
    found = library.edgetpu_list_devices(ctypes.byref(count))
    if not found:
        return ()
    buses = [BUSES.get(found[i].type) for i in range(count.value)]
    library.edgetpu_free_devices(found)
    # Of other kinds, such as simulated ones, none can be asked for by name.
    return tuple(f"{bus}:{buses[:i].count(bus)}" for i, bus in enumerate(buses) if bus is not None)
