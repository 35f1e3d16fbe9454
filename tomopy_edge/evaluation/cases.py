"""Scans whose truth is known: what a case is, and where cases come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from tomopy_edge.data import Float32, Float64, Scan
from tomopy_edge.errors import DataError
from tomopy_edge.shipped import shipped
from tomopy_edge.simulation.test_set import read_test_set

C = TypeVar("C")

TEST_SET = "test_set.json"
"""The project's own test set, beside the shipped models."""

FEATURE_FIELDS = 8
"""Numbers that describe a detail; see `Case.features`."""

CLEAN = "clean"
"""Name of a dose so high that there is next to nothing to take away."""

DOSES = {"low": 0.0, "medium": 1.5e5, "high": 1.5e6, CLEAN: 5e7}
"""Name of a dose -> the least counts of a pixel without object, all views together, that are called so. A scan of 500
views with 300 to 3000 counts each is of medium dose."""


@dataclass(frozen=True)
class Case:
    """A scan of some adjacent rows and the truth of the middle one.

    Attributes
    ----------
    name : of the scan, such as "03"
    kind : what the object resembles, such as "foam"
    scan : counts
    center : column of the rotation axis
    truth : (y, x), attenuation per pixel, lying as our FBP puts slices: rows go down
    features : (detail, 8), rows of type (0 crack, 1 pore), x, y, z, half axes a, b, c, and the angle of a from x in
        radians; pixels from the rotation axis, y up
    blur : standard deviation of the blur that `truth` shows, pixels
    """

    name: str
    kind: str
    scan: Scan
    center: float
    truth: Float32
    features: Float64
    blur: float = 0.0

    def __post_init__(self) -> None:
        columns = self.scan.projections.shape[2]
        if self.truth.shape != (columns, columns):
            raise DataError(
                f"scan {self.name}: the truth must have {columns} x {columns} pixels, got {self.truth.shape}"
            )
        if self.features.ndim != 2 or self.features.shape[1] != FEATURE_FIELDS:  # noqa: PLR2004 - axes
            raise DataError(
                f"scan {self.name}: features must have the axes (detail, {FEATURE_FIELDS}), got {self.features.shape}"
            )

    @property
    def counts(self) -> float:
        """Counts of a pixel where nothing absorbs, all views together: the dose."""
        beam = float(np.mean(self.scan.flats)) - (float(np.mean(self.scan.darks)) if self.scan.darks.size else 0.0)
        return beam * len(self.scan.theta)

    @property
    def dose(self) -> str:
        """Name of the dose, one of `DOSES`."""
        return [name for name, least in DOSES.items() if self.counts >= least][-1]


@dataclass(frozen=True)
class Source(Generic[C]):
    """Where scans come from, one after the other.

    Attributes
    ----------
    description : what they are, for the table
    total : how many there are
    cases : yields them, each time anew
    """

    description: str
    total: int
    cases: Callable[[], Iterator[C]]


def own_test_set(path: Path | None = None) -> Source[Case]:
    """Return the scans of the project's own test set, or of another file of its kind, simulated one by one.

    Raises
    ------
    DataError : where there is no such file, or it is faulty
    """
    tests = read_test_set(path or shipped("models") / TEST_SET)

    def cases() -> Iterator[Case]:
        for made in tests:
            simulated = made.simulated
            yield Case(made.name, made.kind, simulated.scan, simulated.center, made.truth(), made.features, made.blur)

    return Source(f"{len(tests)} simulated scans of {tests.path.name}", len(tests), cases)


def phantom_file(path: Path) -> Source[Case]:
    """Return the scans of an HDF5 file of phantoms.

    Each group holds `projections` (angle, row, column) counts, `theta` (angle,) degrees, `truth` (y, x) attenuation per
    pixel of the middle row with y upward, and the attributes `I0` (counts without object) and `kind`; `features` where
    there are any. The rotation axis is at column columns / 2.

    Raises
    ------
    DataError : where there is no such file, or a group lacks one of these
    """
    import h5py

    try:
        with h5py.File(path) as file:
            names = sorted(file)
    except OSError as error:
        raise DataError(f"{path}: cannot be opened as HDF5 ({error})") from None
    if not names:
        raise DataError(f"{path}: holds no scans; expected one group for each")

    def cases() -> Iterator[Case]:
        with h5py.File(path) as file:
            for name in names:
                yield _phantom(path, file[name], name)

    return Source(f"{len(names)} simulated scans of {path.name}", len(names), cases)


def _phantom(path: Path, group: Any, name: str) -> Case:
    try:
        projections, theta, truth = (group[key][:] for key in ("projections", "theta", "truth"))
        beam, kind = float(group.attrs["I0"]), str(group.attrs["kind"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{path}: {name} is no simulated scan: expected a group with projections, theta and truth and the "
            f"attributes I0 and kind ({error})"
        ) from None
    if projections.ndim != 3:  # noqa: PLR2004 - (angle, row, column)
        raise DataError(f"{path}: {name}/projections must have the axes (angle, row, column), got {projections.shape}")
    _, rows, columns = projections.shape
    flats = np.full((1, rows, columns), beam, np.float32)
    scan = Scan(projections, flats, np.zeros_like(flats), np.deg2rad(theta))
    features = group["features"][:] if "features" in group else np.zeros((0, FEATURE_FIELDS))
    # The file's rows go up, ours go down.
    upright = np.ascontiguousarray(truth[::-1], np.float32)
    return Case(name, kind, scan, columns / 2, upright, np.asarray(features, np.float64))
