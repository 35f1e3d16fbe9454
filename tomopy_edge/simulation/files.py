"""Simulated scans on disk: whole or not there at all, with their truth and what is needed to make them again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from tomopy_edge.data import Float32, Scan
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.progress import track
from tomopy_edge.simulation.hdf5_files import add_dataset, new_hdf5
from tomopy_edge.simulation.scans import Acquisition, SimulatedScan
from tomopy_edge.writers.sizes import in_words

if TYPE_CHECKING:
    import h5py

Seed = TypeVar("Seed")
Drawn = TypeVar("Drawn")

PIXEL_SIZE = 1.0
"""Micrometres that a simulated pixel is said to have; nothing else depends on it."""

SPENT = 0.7
"""Of the memory that is free, what bands of a scan may take."""


class Band(NamedTuple):
    """Adjacent rows of a scan that are to be written.

    Attributes
    ----------
    scan : their counts
    truths : their slices (y, x), in the order of the rows; empty where there are to be none
    """

    scan: Scan
    truths: Iterable[Float32]


def write_scan(path: Path, simulated: SimulatedScan, *, command: str = "", overwrite: bool = False) -> None:
    """Write a simulated scan as a DataExchange file, with its truth under `/simulated`; see `stream_scan`."""
    rows = simulated.scan.projections.shape[1]
    columns = simulated.scan.projections.shape[2]
    lay_out = partial(_lay_out, taken=simulated, shape=(rows, columns), command=command, truth=True)
    with new_hdf5(path, lay_out, overwrite=overwrite) as file:
        _write(file, [Band(simulated.scan, _truths(simulated, rows))], rows)


def stream_scan(
    path: Path,
    acquisition: Acquisition,
    *,
    ncore: int,
    truth: bool = True,
    command: str = "",
    overwrite: bool = False,
) -> None:
    """Take a scan and write it as a DataExchange file, a few rows after the other.

    `/simulated/truth` is (z, y, x), attenuation per pixel: one slice for each row of the scan, placed as the project's
    FBP places it. `/simulated` carries the attributes `center`, `kind`, `command` and those of the exposure.

    Parameters
    ----------
    path : of the file
    acquisition : the scan
    ncore : threads; fewer where there is not the memory for as many
    truth : whether the truth is written, which takes more room than the counts where there are few angles
    command : what the user typed
    overwrite : whether an older file is replaced

    Raises
    ------
    OutputError : where there is such a file already, it cannot be written, or the disk has no room for it
    """
    rows, columns = acquisition.rows, acquisition.columns
    free = free_memory()
    threads = max(1, min(ncore, int(SPENT * free / acquisition.footprint(truth=truth))))
    spare_memory(free)

    def take(number: int) -> Band:
        simulated = acquisition.take(number)
        return Band(simulated.scan, list(_truths(simulated, rows)) if truth else ())

    lay_out = partial(_lay_out, taken=acquisition, shape=(rows, columns), command=command, truth=truth)
    hint = f", {in_words(4 * rows * columns**2)} of them for the truth, which --no-truth leaves out" if truth else ""
    # On ctrl-C the file goes at once; the threads may take a while yet.
    with ThreadPoolExecutor(threads) as pool, new_hdf5(path, lay_out, overwrite=overwrite, hint=hint) as file:
        _write(file, in_order(pool, take, range(len(acquisition.chances)), threads), rows)


def _truths(simulated: SimulatedScan, rows: int) -> Iterator[Float32]:
    first, count = simulated.scan.first_row, simulated.scan.projections.shape[1]
    return (simulated.truth(row - rows // 2) for row in range(first, first + count))


def _lay_out(
    file: h5py.File, taken: SimulatedScan | Acquisition, shape: tuple[int, int], *, command: str, truth: bool
) -> None:
    """Write all that a scan of a detector of (row, column) pixels holds, and create datasets for counts and truth."""
    exposure, (rows, columns) = taken.exposure, shape
    frames = {"data": exposure.angles, "data_white": exposure.flats, "data_dark": exposure.darks}
    file["implements"] = "exchange:measurement:simulated"
    exchange = file.create_group("exchange")
    for name, number in frames.items():
        add_dataset(exchange, name, (number, rows, columns), exposure.dtype)
    exchange["data"].attrs.update({"axes": "theta:y:x", "units": "counts"})
    theta = taken.scan.theta if isinstance(taken, SimulatedScan) else taken.theta
    exchange["theta"] = np.rad2deg(theta)
    exchange["theta"].attrs["units"] = "deg"
    file["/measurement/instrument/detector/pixel_size_um"] = PIXEL_SIZE
    group = file.create_group("simulated")
    group.attrs.update({"center": taken.center, "kind": taken.phantom.kind, "command": command})
    group.attrs.update(asdict(exposure))
    if truth:
        slices = add_dataset(group, "truth", (rows, columns, columns), "f4")
        slices.attrs.update({"axes": "z:y:x", "units": "attenuation per pixel"})


def _write(file: h5py.File, bands: Iterable[Band], rows: int) -> None:
    """Write the counts and the truth of bands that follow each other."""
    exchange = file["exchange"]
    for band in track(bands, total=rows, what="rows", size=lambda band: band.scan.projections.shape[1]):
        first, count = band.scan.first_row, band.scan.projections.shape[1]
        exchange["data"][:, first : first + count] = band.scan.projections
        exchange["data_white"][:, first : first + count] = band.scan.flats
        exchange["data_dark"][:, first : first + count] = band.scan.darks
        for row, truth in enumerate(band.truths, first):
            file["simulated/truth"][row] = truth


def in_order(
    pool: ThreadPoolExecutor, draw: Callable[[Seed], Drawn], seeds: Iterable[Seed], most: int
) -> Iterator[Drawn]:
    """Yield `draw(seed)` in the order of the seeds, at most so many computed ahead, so that memory holds only a few."""
    waiting = iter(seeds)
    ahead = deque(pool.submit(draw, seed) for seed in islice(waiting, most))
    try:
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(draw, seed) for seed in islice(waiting, 1))
    finally:
        for future in ahead:
            future.cancel()
