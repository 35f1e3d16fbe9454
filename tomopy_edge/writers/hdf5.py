"""Slices as one HDF5 file, in the DataExchange layout of a reconstruction.

De Carlo et al., Scientific Data Exchange, J. Synchrotron Rad. 21 (2014), doi:10.1107/S160057751401604X.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import Self

from tomopy_edge.data import Float32, Volume
from tomopy_edge.errors import OutputError
from tomopy_edge.writers.durable import put_once
from tomopy_edge.writers.failures import expect_folder, told
from tomopy_edge.writers.hdf5_undo import copy_around, in_memory, undo

NAME = "recon.h5"
"""The file, within the output folder."""

UNITS = "attenuation per pixel"
SLICES = "exchange/data"
STORED = np.dtype("<f4")


class Hdf5Writer:
    """Writes `/exchange/data` (z, y, x) float32, attenuation per pixel.

    The file is made at once, with room for all slices and everything that HDF5 says of them. Slices are then written to
    their place without HDF5, which a run that is killed would leave with a damaged file.

    Parameters
    ----------
    folder : where the file goes; it must exist. One that an earlier run made of the same rows is gone on with.
    rows : detector rows that there are slices of: the first, and the one after the last

    Raises
    ------
    OutputError : where the file cannot be made, or is one of other rows
    """

    def __init__(self, folder: Path, rows: tuple[int, int]) -> None:
        self.path = folder / NAME
        self._rows = rows
        self._file: int | None = None
        self._shape: tuple[int, ...] = ()
        self._start = self._size = 0
        with told(self.path):
            undo(self.path)
            if self.path.exists():
                self._open()
            else:
                expect_folder(folder)

    def write(self, volume: Volume) -> None:
        """Write slices to their place.

        Raises
        ------
        OutputError : where the disk is full or cannot be written to
        """
        with told(self.path):
            if self._file is None:
                put_once(self.path, lambda new: _make(new, volume, self._rows))
                self._open()
            assert self._file is not None  # noqa: S101 - just opened
            if volume.slices.shape[1:] != self._shape:
                raise ValueError(f"slices: expected {self._shape}, got {volume.slices.shape[1:]}")
            place = self._place(volume.first_row)
            left = memoryview(np.ascontiguousarray(volume.slices, STORED).data).cast("B")
            while left:
                written = os.pwrite(self._file, left, place)
                left, place = left[written:], place + written
            os.fdatasync(self._file)

    def read(self, row: int) -> Float32 | None:
        """Return the slice (y, x) of a row, None where the file or the row is not there."""
        if self._file is None or not self._rows[0] <= row < self._rows[1]:
            return None
        content = os.pread(self._file, self._size, self._place(row))
        return np.frombuffer(content, STORED).reshape(self._shape) if len(content) == self._size else None

    def leave_out(self, row: int) -> None:
        """Fill a row with NaN; in a file that no slice was written to, there is nothing to fill."""
        if self._file is not None:
            self.write(Volume(np.full((1, *self._shape), np.nan, np.float32), row))

    def remake(self, rows: Collection[int]) -> None:
        """Do nothing: each slice has its place."""

    def _open(self) -> None:
        import h5py

        try:
            with h5py.File(self.path) as file:
                first, shape = int(file[SLICES].attrs["first_row"]), file[SLICES].shape
            self._start, size = place_of_slices(self.path)
            if shape[0] < 1 or size != math.prod(shape) * STORED.itemsize:
                raise ValueError("its slices are not where it says")  # noqa: TRY301 - told like all others
        except Exception as error:  # noqa: BLE001 - of a damaged file h5py makes errors of any kind
            raise OutputError(f"{self.path}: cannot be gone on with ({error}); remove it") from None
        if (first, first + shape[0]) != self._rows:
            raise OutputError(f"{self.path}: holds other rows than {self._rows[0]} to {self._rows[1] - 1}; remove it")
        self._shape, self._size = shape[1:], size // shape[0]
        self._file = os.open(self.path, os.O_RDWR)

    def _place(self, row: int) -> int:
        if not self._rows[0] <= row < self._rows[1]:
            raise ValueError(f"row {row}: the file has the rows {self._rows[0]} to {self._rows[1] - 1}")
        return self._start + (row - self._rows[0]) * self._size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def place_of_slices(path: Path) -> tuple[int, int]:
    """Return where in the file the slices lie, and how long they are, bytes."""
    import h5py

    with h5py.File(path) as file:
        return _place_in(file)


def _place_in(file: Any) -> tuple[int, int]:
    slices = file[SLICES].id
    return int(slices.get_offset()), int(slices.get_storage_size())


def _make(path: Path, volume: Volume, rows: tuple[int, int]) -> None:
    """Make the file with room for all slices, which on most file systems is not taken before it is filled."""
    import h5py

    space = h5py.h5s.create_simple((rows[1] - rows[0], *volume.slices.shape[1:]))
    manner = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    manner.set_layout(h5py.h5d.CONTIGUOUS)
    manner.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    manner.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    # Not on the disk: were that full, HDF5 would end the process.
    with in_memory() as work:
        with h5py.File(work, "w", track_order=True) as file:
            _describe(file, space, manner, volume, rows)
            place = _place_in(file)
        with path.open("wb") as target:
            copy_around(work, target, *place)


def _describe(file: Any, space: Any, manner: Any, volume: Volume, rows: tuple[int, int]) -> None:
    import h5py

    file["implements"] = "exchange:measurement:process"
    file.create_group("exchange", track_order=True)
    h5py.h5d.create(file.id, SLICES.encode(), h5py.h5t.IEEE_F32LE, space, manner)
    file[SLICES].attrs.update({"axes": "z:y:x", "description": "ReconData", "units": UNITS, "first_row": rows[0]})
    file["exchange/title"] = "tomography_reconstruction"
    if volume.pixel_size is not None:
        file["exchange/pixel_size"] = volume.pixel_size
        file["exchange/pixel_size"].attrs["units"] = "um"
