"""Opens outputs as layers in napari: the slices of recon.zarr, recon.h5 or TIFF files, read as they are looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError
from tomopy_edge.readers.part_names import natural
from tomopy_edge.readers.zarr_store import open_array
from tomopy_edge.writers import hdf5, zarr

Layer = tuple[Any, dict[str, Any], str]
"""Data, what is said of them, and the kind of layer, as napari takes them."""

TIFFS = "recon_*.tiff"

DARK, BRIGHT = 0.5, 99.5
"""Percentiles of the middle slice that are shown black and white."""


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[Layer]] | None:
    """Return what reads `path`, as napari asks for it; None where that is no output of ours.

    Parameters
    ----------
    path : an output folder, or the recon.h5 or recon.zarr in one; of several each must be one
    """
    paths = [Path(one) for one in ([path] if isinstance(path, str) else path)]
    return read if paths and all(_kind(one) for one in paths) else None


def read(path: str | list[str]) -> list[Layer]:
    """Return a layer for each output.

    Raises
    ------
    DataError : where one cannot be read
    """
    return [_layer(Path(one)) for one in ([path] if isinstance(path, str) else path)]


def _kind(path: Path) -> Callable[[Path], tuple[Any, dict[str, Any]]] | None:
    """Return what reads an output, None where it is none."""
    if path.is_dir() and (path / "zarr.json").is_file():
        return _zarr if "first_row" in _attributes(path) else None
    if path.is_dir():
        if (path / zarr.NAME).is_dir():
            return lambda folder: _zarr(folder / zarr.NAME)
        if (path / hdf5.NAME).is_file():
            return lambda folder: _hdf5(folder / hdf5.NAME)
        return _tiffs if next(path.glob(TIFFS), None) else None
    return _hdf5 if path.name == hdf5.NAME and path.is_file() else None


def _layer(path: Path) -> Layer:
    reader = _kind(path)
    if reader is None:
        raise DataError(f"{path}: is no output of tomopy-edge: there is no {zarr.NAME}, {hdf5.NAME} or {TIFFS} in it")
    data, about = reader(path)
    whole = data[0] if isinstance(data, list) else data
    middle: Float32 = np.asarray(whole[len(whole) // 2])
    shown = middle[np.isfinite(middle)]
    low, high = np.percentile(shown, (DARK, BRIGHT)) if shown.size else (0.0, 1.0)
    size, first = about["pixel_size"] or 1.0, about["first_row"]
    folder = path.parent if path.name in {hdf5.NAME, zarr.NAME} else path
    told = {
        "name": folder.name,
        "colormap": "gray",
        "contrast_limits": (float(low), float(high) if high > low else float(low) + 1),
        "scale": (size,) * 3,
        # So that outputs of different rows of a scan lie beside each other.
        "translate": (first * size, 0.0, 0.0),
        "multiscale": isinstance(data, list),
        "metadata": {"values": "attenuation per pixel", "path": str(path), **about},
    }
    return data, told, "image"


def _hdf5(path: Path) -> tuple[Any, dict[str, Any]]:
    import h5py

    try:
        file = h5py.File(path, "r")
        stored = file[hdf5.SLICES]
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: holds no slices that can be read ({error})") from error
    size = file.get("exchange/pixel_size")
    about = {
        "first_row": int(stored.attrs.get("first_row", 0)),
        "pixel_size": None if size is None else float(size[()]),
    }
    return _dask("array").from_array(stored, chunks=(1, *stored.shape[1:])), about


def _zarr(path: Path) -> tuple[Any, dict[str, Any]]:
    said = _attributes(path)
    levels = []
    for level in said["ome"]["multiscales"][0]["datasets"]:
        stack = open_array(path / str(level["path"]))
        levels.append(_dask("array").from_array(_Sliced(stack), chunks=(1, *stack.shape[1:])))
    return levels, {"first_row": int(said["first_row"]), "pixel_size": said.get("pixel_size")}


class _Sliced:
    """Slices as dask reads them."""

    def __init__(self, stack: Any) -> None:
        self._stack = stack
        self.shape, self.dtype, self.ndim = stack.shape, stack.stored, len(stack.shape)

    def __getitem__(self, at: tuple[Any, ...]) -> Any:
        # Dask may ask for one slice by its number.
        z, y, x = (part if isinstance(part, slice) else slice(part, part + 1) for part in at)
        found = self._stack.slice_of(z, y)[:, :, x]
        return found[tuple(slice(None) if isinstance(part, slice) else 0 for part in at)]


def _dask(part: str) -> Any:
    """Return a part of dask, which comes with napari and has few types."""
    return import_module(f"dask.{part}")


def _attributes(path: Path) -> dict[str, Any]:
    try:
        said = json.loads((path / "zarr.json").read_bytes()).get("attributes", {})
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _tiffs(folder: Path) -> tuple[Any, dict[str, Any]]:
    import tifffile

    files = sorted(folder.glob(TIFFS), key=natural)
    first = tifffile.imread(files[0])
    read_later = _dask("delayed").delayed(tifffile.imread)
    later = [_dask("array").from_delayed(read_later(f), first.shape, first.dtype) for f in files]
    return _dask("array").stack(later), {"first_row": int(files[0].stem.rpartition("_")[2]), "pixel_size": None}
