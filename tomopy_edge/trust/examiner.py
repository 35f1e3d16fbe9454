"""Which slices of a run are examined, what is kept of them until they are denoised, and what is then done with it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from tomopy_edge.data import Float32, Float64, Sinograms, Volume
from tomopy_edge.errors import told_of
from tomopy_edge.hookspecs import OpenStage, Step
from tomopy_edge.job import Job
from tomopy_edge.memory import free_memory
from tomopy_edge.networks.slices import SATURATED
from tomopy_edge.networks.tiling import seam_index
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.trust.consistency import ConsistencyCheck
from tomopy_edge.trust.findings import Findings, keep
from tomopy_edge.trust.grey import grey_values
from tomopy_edge.trust.halves import FEWEST_VIEWS, compare_halves
from tomopy_edge.trust.looked import Looked
from tomopy_edge.trust.memory import expect_memory, memory_for, memory_for_halves, side_by_side
from tomopy_edge.trust.networks import NetworksRun
from tomopy_edge.trust.pictures import draw_pictures
from tomopy_edge.trust.residual import HalfSlices, examine_residual
from tomopy_edge.trust.rows import examined_rows
from tomopy_edge.trust.verdict import reasons_of

log = logging.getLogger(__name__)

STAGE = "trust"
"""What notes and times are told for."""

TOLD_AT_ONCE = 3
"""Slices of which the log tells as they pass by; the verdict tells of all."""


@dataclass
class _Seen:
    """What the witness keeps.

    Attributes
    ----------
    sinograms : row -> its sinogram and those of no other row
    raw : row -> the slice as it was reconstructed
    """

    sinograms: dict[int, Sinograms] = field(default_factory=dict)
    raw: dict[int, Float32] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Examiner:
    """Examines some slices of a run while they pass by.

    Parameters
    ----------
    every : rows from one examined slice to the next
    job : the run; `job.before` holds the stages that made what comes
    """

    def __init__(self, every: int, job: Job) -> None:
        self._job, self._every = job, every
        numbers = [
            n for n, stage in enumerate(job.before) if (stage.entry.takes, stage.entry.gives) == (Sinograms, Volume)
        ]
        self._reconstruct: OpenStage | None = job.before[numbers[0]] if numbers else None
        self._before = job.before[numbers[0] - 1].entry.name if numbers and numbers[0] else ""
        after = job.before[numbers[0] + 1 :] if numbers else ()
        self._changes: tuple[OpenStage, ...] = tuple(after)
        self._margin = sum(stage.step.neighbours for stage in after)
        self._networks = NetworksRun.among(after)
        self._seen = _Seen()
        self._flagged = 0
        self._opened = ExitStack()
        self._halves: list[Step] = []
        self._check: tuple[Float64, ConsistencyCheck] | None = None

    def close(self) -> None:
        """Close what was opened for the halves."""
        self._opened.close()

    def wanted(self, first: int, last: int) -> list[int]:
        """Return which of the rows `first` to `last - 1` are examined."""
        whole = self._job.rows or (first, last)
        return [row for row in examined_rows(*whole, self._every) if first <= row < last]

    def witness(self, stage: str, made: Any) -> None:
        """Keep what will be needed of a chunk, where there is the memory for it."""
        try:
            self._keep(stage, made)
        except Exception as error:  # noqa: BLE001 - see below
            # No check is worth a night's slices. Without it, a slice cannot be compared, and that is told.
            log.warning("what slices are to be examined by could not be kept: %s", told_of(error))

    def _keep(self, stage: str, made: Any) -> None:
        seen = self._seen
        if isinstance(made, Sinograms) and stage == self._before:
            rows = len(made.line_integrals)
            needed = self.wanted(made.first_row - self._margin, made.first_row + rows + self._margin)
            near = {row + away for row in needed for away in range(-self._margin, self._margin + 1)}
            found = {made.first_row + n: _one_row(made, n) for n in range(rows) if made.first_row + n in near}
            with seen.lock:
                seen.sinograms.update(found)
        elif isinstance(made, Volume) and self._reconstruct and stage == self._reconstruct.entry.name:
            found_raw = {
                row: made.slices[row - made.first_row].copy()
                for row in self.wanted(made.first_row, made.first_row + len(made.slices))
            }
            with seen.lock:
                seen.raw.update(found_raw)

    def apply(self, volume: Volume) -> Volume:
        """Examine those of some slices that are to be, and pass all on unchanged."""
        for row in self.wanted(volume.first_row, volume.first_row + len(volume.slices)):
            self._examine(row, volume)
        # Rows come in order; what lies before these is done, or failed.
        with self._seen.lock:
            for kept in (self._seen.sinograms, self._seen.raw):
                for row in [row for row in kept if row < volume.first_row + len(volume.slices) - self._margin]:
                    del kept[row]
        return volume

    def _examine(self, row: int, volume: Volume) -> None:
        try:
            findings = self._look(row, volume)
            self._tell(findings)
            if self._job.output is not None:
                keep(self._job.output, findings)
        except Exception as error:
            log.warning("row %d could not be examined: %s", row, told_of(error))
            log.debug("where it came from", exc_info=True)
            self._job.tally.note(STAGE, f"row {row} could not be examined: {told_of(error)}")

    def _tell(self, findings: Findings) -> None:
        """Tell at once of a slice that is to be looked at: a scientist may not want to wait for the others."""
        reasons = "; ".join(reason.told for reason in reasons_of(findings))
        if not reasons:
            return
        self._flagged += 1
        log.log(
            logging.WARNING if self._flagged <= TOLD_AT_ONCE else logging.DEBUG, "slice %d: %s", findings.row, reasons
        )
        if self._job.output is None:
            self._job.tally.note(STAGE, f"slice {findings.row}: {reasons}")

    def _look(self, row: int, volume: Volume) -> Findings:
        denoised = volume.slices[row - volume.first_row]
        raw = self._seen.raw.get(row, denoised)
        unit = volume.unit or self._networks.unit or attenuation_unit(raw[np.newaxis])
        looked, sinogram = Looked(raw, denoised, float(unit)), self._seen.sinograms.get(row)
        rays, free = 0 if sinogram is None else sinogram.line_integrals.size, free_memory()
        checks = (
            partial(self._compare, looked, sinogram, free),
            partial(self._halve, looked, row, rays, free),
            partial(self._measure, looked, row),
        )
        at_once = self._job.ncore if side_by_side(rays, denoised.size, free, self._job.ncore) else 1
        with ThreadPoolExecutor(at_once, STAGE) as pool:
            for done in [pool.submit(check) for check in checks]:
                done.result()
        if self._job.output is not None:
            with looked.trying("pictures"):
                draw_pictures(self._job.output, row, looked, self._job.ncore)
        return looked.findings(row)

    def _compare(self, looked: Looked, sinogram: Sinograms | None, free: int) -> None:
        """Compare a slice with its sinogram."""
        if sinogram is None or self._reconstruct is None:
            looked.skip("consistency", "no sinogram was seen")
            return
        with looked.trying("consistency"):
            expect_memory(memory_for(sinogram.line_integrals.size, looked.denoised.size), free)
            check = self._consistency(sinogram, looked.denoised.shape)
            looked.limit = check.limit
            center = float(np.asarray(sinogram.center, np.float64))
            looked.consistency, looked.contradiction = check.compare(
                sinogram.line_integrals[0], center, looked.raw, looked.denoised, looked.unit
            )

    def _halve(self, looked: Looked, row: int, rays: int, free: int) -> None:
        """Compare the slices of half of the views, and what was taken away with their noise."""
        with looked.trying("halves"):
            expect_memory(memory_for_halves(rays, looked.denoised.size), free)
            # Networks count what they do, thread by thread.
            with self._job.tally.aside():
                halves = self._half_slices(row)
            if halves is None:
                looked.skip("halves", f"there are fewer than {FEWEST_VIEWS} views, or no sinogram was seen")
            else:
                looked.halves = compare_halves(halves.even, halves.odd, halves.denoised)
                looked.residual, looked.signs = examine_residual(looked.raw, looked.denoised, halves, looked.unit)

    def _measure(self, looked: Looked, row: int) -> None:
        """Measure what the slices alone tell."""
        with looked.trying("seams"):
            grid = self._networks.grid(looked.denoised.shape)
            looked.seam = None if grid is None else seam_index(looked.denoised, grid)
        with looked.trying("grey values"):
            looked.grey = grey_values(looked.raw, looked.denoised)
        saturated = self._job.tally.counted_at(self._networks.first, SATURATED, row) / looked.raw.size
        looked.range = self._networks.in_range(looked.raw, looked.unit, saturated)

    def _consistency(self, sinogram: Sinograms, shape: tuple[int, ...]) -> ConsistencyCheck:
        kept = self._check
        if kept is None or not np.array_equal(kept[0], sinogram.theta):
            columns = sinogram.line_integrals.shape[2]
            check = ConsistencyCheck(sinogram.theta, columns, shape[0], ncore=self._job.ncore)
            kept = self._check = sinogram.theta, check
        return kept[1]

    def _half_slices(self, row: int) -> HalfSlices | None:
        """Return the slices of the even and of the odd views, and the denoised one of the even, where there are any."""
        near = [self._seen.sinograms.get(self._inside(row + n)) for n in range(-self._margin, self._margin + 1)]
        sinograms = [one for one in near if one is not None]
        if self._reconstruct is None or len(sinograms) < len(near) or len(sinograms[0].theta) < FEWEST_VIEWS:
            return None
        if not self._halves:
            entry, options = self._reconstruct.entry, self._reconstruct.options
            # Each half has angles, and so tables, of its own.
            self._halves = [self._opened.enter_context(entry.open(options, self._job)) for _ in range(2)]
        volumes = [self._halves[half].apply(_half(sinograms, half)) for half in (0, 1)]
        middle = len(sinograms) // 2
        even, odd = (volume.slices[middle].copy() for volume in volumes)
        clean = replace(volumes[0], first_row=row - self._margin)
        for stage in self._changes:
            clean = stage.step.apply(clean)
        return HalfSlices(even, odd, clean.slices[0])

    def _inside(self, row: int) -> int:
        """Return a row, or the scan's outermost one where it lies beyond."""
        rows = self._job.scan.rows if self._job.scan is not None else row + 1
        return min(max(row, 0), rows - 1)


def _one_row(sinograms: Sinograms, n: int) -> Sinograms:
    """Return one row as a copy, or all of its chunk would stay in memory."""
    center = sinograms.center[n] if isinstance(sinograms.center, np.ndarray) else sinograms.center
    line_integrals = sinograms.line_integrals[n : n + 1].copy()
    return replace(sinograms, line_integrals=line_integrals, center=center, first_row=sinograms.first_row + n)


def _half(sinograms: list[Sinograms], half: int) -> Sinograms:
    """Return every second view of some rows, each of which may have an axis of its own."""
    line_integrals = np.concatenate([one.line_integrals[:, half::2] for one in sinograms])
    centers = np.array([one.center for one in sinograms], np.float64)
    center = float(centers[0]) if (centers == centers[0]).all() else centers
    return replace(sinograms[0], line_integrals=line_integrals, theta=sinograms[0].theta[half::2], center=center)
