"""Slices as a stack of TIFF files, one for each detector row, named as TomoPy's users know them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Self

from tomopy_edge.data import Volume
from tomopy_edge.version import __version__
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
        import tifffile

        density = None if volume.pixel_size is None else MICROMETRES_PER_CENTIMETRE / volume.pixel_size
        for row, slice_ in enumerate(volume.slices, start=volume.first_row):
            path = self.folder / f"recon_{row:05d}.tiff"
            with told(path):
                tifffile.imwrite(
                    path,
                    slice_,
                    photometric="minisblack",
                    description=f"row {row}, attenuation per pixel",
                    software=f"tomopy-edge {__version__}",
                    metadata=None,
                    resolution=None if density is None else (density, density),
                    resolutionunit=None if density is None else "CENTIMETER",
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing: each file is closed when it is written."""
