"""Stage `minus_log`: the logarithm that turns transmission into line integrals, and what is too dark for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tomopy_edge.data import Sinograms, Transmission
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.options import options


@options
class MinusLogOptions:
    """Options of the stage `minus_log`."""

    floor: float = 1e-3
    """Transmission below this is raised to it, and counted; line integrals end at -log(floor), 6.9 for the default.
    Detectors seldom tell a thousandth of the beam from none. Where the counts without object are known and few, half a
    count is best: 0.0025 for 200 counts."""

    def __post_init__(self) -> None:
        """Refuse a floor that has no logarithm, or that would cut into what is measured."""
        if not 0 < self.floor < 1:
            raise ValueError(f"floor: must lie between 0 and 1, got {self.floor}")


def minus_log(transmission: Transmission, options: MinusLogOptions, job: Job) -> Sinograms:
    """Return -log(transmission) with the transmission clipped below at `options.floor`.

    Transmission above 1 is kept: in the noise of an empty beam it balances what lies below 1, and clipping it would
    make the surroundings of the object absorb. What remains is the bias of any logarithm of counts: for n counts the
    mean of the line integral is too high by about 1 / (2 n) while n is above ten or so; clipping lowers what zero
    counts would add, from infinity to a finite value.

    Parameters
    ----------
    transmission : (row, angle, column)

    Returns
    -------
    line integrals (row, angle, column), float32, dimensionless

    Raises
    ------
    DataError : where a transmission is NaN or infinite; `normalize` replaces and counts such pixels
    """
    from tomopy_edge.stages.count_kernels import clip

    measured = transmission.sinograms
    line_integrals = np.empty(measured.shape, np.float32)

    def fill(row: int) -> int:
        filled = line_integrals[row]
        clipped, wrong = clip(np.ascontiguousarray(measured[row], np.float32), np.float32(options.floor), filled)
        if wrong:
            raise DataError(
                f"minus_log: row {transmission.first_row + row} holds {wrong} transmissions that are NaN or infinite; "
                "run the stage normalize on the counts, or replace them before"
            )
        np.negative(np.log(filled, out=filled), out=filled)
        return int(clipped)

    with ThreadPoolExecutor(job.ncore) as threads:
        clipped = [*threads.map(fill, range(len(measured)))]
    job.tally.count_rows("minus_log", f"transmissions below {options.floor:g} clipped", clipped)
    return Sinograms(
        line_integrals=line_integrals,
        theta=transmission.theta,
        first_row=transmission.first_row,
        pixel_size=transmission.pixel_size,
    )


ENTRY = StageEntry(
    name="minus_log",
    summary="Line integrals from transmission: -log, clipped below",
    options=MinusLogOptions,
    takes=Transmission,
    gives=Sinograms,
    open=each_chunk(minus_log),
)
