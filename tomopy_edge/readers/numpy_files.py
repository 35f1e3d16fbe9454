"""Arrays in numpy's own files, `.npy` and `.npz`: read where they lie, without taking them into memory."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError
from tomopy_edge.readers.angles import to_radians
from tomopy_edge.readers.member_names import MEMBERS, find_member
from tomopy_edge.readers.raw import RawStack
from tomopy_edge.readers.scratch import has_room, scratch_folder
from tomopy_edge.readers.stack_scan import StackScan
from tomopy_edge.readers.theta_files import LARGEST, NO_ARRAY

MAGIC = b"\x93NUMPY"
ZIP = b"PK\x03\x04"

DAMAGE = (OSError, *NO_ARRAY, zipfile.BadZipFile, zlib.error, NotImplementedError)
"""What numpy and zipfile raise where a file is not what it should be."""


def open_npy(path: Path, opened: ExitStack) -> RawStack:
    """Return the frames of a `.npy` file, which `opened` closes.

    Raises
    ------
    DataError : where it is damaged, or holds no array (frame, row, column) in C order
    """
    file = opened.enter_context(_binary(path))
    return _stack(path, file, "")


def open_npz(path: Path) -> StackScan:
    """Return the scan in a `.npz` file: arrays named as in `MEMBERS`, `theta` with one angle for each projection.

    What `np.savez_compressed` has packed is unpacked into a scratch file first.

    Raises
    ------
    DataError : where it is damaged, or an array is missing
    """
    with ExitStack() as opened:
        try:
            packed = opened.enter_context(zipfile.ZipFile(path))
        except DAMAGE as error:
            raise DataError(f"{path}: this .npz file is damaged ({error}); copy it again") from error
        held = {name.removesuffix(".npy"): name for name in packed.namelist() if name.endswith(".npy")}
        found = {part: find_member(names, held) for part, names in MEMBERS.items()}
        for part in ("projections", "theta"):
            if found[part] is None:
                raise DataError(
                    f"{path}: this .npz file has no {part}: expected {' or '.join(MEMBERS[part][1:4])}, got "
                    f"{', '.join(held) or 'no array'}"
                )
        notes: list[str] = []
        projections, flats, darks = (
            None if found[part] is None else _member(path, packed, held[str(found[part])], opened, notes)
            for part in ("projections", "flats", "darks")
        )
        assert projections is not None, "it was found"  # noqa: S101 - for the type checker
        name = str(found["theta"])
        theta, assumed = to_radians(_angles(path, packed, held[name]), None, f"{path}:{name}")
        return StackScan(
            str(path),
            projections=projections,
            flats=flats,
            darks=darks,
            theta=theta,
            theta_place=name,
            pixel_size=None,
            notes=[*assumed, *notes],
        ).owning(opened)


def _binary(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error})") from error


def _member(path: Path, packed: zipfile.ZipFile, name: str, opened: ExitStack, notes: list[str]) -> RawStack:
    """Return the frames of one array, where it lies in the `.npz` file, or in a scratch file."""
    member = packed.getinfo(name)
    label = name.removesuffix(".npy")
    file = opened.enter_context(_binary(path))
    if member.compress_type == zipfile.ZIP_STORED:
        # The lengths of the names stand in the local header, and may differ from those of the directory.
        file.seek(member.header_offset + 26)
        lengths = np.frombuffer(file.read(4), "<u2")
        file.seek(member.header_offset + 30 + int(lengths.sum()))
        return _stack(path, file, label)
    folder = scratch_folder()
    if not has_room(folder, member.file_size):
        raise DataError(
            f"{path}:{label} is compressed, and {folder} has no room for the {member.file_size / 1e9:.3g} GB to unpack "
            "it to; set TMPDIR to a folder that has"
        )
    scratch = opened.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - `opened` closes it
    try:
        with packed.open(member) as source:
            shutil.copyfileobj(source, scratch, 2**22)
    except (*DAMAGE, RuntimeError) as error:
        raise DataError(f"{path}:{label}: cannot be unpacked ({error}); copy the file again") from error
    scratch.flush()
    scratch.seek(0)
    notes.append(f"{path}:{label} is compressed, and was unpacked into {folder}; np.savez stores what is read quicker")
    return _stack(path, scratch, label)


def _stack(path: Path, file: IO[bytes], name: str) -> RawStack:
    place = f"{path}:{name}" if name else str(path)
    try:
        shape, fortran, kind = _header(file)
    except DAMAGE as error:
        raise DataError(f"{place}: is no array of numpy ({error}); copy it again, or save it anew") from error
    if kind.hasobject:
        raise DataError(f"{place}: holds Python objects, and should hold counts; save an array of numbers")
    if fortran and len(shape) > 1:
        raise DataError(
            f"{place}: is stored in Fortran order, so that no row of it lies together; save np.ascontiguousarray of it"
        )
    return RawStack(path, file.fileno(), file.tell(), kind, shape, np.arange(shape[0] if shape else 0), name)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, kind = read(file)
    return shape, fortran, kind


def _angles(path: Path, packed: zipfile.ZipFile, name: str) -> Float64:
    place = f"{path}:{name.removesuffix('.npy')}"
    if packed.getinfo(name).file_size > LARGEST:
        raise DataError(f"{place}: is too large to hold one angle for each projection")
    try:
        with packed.open(name) as file:
            stored: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    except (*DAMAGE, RuntimeError) as error:
        raise DataError(f"{place}: the angles cannot be read ({error})") from error
    if stored.ndim != 1 or stored.dtype.kind not in "iuf":
        raise DataError(f"{place}: must hold one angle for each projection, got {stored.dtype} {stored.shape}")
    return stored.astype(np.float64)
