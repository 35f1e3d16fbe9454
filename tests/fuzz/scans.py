"""Scans: HDF5 files with damaged bytes, and whole ones that hold nonsense; opened and read as a run does."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np

from tests.fuzz.case import Case
from tests.fuzz.damage import damaged
from tests.fuzz.strange_scans import strange
from tomopy_edge import readers
from tomopy_edge.readers import open_scan, trial

ANGLES, ROWS, COLUMNS = 12, 5, 16


@cache
def prepare() -> tuple[bytes, ...]:
    """Return small whole scans: each layout, with what HDF5 has to store frames in."""
    # A hundred times what these small files take, and a tenth of what each that HDF5 hangs on would.
    trial.SECONDS = 0.4
    packed = {"chunks": (1, ROWS, COLUMNS), "compression": "gzip", "shuffle": True}
    stores: tuple[dict[str, Any], ...] = (
        {},
        packed,
        packed | {"fletcher32": True, "maxshape": (None, ROWS, COLUMNS)},
        {"chunks": (4, 2, COLUMNS), "maxshape": (None, None, None)},
        {"chunks": (1, ROWS, COLUMNS), "compression": "lzf"},
    )
    layouts: tuple[Callable[[h5py.File, dict[str, Any]], None], ...] = (_data_exchange, _nxtomo)
    made = [image(write, store, libver) for write in layouts for store in stores for libver in ("earliest", "latest")]
    return (*made, image(_linked, {}, "earliest"))


def make(rng: Random) -> Case:
    """Return a scan."""
    if rng.random() < 0.3:
        return Case({"scan.h5": strange(rng)})
    seeds = prepare()
    # The later format has checksums, which catch most damage.
    seed = rng.choice(seeds[::2] if rng.random() < 0.8 else seeds)
    return Case({"scan.h5": damaged(rng, seed)})


def attempt(path: Path, case: Case) -> None:
    """Do what `careful` does, without the child process that a run looks at a scan in first: it takes half the time.

    HDF5 does in the child what it does here, so what it crashes or hangs on there it crashes or hangs on here.
    """
    signal.setitimer(signal.ITIMER_PROF, trial.SECONDS)
    with patch.object(readers, "expect_survivable", lambda *_: None):
        careful(path, case)


def careful(path: Path, _case: Case) -> None:
    """Open a scan, read rows of it, and carry over what it says, as a run does."""
    with open_scan(path) as scan, h5py.File("copy", "w", driver="core", backing_store=False) as copy:
        for row in dict.fromkeys((0, scan.rows // 2, scan.rows - 1)):
            read = scan.read(row, row + 1)
            assert read.projections.shape == (scan.angles, 1, scan.columns)
        "\n".join(scan.notes).encode()
        scan.copy_metadata(copy)


def image(write: Callable[[h5py.File, dict[str, Any]], None], store: dict[str, Any], libver: str) -> bytes:
    """Return the bytes of an HDF5 file."""
    with h5py.File("seed", "w", driver="core", backing_store=False, libver=libver) as file:
        write(file, store)
        file.flush()
        content: bytes = file.id.get_file_image()
    return content


def counts(frames: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return frames of counts."""
    return (np.arange(frames * ROWS * COLUMNS) % 977 + 100).astype(np.uint16).reshape(frames, ROWS, COLUMNS)


def _data_exchange(file: h5py.File, store: dict[str, Any]) -> None:
    file["implements"] = "exchange:measurement:process"
    file["measurement/sample/name"] = "a disc"
    file["measurement/instrument/detection_system/objective/resolution"] = 1.3
    file["measurement/instrument/detection_system/objective/resolution"].attrs["units"] = "microns"
    exchange = file.create_group("exchange")
    for name, frames in (("data", ANGLES), ("data_white", 2), ("data_dark", 2)):
        exchange.create_dataset(name, data=counts(frames), **store)
    exchange["data"].attrs["axes"] = "theta:y:x"
    exchange["theta"] = np.linspace(0, 180, ANGLES, endpoint=False)
    exchange["theta"].attrs["units"] = "degrees"


def _nxtomo(file: h5py.File, store: dict[str, Any]) -> None:
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    detector = entry.create_group("instrument/detector")
    detector.create_dataset("data", data=counts(ANGLES), **store)
    detector["image_key"] = np.array([2, 1, *[0] * (ANGLES - 2)], np.int32)
    detector["image_key_control"] = np.array([2, 1, *[0] * (ANGLES - 3), -1], np.int32)
    detector["x_pixel_size"] = 6.5
    detector["x_pixel_size"].attrs["units"] = "um"
    detector["magnification"] = 10.0
    entry["sample/rotation_angle"] = np.linspace(0, 180, ANGLES)
    entry["sample/rotation_angle"].attrs["units"] = "degree"
    entry["data/data"] = h5py.SoftLink("/entry/instrument/detector/data")


def _linked(file: h5py.File, store: dict[str, Any]) -> None:
    """Write a scan whose frames are put together from others, behind links."""
    _data_exchange(file, store)
    file.move("exchange/data", "raw")
    layout = h5py.VirtualLayout((ANGLES, ROWS, COLUMNS), np.uint16)
    layout[:] = h5py.VirtualSource(".", "raw", (ANGLES, ROWS, COLUMNS))
    file.create_virtual_dataset("exchange/together", layout)
    file["exchange/data"] = h5py.SoftLink("together")
    file["measurement/other"] = h5py.ExternalLink("elsewhere.h5", "/x")
    file["measurement/itself"] = file["measurement"]
