"""Training pairs: a noisy FBP slice with its two neighbours, and the truth of it, both in network units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float32, Scan
from tomopy_edge.fbp import FilteredBackProjection, FilterName
from tomopy_edge.fbp.axis import radii
from tomopy_edge.job import Job
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.simulation.anatomy import VoxelVolume
from tomopy_edge.simulation.phantoms import KINDS, VOLUME, draw_phantom
from tomopy_edge.simulation.scans import Exposure, SimulatedScan, expose
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log
from tomopy_edge.stages.normalize import NormalizeOptions, normalize
from tomopy_edge.stages.remove_outliers import RemoveOutliersOptions, remove_outliers

ROWS = 3
"""Adjacent slices of a pair's noisy side."""

FILTERS: tuple[FilterName, ...] = ("shepp",) * 6 + ("ramlak", "hann", "hamming", "cosine")
"""How often each filter is drawn."""

TRUNCATED = 0.25
"""Share of pairs whose object is wider than the field of view."""

NARROW, WIDE = (0.4, 0.95), (1.0, 1.9)
"""Width of the other objects and of those, in widths of the detector."""

VOLUMES = 0.3
"""Share of pairs that are cut from real volumes, where there are any."""

MASKED = 0.7
"""Share of pairs that are zero outside the inscribed circle, as the stage `reconstruct` leaves slices."""

SMOOTH = 16.0
"""Pixels: of what a truncated scan adds to its slices, only what is smoother than this belongs to the truth."""

MISPLACED = 0.2
"""Standard deviation of the error of the rotation axis, pixels, that a search for it leaves."""

SHARES = (0.4, 0.25, 0.3, 0.3, 0.7, 0.12, 0.15, 0.12, 0.06, 0.15)
"""Of the conditions in `draw_exposure`, in its order: how often each holds."""

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


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """Return random conditions: low to high doses, few to many angles, and the faults that real scans have.

    Of all, 85 % have 48 to 720 angles and 100 to 20000 counts; the others are clean scans of 300 to 800 angles and up
    to a million counts, from which a network learns what to leave alone.
    """
    off_middle, blurred, spread, ringed, few_flats, fringed, hit, irregular, wedged, clean = rng.random(10) < SHARES
    counts = _spread(rng, 40_000, 1_000_000) if clean else _spread(rng, 100, 20_000)
    return Exposure(
        angles=round(_spread(rng, 300, 800) if clean else _spread(rng, 48, 720)),
        wedge_deg=float(rng.uniform(5, 40)) if wedged and not clean else 0.0,
        irregular=float(rng.uniform(0.1, 0.6)) if irregular and not clean else 0.0,
        counts=counts,
        absorption=_spread(rng, 0.25, 3.5),
        offset=float(rng.uniform(-20, 20)) if off_middle else float(rng.uniform(-0.5, 0.5)),
        blur=float(rng.uniform(0.4, 1.0)) if blurred or fringed else 0.0,
        fringes=float(rng.uniform(0.2, 1.2)) if fringed else 0.0,
        spread=float(rng.uniform(0.3, 0.8)) if spread else 0.0,
        rings=float(rng.uniform(0.02, 0.3)) / math.sqrt(min(counts, 20_000)) if ringed else 0.0,
        zingers=_spread(rng, 1e-6, 2e-4) if hit else 0.0,
        read_noise=float(rng.uniform(0.5, 3)),
        flats=int(rng.integers(10, 60)) if few_flats else 200,
    )


def _spread(rng: np.random.Generator, least: float, most: float) -> float:
    """Return a number whose logarithm is evenly distributed."""
    return float(np.exp(rng.uniform(math.log(least), math.log(most))))


def draw_pair(seed: int, columns: int, kind: str | None = None, volumes: Sequence[VoxelVolume] = ()) -> Pair:
    """Return the pair that belongs to a seed, and to the volumes where there are any.

    Parameters
    ----------
    seed : of everything that is drawn
    columns : rows and columns of the slices
    kind : of phantom, one of `phantoms.KINDS` or `phantoms.VOLUME`, or None to draw one
    volumes : what the kind "volume" is cut from; with any, it is drawn too
    """
    rng = np.random.default_rng(seed)
    while True:
        cut = volumes and rng.random() < VOLUMES
        drawn = VOLUME if cut else str(rng.choice((*KINDS, "mixed", "rock")))
        pair = _attempt(rng, columns, kind or drawn, volumes)
        if pair.noise <= NOISIEST:
            return pair


def _attempt(rng: np.random.Generator, columns: int, kind: str, volumes: Sequence[VoxelVolume]) -> Pair:
    truncated = rng.random() < TRUNCATED
    exposure = draw_exposure(rng)
    fill = WIDE if truncated else NARROW
    phantom = draw_phantom(rng, kind, columns, fill=fill, rows=ROWS, volumes=volumes)
    simulated = expose(phantom, exposure, ROWS, columns, rng)
    fbp = FilteredBackProjection(simulated.scan.theta, columns, filter_name=FILTERS[rng.choice(len(FILTERS))], ncore=1)
    misplaced = simulated.center + rng.normal(0, MISPLACED)
    slices = fbp(line_integrals_of(simulated.scan), misplaced)
    truth = truth_within(simulated, fbp) if truncated else simulated.truth()
    unit = attenuation_unit(slices)
    inside = radii((columns, columns)) <= columns / 2 - 1
    if rng.random() < MASKED:
        slices, truth = slices * inside, truth * inside
    noise = float((slices[ROWS // 2] - truth)[inside].std()) / unit
    return Pair(np.moveaxis(slices, 0, 2) / np.float32(unit), truth / np.float32(unit), unit, kind, noise)


def truth_within(simulated: SimulatedScan, fbp: FilteredBackProjection) -> Float32:
    """Return the truth of the middle row where the object is wider than the field of view, (y, x).

    What lies outside brightens the slice, smoothly but for the rim; no network can know by how much. So that stays.
    """
    from scipy.ndimage import gaussian_filter

    truth = simulated.truth()
    middle = simulated.line_integrals[len(simulated.line_integrals) // 2]
    brightening = gaussian_filter(fbp(middle[np.newaxis], simulated.center)[0] - truth, SMOOTH)
    return np.asarray(truth + brightening, np.float32)


def line_integrals_of(scan: Scan) -> Float32:
    """Return (row, angle, column) line integrals of counts, as the pipeline makes them with its own defaults."""
    job = Job(ncore=1)
    transmission = remove_outliers(normalize(scan, NormalizeOptions(), job), RemoveOutliersOptions(), job)
    return minus_log(transmission, MinusLogOptions(), job).line_integrals
