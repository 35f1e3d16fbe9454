"""Stage `trust`: some slices are examined, as they pass by, for what the denoiser took away or made up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tomopy_edge.data import Volume
from tomopy_edge.hookspecs import StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.options import options


@options
class TrustOptions:
    """Options of the stage `trust`."""

    every: int = 128
    """Rows from one examined slice to the next; 1 examines all. Of a scan of few rows three slices are, at least."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every: must be at least 1 row, got {self.every}")


@contextmanager
def open_examiner(chosen: TrustOptions, job: Job) -> Iterator[Step]:
    """Yield the step that examines slices, and passes them on unchanged.

    What it finds lies in the folder `trust` of the output, a file for each examined row; `trust.verdict` says what all
    of it comes to. A slice that cannot be examined is noted, and costs nothing else.
    """
    from tomopy_edge.trust.examiner import Examiner

    examiner = Examiner(chosen.every, job)
    try:
        yield Step(examiner.apply, witness=examiner.witness)
    finally:
        examiner.close()


ENTRY = StageEntry(
    "trust", "Examine slices for what a denoiser took away or made up", TrustOptions, Volume, Volume, open_examiner
)
