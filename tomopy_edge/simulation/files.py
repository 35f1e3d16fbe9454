"""Simulated scans and pairs on disk: whole or not there at all, with what is needed to make them again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomopy_edge.errors import DataError, OutputError
from tomopy_edge.progress import track
from tomopy_edge.simulation.anatomy import VoxelVolume
from tomopy_edge.simulation.pairs import ROWS, Pair, draw_pair
from tomopy_edge.simulation.scans import SimulatedScan
from tomopy_edge.writers.failures import told

if TYPE_CHECKING:
    import h5py

PIXEL_SIZE = 1.0
"""Micrometres that a simulated pixel is said to have; nothing else depends on it."""

SEEDS = 1_000_000
"""Seeds that belong to one file of pairs: the first half judges, the second trains."""

RESERVED = range(900_000_000, 1_000_000_000)
"""Seeds of scans that judge networks: no pairs are drawn with them."""

AHEAD = 2
"""Pairs for each thread that are computed before they are asked for."""


@contextmanager
def new_hdf5(path: Path, *, overwrite: bool = False) -> Iterator[h5py.File]:
    """Yield an HDF5 file to write, which becomes `path` when all went well and is removed when not.

    Raises
    ------
    OutputError : where there is such a file already, or it cannot be written
    """
    import h5py

    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; choose another name, or replace it with --overwrite")
    part = path.with_name(f"{path.name}.part")
    with told(path):
        try:
            with h5py.File(part, "w") as file:
                yield file
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def write_scan(path: Path, simulated: SimulatedScan, *, command: str = "", overwrite: bool = False) -> None:
    """Write a simulated scan as a DataExchange file, with its truth under `/simulated`.

    `/simulated/truth` is (z, y, x), attenuation per pixel: one slice for each row of the scan, placed as the project's
    FBP places it. `/simulated` carries the attributes `center`, `kind`, `command` and those of the exposure.
    """
    scan = simulated.scan
    rows = scan.projections.shape[1]
    with new_hdf5(path, overwrite=overwrite) as file:
        file["implements"] = "exchange:measurement:simulated"
        exchange = file.create_group("exchange")
        exchange["data"], exchange["data_white"], exchange["data_dark"] = scan.projections, scan.flats, scan.darks
        exchange["data"].attrs.update({"axes": "theta:y:x", "units": "counts"})
        exchange["theta"] = np.rad2deg(scan.theta)
        exchange["theta"].attrs["units"] = "deg"
        file["/measurement/instrument/detector/pixel_size_um"] = PIXEL_SIZE
        group = file.create_group("simulated")
        group.attrs.update({"center": simulated.center, "kind": simulated.phantom.kind, "command": command})
        group.attrs.update(asdict(simulated.exposure))
        columns = scan.projections.shape[2]
        truth = group.create_dataset("truth", (rows, columns, columns), "f4", chunks=(1, columns, columns))
        truth.attrs.update({"axes": "z:y:x", "units": "attenuation per pixel"})
        for row in track(range(rows), total=rows, what="slices of the truth"):
            truth[row] = simulated.truth(row - rows // 2)


def write_pairs(
    path: Path,
    *,
    count: int,
    held_out: int,
    columns: int,
    seed: int,
    ncore: int,
    volumes: Sequence[VoxelVolume] = (),
    overwrite: bool = False,
) -> None:
    """Write pairs for training, and others held out for judging it, to an HDF5 file, one by one.

    The datasets are `train_ns` and `test_ns`, (pair, y, x, 3), noisy; `train_gt` and `test_gt`, (pair, y, x), truth;
    all float16, in network units. `train_noise` and `test_noise` hold each pair's noise, `train_kind` and `test_kind`
    its phantom.

    Parameters
    ----------
    path : of the file
    count, held_out : pairs for training and for judging
    columns : rows and columns of the slices
    seed : of everything; a pair depends on it and on the pair's number only, not on `count` or `ncore`
    ncore : threads
    volumes : real objects that a share of the pairs is cut from; their names are kept in the file's attributes
    overwrite : whether an older file is replaced

    Raises
    ------
    DataError : where the seeds of these pairs are not theirs alone
    OutputError : where there is such a file already, or it cannot be written
    """
    import h5py

    _check_seeds(seed, count, held_out)
    with new_hdf5(path, overwrite=overwrite) as file, ThreadPoolExecutor(ncore) as pool:
        file.attrs.update({"seed": seed, "columns": columns, "made_by": "tomopy-edge simulate pairs"})
        file.attrs["volumes"] = [volume.name for volume in volumes]
        first = seed * SEEDS
        for part, number in (("test", held_out), ("train", count)):
            noisy = file.create_dataset(
                f"{part}_ns", (number, columns, columns, ROWS), "f2", chunks=_chunk(columns, ROWS)
            )
            truth = file.create_dataset(f"{part}_gt", (number, columns, columns), "f2", chunks=_chunk(columns))
            noise = file.create_dataset(f"{part}_noise", (number,), "f4")
            kind = file.create_dataset(f"{part}_kind", (number,), h5py.string_dtype())
            seeds = range(first, first + number)
            drawn = in_order(pool, partial(draw_pair, columns=columns, volumes=volumes), seeds, AHEAD * ncore)
            for i, pair in enumerate(track(drawn, total=number, what=f"pairs to {part}")):
                # Rounded by numpy: HDF5's own conversion, once it met a tiny value, makes 0.25 of 0.4999987.
                noisy[i], truth[i] = pair.noisy.astype(np.float16), pair.truth.astype(np.float16)
                noise[i], kind[i] = pair.noise, pair.kind
            first += SEEDS // 2


def _check_seeds(seed: int, count: int, held_out: int) -> None:
    if seed < 0:
        raise DataError(f"simulate pairs: seed: must not be negative, got {seed}")
    if max(count, held_out) > SEEDS // 2:
        raise DataError(
            f"simulate pairs: a file holds at most {SEEDS // 2} pairs of each part, got {count}, {held_out}"
        )
    if seed * SEEDS in RESERVED:
        first, last = RESERVED.start // SEEDS, RESERVED[-1] // SEEDS
        raise DataError(f"simulate pairs: seed: {first} to {last} are kept for scans that judge networks, got {seed}")


def _chunk(columns: int, *channels: int) -> tuple[int, ...]:
    return (1, min(columns, 128), min(columns, 128), *channels)


def in_order(pool: ThreadPoolExecutor, draw: Callable[[int], Pair], seeds: Iterable[int], most: int) -> Iterator[Pair]:
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
