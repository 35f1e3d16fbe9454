"""Pairs on disk, to train on and to judge by, and which seeds they are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from tomopy_edge.errors import DataError
from tomopy_edge.progress import track
from tomopy_edge.simulation.anatomy import VoxelVolume
from tomopy_edge.simulation.files import in_order
from tomopy_edge.simulation.hdf5_files import add_dataset, new_hdf5
from tomopy_edge.simulation.pairs import ROWS, draw_pair
from tomopy_edge.simulation.phantoms import KINDS, VOLUME

SEEDS = 1_000_000
"""Seeds that belong to one file of pairs: the first half judges, the second trains."""

RESERVED = range(900_000_000, 1_000_000_000)
"""Seeds of scans that judge networks: no pairs are drawn with them."""

LONGEST = max(map(len, (*KINDS, VOLUME)))
"""Letters that a phantom's kind has at most."""

AHEAD = 2
"""Pairs for each thread that are computed before they are asked for."""


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
    counts = {"test": held_out, "train": count}

    def lay_out(file: h5py.File) -> None:
        file.attrs.update({"seed": seed, "columns": columns, "made_by": "tomopy-edge simulate pairs"})
        file.attrs["volumes"] = [volume.name for volume in volumes]
        for part, number in counts.items():
            shape = number, columns, columns
            add_dataset(file, f"{part}_ns", (*shape, ROWS), "f2", chunks=_chunk(columns, ROWS))
            add_dataset(file, f"{part}_gt", shape, "f2", chunks=_chunk(columns))
            add_dataset(file, f"{part}_noise", (number,), "f4")
            add_dataset(file, f"{part}_kind", (number,), h5py.string_dtype(length=LONGEST))

    with ThreadPoolExecutor(ncore) as pool, new_hdf5(path, lay_out, overwrite=overwrite) as file:
        for n, (part, number) in enumerate(counts.items()):
            first = seed * SEEDS + n * SEEDS // 2
            seeds = range(first, first + number)
            drawn = in_order(pool, partial(draw_pair, columns=columns, volumes=volumes), seeds, AHEAD * ncore)
            noisy, truth, noise, kind = (file[f"{part}_{name}"] for name in ("ns", "gt", "noise", "kind"))
            for i, pair in enumerate(track(drawn, total=number, what=f"pairs to {part}")):
                # Rounded by numpy: HDF5's own conversion, once it met a tiny value, makes 0.25 of 0.4999987.
                noisy[i], truth[i] = pair.noisy.astype(np.float16), pair.truth.astype(np.float16)
                noise[i], kind[i] = pair.noise, pair.kind


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
