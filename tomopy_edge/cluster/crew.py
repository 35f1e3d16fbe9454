"""What dealing out asks of the workers, whatever brings pieces to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tomopy_edge.cluster.piece import Digests, Made, Piece, Shape


@dataclass(frozen=True)
class Told:
    """A worker's news.

    Attributes
    ----------
    piece : the number of that which it is at
    digests, shape : slices that lie on the disk; see `tomopy_edge.cluster.piece`
    made : what became of its piece, where that has ended
    """

    piece: int
    digests: Digests
    shape: Shape
    made: Made | None = None


class Crew(Protocol):
    """Workers that pieces can be given to."""

    def workers(self) -> Mapping[str, str]:
        """Return address -> machine of each worker that is there."""
        ...

    def give(self, worker: str, piece: Piece) -> None:
        """Have a worker make a piece."""
        ...

    def hear(self, seconds: float) -> Told | None:
        """Return the next news, or None where there is none for that long."""
        ...

    def call_off(self, number: int) -> None:
        """Have nobody make a piece any more, whose worker is lost."""
        ...

    def waits(self, worker: str) -> bool:
        """Return whether a worker has others' work to do before it can be at a piece."""
        ...

    def restart(self, worker: str) -> None:
        """End a worker that stalls; another may come in its place."""
        ...

    def expects_more(self) -> bool:
        """Return whether workers may come by themselves, however long it takes."""
        ...
