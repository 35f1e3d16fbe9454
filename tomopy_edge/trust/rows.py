"""Which rows of a run are examined."""

from __future__ import annotations

FEWEST = 3
"""Slices of a run that are examined at least, where it has so many."""


def examined_rows(first: int, last: int, every: int) -> list[int]:
    """Return which of the rows `first` to `last - 1` are examined: one in `every`, and at least three."""
    rows = range(first + every // 2, last, every)
    if len(rows) >= min(FEWEST, last - first):
        return [*rows]
    count = min(FEWEST, last - first)
    return [first + int((n + 0.5) * (last - first) / count) for n in range(count)]
