"""What a reconstruction was made with, and what its scan says about itself, added to its HDF5 file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tomopy_edge.errors import OutputError
from tomopy_edge.readers.scan_file import ScanFile
from tomopy_edge.version import __version__
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.hdf5 import place_of_slices
from tomopy_edge.writers.hdf5_undo import undoable

if TYPE_CHECKING:
    import h5py


def write_parameters(path: Path, parameters: Mapping[str, Any], scan: ScanFile | None) -> None:
    """Add to a finished file what it was made with, and what its scan says about itself.

    A run that is killed meanwhile leaves the file as it was, for the next one that opens it to write.

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
    with told(path), undoable(path, *place_of_slices(path)) as work, h5py.File(work, "r+") as file:
        name = f"process/tomopy_edge-{__version__}"
        if name in file:
            return  # of an earlier run, that this one goes over
        group = file.create_group(name, track_order=True)
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
