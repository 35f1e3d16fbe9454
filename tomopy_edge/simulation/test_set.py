"""The fixed test set: which scans it is made of, and that no training has seen them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.options import options
from tomopy_edge.simulation.details import DETAILS, FIELDS, draw_details
from tomopy_edge.simulation.pair_files import RESERVED
from tomopy_edge.simulation.pairs import ROWS, truth_within
from tomopy_edge.simulation.phantoms import KINDS, draw_phantom
from tomopy_edge.simulation.scans import Exposure, SimulatedScan, expose
from tomopy_edge.strict import StrictError, read_strictly

NARROWEST, WIDEST = 0.2, 2.0
"""Widths of objects, in widths of the detector."""


@options
class ScanPlan:
    """One scan of the set: nothing in it is left to chance that the seed does not settle."""

    name: str
    """Of the scan; no other has it."""
    kind: str
    """What the object resembles: one of `phantoms.KINDS`, or "details"."""
    seed: int
    """Of the object and the noise; one of those that no pairs are drawn with, and no other scan's."""
    width: float = 0.8
    """Of the object, in widths of the detector; above 1 it sticks out of the field of view."""
    columns: int = 512
    """Of the detector."""
    flawed: bool = False
    """Whether thin cracks and small pores run all over it."""
    exposure: Exposure
    """How it is scanned."""

    def __post_init__(self) -> None:
        """Check that there is such a scan and that no training can have seen it."""
        if self.kind not in (*KINDS, DETAILS):
            raise ValueError(f"kind: must be one of {', '.join((*KINDS, DETAILS))}, got {self.kind!r}")
        if self.seed not in RESERVED:
            raise ValueError(
                f"seed: must lie between {RESERVED.start} and {RESERVED[-1]}, which no pairs are drawn with, "
                f"got {self.seed}"
            )
        if not NARROWEST <= self.width <= WIDEST:
            raise ValueError(f"width: must lie between {NARROWEST} and {WIDEST}, got {self.width}")
        if self.columns < 64:  # noqa: PLR2004 - nothing can be judged on less
            raise ValueError(f"columns: must be at least 64, got {self.columns}")


@options
class _Contents:
    """What a test set's file holds."""

    version: Literal[1]
    description: str
    scans: tuple[ScanPlan, ...]

    def __post_init__(self) -> None:
        if not self.scans:
            raise ValueError("scans: must list at least one scan")
        for field in ("name", "seed"):
            values = [getattr(scan, field) for scan in self.scans]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"scans: each needs its own {field}, there is more than one {twice[0]!r}")


@dataclass(frozen=True)
class TestCase:
    """One scan to judge by.

    Attributes
    ----------
    name, kind : of the scan
    simulated : three rows of counts, of which the middle one is judged, and what they were made of
    features : (detail, 8), isolated cracks and pores, see `details.FIELDS`; none but for the kind "details"
    truncated : whether the object sticks out of the field of view
    """

    __test__: ClassVar[bool] = False  # pytest would take it for tests

    name: str
    kind: str
    simulated: SimulatedScan
    features: NDArray[np.float64]
    truncated: bool

    @property
    def blur(self) -> float:
        """Standard deviation of the blur that the truth shows, pixels."""
        return float(np.hypot(self.simulated.exposure.blur, self.simulated.exposure.spread))

    def truth(self) -> Float32:
        """Return the middle slice as a perfect denoiser would leave it, (y, x), attenuation per pixel.

        Where the object is truncated, that has the smooth brightening by what lies outside; see `pairs.truth_within`.
        """
        if not self.truncated:
            return self.simulated.truth()
        scan = self.simulated.scan
        return truth_within(self.simulated, FilteredBackProjection(scan.theta, scan.projections.shape[2]))


@dataclass(frozen=True)
class TestSet:
    """The scans of a file, simulated when they are asked for.

    Attributes
    ----------
    path : of the file
    version : of its form
    description : what the set is for
    plans : its scans
    """

    __test__: ClassVar[bool] = False  # pytest would take it for tests

    path: Path
    version: int
    description: str
    plans: tuple[ScanPlan, ...]

    def __len__(self) -> int:
        """Return how many scans there are."""
        return len(self.plans)

    def __iter__(self) -> Iterator[TestCase]:
        """Simulate one scan after the other; the same ones each time."""
        return map(simulate, self.plans)


def simulate(plan: ScanPlan) -> TestCase:
    """Return the scan that a plan describes."""
    rng = np.random.default_rng(plan.seed)
    if plan.kind == DETAILS:
        phantom, features = draw_details(rng, plan.columns, plan.width)
    else:
        fill, flawed = (plan.width, plan.width), float(plan.flawed)
        phantom = draw_phantom(rng, plan.kind, plan.columns, fill=fill, rows=ROWS, flawed=flawed)
        features = np.zeros((0, len(FIELDS)))
    simulated = expose(phantom, plan.exposure, ROWS, plan.columns, rng)
    return TestCase(plan.name, plan.kind, simulated, features, plan.width > 1)


def read_test_set(path: Path) -> TestSet:
    """Read a test set's file, strictly.

    Raises
    ------
    DataError : where there is no such file, or it does not hold what it should; every fault is told
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error})") from None
    try:
        contents = read_strictly(_Contents, raw)
    except StrictError as error:
        raise DataError(f"{path}: {error}") from None
    return TestSet(path, contents.version, contents.description, contents.scans)
