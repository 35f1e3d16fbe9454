"""TomoPy's reconstruction algorithms, where TomoPy is installed, and functions of the form TomoPy takes.

Centres: TomoPy's gridrec counts as we do. Its `center` is the column of the rotation axis with pixel centres at whole
numbers, and only its default, columns / 2, lies half a pixel beyond the geometric middle, (columns - 1) / 2. So the
centre is handed over as it is and never left to the default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tomopy_edge.data import Float32, Sinograms, Volume
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import Reconstructor, ReconstructorEntry
from tomopy_edge.job import Job
from tomopy_edge.options import options
from tomopy_edge.tomopy_library import expect_tomopy, require_tomopy

UNFILTERED = (
    "algorithm: TomoPy's 'fbp' back-projects without a filter, so its slices are a blur in no unit; "
    "use the algorithm fbp of this package, or gridrec"
)


@options
class GridrecOptions:
    """Options of the algorithm `gridrec`."""

    filter_name: str = "shepp"
    """One of TomoPy's filters."""


@options
class TomopyOptions:
    """Options of the algorithm `tomopy`."""

    algorithm: str = "gridrec"
    """The name of any algorithm that `tomopy.recon` knows, except its unfiltered fbp."""

    options: dict[str, Any] = field(default_factory=dict)
    """What else `tomopy.recon` is to be given, such as `num_iter`."""

    def __post_init__(self) -> None:
        if self.algorithm == "fbp":
            raise ValueError(UNFILTERED)
        if taken := sorted({"tomo", "theta", "center", "sinogram_order", "algorithm", "ncore"} & set(self.options)):
            raise ValueError(f"options: {', '.join(taken)} come from the scan and the run, not from here")


def create_gridrec(chosen: GridrecOptions, job: Job) -> Reconstructor:
    """Return TomoPy's gridrec.

    Raises
    ------
    PluginError : where TomoPy is not installed, or what is installed is not TomoPy
    """
    return _ThroughRecon("gridrec", {"filter_name": chosen.filter_name}, job.ncore)


def create_tomopy(chosen: TomopyOptions, job: Job) -> Reconstructor:
    """Return any of TomoPy's algorithms.

    Raises
    ------
    PluginError : where TomoPy is not installed, or what is installed is not TomoPy
    """
    return _ThroughRecon(chosen.algorithm, chosen.options, job.ncore)


def check_tomopy(chosen: Any, catalogue: Any) -> None:  # noqa: ARG001 - the form that every `check` has
    """Raise a `PluginError` where TomoPy is not installed."""
    expect_tomopy()


@dataclass(frozen=True)
class _ThroughRecon:
    """An algorithm of TomoPy, by its name."""

    algorithm: str
    settings: dict[str, Any]
    ncore: int

    def __post_init__(self) -> None:
        require_tomopy()

    @property
    def together(self) -> int:
        """Two for gridrec: it makes one slice the real and the other the imaginary part of one transform."""
        return 2 if self.algorithm == "gridrec" else 1

    def __call__(self, sinograms: Sinograms) -> Volume:
        try:
            slices = require_tomopy().recon(
                sinograms.line_integrals,
                sinograms.theta,
                center=_centers(sinograms),
                sinogram_order=True,
                algorithm=self.algorithm,
                ncore=self.ncore,
                **self.settings,
            )
        except (TypeError, ValueError) as error:
            raise DataError(f"TomoPy refused the algorithm {self.algorithm!r} with {self.settings}: {error}") from error
        return _volume(slices, sinograms)


def from_callable(function: Callable[..., Any], **settings: Any) -> Reconstructor:
    """Return a reconstructor that calls a function of the form `tomopy.recon(algorithm=function)` takes.

    Parameters
    ----------
    function : called as `function(tomo, center, recon, theta, **settings)`: tomo (row, angle, column) and recon
        (row, y, x), both float32 and contiguous; center (row,) float32, columns; theta (angle,) float32, radians. It
        fills `recon` in place with attenuation per pixel; what it returns is not looked at.
    settings : keywords for the function; as in TomoPy `num_gridx`, `num_gridy` and `options` are always given
    """

    def reconstruct(sinograms: Sinograms) -> Volume:
        rows, _, columns = sinograms.line_integrals.shape
        given = {"num_gridx": columns, "num_gridy": columns, "options": {}, **settings}
        slices = np.zeros((rows, given["num_gridx"], given["num_gridy"]), np.float32)
        tomo = np.ascontiguousarray(sinograms.line_integrals)
        function(tomo, _centers(sinograms), slices, sinograms.theta.astype(np.float32), **given)
        return _volume(slices, sinograms)

    return reconstruct


def _centers(sinograms: Sinograms) -> Float32:
    if sinograms.center is None:
        raise DataError("the rotation axis is not known; find or give the centre before reconstructing")
    rows = len(sinograms.line_integrals)
    return np.ascontiguousarray(np.broadcast_to(sinograms.center, (rows,)), np.float32)


def _volume(slices: Any, sinograms: Sinograms) -> Volume:
    return Volume(np.asarray(slices, np.float32), first_row=sinograms.first_row, pixel_size=sinograms.pixel_size)


ENTRIES = (
    ReconstructorEntry(
        "gridrec", "TomoPy's gridrec, where TomoPy is installed", GridrecOptions, create_gridrec, check_tomopy
    ),
    ReconstructorEntry(
        "tomopy", "Any algorithm of TomoPy, where it is installed", TomopyOptions, create_tomopy, check_tomopy
    ),
)
