"""What a file or a folder holds: which of all that the project reads and writes it is, and what is to be said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.contents.folder import scans_in
from tomopy_edge.contents.found import Contents
from tomopy_edge.contents.hdf5_kinds import kind_of
from tomopy_edge.contents.others import model_in, pairs_in, yaml_in
from tomopy_edge.contents.output import finished, unfinished
from tomopy_edge.contents.scan import is_description, scan_in
from tomopy_edge.contents.sweep import is_sweep, sweep_in
from tomopy_edge.contents.volumes import TIFFS, hdf5_slices, is_zarr_slices, tiff_slices, tiffs_in, zarr_slices
from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.networks.manifest import MANIFEST
from tomopy_edge.output import LOCK, REPORT, part_of
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers.beamlines import OLE_MAGIC
from tomopy_edge.readers.claims import NONSENSE
from tomopy_edge.readers.description import NAME as DESCRIPTION
from tomopy_edge.readers.folder import is_folder_of_images
from tomopy_edge.readers.numpy_files import MAGIC, ZIP
from tomopy_edge.readers.tiff import MAGIC as TIFF
from tomopy_edge.readers.zarr_store import is_zarr

__all__ = ["Contents", "contents_of"]

RECIPES = (".yaml", ".yml")
PART = ".part"


def contents_of(path: Path, catalogue: Catalogue | None = None) -> Contents:
    """Return what a file or a folder holds.

    Scans, outputs (finished or not), folders of scans, models, recipes, files of training pairs, and volumes of slices
    in HDF5, OME-Zarr and TIFF are known. Nothing is changed, and no more is read than it takes.

    Parameters
    ----------
    catalogue : what plugins offer, to read recipes with; None asks the built-in and the installed ones

    Raises
    ------
    EdgeError : where there is nothing, or something else, or it is damaged; the sentence says what was expected
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        return _absent(path)
    if not path.is_file():
        raise DataError(f"{path}: is no plain file, and no folder; nothing is known of it")
    if path.suffix.lower() in RECIPES:
        return scan_in(path) if is_description(path) else yaml_in(path, catalogue or load_catalogue())
    if path.suffix.lower() in TIFFS:
        return _images(path, [path])
    if path.name in {REPORT, MANIFEST, LOCK}:
        return _folder(path.absolute().parent)
    return _other(path)


def _absent(path: Path) -> Contents:
    if part_of(path.absolute()).is_dir():
        return unfinished(part_of(path.absolute()))
    folder = path.absolute().parent
    beside = [child.name for child in folder.iterdir()] if folder.is_dir() else []
    where = "" if folder.is_dir() else f": there is no folder {folder} either"
    raise DataError(f"{path}: no such file or folder{where}{did_you_mean(path.name, beside)}")


def _folder(folder: Path) -> Contents:
    folder = folder.absolute()
    if (folder / LOCK).exists() and folder.name.endswith(PART):
        return unfinished(folder)
    for name, look in ((REPORT, _output), (MANIFEST, model_in)):
        if (folder / name).is_file():
            return look(folder)
    if is_zarr(folder):
        return zarr_slices(folder) if is_zarr_slices(folder) else scan_in(folder)
    if (folder / DESCRIPTION).is_file():
        return scan_in(folder)
    # A run makes its folder anew when it ends; an empty one may have been made for it.
    if not any(folder.iterdir()) and part_of(folder).is_dir():
        return unfinished(part_of(folder))
    return _images(folder, tiffs_in(folder)) if is_folder_of_images(folder) else scans_in(folder)


def _output(folder: Path) -> Contents:
    return sweep_in(folder) if is_sweep(folder) else finished(folder)


def _images(path: Path, files: list[Path]) -> Contents:
    """Return what images are: a scan where names and angles make one of them, else slices, or a folder of scans."""
    try:
        return scan_in(path)
    except DataError as fault:
        if files:
            found = tiff_slices(path, files)
            return replace(found, told=(*found.told, f"no scan: {str(fault).removeprefix(f'{path}: ')}"))
        try:
            return scans_in(path)
        except DataError:
            raise fault from None


def _other(path: Path) -> Contents:
    import h5py

    _expect_known(path)
    kind = kind_of(path)
    if kind not in {"slices", "pairs"}:
        return scan_in(path)
    try:
        with h5py.File(path, "r", rdcc_nbytes=0) as file:
            return pairs_in(file, path) if kind == "pairs" else hdf5_slices(file, path)
    except NONSENSE as error:
        raise DataError(f"{path}: this HDF5 file is damaged ({error}); copy it again from where it came") from error


def _expect_known(path: Path) -> None:
    import h5py

    try:
        with path.open("rb") as file:
            start = file.read(len(OLE_MAGIC))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith((OLE_MAGIC, MAGIC, ZIP, *TIFF)) or h5py.is_hdf5(path):
        return
    network = "; for a network, see `tomopy-edge models check`" if path.suffix == ".tflite" else ""
    begins = f"it begins with the bytes {start!r}" if start else "it is empty"
    raise DataError(
        f"{path}: is nothing that tomopy-edge reads or writes, {begins}. Expected a scan, an output, a "
        f"model, a recipe (.yaml), training pairs, or slices as HDF5, OME-Zarr or TIFF{network}"
    )
