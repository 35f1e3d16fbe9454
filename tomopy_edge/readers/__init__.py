"""Opens scans: which format a file is in is decided here, by what it contains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.readers import beamlines, data_exchange, numpy_files, nxtomo, tiff
from tomopy_edge.readers.arrays import ArrayScan
from tomopy_edge.readers.claims import NONSENSE
from tomopy_edge.readers.description import SUFFIXES
from tomopy_edge.readers.folder import is_folder_of_images, open_described, open_file, open_folder
from tomopy_edge.readers.hdf5_tree import contents, names
from tomopy_edge.readers.scan_file import ScanFile
from tomopy_edge.readers.trial import expect_survivable
from tomopy_edge.readers.zarr_store import is_zarr, open_zarr

if TYPE_CHECKING:
    import h5py

__all__ = ["ArrayScan", "ScanFile", "open_scan"]


def open_scan(path: Path) -> ScanFile:
    """Open a scan of any format known here; nothing but angles and descriptions is read yet.

    HDF5 files are recognised as DataExchange (a group `/exchange`) or NXtomo (a NeXus entry) and read with h5py. TIFF
    files, arrays of numpy and Zarr stores are read too, and what a scan.yaml describes. Other beamline formats go to
    dxchange where that is installed.

    Parameters
    ----------
    path : the file, whose extension does not matter but for that of a YAML file; or a folder of images, a Zarr store

    Returns
    -------
    the open scan, a context manager

    Raises
    ------
    DataError : where there is no such file, or its contents are no scan, in a message that says what was found
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    _expect_file(path)
    if path.suffix.lower() in SUFFIXES:
        return open_described(path)
    import h5py

    if not h5py.is_hdf5(path):
        return _open_other(path)
    expect_survivable(path, lambda: _look(path))
    return _open(path)


def _open_folder(path: Path) -> ScanFile:
    if is_zarr(path):
        return open_zarr(path)
    if is_folder_of_images(path):
        return open_folder(path)
    scans = sorted(child.name for child in path.iterdir() if child.suffix in {".h5", ".hdf5", ".hdf", ".nxs", ".zarr"})
    inside = f"; name one of the files in it: {', '.join(scans[:5])}" if scans else ""
    raise DataError(f"{path}: a folder, not a scan{inside}")


def _open_other(path: Path) -> ScanFile:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith((*tiff.MAGIC, numpy_files.MAGIC)):
        return open_file(path)
    if start.startswith(numpy_files.ZIP):
        return numpy_files.open_npz(path)
    return beamlines.open_foreign(path)


def _open(path: Path) -> ScanFile:
    import h5py

    try:
        # A read needs each chunk once. With a cache HDF5 takes in whole what is not compressed, for a few rows of it.
        file = h5py.File(path, "r", rdcc_nbytes=0)
    except OSError as error:
        raise DataError(f"{path}: this HDF5 file cannot be opened ({error}); is it still being written?") from error
    try:
        return _open_hdf5(file, path)
    except NONSENSE as error:
        file.close()
        raise DataError(f"{path}: this HDF5 file is damaged ({error}); copy it again from where it came") from error
    except BaseException:
        file.close()
        raise


def _look(path: Path) -> None:
    """Do with a file all that is done with what it says of itself."""
    import h5py

    with _open(path) as scan, h5py.File(f"{path} of itself", "w", driver="core", backing_store=False) as copy:
        scan.copy_metadata(copy)


def _open_hdf5(file: h5py.File, path: Path) -> ScanFile:
    if data_exchange.recognises(file):
        return data_exchange.open_data_exchange(file, str(path))
    if nxtomo.recognises(file):
        return nxtomo.open_nxtomo(file, str(path))
    if beamlines.recognises_als(file):
        # dxchange opens the file itself.
        file.close()
        return beamlines.open_als(path)
    hints = [f"{name!r}{hint}" for name in names(file) if (hint := did_you_mean(name, ["exchange", "entry"]))]
    raise DataError(
        f"{path}: an HDF5 file, but not a scan in a known layout. Expected DataExchange (/exchange/data, data_white, "
        "data_dark, theta) or NXtomo (<entry>/instrument/<detector>/data and image_key, "
        f"<entry>/sample/rotation_angle). Found {contents(file)}" + "".join(f"; {hint}" for hint in hints)
    )


def _expect_file(path: Path) -> None:
    if not path.exists():
        beside = [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else []
        where = "" if path.parent.is_dir() else f", nor a folder {path.parent}"
        raise DataError(f"{path}: no such file{where}{did_you_mean(path.name, beside)}")
    if not path.is_file():
        raise DataError(f"{path}: is no plain file; a scan is read here and there, so copy it into one")
