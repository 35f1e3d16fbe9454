"""Slices as a stack of TIFF files, one for each detector row, named as TomoPy's users know them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from typing_extensions import Self

from tomopy_edge.data import Float32, Volume
from tomopy_edge.version import __version__
from tomopy_edge.writers.durable import put_in_place
from tomopy_edge.writers.failures import told

MICROMETRES_PER_CENTIMETRE = 1e4


@dataclass(frozen=True)
class TiffStackWriter:
    """Writes `recon_00000.tiff` and so on, float32, attenuation per pixel; the number is the detector row.

    Attributes
    ----------
    folder : where the files go; it must exist
    """

    folder: Path

    def write(self, volume: Volume) -> None:
        """Write each slice; the pixel size, where it is known, goes into the resolution tags.

        Raises
        ------
        OutputError : where the disk is full or cannot be written to
        """
        rows = range(volume.first_row, volume.first_row + len(volume.slices))
        with told(self._path(volume.first_row)):
            put_in_place(
                (self._path(row), partial(write_slice, slice_=slice_, what=f"row {row}", pixel_size=volume.pixel_size))
                for row, slice_ in zip(rows, volume.slices, strict=True)
            )

    def read(self, row: int) -> Float32 | None:
        """Return the slice (y, x) of a row, None where there is no file of it that can be read."""
        import tifffile

        try:
            slice_ = tifffile.imread(self._path(row))
        except Exception:  # noqa: BLE001 - of damaged tags tifffile makes errors of any kind
            return None
        return slice_ if slice_.dtype == np.float32 else None

    def leave_out(self, row: int) -> None:
        """Have no file of a row."""
        with told(self._path(row)):
            self._path(row).unlink(missing_ok=True)

    def remake(self, rows: Collection[int]) -> None:
        """Do nothing: each slice is a file."""

    def _path(self, row: int) -> Path:
        return self.folder / f"recon_{row:05d}.tiff"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing: each file is closed when it is written."""


def write_slice(path: Path, slice_: Float32, what: str, pixel_size: float | None) -> None:
    """Write one slice (y, x) as a float32 TIFF file.

    Parameters
    ----------
    what : which slice it is, for the file's description
    pixel_size : micrometres, or None where it is not known
    """
    import tifffile

    density = None if pixel_size is None else MICROMETRES_PER_CENTIMETRE / pixel_size
    tifffile.imwrite(
        path,
        slice_,
        photometric="minisblack",
        description=f"{what}, attenuation per pixel",
        software=f"tomopy-edge {__version__}",
        metadata=None,
        resolution=None if density is None else (density, density),
        resolutionunit=None if density is None else "CENTIMETER",
    )
