"""How the slices of one Zarr array come to lie on the disk, and are read from there: a shard, a file, for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import OutputError
from tomopy_edge.writers.durable import flush, put_bytes
from tomopy_edge.writers.failures import expect_folder
from tomopy_edge.writers.zarr_metadata import DOCUMENT

AT_ONCE = 2
"""Slices that are made and compressed at a time, each on a core; meanwhile each takes its own size again, or twice."""

Stamp = tuple[int, int, int]


class Planes:
    """The slices (y, x) of a Zarr array, by their index.

    TensorStore compresses and reads them: of the libraries with Zarr v3 it is the one for aarch64 and Python 3.10. The
    files are ours: TensorStore keeps what a killed writer had put into a longer file, and writes over no damaged one.

    Parameters
    ----------
    folder : of the array, with its metadata

    Raises
    ------
    OSError, ValueError : where its metadata cannot be read, or are not those of a Zarr array
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        store = {"driver": "file", "path": f"{folder}/"}
        self._array = tensorstore().open({"driver": "zarr3", "kvstore": store}).result()

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of the array (z, y, x)."""
        return tuple(self._array.shape)

    def write(self, planes: Mapping[int, Float32]) -> None:
        """Write slices, which lie on the disk when this returns.

        Raises
        ------
        OSError : where the disk is full or cannot be written to
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            new = [*pool.map(self._write, *zip(*planes.items(), strict=True))]
        if any(new):
            flush(self._folder / "c")
            flush(self._folder)

    def read(self, index: int) -> Float32 | None:
        """Return a slice, None where it is not there, or damaged."""
        if not self._path(index).exists():
            return None
        try:
            slice_: Float32 = self._array[index].read().result()
        except ValueError:  # what TensorStore raises of all faults
            return None
        return slice_

    def remove(self, index: int) -> None:
        """Have no file of a slice."""
        path = self._path(index)
        if path.parent.exists():
            path.unlink(missing_ok=True)
            flush(path.parent)

    def stamp(self, index: int) -> Stamp | None:
        """Return what changes whenever the file of a slice does, None where there is none."""
        try:
            found = self._path(index).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _write(self, index: int, slice_: Float32) -> bool:
        """Write a slice, and tell whether its folder is new."""
        path = self._path(index)
        # Made anew, it would be an output that nobody knows of.
        expect_folder(self._folder)
        new = not path.parent.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        put_bytes(path, self._compressed(index, slice_))
        if new:
            flush(path.parents[1])
        return new

    def _compressed(self, index: int, slice_: Float32) -> bytes:
        key = self._path(index).relative_to(self._folder).as_posix()
        # Asked for once: from Python 3.12 on, threads that ask first at the same time get different ones.
        array = self._in_memory
        array[index].write(np.ascontiguousarray(slice_, np.float32)).result()
        content: bytes = array.kvstore[key]
        del array.kvstore[key]
        return content

    @cached_property
    def _in_memory(self) -> Any:
        """An array such as this one, whose files stay in memory."""
        library = tensorstore()
        document = json.loads((self._folder / DOCUMENT).read_bytes())
        # A slice of nothing but NaN is a slice, not one that is missing.
        keep = {"store_data_equal_to_fill_value": True}
        array = {"driver": "zarr3", "kvstore": "memory://", "metadata": document, **keep}
        return library.open(array, create=True, context=library.Context()).result()

    def _path(self, index: int) -> Path:
        return self._folder / "c" / str(index) / "0" / "0"


def tensorstore() -> Any:
    """Return the library.

    Raises
    ------
    OutputError : where it is not installed
    """
    try:
        import tensorstore as library
    except ImportError as error:
        raise OutputError(f"zarr: needs TensorStore ({error}); pip install 'tomopy-edge[zarr]'") from None
    return library
