"""Slices and everything known about them as one HDF5 file, in the DataExchange layout of a reconstruction.

De Carlo et al., Scientific Data Exchange, J. Synchrotron Rad. 21 (2014), doi:10.1107/S160057751401604X.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import Self

from tomopy_edge.data import Volume
from tomopy_edge.errors import OutputError
from tomopy_edge.readers.scan_file import ScanFile
from tomopy_edge.version import __version__
from tomopy_edge.writers.failures import told

if TYPE_CHECKING:
    import h5py

NAME = "recon.h5"
"""The file, within the output folder."""

UNITS = "attenuation per pixel"


class Hdf5Writer:
    """Writes `/exchange/data` (z, y, x) float32, attenuation per pixel, slice by slice as they come.

    Parameters
    ----------
    folder : where the file goes; it must exist

    Raises
    ------
    OutputError : where the file cannot be made
    """

    def __init__(self, folder: Path) -> None:
        import h5py

        self.path = folder / NAME
        with told(self.path):
            self._file = h5py.File(self.path, "w", track_order=True)
        self._file["implements"] = "exchange:measurement:process"
        self._slices: h5py.Dataset | None = None
        self._first_row = 0

    def write(self, volume: Volume) -> None:
        """Append slices; each chunk must follow the one before it.

        Raises
        ------
        OutputError : where the disk is full or cannot be written to
        """
        with told(self.path):
            if self._slices is None:
                self._slices = self._begin(volume)
            start = volume.first_row - self._first_row
            if start != len(self._slices):
                raise ValueError(f"chunks must be in order: row {self._first_row + len(self._slices)} is next")
            self._slices.resize(start + len(volume.slices), axis=0)
            self._slices[start:] = volume.slices

    def _begin(self, volume: Volume) -> h5py.Dataset:
        _, y, x = volume.slices.shape
        self._first_row = volume.first_row
        slices = self._file.create_dataset(
            "exchange/data", (0, y, x), np.float32, maxshape=(None, y, x), chunks=(1, y, x)
        )
        slices.attrs.update(
            {
                "axes": "z:y:x",
                "description": "ReconData",
                "units": UNITS,
                "first_row": volume.first_row,
            }
        )
        self._file["exchange/title"] = "tomography_reconstruction"
        if volume.pixel_size is not None:
            self._file["exchange/pixel_size"] = volume.pixel_size
            self._file["exchange/pixel_size"].attrs["units"] = "um"
        return slices

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with told(self.path):
            self._file.close()


def write_parameters(path: Path, parameters: Mapping[str, Any], scan: ScanFile | None) -> None:
    """Add to a finished file what it was made with, and what its scan says about itself.

    Parameters
    ----------
    path : a file that `Hdf5Writer` wrote
    parameters : plain data, such as stage -> option -> value; every one becomes a dataset under
        `/process/tomopy_edge-<version>`. In a list of mappings, such as a recipe, each gets a group numbered in order.
    scan : its metadata are copied to the root; None where there was no scan file

    Raises
    ------
    OutputError : where the file is not there or cannot be written to
    """
    import h5py

    if not path.exists():
        raise OutputError(f"{path}: no such file, so no parameters could be added to it")
    with told(path), h5py.File(path, "r+") as file:
        group = file.create_group(f"process/tomopy_edge-{__version__}", track_order=True)
        for name, value in parameters.items():
            _put(group, name, value)
        if scan is not None:
            file["measurement/source"] = scan.source
            scan.copy_metadata(file)


def _put(group: h5py.Group, name: str, value: Any) -> None:
    import h5py

    if isinstance(value, Mapping):
        inner = group.create_group(name, track_order=True)
        for key, member in value.items():
            _put(inner, str(key), member)
    elif isinstance(value, Sequence) and value and all(isinstance(member, Mapping) for member in value):
        inner = group.create_group(name, track_order=True)
        for number, member in enumerate(value):
            for key, content in member.items():
                _put(inner, f"{number:02d}_{key}", content)
    elif value is None:
        group[name] = h5py.Empty("f4")
    elif isinstance(value, bool | int | float | str):
        group[name] = value
    elif isinstance(value, Sequence) and value and all(isinstance(member, int | float) for member in value):
        group[name] = np.asarray(value)
    else:
        group[name] = json.dumps(value, default=str)
