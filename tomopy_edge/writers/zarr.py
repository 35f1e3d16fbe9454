"""Slices as an OME-Zarr image with a pyramid, for viewers that fetch what they show.

Each slice is a file, a shard of Zarr version 3: it is written whole or not at all, and writers of other slices have
nothing to do with it. A voxel of the pyramid is the mean of those below it that are there and are numbers. It is made
anew whenever one of them is, so that the store is the same in whatever order slices come.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from typing_extensions import Self

from tomopy_edge.data import Float32, Volume
from tomopy_edge.errors import OutputError
from tomopy_edge.writers.durable import flush, put_text
from tomopy_edge.writers.failures import expect_folder, told
from tomopy_edge.writers.zarr_halving import halved
from tomopy_edge.writers.zarr_metadata import DOCUMENT, array_document, group_document, levels
from tomopy_edge.writers.zarr_planes import AT_ONCE, Planes, tensorstore

NAME = "recon.zarr"
"""The store, a folder within the output folder."""


class ZarrWriter:
    """Writes `recon.zarr`, float32, attenuation per pixel, each level halved along all axes.

    Several writers of the same rows may write at a time, on several machines, too. Where their file system tells one
    late of the others' files (NFS), `remake` what they have in common when all are done.

    Parameters
    ----------
    folder : where the store goes; it must exist. One that an earlier run made of the same rows is gone on with.
    rows : detector rows that there are slices of: the first, and the one after the last

    Raises
    ------
    OutputError : where the store cannot be made, or is one of other rows, or TensorStore is not installed
    """

    def __init__(self, folder: Path, rows: tuple[int, int]) -> None:
        tensorstore()
        self.path = folder / NAME
        self._rows = rows
        self._levels: list[Planes] = []
        with told(self.path):
            # Written last of all metadata: where it is, they all are.
            if (self.path / DOCUMENT).exists():
                self._open()
            else:
                expect_folder(folder)

    def write(self, volume: Volume) -> None:
        """Write slices, and what of the pyramid lies over them.

        Raises
        ------
        OutputError : where the disk is full or cannot be written to
        """
        planes = dict(enumerate(volume.slices, volume.first_row - self._rows[0]))
        for index in planes:
            self._expect(index)
        with told(self.path):
            if not self._levels:
                self._make(volume)
            if volume.slices.shape[1:] != self._levels[0].shape[1:]:
                raise ValueError(f"slices: expected {self._levels[0].shape[1:]}, got {volume.slices.shape[1:]}")
            self._levels[0].write(planes)
            self._remake_over(planes, planes)

    def read(self, row: int) -> Float32 | None:
        """Return the slice (y, x) of a row, None where it is not there, or damaged."""
        if not self._levels or not self._rows[0] <= row < self._rows[1]:
            return None
        return self._levels[0].read(row - self._rows[0])

    def leave_out(self, row: int) -> None:
        """Have no file of a row, which is then read as NaN, and nothing of it in the pyramid."""
        with told(self.path):
            if self._levels:
                index = row - self._rows[0]
                self._expect(index)
                self._levels[0].remove(index)
                self._remake_over([index], {index: None})

    def remake(self, rows: Collection[int]) -> None:
        """Make anew what of the pyramid lies over `rows`, out of the slices that are there.

        Raises
        ------
        OutputError : where the disk is full or cannot be written to
        """
        with told(self.path):
            self._remake_over((row - self._rows[0] for row in rows), {})

    def _remake_over(self, changed: Iterable[int], known: Mapping[int, Float32 | None]) -> None:
        """Make what lies over slices of the full resolution that changed.

        Parameters
        ----------
        known : index -> the slice, None where there is none; others are read
        """
        over = set(changed)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for level in range(1, len(self._levels)):
                over = {index // 2 for index in over}
                list(pool.map(partial(self._remake_plane, level, known=known), sorted(over)))
                # What was made here, another writer may have made anew since, and is read again.
                known = {}

    def _remake_plane(self, level: int, index: int, known: Mapping[int, Float32 | None]) -> None:
        below, own = self._levels[level - 1], self._levels[level]
        pair = range(2 * index, min(2 * index + 2, below.shape[0]))
        before = None
        # Another writer may have brought the other slice of the pair meanwhile, and have made this from both before
        # this one put its own in place of that.
        while before != (before := [below.stamp(each) for each in pair]):
            planes = [known[each] if each in known else below.read(each) for each in pair]
            there = [plane for plane in planes if plane is not None]
            if there:
                own.write({index: halved(there)})
            else:
                own.remove(index)

    def _make(self, volume: Volume) -> None:
        pyramid = levels((self._rows[1] - self._rows[0], *volume.slices.shape[1:]))
        for number, level in enumerate(pyramid):
            self._put(self.path / str(number) / DOCUMENT, array_document(level, self._rows[0]))
        self._put(self.path / DOCUMENT, group_document(pyramid, self._rows[0], volume.pixel_size))
        self._open()

    def _put(self, path: Path, document: Mapping[str, object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        put_text(path, json.dumps(document, indent=2))
        flush(path.parents[1])

    def _open(self) -> None:
        try:
            attributes = json.loads((self.path / DOCUMENT).read_bytes())["attributes"]
            count = len(attributes["ome"]["multiscales"][0]["datasets"])
            # By number: a path that the file gives may lead anywhere.
            opened = [Planes(self.path / str(number)) for number in range(count)]
            first, shape = int(attributes["first_row"]), opened[0].shape
            halves = [planes.shape for planes in opened] == [level.shape for level in levels(shape)]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise OutputError(f"{self.path}: cannot be gone on with ({error}); remove it") from None
        if not halves:
            raise OutputError(f"{self.path}: holds levels that are not halves of each other; remove it")
        if (first, first + shape[0]) != self._rows:
            raise OutputError(f"{self.path}: holds other rows than {self._rows[0]} to {self._rows[1] - 1}; remove it")
        self._levels = opened

    def _expect(self, index: int) -> None:
        if not 0 <= index < self._rows[1] - self._rows[0]:
            row = index + self._rows[0]
            raise ValueError(f"row {row}: the store has the rows {self._rows[0]} to {self._rows[1] - 1}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing: each file is closed when it is written."""
