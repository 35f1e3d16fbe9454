"""HDF5 files that are whole, and hold what no scan holds: enormous shapes, other types, links in circles."""

from __future__ import annotations

import faulthandler
import math
import os
import signal
from contextlib import suppress
from random import Random
from typing import Any

import h5py
import numpy as np

EDGES = (0, 1, 2, 3, 5, 12, 16, 1000, 2**16, 2**20, 2**31, 2**32 + 1, 2**40, 2**62, 2**63 - 1)
TYPES: tuple[Any, ...] = (
    *("u1", "u2", ">u2", "i2", "u4", "i8", "u8", "f2", "f4", ">f4"),
    *("f8", "c8", "c16", "S4", "S1000", "V3", "V100000", "?"),
    *(h5py.string_dtype(), h5py.vlen_dtype("f4"), h5py.ref_dtype),
    *(h5py.regionref_dtype, h5py.enum_dtype({"A": 1, "B": 2})),
    *(np.dtype([("a", "f4"), ("b", "u2", (3,))]), np.dtype(("u2", (3,)))),
    *(np.dtype(("f4", (1000, 1000))), np.longdouble),
)  # fmt: skip
TEXTS = (
    "degrees",
    "rad",
    "mm",
    "",
    "x" * 5000,
    "\x00",
    "µm",
    b"\xff\xfe",
    "z:y:x",
    "y:theta:x",
    "1e999",
    "-1e400",
    "nan",
    "12px",
)
PLACES = (
    *("exchange/data", "exchange/data_white", "exchange/data_dark"),
    *("exchange/theta", "exchange", "implements", "entry"),
    *("process/acquisition/rotation/rotation_start", "process/acquisition/rotation/rotation_step"),
    *("process/acquisition/rotation/num_angles", "measurement/instrument/detector/pixel_size"),
    *("measurement/instrument/detection_system/objective/resolution", "entry/instrument", "entry/instrument/detector"),
    *("measurement/instrument/detection_system/objective/magnification", "entry/instrument/detector/data"),
    *("entry/instrument/detector/image_key"),
    *("entry/instrument/detector/image_key_control", "entry/sample/rotation_angle"),
    *("entry/instrument/detector/x_pixel_size"),
    *("entry/instrument/detector/magnification", "entry/detector/rot", "notes"),
)  # fmt: skip
LARGEST = 200_000
"""Bytes of a file: what it says it holds is what counts."""

REFUSALS = (ValueError, TypeError, OSError, RuntimeError, KeyError, OverflowError, AttributeError, IndexError)
"""What h5py raises where something cannot be put somewhere."""


def strange(rng: Random) -> bytes:
    """Return the bytes of an HDF5 file that begins as a scan and in one to four places is something else."""
    while True:
        # Apart, since HDF5 does not survive all that is asked of it here.
        content = _made_apart(rng.randrange(2**64))
        if 0 < len(content) < LARGEST:
            return content


def _made_apart(seed: int) -> bytes:
    """Return the bytes of a file that another process makes, none where it fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(10)
            faulthandler.disable()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(_made(Random(seed)))  # noqa: S311 - cases, no secrets
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    return b"" if status else content


def _made(rng: Random) -> bytes:
    libver = rng.choice(("earliest", "latest"))
    with h5py.File("strange", "w", driver="core", backing_store=False, libver=libver) as file:
        angles, rows, columns = rng.choice((2, 3, 12)), rng.choice((1, 2, 5)), rng.choice((1, 4, 16))
        _begin(rng, file, angles, rows, columns)
        for _ in range(rng.choice((1, 1, 2, 4))):
            with suppress(*REFUSALS):
                _put(rng, file, rng.choice(PLACES))
        file.flush()
        content: bytes = file.id.get_file_image()
    return content


def _begin(rng: Random, file: h5py.File, angles: int, rows: int, columns: int) -> None:
    """Write a scan of some layout, or enough of one to be taken for it."""
    theta = np.linspace(0, 180, angles, endpoint=False)
    counts = np.full((angles, rows, columns), 500, np.uint16)
    if rng.random() < 0.5:
        file["exchange/data"], file["exchange/theta"] = counts, theta
        if rng.random() < 0.5:
            del file["exchange/theta"]
            rotation = file.create_group("process/acquisition/rotation")
            rotation["rotation_start"], rotation["rotation_step"] = 0.0, 180 / angles
    elif rng.random() < 0.9:
        file["entry/instrument/detector/data"], file["entry/sample/rotation_angle"] = counts, theta
        file["entry/instrument/detector/image_key"] = np.zeros(angles, np.int8)
    else:
        group = file.create_group("als/x")
        group.attrs["nangles"] = rng.choice((angles, -1, 2**40, "x", 1e300))
        group["0000"] = counts


def _put(rng: Random, file: h5py.File, place: str) -> None:
    kind = rng.randrange(8)
    if kind < 2 and place in file:
        _describe(rng, file[place])
        return
    if place in file and rng.random() < 0.9:
        old = file[place].shape if isinstance(file[place], h5py.Dataset) else ()
        # To remove what claims to be enormous may take for ever.
        file.move(place, f"old/{rng.randrange(2**32)}")
    else:
        old = ()
    if kind == 2:
        file[place] = rng.choice(TEXTS)
    elif kind == 3:
        others = (*PLACES, "/", ".", "..", place, "nowhere", f"{place}/x", "x" * 70_000, "/" * 5000)
        target = rng.choice(others)
        files = ("elsewhere.h5", "strange", "/dev/zero", "/", "", "x" * 5000, "../scan.h5", "scan.h5", "%")
        file[place] = rng.choice((h5py.SoftLink(target), h5py.ExternalLink(rng.choice(files), target)))
    elif kind == 4:
        file[place] = np.dtype("f4")
    elif kind == 5:
        file[place] = rng.choice((h5py.Empty("f4"), file["/"]))
    else:
        _claim(rng, file, place, old)
    if rng.random() < 0.2:
        _describe(rng, file[place])


def _describe(rng: Random, member: h5py.HLObject) -> None:
    name = rng.choice(("units", "axes", "nangles", "NX_class", "x"))
    numbers = (1, -1.0, np.nan, np.zeros((2, 2)), np.zeros(0), np.arange(5000.0), h5py.Empty("f4"), member.ref, True)
    if rng.random() < 0.5:
        member.attrs[name] = rng.choice((*TEXTS, ["a", "b"]))
    elif rng.random() < 0.7:
        member.attrs[name] = rng.choice(numbers)
    else:
        # Not written, as HDF5 crashes where numbers are made references.
        kind = h5py.h5t.py_create(np.dtype(rng.choice(TYPES)), logical=True)
        h5py.h5a.create(member.id, name.encode(), kind, h5py.h5s.create_simple((rng.choice((0, 1, 2, 1000)),)))


def _claim(rng: Random, file: h5py.File, place: str, old: tuple[int, ...]) -> None:
    """Make a dataset that says it is of some shape, most often without anything in it."""
    shape = [rng.choice(EDGES) for _ in range(rng.choice((0, 1, 1, 2, 3, 3, 4)))]
    if rng.random() < 0.5 and old:
        # One wrong edge is found later than three.
        shape = list(old)
        shape[rng.randrange(len(shape))] = rng.choice(EDGES)
    kind = rng.choice(TYPES) if rng.random() < 0.5 else rng.choice(("u2", "f4", "f8"))
    store: dict[str, Any] = {}
    if shape and rng.random() < 0.6:
        store["chunks"] = tuple(max(min(edge, rng.choice((1, 1, 2, 64, 2**16, 2**20))), 1) for edge in shape)
        store |= rng.choice(
            ({}, {"compression": "gzip"}, {"shuffle": True, "compression": "lzf"}, {"fletcher32": True})
        )
    if store and rng.random() < 0.1:
        store["fillvalue"] = 7
    if rng.random() < 0.1 and len(shape) == 3:
        layout = h5py.VirtualLayout(tuple(shape), kind)
        inner = tuple(min(edge, 4) for edge in shape)
        layout[tuple(slice(0, edge) for edge in inner)] = h5py.VirtualSource(
            rng.choice((".", "elsewhere.h5", "/dev/zero", "%b", "strange")), rng.choice(PLACES), inner
        )
        file.create_virtual_dataset(place, layout)
        return
    if rng.random() < 0.1:
        # Nothing else: what is put into such a dataset goes there.
        store = {"external": [(rng.choice(("/dev/zero", "/dev/null")), 0, h5py.h5f.UNLIMITED)]}
    dataset = file.create_dataset(place, tuple(shape), kind, **store)
    # The index of many chunks is written whole as soon as there is one of them.
    few = bool(dataset.chunks) and math.prod(shape) < 10_000 * math.prod(dataset.chunks)
    # Nor is a chunk without filters of another length than it must be: that breaks HDF5's own memory.
    if rng.random() < 0.3 and few and dataset.id.get_create_plist().get_nfilters():
        corner = tuple(rng.choice((0, 0, edge)) for edge in dataset.chunks)
        dataset.id.write_direct_chunk(corner, rng.randbytes(rng.choice((1, 50, 3000))), rng.choice((0, 1, 3)))
    elif (
        "external" not in store
        and rng.random() < 0.3
        and dataset.size
        and dataset.nbytes < LARGEST
        and dataset.dtype.kind in "buif"
    ):
        dataset[...] = rng.choice((0, 1, 3, np.nan, -1, 1e30))
