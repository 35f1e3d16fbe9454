"""Which kind of file an HDF5 file is, told without reading what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomopy_edge.contents.others import is_pairs
from tomopy_edge.contents.volumes import is_hdf5_slices, is_zarr_slices
from tomopy_edge.errors import DataError
from tomopy_edge.readers import beamlines, data_exchange, nxtomo
from tomopy_edge.readers.claims import NONSENSE
from tomopy_edge.readers.trial import expect_survivable

if TYPE_CHECKING:
    import h5py


def kind_of(path: Path) -> str:
    """Return "scan", "slices", "pairs", or "no scan" for a file or folder that may be a scan.

    One that is damaged, or that dxchange reads, is called a scan: whoever opens it is told more.
    """
    import h5py

    if path.is_dir():
        return "slices" if is_zarr_slices(path) else "scan"
    if not h5py.is_hdf5(path):
        return "scan"
    try:
        expect_survivable(path, lambda: _look(path))
        with h5py.File(path, "r", rdcc_nbytes=0) as file:
            return _kind(file)
    except (DataError, *NONSENSE):
        return "scan"


def _look(path: Path) -> None:
    import h5py

    with h5py.File(path, "r", rdcc_nbytes=0) as file:
        _kind(file)


def _kind(file: h5py.File) -> str:
    if is_pairs(file):
        return "pairs"
    if is_hdf5_slices(file):
        return "slices"
    scan = data_exchange.recognises(file) or nxtomo.recognises(file) or beamlines.recognises_als(file)
    return "scan" if scan else "no scan"
