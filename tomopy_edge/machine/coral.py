"""Which Edge TPUs are plugged in, whether they may be used, and which library there is for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.machine.child import ask_library
from tomopy_edge.machine.facts import ROOT, text_of
from tomopy_edge.networks.edge_tpu_library import USUAL, library_file

USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
"""The same stick before and after its firmware was loaded, which its first use does."""

PCI_ID = ("0x1ac1", "0x089a")

USB_2 = 480
"""Megabits per second, to which a stick in an older socket, or on a poor cable, falls back."""

SCRIPT = """
class Device(Structure):
    _fields_ = [("type", c_int), ("path", c_char_p)]
library.edgetpu_version.restype = c_char_p
tell(version=(library.edgetpu_version() or b"").decode(errors="replace"))
library.edgetpu_list_devices.restype = POINTER(Device)
count = c_size_t()
devices = library.edgetpu_list_devices(byref(count))
for index in range(count.value):
    tell(path=(devices[index].path or b"").decode(errors="replace"))
tell(devices=count.value)
"""
"""Names and types are those of edgetpu_c.h."""


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
    library : version that libedgetpu gives itself; "" where it is not there
    devices : those that libedgetpu finds, as it names them; None where it could not be asked
    told : what there is of the library, or why it cannot be used: one sentence
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
    answer = ask_library(library, SCRIPT, root)
    found = tuple(line["path"] for line in answer.found if "path" in line)
    devices = None if answer.said("devices") is None else found
    if fault := answer.said("fault"):
        told = f"{library} {'is not found' if answer.said('absent') else f'cannot be loaded ({fault})'}"
    elif answer.ended:
        told = f"{library} {answer.ended}"
        if "(SIG" in answer.ended:
            told += "; builds for older runtimes do that: install one for yours, such as github.com/feranick/libedgetpu"
    else:
        told = f"{library} finds {len(found) or 'no'} Edge TPU{'s' * (len(found) != 1)}"
    return Coral(sticks, answer.said("version", ""), devices, told)


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
