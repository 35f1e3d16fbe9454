"""Measures on some rows of a scan what a recipe for it depends on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tomopy_edge.angle_coverage import Coverage
from tomopy_edge.chunk_size import samples_in
from tomopy_edge.data import Counts, Float32, Scan, Sinograms, Volume
from tomopy_edge.errors import DataError, ScanLostError
from tomopy_edge.job import Job, Tally
from tomopy_edge.networks.unit import attenuation_unit, noise_level
from tomopy_edge.pipeline import Span
from tomopy_edge.propose.axis import Axis, find_axis
from tomopy_edge.propose.stripes import Removal, choose_removal
from tomopy_edge.readers import ScanFile
from tomopy_edge.stages.read import ReadOptions, RowRange, read

log = logging.getLogger(__name__)

UNLIT = 0.05
"""Of the brightness of the middle of a flat, below which a row is outside the beam."""

SPECK = 1.5
"""Times the median of the flats, above which a pixel of one of them was hit by a zinger."""

FEW_FRAMES = 5
"""Flats from which on a median tells what does not belong."""

EDGE = 16
"""Share of the columns, at either end, where an object that fits into the field of view absorbs nothing: a 16th."""


@dataclass(frozen=True)
class Counted:
    """What the counts of the sample rows are.

    Attributes
    ----------
    flats, darks : how many frames there are
    beam : counts where nothing absorbs, above those without beam; None without flats
    largest : the largest count of the projections
    at_largest : share of them that have it
    limit : the largest count that their type can hold; None where it is no integer
    specks : pixels of single flats that a zinger hit
    """

    flats: int
    darks: int
    beam: float | None
    largest: float
    at_largest: float
    limit: int | None
    specks: int


@dataclass(frozen=True)
class Look:
    """What was found out about a scan.

    Attributes
    ----------
    source, projections, rows, columns, pixel_size, notes : of the scan; see `ScanFile`
    angles : the projections that can be read, the first and the one after the last
    coverage : what their angles cover
    lit : the rows within the beam, the first and the one after the last
    sampled : the rows that were looked at, the first and the one after the last
    counted : their counts
    clipped : share of transmissions below a thousandth
    zingers : share of pixels
    removal : their stripes
    axis : the rotation axis
    outside : what the outermost columns still absorb, as a share of what the densest ones do
    noise : standard deviation of the noise of a slice, in units of the attenuation of the densest matter
    """

    source: str
    projections: int
    rows: int
    columns: int
    pixel_size: float | None
    notes: tuple[str, ...]
    angles: tuple[int, int]
    coverage: Coverage
    lit: tuple[int, int]
    sampled: tuple[int, int]
    counted: Counted
    clipped: float
    zingers: float
    removal: Removal
    axis: Axis
    outside: float
    noise: float | None

    @property
    def axis_off(self) -> float:
        """Columns from the middle to the axis; 0 where that is not known."""
        return 0.0 if self.axis.center is None else self.axis.center - (self.columns - 1) / 2


def look(scan: ScanFile, catalogue: Any, *, center: float | None = None, ncore: int | None = None) -> Look:
    """Return what is found out about an open scan on up to eight rows from the middle of what the beam lights.

    Parameters
    ----------
    catalogue : where stages and algorithms are looked up
    center : column of the rotation axis, where that is known
    ncore : threads; None takes all there are

    Raises
    ------
    DataError : where the scan cannot be read, or nothing in it absorbs
    """
    lit, angles = _lit(scan), _written(scan)
    tally = Tally()
    job = Job(tally=tally, catalogue=catalogue, scan=scan) if ncore is None else Job(ncore, tally, catalogue, scan)
    counts, sinograms = _sampled(scan, lit, angles, job)
    pixels = sinograms.line_integrals.size
    counted = {what: number for kinds in tally.counts.values() for what, number in kinds.items()}
    # Asked many times from here on: what it notes is told by us.
    quiet = replace(job, tally=Tally())
    removal = choose_removal(sinograms, quiet)
    sinograms = _applied("remove_stripes", {"method": removal.method}, sinograms, quiet)
    axis = find_axis(sinograms, quiet) if center is None else Axis(center, given=True)
    first = sinograms.first_row
    return Look(
        source=scan.source,
        projections=scan.angles,
        rows=scan.rows,
        columns=scan.columns,
        pixel_size=scan.pixel_size,
        # After rows were read, as that may add to them.
        notes=scan.notes,
        angles=angles,
        coverage=Coverage.of(sinograms.theta),
        lit=lit,
        sampled=(first, first + len(sinograms.line_integrals)),
        counted=_counted(counts),
        clipped=_share(counted, "transmissions below", pixels),
        zingers=_share(counted, "outliers", pixels),
        removal=removal,
        axis=axis,
        outside=_outside(sinograms.line_integrals),
        noise=_noise(sinograms, axis, quiet),
    )


def _sampled(scan: ScanFile, lit: tuple[int, int], angles: tuple[int, int], job: Job) -> tuple[Scan, Sinograms]:
    """Return sample rows as counts and as line integrals, of the first of the samples that a run would take."""
    first: DataError | None = None
    start, stop = angles
    options = ReadOptions(angles=None if stop - start == scan.angles else (start, stop, 1))
    for sample in samples_in(Span(*lit, scan.rows), scan.angles, scan.columns):
        within = max(sample[0], lit[0]), min(sample[1], lit[1])
        log.info("looking at the rows %d to %d", within[0], within[1] - 1)
        try:
            counts = read(RowRange(*within), options, job)
            flats = {} if len(counts.flats) else {"missing_flats": "brightest"}
            sinograms = _applied("normalize", flats, counts, job)
            for stage in ("remove_outliers", "minus_log"):
                sinograms = _applied(stage, {}, sinograms, job)
        except ScanLostError:
            raise
        except DataError as error:
            first = first or error
            continue
        return counts, sinograms
    assert first is not None, "there is a sample"  # noqa: S101 - the middle of the scan
    raise first


def _applied(stage: str, options: Mapping[str, Any], chunk: Any, job: Job) -> Any:
    entry = job.catalogue.stages[stage]
    chosen = entry.settle(entry.options(**options), chunk, job)
    with entry.open(chosen, job) as step:
        return step.apply(chunk)


def _counted(scan: Scan) -> Counted:
    largest = float(scan.projections.max())
    limit = scan.full_scale
    beam = None
    if len(scan.flats):
        dark = float(np.mean(scan.darks)) if len(scan.darks) else 0.0
        beam = float(np.median(scan.flats)) - dark
    specks = 0
    if len(scan.flats) >= FEW_FRAMES:
        specks = int(np.count_nonzero(scan.flats > SPECK * np.median(scan.flats, axis=0)))
    share = float(np.mean(scan.projections == largest))
    return Counted(len(scan.flats), len(scan.darks), beam, largest, share, limit, specks)


def _outside(line_integrals: Float32) -> float:
    """Return what both ends of sinograms (row, angle, column) absorb, as a share of what the densest columns do."""
    columns = np.median(line_integrals.mean(axis=1, dtype=np.float64), axis=0)
    width = max(len(columns) // EDGE, 1)
    densest = float(np.percentile(columns, 95))
    ends = max(float(columns[:width].mean()), float(columns[-width:].mean()))
    return ends / densest if densest > 0 else 0.0


def _noise(sinograms: Sinograms, axis: Axis, job: Job) -> float | None:
    """Return the noise of the middle one of sample rows as FBP reconstructs it; None without an axis."""
    if axis.center is None:
        return None
    middle = len(sinograms.line_integrals) // 2
    one = replace(
        sinograms, line_integrals=sinograms.line_integrals[middle : middle + 1].copy(), center=float(axis.center)
    )
    fbp = job.catalogue.reconstructors["fbp"]
    volume: Volume = fbp.create(fbp.options(), job)(one)
    return noise_level(volume.slices) / attenuation_unit(volume.slices)


def _share(counted: Mapping[str, int], what: str, pixels: int) -> float:
    return sum(number for name, number in counted.items() if name.startswith(what)) / pixels


def _written(scan: ScanFile) -> tuple[int, int]:
    """Return the projections that were written, the first and the one after the last."""
    stacks = getattr(scan, "stacks", ())
    start, stop = stacks[0].written if stacks and stacks[0].unwritten else (0, scan.angles)
    return (start, stop) if stop - start > 1 else (0, scan.angles)


def _lit(scan: ScanFile) -> tuple[int, int]:
    """Return the rows that the beam lights, as one flat shows it; all where there is none in a file."""
    whole = 0, scan.rows
    flat = _one_flat(scan)
    if flat is None:
        return whole
    rows = np.median(flat.astype(np.float64), axis=1)
    # Without a dark, what the detector shows without beam is taken to be its darkest row, if that is far below.
    above = rows - min(float(rows.min()), 0.1 * float(rows.max()))
    lit = np.flatnonzero(above > UNLIT * np.percentile(above, 90))
    return (int(lit[0]), int(lit[-1]) + 1) if lit.size else whole


def _one_flat(scan: ScanFile) -> Counts | None:
    """Return the flat (row, column) in the middle of all, read alone; None where it cannot be."""
    for frames in getattr(scan, "stacks", ())[1:2]:
        number = int(frames.numbers[len(frames.numbers) // 2])
        alone = replace(frames, numbers=frames.numbers[frames.numbers == number])
        flat: Counts = alone.read(0, scan.rows)[0]
        return flat
    return None
