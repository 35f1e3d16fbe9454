"""Our slices through `tomopy.recon`: reconstruction and denoiser in one function of the form that TomoPy calls."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from typing_extensions import Self

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import rows_that_fit, sample_rows
from tomopy_edge.data import Float32, Float64, Sinograms
from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.job import Job, Tally, at_least_one, available_cores
from tomopy_edge.kept_recipe import KeptRecipe
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.pipeline import Span
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers.scan_file import expect_scan
from tomopy_edge.recipe import Recipe, parse_recipe
from tomopy_edge.recon import MOST_RADIANS, TOMOGAN, network_stages
from tomopy_edge.stages.read import even_chunks
from tomopy_edge.tomopy_chunks import Chunk, find_place

log = logging.getLogger(__name__)

DENSER = 2.0
"""Attenuation of the densest matter of a slice, in the network's unit, above which a user is told."""

TOO_DENSE = (
    f"slices are more than {DENSER:g} times as dense as those that the network's unit was measured on: make a "
    "tomopy_algorithm() for each scan, or give it the unit"
)
ALONE = (
    "rows came without those beside them, so the outermost were denoised as if the scan ended there; hand over all "
    "rows in one array, or in fewer chunks (nchunk)"
)

FROM_TOMOPY = ("num_gridx", "num_gridy", "options", "filter_name")
"""Keywords that a call may have; TomoPy always gives the first three."""


def tomopy_algorithm(  # noqa: PLR0913 - as `recon_and_denoise`: all optional, and by keyword but the first
    denoiser: str = TOMOGAN,
    *,
    model: str | None = None,
    precision: str | None = None,
    algorithm: str = "fbp",
    filter_name: str | None = None,
    fine_tune: bool = False,
    runtime: str | None = None,
    unit: float | None = None,
    mask: float | None = 1.0,
    ncore: int | None = None,
    tally: Tally | None = None,
    catalogue: Catalogue | None = None,
) -> TomopyAlgorithm:
    """Return what `tomopy.recon` takes as its `algorithm`: it reconstructs and denoises.

    The slices are those of `recon_and_denoise`, however `tomopy.recon` cuts the rows with its `ncore` and `nchunk`.

    Parameters
    ----------
    denoiser, model, precision, fine_tune, runtime : as in `recon_and_denoise`
    algorithm : "fbp" (ours), or the name of another reconstructor
    filter_name : "ramlak", "shepp", "cosine", "hann", "hamming" or "none"; None is what the call says, or else the
        algorithm's own default ("shepp" for "fbp")
    unit : attenuation per pixel that the network sees as 1; None measures it on the first scan, once
    mask : radius of the circle kept, as a share of the inscribed one; None keeps all
    ncore : threads; None takes all there are. The `ncore` of `tomopy.recon` says into how many chunks it cuts the rows.
    tally : where everything clipped, replaced or measured is counted, for those who want to know
    catalogue : what plugins offer; None asks the built-in and the installed ones

    Raises
    ------
    RecipeError, DataError, ModelError, PluginError : a sentence that says where, what was found and how to mend it

    Examples
    --------
    >>> import numpy as np, tomopy_edge
    >>> theta = np.linspace(0, np.pi, 90, endpoint=False)
    >>> disc = 0.02 * np.sqrt(np.maximum(0, 20.0**2 - (np.arange(64) - 31.5) ** 2))
    >>> tomo = np.tile(disc, (90, 2, 1)).astype(np.float32)
    >>> algorithm = tomopy_edge.tomopy_algorithm("none")

    With TomoPy that is ``slices = tomopy.recon(tomo, theta, center=31.5, algorithm=algorithm)``, which calls

    >>> slices = np.empty((2, 64, 64), np.float32)
    >>> algorithm(tomo.swapaxes(0, 1).copy(), np.full(2, 31.5), slices, theta)
    >>> round(float(slices[:, 28:36, 28:36].mean()), 3)
    0.01
    """
    offered = catalogue or load_catalogue()
    stages: list[dict[str, Any]] = [{"reconstruct": {"algorithm": algorithm, "mask": mask}}]
    stages += network_stages(denoiser, model, precision, runtime, fine_tune=fine_tune, catalogue=offered)
    if unit is not None:
        if denoiser != TOMOGAN:
            raise DataError(f"unit: belongs to the denoiser {TOMOGAN!r}, not to {denoiser!r}")
        stages[1]["denoise"]["options"]["unit"] = unit
    job = Job(ncore=at_least_one("ncore", ncore, available_cores()), tally=tally or Tally(), catalogue=offered)
    return TomopyAlgorithm(stages, job, filter_name)


class TomopyAlgorithm:
    """What `tomopy_algorithm` returns: a function of the form `tomopy.recon(algorithm=function)` takes.

    Threads may share it: they wait for each other, as each chunk of rows is worked on with all of `ncore`. Networks
    are opened at the first call and kept; `close()`, the end of a `with` block, or of the last reference closes them.
    """

    def __init__(self, stages: list[dict[str, Any]], job: Job, filter_name: str | None) -> None:
        self._stages, self._job, self._filter_name = stages, job, filter_name
        self._kept = KeptRecipe(job)
        self._recipe(filter_name, None)

    @property
    def unit(self) -> float | None:
        """Attenuation per pixel that the network sees as 1; None before the first call, and without a network."""
        return self._kept.unit

    def __call__(self, tomo: Any, center: Any, recon: Any, theta: ArrayLike, **keywords: Any) -> None:
        """Fill `recon` with the denoised slices of `tomo`; `tomopy.recon` calls this for chunks of rows.

        Parameters
        ----------
        tomo : (row, angle, column), line integrals, float32 and contiguous. Where it is a part of a larger array, as
            TomoPy's chunks are, slices at its edges see their neighbours in that.
        center : (row,), columns
        recon : (row, y, x), float32; what it holds before is of no use to a filtered back projection
        theta : (angle,), radians
        keywords : `num_gridx` and `num_gridy`, pixels along the sides of a slice, which must be the same; `filter_name`

        Raises
        ------
        DataError : where a keyword is not known, or what was given is no scan
        """
        chunk = find_place(tomo, center, recon)
        size, filter_name = self._asked(chunk, keywords)
        angles = np.asarray(theta, np.float64)
        _expect_scan(chunk, angles)
        with self._kept.lock:
            spare_memory()
            if chunk.alone:
                self._tell("reconstruct", ALONE)
            self._settle(chunk, angles, size, filter_name)
            wanted = Span(chunk.first, chunk.last, len(chunk.sinograms))
            read = partial(_read, chunk, angles, rows_that_fit(len(angles), chunk.sinograms.shape[2], free_memory()))
            for volume in self._kept.slices(read, wanted, self._watch):
                at = volume.first_row - chunk.first
                chunk.slices[at : at + len(volume.slices)] = volume.slices

    def close(self) -> None:
        """Close the networks; a further call opens them again."""
        with self._kept.lock:
            self._kept.close()

    def measure(self, tomo: Any, center: Any, theta: ArrayLike) -> float | None:
        """Return the `unit` that a call with these rows would find, or the one that was found before.

        Parameters
        ----------
        tomo, center, theta : as in a call; slices of the size of the detector are taken to be wanted
        """
        columns = np.shape(tomo)[-1]
        chunk = find_place(tomo, center, np.empty((len(tomo), columns, columns), np.float32))
        angles = np.asarray(theta, np.float64)
        _expect_scan(chunk, angles)
        with self._kept.lock:
            self._settle(chunk, angles, None, self._filter_name)
            return self.unit

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _asked(self, chunk: Chunk, keywords: dict[str, Any]) -> tuple[int | None, str | None]:
        """Return the size of slices where it is not the detector's, and the filter, or raise a `DataError`."""
        for name, value in keywords.items():
            if name not in FROM_TOMOPY or (name == "options" and value):
                near = did_you_mean(name, FROM_TOMOPY)
                raise DataError(f"{name}: not known here; give it to tomopy_algorithm(), if anywhere{near}")
        y, x = chunk.slices.shape[1:]
        if y != x:
            raise DataError(f"num_gridx, num_gridy: must be the same, as slices are square here; got {y} and {x}")
        said = keywords.get("filter_name")
        if said is not None and self._filter_name not in {None, str(said)}:
            raise DataError(f"filter_name: {str(said)!r} in the call, and {self._filter_name!r} in tomopy_algorithm()")
        columns, algorithm = chunk.sinograms.shape[2], self._stages[0]["reconstruct"]["algorithm"]
        if x != columns and algorithm != "fbp":
            raise DataError(
                f"num_gridx: {algorithm} makes slices as large as the detector, {columns} pixels, and {x} were asked "
                "for; the algorithm fbp makes them of any size"
            )
        return None if x == columns else x, self._filter_name if said is None else str(said)

    def _recipe(self, filter_name: str | None, size: int | None) -> Recipe:
        chosen = {"filter_name": filter_name, "size": size}
        given = {name: value for name, value in chosen.items() if value is not None}
        reconstruct = self._stages[0]["reconstruct"] | ({"options": given} if given else {})
        return parse_recipe(
            [{"reconstruct": reconstruct}, *self._stages[1:]], self._job.catalogue, source="tomopy_algorithm"
        )

    def _settle(self, chunk: Chunk, theta: Float64, size: int | None, filter_name: str | None) -> None:
        """Settle the stages on a scan, unless they are on one with as many angles and columns."""
        rows, angles, columns = chunk.sinograms.shape
        sample = sample_rows(Span(0, rows, rows), angles, columns)
        self._kept.settle(
            (angles, columns, size, filter_name),
            lambda: self._recipe(filter_name, size),
            lambda: _line_integrals(chunk, theta, *sample),
        )

    def _watch(self, stage: str, made: Any) -> None:
        """Tell where slices are much denser than the unit: they may be of another scan than the first."""
        unit = self.unit
        if stage != "reconstruct" or unit is None or TOO_DENSE in self._job.tally.notes.get("denoise", []):
            return
        middle = len(made.slices) // 2
        try:
            own = attenuation_unit(made.slices[middle : middle + 1])
        except DataError:  # Nothing absorbs there.
            return
        if own > DENSER * unit:
            self._tell("denoise", TOO_DENSE)

    def _tell(self, stage: str, sentence: str) -> None:
        if sentence not in self._job.tally.notes.get(stage, []):
            log.warning("%s", sentence)
        self._job.tally.note(stage, sentence)


def _expect_scan(chunk: Chunk, theta: Float64) -> None:
    rows, angles, columns = chunk.sinograms.shape
    expect_scan("tomo", (angles, rows, columns), theta, "theta")
    if np.abs(theta).max() > MOST_RADIANS:
        raise DataError(f"theta goes up to {np.abs(theta).max():.4g}: these are degrees; give radians (np.deg2rad)")


def _read(chunk: Chunk, theta: Float64, rows: int, first: int, last: int) -> Iterator[Sinograms]:
    return (_line_integrals(chunk, theta, part.first, part.last) for part in even_chunks(first, last, rows))


def _line_integrals(chunk: Chunk, theta: Float64, first: int, last: int) -> Sinograms:
    rows: Float32 = chunk.sinograms[first:last]
    for row, sinogram in enumerate(rows, first):
        if not np.isfinite(sinogram).all():
            lost = np.count_nonzero(~np.isfinite(sinogram))
            raise DataError(
                f"tomo: row {row} holds {lost} line integrals that are not finite; mend them first, as with "
                "tomopy.remove_nan and tomopy.remove_neg before tomopy.minus_log"
            )
    centers = chunk.centers
    center: float | Float64 = float(centers[0]) if (centers == centers[0]).all() else centers[first:last]
    return Sinograms(rows, theta, center, first_row=first)
