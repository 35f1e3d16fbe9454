"""Arrays in, denoised slices out: the one call for a scientist's script."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import rows_at_once, sample_rows
from tomopy_edge.data import Float32, Float64, Sinograms
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job, Tally, at_least_one, available_cores, told_of_counts
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.runtimes import AUTO, partner_for
from tomopy_edge.pipeline import Span, settle, stream
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers.arrays import ArrayScan
from tomopy_edge.recipe import Recipe, parse_recipe
from tomopy_edge.reconstructors.tomopy import from_callable
from tomopy_edge.stages.read import even_chunks
from tomopy_edge.stages.reconstruct import open_with

log = logging.getLogger(__name__)

TOMOGAN = "tomogan"
"""The denoiser that takes a model, and the name of the model it takes where none is given."""

MOST_RADIANS = 4 * np.pi
"""A larger angle was meant in degrees."""

THICKEST = 1000.0
"""Line integral through which no ray comes, whatever its unit: detectors count to some tens of thousands."""


def recon_and_denoise(  # noqa: PLR0913 - TomoPy's names, all but the first two optional and by keyword
    tomo: ArrayLike,
    theta: ArrayLike,
    center: float | ArrayLike | None = None,
    *,
    flat: ArrayLike | None = None,
    dark: ArrayLike | None = None,
    sinogram_order: bool = False,
    algorithm: Any = "fbp",
    filter_name: str | None = None,
    denoiser: str = TOMOGAN,
    model: str | None = None,
    precision: str | None = None,
    fine_tune: bool = False,
    runtime: str | None = None,
    stripes: str = "none",
    mask: float | None = 1.0,
    trust: int | None = None,
    ncore: int | None = None,
    nchunk: int | None = None,
    tally: Tally | None = None,
    catalogue: Catalogue | None = None,
) -> Float32:
    """Reconstruct projections and denoise the slices.

    Parameters
    ----------
    tomo : (angle, row, column), or (row, angle, column) with `sinogram_order`. Raw counts where `flat` is given;
        otherwise line integrals, as `tomopy.recon` takes them.
    theta : (angle,), radians
    center : column of the rotation axis, one number or one per row, with pixel centres at whole numbers; None finds
        it by Vo's method. (`tomopy.recon` takes columns / 2 for None instead.)
    flat, dark : (frame, row, column), counts; `dark` None is taken as zero, with a warning
    algorithm : "fbp" (ours), the name of another reconstructor, or a callable of TomoPy's form
        `fn(tomo, center, recon, theta, **kwargs)` that fills `recon`
    filter_name : "ramlak", "shepp", "cosine", "hann", "hamming" or "none"; None is the algorithm's own default
        ("shepp" for "fbp")
    denoiser : "tomogan", "none", "total_variation", "non_local_means", or a plugin's
    model : name of a shipped model or path of a model folder, for "tomogan"; None takes the model "tomogan"
    precision : "int8", "int8-ptq" (quantized after training only), "chained" (with Fine-Tune in it) or "float", for
        "tomogan"; None takes what the model advises, or with `fine_tune` the network that Fine-Tune works behind
    fine_tune : whether the model's Fine-Tune network follows, on its own
    runtime : what runs the networks of "tomogan", such as "litert"; None takes one that works here and gives
        LiteRT's answers
    stripes : how rings are removed: a method of the stage `remove_stripes`
    mask : radius of the circle kept, as a share of the inscribed one; None keeps all
    trust : one slice in so many is examined for what the denoiser took away or made up; what is found is told in the
        log, and noted in `tally`. None examines none.
    ncore : threads; None takes all there are
    nchunk : rows worked on at once; None chooses by memory. The result does not depend on it.
    tally : where everything clipped, replaced or measured is counted, for those who want to know; None has the log
        warn of what was clipped or replaced
    catalogue : what plugins offer; None asks the built-in and the installed ones

    Returns
    -------
    (z, y, x) float32, attenuation per pixel; slices lie over those of TomoPy's gridrec

    Raises
    ------
    RecipeError, DataError, ModelError, PluginError : a sentence that says where, what was found and how to mend it

    Examples
    --------
    >>> import numpy as np, tomopy_edge
    >>> theta = np.linspace(0, np.pi, 90, endpoint=False)
    >>> disc = 0.02 * np.sqrt(np.maximum(0, 20.0**2 - (np.arange(64) - 31.5) ** 2))
    >>> slices = tomopy_edge.recon_and_denoise(np.tile(disc, (90, 2, 1)), theta, 31.5, denoiser="none")
    >>> slices.shape
    (2, 64, 64)
    """
    catalogue = catalogue or load_catalogue()
    job = Job(ncore=at_least_one("ncore", ncore, available_cores()), tally=tally or Tally(), catalogue=catalogue)
    spare_memory()
    scan = _array_scan(tomo, theta, flat, dark, sinogram_order=sinogram_order)
    for sentence in scan.notes:
        job.tally.note("read", sentence)
    rows_of = scan.read if flat is not None else partial(_line_integrals, scan)
    stages: list[dict[str, Any]] = [{"normalize": {}}, {"minus_log": {}}] if flat is not None else []
    stages.append({"remove_stripes": {"method": stripes}})
    stages.append({"find_center": {"center": _plain_center(center, scan.rows)}})
    stages.append({"reconstruct": {"algorithm": "fbp" if callable(algorithm) else algorithm, "mask": mask}})
    if filter_name is not None and not callable(algorithm):
        stages[-1]["reconstruct"]["options"] = {"filter_name": filter_name}
    stages += network_stages(denoiser, model, precision, runtime, fine_tune=fine_tune, catalogue=catalogue)
    stages += [] if trust is None else [{"trust": {"every": trust}}]
    recipe = parse_recipe(stages, catalogue, source="recon_and_denoise")
    if callable(algorithm):
        recipe = _with_algorithm(recipe, algorithm, filter_name)
    chunk = rows_at_once(scan, nchunk, free_memory())
    span = Span(0, scan.rows, scan.rows)
    job = dataclasses.replace(job, rows=(span.first, span.last))
    sample = rows_of(*sample_rows(span, scan.angles, scan.columns))
    if flat is None:
        _expect_line_integrals(scan, sample, job)
    recipe = settle(recipe, sample, job)

    def read(first: int, last: int) -> Iterator[Any]:
        return (rows_of(where.first, where.last) for where in even_chunks(first, last, chunk))

    slices = _gather(stream(recipe, read, span, job), scan.rows)
    if tally is None:
        _tell(job.tally)
    return slices


def _array_scan(tomo: ArrayLike, theta: ArrayLike, flat: Any, dark: Any, *, sinogram_order: bool) -> ArrayScan:
    if flat is None and dark is not None:
        raise DataError("dark is given without flat: give both for raw counts, neither for line integrals")
    angles = np.asarray(theta, np.float64)
    if angles.size and np.abs(angles).max() > MOST_RADIANS:
        raise DataError(f"theta goes up to {np.abs(angles).max():.4g}: these are degrees; give radians (np.deg2rad)")
    flats, darks = (None if frames is None else np.asarray(frames) for frames in (flat, dark))
    return ArrayScan(np.asarray(tomo), angles, flats, darks, sinogram_order=sinogram_order, source="tomo")


def _expect_line_integrals(scan: ArrayScan, sample: Any, job: Job) -> None:
    """Raise a `DataError` where a scan without flats holds whole numbers, and warn of numbers as large as counts."""
    if np.issubdtype(scan.tomo.dtype, np.integer):
        raise DataError(
            f"tomo holds whole numbers ({scan.tomo.dtype}), as counts are, and flat is not given: give flat and dark, "
            "or line integrals as floating-point numbers"
        )
    largest = float(np.abs(sample.line_integrals).max())
    if largest > THICKEST:
        told = f"line integrals go up to {largest:.4g}, through which no ray comes: counts need flat and dark"
        log.warning(told)
        job.tally.note("read", told)


def _tell(tally: Tally) -> None:
    """Have the log warn of what was clipped or replaced."""
    for line in told_of_counts(tally.counts):
        log.warning(line)


def _line_integrals(scan: ArrayScan, first: int, last: int) -> Sinograms:
    rows = scan.read(first, last)
    sinograms = np.ascontiguousarray(rows.projections.swapaxes(0, 1), np.float32)
    lost = np.count_nonzero(~np.isfinite(sinograms), axis=(1, 2))
    if lost.any():
        worst = int(lost.argmax())
        raise DataError(
            f"tomo: row {first + worst} holds line integrals that are not finite ({lost[worst]} of them); mend them, "
            "or give counts with flat and dark, where they are counted and replaced"
        )
    return Sinograms(sinograms, rows.theta, first_row=first)


def network_stages(
    denoiser: str,
    model: str | None = None,
    precision: str | None = None,
    runtime: str | None = None,
    *,
    fine_tune: bool = False,
    catalogue: Catalogue | None = None,
) -> list[dict[str, Any]]:
    """Return the stages of a recipe, as plain data, that denoise slices; see `recon_and_denoise`.

    Raises
    ------
    DataError : where what is asked for belongs to another denoiser, or would be done twice
    ModelError : where `fine_tune` is asked for and there is no such model
    """
    if denoiser != TOMOGAN:
        if (model, precision, runtime) != (None, None, None):
            raise DataError(f"model, precision, runtime: belong to the denoiser {TOMOGAN!r}, not to {denoiser!r}")
        if fine_tune:
            raise DataError(f"fine_tune: belongs to the denoiser {TOMOGAN!r}; {denoiser!r} has no Fine-Tune network")
        return [{"denoise": {"denoiser": denoiser}}]
    options = {"model": model or TOMOGAN} | ({"runtime": runtime} if runtime else {})
    if fine_tune:
        networks = open_model(options["model"]).manifest.denoise
        precision = precision or partner_for(runtime or AUTO, networks, catalogue or load_catalogue())
    denoise = {"denoise": {"denoiser": denoiser, "options": options | ({"precision": precision} if precision else {})}}
    if not fine_tune:
        return [denoise]
    if precision == "chained":
        raise DataError("fine_tune: a chained network has the Fine-Tune network in it; leave fine_tune out")
    return [denoise, {"fine_tune": options | ({"precision": "float"} if precision == "float" else {})}]


def _plain_center(center: Any, rows: int) -> float | list[float] | None:
    if center is None:
        return None
    columns: Float64 = np.asarray(center, np.float64)
    if columns.size == 1:
        return float(columns.ravel()[0])
    if columns.shape != (rows,):
        raise DataError(f"center must be one column, or one for each of the {rows} rows, got shape {columns.shape}")
    return [float(column) for column in columns]


def _with_algorithm(recipe: Recipe, algorithm: Any, filter_name: str | None) -> Recipe:
    """Return `recipe` with a callable of TomoPy's form in place of the named algorithm."""
    settings = {} if filter_name is None else {"filter_name": filter_name}
    blocks = [
        dataclasses.replace(
            block, entry=dataclasses.replace(block.entry, open=open_with(from_callable(algorithm, **settings)))
        )
        if block.entry.name == "reconstruct"
        else block
        for block in recipe.blocks
    ]
    return Recipe(tuple(blocks))


def _gather(volumes: Iterator[Any], rows: int) -> Float32:
    gathered: Float32 | None = None
    for volume in volumes:
        if gathered is None:
            gathered = np.empty((rows, *volume.slices.shape[1:]), np.float32)
        gathered[volume.first_row : volume.first_row + len(volume.slices)] = volume.slices
    assert gathered is not None, "a scan has at least one row"  # noqa: S101 - ArrayScan refused others
    return gathered
