"""How many rows of a scan are worked on at once, and on which of them a recipe is settled."""

from __future__ import annotations

from tomopy_edge.job import at_least_one
from tomopy_edge.memory import PLENTY, SHARE
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import ScanFile

SAMPLE_ROWS = 8
"""Rows from the middle of a scan, at most, on which the rotation axis and the unit of attenuation are found."""

SAMPLE_BYTES = 192 * 2**20
"""What the sinograms and slices of the sample rows may take. It does not follow the machine: the same scan has the same
sample, and so the same slices, wherever it is reconstructed."""

CHUNK_BYTES = 2**30
"""What the rows in flight take at most where the caller does not choose their number: more make no run faster."""

SIDE_BY_SIDE = 12
"""Copies of a chunk, at most, that are held where stages work side by side."""


def sample_rows(span: Span, angles: int, columns: int) -> tuple[int, int]:
    """Return the rows on which a recipe is settled, the first and the one after the last, in the middle of `span`.

    They are fewer where rows are large, and lie beyond the span too where that is short.
    """
    row = 4 * (angles * columns + columns * columns)
    count = min(max(SAMPLE_BYTES // row, 2), SAMPLE_ROWS)
    first = max(0, min((span.first + span.last - count) // 2, span.rows - count))
    return first, min(span.rows, first + count)


def side_by_side(angles: int, columns: int, chunk: int, memory: int) -> bool:
    """Return whether `memory` bytes are enough for stages to work side by side, each on a chunk of its own."""
    row = 4 * (angles * columns + columns * columns)
    return memory >= PLENTY and SIDE_BY_SIDE * chunk * row <= memory / 2


def samples_in(span: Span, angles: int, columns: int) -> list[tuple[int, int]]:
    """Return rows on which a recipe may be settled, the best ones first: the middle, the quarters where that fails.

    See `sample_rows`. A row that cannot be read, or saw no beam, would keep all others from being made.
    """
    middle = (span.first + span.last) // 2
    parts = [span, Span(span.first, middle, span.rows), Span(middle, span.last, span.rows)]
    return list(dict.fromkeys(sample_rows(part, angles, columns) for part in parts if part.first < part.last))


def rows_at_once(scan: ScanFile, asked: int | None, memory: int) -> int:
    """Return how many rows of a scan to work on at once: as many as were `asked` for, or as fit in `memory` bytes.

    Raises
    ------
    DataError : where fewer than one were asked for
    """
    return at_least_one("nchunk", asked, rows_that_fit(scan.angles, scan.columns, memory))


def rows_that_fit(angles: int, columns: int, memory: int) -> int:
    """Return how many rows of a scan to work on at once where `memory` bytes are free.

    A row is held as counts, transmission, line integrals and the stages' working copies of them, and as the slice that
    comes out of it, before and after the denoiser: about eight float32 copies of each.
    """
    row = 8 * 4 * (angles * columns + columns * columns)
    return min(max(int(min(SHARE * memory, CHUNK_BYTES)) // row, 2), 64) // 2 * 2
