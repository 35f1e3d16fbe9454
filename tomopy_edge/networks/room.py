"""Whether the memory that is free will do for a network, whose tiles may have to be smaller."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import Self

from tomopy_edge.errors import BackendError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.memory import free_memory
from tomopy_edge.networks.footprint import footprint
from tomopy_edge.networks.manifest import Model, NetworkFile

SHARE_OF_MEMORY = 0.25
"""Of the memory that is free, what a network may take before smaller tiles are chosen."""


@dataclass(frozen=True)
class Room:
    """Memory for one of a model's networks on the CPU.

    Attributes
    ----------
    model : that holds the files
    free : bytes
    """

    model: Model
    free: int

    @classmethod
    def now(cls, model: Model) -> Self:
        """Return the room that there is at this moment."""
        return cls(model, free_memory())

    def needed(self, file: NetworkFile) -> int:
        """Return the bytes that a .tflite file takes, opened for its tiles; 0 where nothing here can look into it."""
        try:
            return footprint(self.model.path(file.file, file.sha256), file.tile)
        except BackendError:
            return 0

    def fits(self, file: NetworkFile) -> bool:
        """Return whether a .tflite file leaves the rest of a run enough."""
        return self.needed(file) <= SHARE_OF_MEMORY * self.free

    def told(self, large: NetworkFile, small: NetworkFile) -> str:
        """Return a sentence on why a file with small tiles runs instead of the one that computes least."""
        return (
            f"tiles of {large.tile} pixels would take {self.needed(large) / 1e6:.0f} MB, and of the "
            f"{self.free / 1e6:.0f} MB that are free a network is given a quarter: those of {small.tile} take "
            f"{self.needed(small) / 1e6:.0f}"
        )

    def expect(self, file: NetworkFile, entry: BackendEntry, shape: tuple[int, int]) -> None:
        """Raise a `BackendError` where a file is certain to run out of memory, as the system ends that without a word.

        Parameters
        ----------
        entry : the runtime
        shape : (y, x) of the slices
        """
        needed = self.needed(file)
        if needed > self.free:
            (y, x), mend = shape, "name another runtime" if entry.whole else "name smaller tiles"
            manner = "whole" if entry.whole else f"in tiles of {file.tile} pixels"
            raise BackendError(
                f"runtime {entry.name}: slices of {y} x {x} pixels, {manner}, take about {needed / 1e9:.2g} GB of "
                f"memory, and {self.free / 1e9:.2g} GB are free; {mend}"
            )
