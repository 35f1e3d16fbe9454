"""Stage `read`: which detector rows and which projections of the open scan a run sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from tomopy_edge.data import Scan
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.options import options

FEWEST_ANGLES = 2


@dataclass(frozen=True)
class RowRange:
    """Adjacent detector rows of a scan: `first` to `last - 1`."""

    first: int
    last: int


@options
class ReadOptions:
    """Options of the stage `read`."""

    rows: tuple[int, int] | None = None
    """First detector row, and the one after the last, of which slices are made; none takes all rows. Rows beside them
    are read too where a network looks at them, so that a slice does not depend on how many were asked for."""

    angles: tuple[int, int, int] | None = None
    """First projection, the one after the last, and the step: [0, 2000, 8] takes every eighth. None takes all."""

    def __post_init__(self) -> None:
        if self.rows is not None and not 0 <= self.rows[0] < self.rows[1]:
            raise ValueError(f"rows: must be a first row and the one after the last, got {list(self.rows)}")
        if self.angles is not None:
            start, stop, step = self.angles
            if start < 0 or step < 1 or (stop - start) <= step:
                raise ValueError(
                    f"angles: must be start, stop and step, and leave at least {FEWEST_ANGLES} projections, got "
                    f"{list(self.angles)}"
                )


class _Rows(Protocol):
    """A scan whose rows can be counted."""

    @property
    def source(self) -> str: ...

    @property
    def angles(self) -> int: ...

    @property
    def rows(self) -> int: ...


def row_ranges(scan: _Rows, options: ReadOptions, chunk: int) -> list[RowRange]:
    """Cut the rows that a run reads into chunks, in order.

    Parameters
    ----------
    scan : the open scan
    chunk : rows in a chunk, rounded up to an even number: algorithms such as TomoPy's gridrec reconstruct slices in
        pairs, and the same pairs give the same slices to the bit. The last chunk may be shorter.

    Raises
    ------
    DataError : where the scan does not have the rows asked for
    """
    wanted = wanted_rows(scan, options)
    return even_chunks(wanted.first, wanted.last, chunk)


def wanted_rows(scan: _Rows, options: ReadOptions) -> RowRange:
    """Return the rows that a run makes slices of, or raise a `DataError` where the scan does not have them."""
    first, last = options.rows or (0, scan.rows)
    if last > scan.rows:
        raise DataError(
            f"read: rows {first} to {last - 1} were asked for; {scan.source} has the rows 0 to {scan.rows - 1}"
        )
    return RowRange(first, last)


def angles_taken(scan: _Rows, options: ReadOptions) -> int:
    """Return how many projections of a scan a run sees."""
    return scan.angles if options.angles is None else len(range(*options.angles))


def even_chunks(first: int, last: int, chunk: int) -> list[RowRange]:
    """Cut the rows `first` to `last - 1` into chunks of `chunk` rows, rounded up to even; see `row_ranges`."""
    even = max(chunk + chunk % 2, 2)
    return [RowRange(start, min(start + even, last)) for start in range(first, last, even)]


def read(where: RowRange, options: ReadOptions, job: Job) -> Scan:
    """Read rows of `job.scan`, and thin its projections.

    Returns
    -------
    the rows as counts: projections (angle, row, column), flats and darks (frame, row, column)

    Raises
    ------
    DataError : where the scan does not have the rows or projections asked for, or cannot be read
    """
    if job.scan is None:
        raise DataError("read: no scan is open; open one with tomopy_edge.readers.open_scan, or leave this stage out")
    start, stop, step = options.angles or (0, job.scan.angles, 1)
    if stop > job.scan.angles:
        raise DataError(
            f"read: projections {start} to {stop - 1} were asked for; {job.scan.source} has the projections 0 to "
            f"{job.scan.angles - 1}"
        )
    taken = slice(start, stop, step)
    source = job.scan
    if stop - start < source.angles and hasattr(source, "narrowed"):
        source, taken = source.narrowed(start, stop), slice(0, stop - start, step)
    scan: Scan = source.read(where.first, where.last)
    # After it, as reading may add to them.
    for sentence in source.notes:
        job.tally.note("read", sentence)
    if len(range(len(scan.theta))[taken]) == len(scan.theta):
        return scan
    # A copy, so that the projections left out do not stay in memory.
    return replace(scan, projections=scan.projections[taken].copy(), theta=scan.theta[taken])


ENTRY = StageEntry("read", "Rows and projections of the scan file", ReadOptions, RowRange, Scan, each_chunk(read))
