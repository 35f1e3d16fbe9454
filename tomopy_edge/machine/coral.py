"""Which Edge TPUs are plugged in, whether they may be used, and which library there is for them.

None of this has run on a machine with an Edge TPU. What stands in /sys and /dev there is taken from libedgetpu's source
and from what users have published; the tests lay out folders like it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.machine.child import ask_python
from tomopy_edge.networks.edge_tpu_library import HOW_TO_GET, USUAL, library_file
from tomopy_edge.system_files import ROOT, text_of

USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
"""The same stick before and after its firmware was loaded, which its first use does (libedgetpu's
`driver/beagle/beagle_usb_driver_provider.cc`)."""

PCI_ID = ("0x1ac1", "0x089a")

USB_2 = 480
"""Megabits per second, to which a stick in an older socket, or on a poor cable, falls back."""

SCRIPT = """
from dataclasses import asdict
from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_library import AbsentError, devices_of, load, version_of
try:
    library = load({file!r})
    tell(version=version_of(library))
    tell(devices=[asdict(device) for device in devices_of(library)])
except BackendError as error:
    tell(fault=str(error), absent=isinstance(error, AbsentError))
"""


@dataclass(frozen=True)
class Stick:
    """An Edge TPU that the system sees.

    Attributes
    ----------
    bus : "usb" or "pci"
    place : where on that bus, as /sys names it, or the device file
    told : what it is, and what stands in its way: one sentence
    usable : whether this user may open it
    """

    bus: str
    place: str
    told: str
    usable: bool


@dataclass(frozen=True)
class Coral:
    """Edge TPUs and what runs them.

    Attributes
    ----------
    sticks : the Edge TPUs that the system sees
    library : version of the runtime in libedgetpu, such as "14"; "" where it is not there
    devices : those that libedgetpu finds, such as "usb:0 at /sys/bus/usb/devices/2-1"; None where it could not be asked
    told : what there is of the library, or why it cannot be used: one sentence. How to mend that, the probe of the
        runtime tells, which stands below it
    """

    sticks: tuple[Stick, ...]
    library: str
    devices: tuple[str, ...] | None
    told: str


def ask_coral(root: Path = ROOT) -> Coral:
    """Return what there is of Edge TPUs; the library is asked in a child process, which a wrong build of it ends.

    Parameters
    ----------
    root : where `sys`, `dev` and, other than for "/", `usr/lib` are
    """
    sticks = (*_usb(root), *_pci(root))
    library = library_file() if root == ROOT else USUAL
    file = library if root == ROOT else str(root / "usr/lib" / library)
    answer = ask_python(SCRIPT.format(file=file))
    seen = answer.said("devices")
    devices = None if seen is None else tuple(f"{one['name']} at {one['place']}" for one in seen)
    if fault := answer.said("fault"):
        told = f"{library} is not found" if answer.said("absent") else fault.removesuffix(f"; {HOW_TO_GET}")
    elif answer.ended:
        told = f"{library} {answer.ended}"
        if "(SIG" in answer.ended:
            told += "; builds for older runtimes do that"
    else:
        told = f"{library} finds {_counted(devices or ())}"
    return Coral(sticks, answer.said("version", ""), devices, told)


def _counted(devices: tuple[str, ...]) -> str:
    if not devices:
        return "no Edge TPUs"
    return f"{len(devices)} Edge TPU{'s' * (len(devices) != 1)}: {', '.join(devices)}"


def _usb(root: Path) -> Iterator[Stick]:
    for folder in _folders(root / "sys/bus/usb/devices"):
        if (text_of(folder / "idVendor"), text_of(folder / "idProduct")) not in USB_IDS:
            continue
        numbers = text_of(folder / "busnum"), text_of(folder / "devnum")
        device = root / "dev/bus/usb" / "/".join(number.zfill(3) for number in numbers)
        usable = os.access(device, os.R_OK | os.W_OK)
        speed = text_of(folder / "speed")
        told = f"Coral USB Accelerator at {speed or 'unknown'} Mbit/s"
        if not usable:
            told += "; this user may not open it: join the group plugdev, or install libedgetpu's udev rules"
        elif speed.isdecimal() and int(speed) <= USB_2:
            told += "; a USB 3 socket and cable are faster"
        yield Stick("usb", folder.name, told, usable)


def _pci(root: Path) -> Iterator[Stick]:
    cards = [
        folder
        for folder in _folders(root / "sys/bus/pci/devices")
        if (text_of(folder / "vendor"), text_of(folder / "device")) == PCI_ID
    ]
    files = sorted((root / "dev").glob("apex_*"))
    for file in files:
        usable = os.access(file, os.R_OK | os.W_OK)
        why = "" if usable else "; this user may not open it: join the group apex"
        yield Stick("pci", f"/dev/{file.name}", f"Coral PCIe Accelerator{why}", usable)
    for card in cards[len(files) :]:
        told = "Coral PCIe Accelerator without a driver; install gasket-dkms, which makes /dev/apex_0"
        yield Stick("pci", card.name, told, usable=False)


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(parent.iterdir())
    except OSError:
        return []
