"""Simulated scans and pairs on disk: whole or not there at all, with what is needed to make them again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomopy_edge.errors import OutputError
from tomopy_edge.progress import track
from tomopy_edge.simulation.scans import SimulatedScan
from tomopy_edge.writers.failures import told

if TYPE_CHECKING:
    import h5py

PIXEL_SIZE = 1.0
"""Micrometres that a simulated pixel is said to have; nothing else depends on it."""


@contextmanager
def new_hdf5(path: Path, *, overwrite: bool = False) -> Iterator[h5py.File]:
    """Yield an HDF5 file to write, which becomes `path` when all went well and is removed when not.

    Raises
    ------
    OutputError : where there is such a file already, or it cannot be written
    """
    import h5py

    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; choose another name, or replace it with --overwrite")
    part = path.with_name(f"{path.name}.part")
    with told(path):
        try:
            with h5py.File(part, "w") as file:
                yield file
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def write_scan(path: Path, simulated: SimulatedScan, *, command: str = "", overwrite: bool = False) -> None:
    """Write a simulated scan as a DataExchange file, with its truth under `/simulated`.

    `/simulated/truth` is (z, y, x), attenuation per pixel: one slice for each row of the scan, placed as the project's
    FBP places it. `/simulated` carries the attributes `center`, `kind`, `command` and those of the exposure.
    """
    scan = simulated.scan
    rows = scan.projections.shape[1]
    with new_hdf5(path, overwrite=overwrite) as file:
        file["implements"] = "exchange:measurement:simulated"
        exchange = file.create_group("exchange")
        exchange["data"], exchange["data_white"], exchange["data_dark"] = scan.projections, scan.flats, scan.darks
        exchange["data"].attrs.update({"axes": "theta:y:x", "units": "counts"})
        exchange["theta"] = np.rad2deg(scan.theta)
        exchange["theta"].attrs["units"] = "deg"
        file["/measurement/instrument/detector/pixel_size_um"] = PIXEL_SIZE
        group = file.create_group("simulated")
        group.attrs.update({"center": simulated.center, "kind": simulated.phantom.kind, "command": command})
        group.attrs.update(asdict(simulated.exposure))
        columns = scan.projections.shape[2]
        truth = group.create_dataset("truth", (rows, columns, columns), "f4", chunks=(1, columns, columns))
        truth.attrs.update({"axes": "z:y:x", "units": "attenuation per pixel"})
        for row in track(range(rows), total=rows, what="slices of the truth"):
            truth[row] = simulated.truth(row - rows // 2)
