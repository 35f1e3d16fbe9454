"""File formats that slices are written in."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Protocol

import numpy as np
from typing_extensions import Self

from tomopy_edge.data import Float32, Volume


class SliceWriter(Protocol):
    """Writes one format into a folder; opened once for a run, as a context.

    What is written stays, also where the power fails a moment later, and can be gone on with by another writer.
    """

    def write(self, volume: Volume) -> None:
        """Write adjacent slices (z, y, x), in any order of the rows; when this returns they are on the disk."""
        ...

    def read(self, row: int) -> Float32 | None:
        """Return the slice (y, x) of a detector row as it lies on the disk, None where it is not there, or damaged."""
        ...

    def leave_out(self, row: int) -> None:
        """Leave a row without a slice, for good."""
        ...

    def remake(self, rows: Collection[int]) -> None:
        """Make anew what is made of the slices of `rows` and others, which several writers may have done at a time."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def digest(slice_: Float32) -> str:
    """Return the sha256 of a slice's values, which is the same in every format."""
    return sha256(np.ascontiguousarray(slice_, "<f4").data).hexdigest()
