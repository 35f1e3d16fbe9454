"""What of an output is there already, and is what it was when it was written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from tomopy_edge.begun import Begun, read_begun
from tomopy_edge.job import Job
from tomopy_edge.output import REPORT, part_of, reopen
from tomopy_edge.stages.write import WriteOptions, writers
from tomopy_edge.writers import digest

log = logging.getLogger(__name__)


def take_back(output: Path, expect: Callable[[Begun], None]) -> None:
    """Make a whole output an unfinished one again, to be gone over; nothing where there is an unfinished one.

    Parameters
    ----------
    expect : raises where it was begun with anything else
    """
    part = part_of(output.resolve())
    begun = read_begun(output)
    if part.exists() or not (output / REPORT).is_file() or begun is None:
        return
    expect(begun)
    reopen(output)


def rows_there(options: WriteOptions, job: Job) -> set[int]:
    """Return the rows whose slices are in every format what the ledger says; the others are taken out of it."""
    found = set()
    with writers(options, job) as opened:
        for row, right in [*job.ledger.digests.items()]:
            slices = [writer.read(row) for writer in opened]
            if all(slice_ is not None and digest(slice_) == right for slice_ in slices):
                found.add(row)
            else:
                log.warning("row %d: its slice is not what was written, and is made again", row)
                job.ledger.forget(row)
    return found


def leave_out(rows: Iterable[int], options: WriteOptions, job: Job) -> None:
    """Leave out, in every format, the rows that there are no slices of."""
    with writers(options, job) as opened:
        for row in rows:
            for writer in opened:
                writer.leave_out(row)
