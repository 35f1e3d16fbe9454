"""What is told of a file or folder, whatever it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOLD_AT_MOST = 8
"""Things of a kind that are told one by one."""


@dataclass(frozen=True)
class Contents:
    """What a file or folder holds.

    Attributes
    ----------
    path : of it
    kind : "scan", "output", "unfinished output", "sweep", "model", "recipe", "overrides", "pairs", "hdf5 slices",
        "zarr slices", "tiff slices" or "folder"
    told : the same in lines for people, the first of which says what it is
    facts : plain data for scripts
    """

    path: Path
    kind: str
    told: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data: `path`, `kind` and the facts."""
        return {"path": str(self.path), "kind": self.kind, **self.facts}


def plural(number: int, what: str) -> str:
    """Return how many there are of something, in words."""
    return f"{number} {what}{'s' * (number != 1)}"


def size_on_disk(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; what goes meanwhile does not count."""
    if path.is_file():
        return path.stat().st_size
    return sum(map(_bytes, path.rglob("*")))


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size if path.is_file() else 0
    except OSError:
        return 0


def ranges(numbers: list[int]) -> str:
    """Return ascending numbers in words, those that follow each other together: "0 to 4, 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    told = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:TOLD_AT_MOST]]
    more = f" and {len(runs) - TOLD_AT_MOST} more" if len(runs) > TOLD_AT_MOST else ""
    return ", ".join(told) + more
