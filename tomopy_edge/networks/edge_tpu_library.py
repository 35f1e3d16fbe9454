"""Find libedgetpu on this machine and ask it which Edge TPUs it sees: the only module that knows its C functions.

Names and types are those of its header `edgetpu_c.h`; in which order it lists devices is read from its source
(`driver/beagle/beagle_usb_driver_provider.cc`). Asked without a device were Google's own builds for runtime 13 and 14;
what they answer where there is one was never seen.
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

FUNCTIONS = ("edgetpu_version", "edgetpu_list_devices", "edgetpu_free_devices")

HOW_TO_GET = (
    "install a build of libedgetpu for the runtime that you have, such as 16.0TF2.19.1-1 of "
    f"github.com/feranick/libedgetpu for LiteRT, or name its file in {VARIABLE}"
)


class AbsentError(BackendError):
    """There is no libedgetpu on this machine, where one that is there and cannot be loaded is a `BackendError`."""


class _Listed(ctypes.Structure):
    """The struct edgetpu_device."""

    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


@dataclass(frozen=True)
class Device:
    """An Edge TPU that the library sees.

    Attributes
    ----------
    name : the bus and a number on it, such as "usb:0". Numbers follow the places, so that a name stays with its socket
    place : where it is, such as "/sys/bus/usb/devices/2-1" or "/dev/apex_0"
    option : what the delegate calls it now, by its number in the library's own list. There, sticks that have no
        firmware yet come before those that have it, so that the first use of a stick gives others its number
    """

    name: str
    place: str
    option: str


@dataclass(frozen=True)
class Library:
    """A libedgetpu that can be loaded, and what it sees.

    Attributes
    ----------
    version : of the runtime in it, such as "14"; else all that it says of itself
    devices : the Edge TPUs, sorted by bus and place
    """

    version: str
    devices: tuple[Device, ...]


def ask_library() -> Library:
    """Return what the library of this machine is, and the devices that it sees now.

    A library that was built for another system may end the process: ask in one that can be spared.

    Raises
    ------
    BackendError : where there is no library, or it cannot be loaded
    """
    library = load(library_file())
    return Library(version_of(library), devices_of(library))


def library_file() -> str:
    """Return the library's file as the system's loader takes it, whether it is there or not."""
    return os.environ.get(VARIABLE) or NAMES.get(sys.platform, USUAL)


def load(file: str) -> Any:
    """Return the library, loaded into this process.

    Raises
    ------
    BackendError : where that is impossible; an `AbsentError` where there is no such file
    """
    try:
        library = ctypes.CDLL(file)
    except OSError as error:
        # The loader says the same of a library that another one needs, with that one's name before it.
        absent = str(error).startswith(f"{file}:") and "No such file" in str(error)
        fault, how = (AbsentError, "is not found") if absent else (BackendError, f"cannot be loaded ({error})")
        raise fault(f"{file} {how}; {HOW_TO_GET}") from None
    lacking = [name for name in FUNCTIONS if not hasattr(library, name)]
    if lacking:
        raise BackendError(f"{file} is another library: it has no {lacking[0]}; {HOW_TO_GET}")
    library.edgetpu_version.restype = ctypes.c_char_p
    library.edgetpu_list_devices.argtypes = [ctypes.POINTER(ctypes.c_size_t)]
    library.edgetpu_list_devices.restype = ctypes.POINTER(_Listed)
    library.edgetpu_free_devices.argtypes = [ctypes.POINTER(_Listed)]
    library.edgetpu_free_devices.restype = None
    return library


def version_of(library: Any) -> str:
    """Return the version of a loaded library."""
    told = (library.edgetpu_version() or b"").decode(errors="replace")
    runtime = re.search(r"RuntimeVersion\((\d+)\)", told)
    return runtime[1] if runtime else told


def devices_of(library: Any) -> tuple[Device, ...]:
    """Return the Edge TPUs that a loaded library sees, sorted by bus and place."""
    count = ctypes.c_size_t()
    listed = library.edgetpu_list_devices(ctypes.byref(count))
    if not listed:
        return ()
    seen = [(listed[i].type, (listed[i].path or b"").decode(errors="replace")) for i in range(count.value)]
    library.edgetpu_free_devices(listed)
    # Of other kinds, such as simulated ones, none can be asked for by name.
    return tuple(device for kind in sorted(BUSES) for device in _on(BUSES[kind], [p for k, p in seen if k == kind]))


def _on(bus: str, places: list[str]) -> list[Device]:
    """Return the devices of one bus; `places` are in the library's order."""
    ordered = sorted(range(len(places)), key=lambda i: ([int(number) for number in re.findall(r"\d+", places[i])], i))
    return [Device(f"{bus}:{n}", places[i], f"{bus}:{i}") for n, i in enumerate(ordered)]
