"""Whether the memory that is free will do for a network, whose tiles may have to be smaller, or was what it lacked."""

from __future__ import annotations

from dataclasses import dataclass, field

from typing_extensions import Self

from tomopy_edge.errors import BackendError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.memory import SHARE, free_memory
from tomopy_edge.networks.footprint import footprint
from tomopy_edge.networks.manifest import Model
from tomopy_edge.networks.network_file import NetworkFile

MOST = 1.35
"""What a network takes, at most, as a multiple of its footprint."""

SHORT = ("alloc", "out of memory", "resource temporarily unavailable")
"""What runtimes say, among much else, where memory runs out; the last where there is none for a thread."""


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
    _known: dict[tuple[str, int], int] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def now(cls, model: Model) -> Self:
        """Return the room that there is at this moment."""
        return cls(model, free_memory())

    def needed(self, file: NetworkFile) -> int:
        """Return the bytes that a .tflite file takes at least, opened for its tiles; 0 where nothing looks into it.

        Raises
        ------
        ModelError : where the file is damaged, or not what the manifest says
        """
        key = file.sha256, file.tile
        if key not in self._known:
            path = self.model.path(file.file, file.sha256)
            try:
                self._known[key] = footprint(path, file.tile)
            except BackendError:
                self._known[key] = 0
        return self._known[key]

    def fits(self, file: NetworkFile) -> bool:
        """Return whether a .tflite file leaves the rest of a run enough."""
        return self.needed(file) <= SHARE * self.free

    def told(self, large: NetworkFile, small: NetworkFile) -> str:
        """Return a sentence on why a file with small tiles runs instead of the one that computes least."""
        return (
            f"tiles of {large.tile} pixels would take {self.needed(large) / 1e6:.0f} MB, and of the "
            f"{self.free / 1e6:.0f} MB that are free a network is given a quarter: those of {small.tile} take "
            f"{self.needed(small) / 1e6:.0f}"
        )

    def expect(self, file: NetworkFile, entry: BackendEntry, shape: tuple[int, int]) -> None:
        """Raise a `BackendError` where a file may well run out of memory, as the system ends that without a word.

        Parameters
        ----------
        entry : the runtime
        shape : (y, x) of the slices
        """
        needed = self.needed(file)
        if MOST * needed > self.free:
            (y, x), mend = shape, "name another runtime" if entry.whole else "name smaller tiles"
            manner = "whole" if entry.whole else f"in tiles of {file.tile} pixels"
            raise BackendError(
                f"runtime {entry.name}: slices of {y} x {x} pixels, {manner}, take {_range(needed)} GB of memory, and "
                f"{self.free / 1e9:.2g} GB are free; {mend}"
            )


def shortage(source: str, told: str, needed: int = 0, free: int = 0) -> BackendError | None:
    """Return the error of a network that ran out of memory; None where that is not what it failed of.

    Parameters
    ----------
    source : the runtime or the file
    told : what the runtime says
    needed, free : the network's footprint and what was free before, bytes, for a runtime that does not speak of memory
    """
    small = MOST * needed > free
    if not small and not any(word in told.lower() for word in SHORT):
        return None
    takes = f": it takes {_range(needed)} GB, and {free / 1e9:.2g} GB were free" if small else ""
    return BackendError(
        f"{source}: there is not enough memory{takes}; name smaller tiles, or end what else takes memory "
        f"({' '.join(told.split())})"
    )


def _range(needed: int) -> str:
    return f"{needed / 1e9:.2g} to {MOST * needed / 1e9:.2g}"
