"""Formats of other beamlines, read by dxchange where the real one is installed; nothing here needs it otherwise.

The real dxchange (https://github.com/data-exchange/dxchange) is on conda-forge; PyPI has an unrelated package of that
name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import Self

from tomopy_edge.data import Float64, Scan
from tomopy_edge.errors import DataError
from tomopy_edge.readers.arrays import ArrayScan, Numbers
from tomopy_edge.readers.hdf5_tree import names
from tomopy_edge.readers.lengths import to_micrometres
from tomopy_edge.readers.scan_file import expect_rows, expect_scan

if TYPE_CHECKING:
    import h5py

INSTALL = "conda install -c conda-forge dxchange"

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""First bytes of a compound file, the container of Zeiss Xradia's .txrm."""


@dataclass(frozen=True)
class ForeignScan:
    """A scan that dxchange reads, some rows at a time; see `ScanFile`."""

    source: str
    angles: int
    rows: int
    columns: int
    theta: Float64
    pixel_size: float | None
    notes: tuple[str, ...]
    read_rows: Callable[[int, int], tuple[Numbers, Numbers | None, Numbers | None]]
    """Returns projections, flats and darks of the rows first to last - 1."""

    def read(self, first: int, last: int) -> Scan:
        """Read the rows `first` to `last - 1`."""
        expect_rows(self.source, self.rows, first, last)
        projections, flats, darks = self.read_rows(first, last)
        rows = ArrayScan(projections, self.theta, flats, darks, source=self.source).read(0, last - first)
        return replace(rows, first_row=first, pixel_size=self.pixel_size)

    def copy_metadata(self, target: h5py.Group) -> None:
        """Copy nothing: dxchange gives images and angles alone."""

    def close(self) -> None:
        """Do nothing: dxchange opens the file anew for each request."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def load_dxchange(needed_by: Path) -> Any:
    """Return the real dxchange.

    Raises
    ------
    DataError : where it is not installed, or what is installed is PyPI's unrelated package of the same name
    """
    try:
        dxchange = importlib.import_module("dxchange")
    except ImportError as error:
        raise DataError(
            f"{needed_by}: not HDF5; other beamline formats are read by dxchange, which cannot be imported ({error}). "
            f"Install it with `{INSTALL}`, or convert the scan to DataExchange HDF5"
        ) from error
    if not hasattr(dxchange, "read_als_832h5"):
        raise DataError(
            f"{needed_by}: the dxchange installed here ({getattr(dxchange, '__file__', None)}) is PyPI's unrelated "
            f"package of that name. Remove it (`pip uninstall dxchange`) and install the real one: `{INSTALL}`"
        )
    return dxchange


def open_foreign(path: Path) -> ForeignScan:
    """Return the scan in a file that is not HDF5.

    Raises
    ------
    DataError : where the format is unknown, or dxchange is not there to read it
    """
    with path.open("rb") as file:
        start = file.read(len(OLE_MAGIC))
    if start != OLE_MAGIC:
        raise DataError(
            f"{path}: not a scan in a known format; it starts with the bytes {start!r}. Expected HDF5 (DataExchange, "
            "NXtomo or ALS 8.3.2), TIFF, .npy, .npz, Zarr or Zeiss Xradia .txrm; anything else that dxchange reads can "
            "be given as arrays"
        )
    return _open_xradia(path)


def recognises_als(file: h5py.File) -> bool:
    """Return whether an HDF5 file is of ALS 8.3.2: one group that counts its angles in the attribute `nangles`."""
    return _als_group(file) is not None


def open_als(path: Path) -> ForeignScan:
    """Return the scan in an HDF5 file of ALS 8.3.2."""
    import h5py

    dxchange = load_dxchange(path)
    with h5py.File(path, "r") as file:
        group = _als_group(file)
        if group is None:
            raise DataError(f"{path}: no group with the attribute nangles, as ALS 8.3.2 writes it")
        attributes = dict(group.attrs)
        rows, columns = group[next(iter(group))].shape[-2:]
    angles = int(attributes["nangles"])
    degrees = float(attributes.get("arange", 180.0))
    told = "their attribute arange" if "arange" in attributes else "nothing: 180 was assumed"
    size, assumed = to_micrometres(attributes["pxsize"], "mm", "pxsize") if "pxsize" in attributes else (None, [])

    def read_rows(first: int, last: int) -> tuple[Numbers, Numbers, Numbers]:
        projections, flats, darks, _ = dxchange.read_als_832h5(str(path), sino=(first, last))
        return projections, flats, darks

    return ForeignScan(
        str(path),
        angles,
        rows,
        columns,
        theta=np.deg2rad(np.linspace(0, degrees, angles)),
        pixel_size=size,
        notes=(f"angles were spread evenly over {degrees:g} degrees, from {told}", *assumed),
        read_rows=read_rows,
    )


def _als_group(group: h5py.Group) -> h5py.Group | None:
    """Return the group of images: the only one at the root, or the only one in that."""
    import h5py

    while isinstance(group, h5py.Group) and "nangles" not in group.attrs:
        held = names(group)
        if len(held) != 1:
            return None
        group = group.get(held[0])
    return group if isinstance(group, h5py.Group) and len(group) else None


def _open_xradia(path: Path) -> ForeignScan:
    dxchange = load_dxchange(path)

    def read(first: int, last: int, frames: int | None = None) -> tuple[Numbers, dict[str, Any]]:
        found: tuple[Numbers, dict[str, Any]] = dxchange.read_txrm(
            str(path), slice_range=((0, frames, 1), (first, last, 1), (0, None, 1))
        )
        return found

    def read_rows(first: int, last: int) -> tuple[Numbers, Numbers | None, None]:
        projections, metadata = read(first, last)
        reference = metadata.get("reference")
        return projections, None if reference is None else np.asarray(reference)[np.newaxis], None

    _, metadata = read(0, 1, frames=1)
    theta = np.asarray(metadata["thetas"], dtype=np.float64)
    rows, columns = int(metadata["image_height"]), int(metadata["image_width"])
    expect_scan(str(path), (int(metadata["number_of_images"]), rows, columns), theta, "ImageInfo/Angles")
    return ForeignScan(
        str(path),
        len(theta),
        rows,
        columns,
        theta=theta,
        pixel_size=float(metadata["pixel_size"]) if metadata.get("pixel_size") else None,
        notes=("a .txrm file has no dark frames, and at most one flat: its reference image",),
        read_rows=read_rows,
    )
