"""Which rows of a run are examined."""

from __future__ import annotations

import numpy as np

FEWEST = 3
"""Slices of a run that are examined at least, where it has so many."""


def examined_rows(first: int, last: int, every: int) -> list[int]:
    """Return which of the rows `first` to `last - 1` are examined: one in `every`, and at least three."""
    rows = range(first + every // 2, last, every)
    if len(rows) >= min(FEWEST, last - first):
        return [*rows]
    spread = np.linspace(first, last - 1, FEWEST + 2)[1:-1].round()
    return sorted({int(row) for row in spread})
