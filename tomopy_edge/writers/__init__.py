"""File formats that slices are written in."""

from __future__ import annotations

from typing import Protocol

from typing_extensions import Self

from tomopy_edge.data import Volume


class SliceWriter(Protocol):
    """Writes one format into a folder; opened once for a run, as a context."""

    def write(self, volume: Volume) -> None:
        """Write adjacent slices (z, y, x); chunks come in the order of their rows."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...
