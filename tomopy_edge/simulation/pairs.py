"""Training pairs: a noisy FBP slice with its two neighbours, and the truth of it, both in network units."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from tomopy_edge.data import Float32, Scan
from tomopy_edge.fbp import FilteredBackProjection, FilterName
from tomopy_edge.job import Job
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.progress import track
from tomopy_edge.simulation.files import new_hdf5
from tomopy_edge.simulation.phantoms import KINDS, draw_phantom
from tomopy_edge.simulation.scans import Exposure, expose
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log
from tomopy_edge.stages.normalize import NormalizeOptions, normalize

SEEDS = 1_000_000
"""Seeds that belong to one file of pairs: the first half judges, the second trains."""

AHEAD = 8
"""Pairs that are computed before they are asked for."""

ROWS = 3
"""Adjacent slices of a pair's noisy side."""

FILTERS: tuple[FilterName, ...] = ("shepp",) * 6 + ("ramlak", "hann", "hamming", "cosine")
"""How often each filter is drawn."""

TRUNCATED = 0.25
"""Share of pairs whose object is wider than the field of view."""

WIDE = (1.0, 1.9)
"""Width of those objects, in widths of the detector."""

MASKED = 0.7
"""Share of pairs that are zero outside the inscribed circle, as the stage `reconstruct` leaves slices."""

SMOOTH = 16.0
"""Pixels: of what a truncated scan adds to its slices, only what is smoother than this belongs to the truth."""

MISPLACED = 0.2
"""Standard deviation of the error of the rotation axis, pixels, that a search for it leaves."""

NOISIEST = 3.0
"""Units: a pair whose noise has a larger standard deviation than this is drawn anew, for nothing can be seen in it."""


@dataclass(frozen=True)
class Pair:
    """One sample to learn from.

    Attributes
    ----------
    noisy : (y, x, 3), three adjacent slices, network units
    truth : (y, x), the middle slice, network units
    unit : attenuation per pixel of one network unit
    kind : of phantom
    noise : standard deviation of the middle slice's error, network units
    """

    noisy: Float32
    truth: Float32
    unit: float
    kind: str
    noise: float


Reconstruct = Callable[[Float32, float, str], Float32]
"""(row, angle, column) line integrals, center and filter name -> (row, y, x) attenuation per pixel."""


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """Return random conditions: 48 to 720 angles, 100 to 20000 counts, and the small faults that real scans have."""
    mild = rng.random(6) < (0.4, 0.3, 0.3, 0.3, 0.7, 0.15)
    counts = _spread(rng, 100, 20_000)
    return Exposure(
        angles=round(_spread(rng, 48, 720)),
        counts=counts,
        absorption=_spread(rng, 0.25, 3.5),
        offset=float(rng.uniform(-20, 20)) if mild[0] else float(rng.uniform(-0.5, 0.5)),
        blur=float(rng.uniform(0.4, 1.0)) if mild[1] or mild[5] else 0.0,
        fringes=float(rng.uniform(0.2, 1.2)) if mild[5] else 0.0,
        spread=float(rng.uniform(0.3, 0.8)) if mild[2] else 0.0,
        rings=float(rng.uniform(0.02, 0.3)) / math.sqrt(counts) if mild[3] else 0.0,
        read_noise=float(rng.uniform(0.5, 3)),
        flats=int(rng.integers(10, 60)) if mild[4] else 200,
    )


def _spread(rng: np.random.Generator, least: float, most: float) -> float:
    """Return a number whose logarithm is evenly distributed."""
    return float(np.exp(rng.uniform(math.log(least), math.log(most))))


def draw_pair(seed: int, columns: int, kind: str | None = None) -> Pair:
    """Return the pair that belongs to a seed.

    Parameters
    ----------
    seed : of everything that is drawn
    columns : rows and columns of the slices
    kind : of phantom, one of `phantoms.KINDS`, or None to draw one
    """
    rng = np.random.default_rng(seed)
    while True:
        pair = _attempt(rng, columns, kind or str(rng.choice((*KINDS, "mixed"))))
        if pair.noise <= NOISIEST:
            return pair


def _attempt(rng: np.random.Generator, columns: int, kind: str) -> Pair:
    from scipy.ndimage import gaussian_filter

    truncated = rng.random() < TRUNCATED
    exposure = draw_exposure(rng)
    phantom = draw_phantom(rng, kind, columns, fill=WIDE) if truncated else draw_phantom(rng, kind, columns)
    simulated = expose(phantom, exposure, ROWS, columns, rng)
    fbp = FilteredBackProjection(simulated.scan.theta, columns, filter_name=FILTERS[rng.choice(len(FILTERS))], ncore=1)
    misplaced = simulated.center + rng.normal(0, MISPLACED)
    slices = fbp(line_integrals_of(simulated.scan), misplaced)
    truth = simulated.truth()
    if truncated:
        # What lies outside the field of view brightens the slice, which no network can know: it stays as it is.
        truth += gaussian_filter(fbp(simulated.line_integrals, simulated.center)[ROWS // 2] - truth, SMOOTH)
    unit = attenuation_unit(slices)
    inside = _circle(columns)
    if rng.random() < MASKED:
        slices, truth = slices * inside, truth * inside
    noise = float((slices[ROWS // 2] - truth)[inside].std()) / unit
    return Pair(np.moveaxis(slices, 0, 2) / np.float32(unit), truth / np.float32(unit), unit, kind, noise)


def _circle(columns: int) -> np.ndarray:
    v, u = np.ogrid[:columns, :columns]
    return np.hypot(v - columns / 2 + 1, u - columns / 2) <= columns / 2 - 1


def line_integrals_of(scan: Scan) -> Float32:
    """Return (row, angle, column) line integrals of counts, as the pipeline makes them with its own defaults."""
    job = Job(ncore=1)
    return minus_log(normalize(scan, NormalizeOptions(), job), MinusLogOptions(), job).line_integrals


def write_pairs(
    path: Path, *, count: int, held_out: int, columns: int, seed: int, ncore: int, overwrite: bool = False
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
    overwrite : whether an older file is replaced

    Raises
    ------
    OutputError : where there is such a file already, or it cannot be written
    """
    import h5py

    with new_hdf5(path, overwrite=overwrite) as file, ThreadPoolExecutor(ncore) as pool:
        file.attrs.update({"seed": seed, "columns": columns, "made_by": "tomopy-edge simulate pairs"})
        first = seed * SEEDS
        for part, number in (("test", held_out), ("train", count)):
            noisy = file.create_dataset(
                f"{part}_ns", (number, columns, columns, ROWS), "f2", chunks=_chunk(columns, ROWS)
            )
            truth = file.create_dataset(f"{part}_gt", (number, columns, columns), "f2", chunks=_chunk(columns))
            noise = file.create_dataset(f"{part}_noise", (number,), "f4")
            kind = file.create_dataset(f"{part}_kind", (number,), h5py.string_dtype())
            drawn = in_order(pool, lambda i: draw_pair(i, columns), range(first, first + number))
            for i, pair in enumerate(track(drawn, total=number, what=f"pairs to {part}")):
                # numpy rounds to float16; HDF5's own conversion loses the carry and makes 0.25 of 0.49999.
                noisy[i], truth[i] = pair.noisy.astype(np.float16), pair.truth.astype(np.float16)
                noise[i], kind[i] = pair.noise, pair.kind
            first += SEEDS // 2


def _chunk(columns: int, *channels: int) -> tuple[int, ...]:
    return (1, min(columns, 128), min(columns, 128), *channels)


def in_order(pool: ThreadPoolExecutor, draw: Callable[[int], Pair], seeds: Iterable[int]) -> Iterator[Pair]:
    """Yield `draw(seed)` in the order of the seeds, computed a few ahead, so that memory holds only a few."""
    waiting = iter(seeds)
    ahead = deque(pool.submit(draw, seed) for seed in islice(waiting, AHEAD))
    try:
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(draw, seed) for seed in islice(waiting, 1))
    finally:
        for future in ahead:
            future.cancel()
