"""Stage `normalize`: counts become transmission, whatever is wrong with flats, darks or pixels."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Counts, Float32, Scan, Transmission
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.options import options

logger = logging.getLogger(__name__)


@options
class NormalizeOptions:
    """Options of the stage `normalize`."""

    average: Literal["mean", "median"] = "mean"
    """How frames are averaged, those from before and after the scan together; "median" withstands zingers in them."""

    missing_darks: Literal["zeros", "refuse"] = "zeros"
    """What to do without darks: take them as zero counts, with a warning, or refuse the scan."""

    missing_flats: Literal["refuse", "brightest"] = "refuse"
    """What to do without flats: refuse the scan, or let the brightest views of each pixel stand in, with a warning.
    That is right for a pixel that sees past the object in some views; for any other, absorption comes out too low."""

    brightest_share: float = 0.05
    """Share of a pixel's views whose mean stands in for its flat with `missing_flats: brightest`."""

    most_bad: float = 0.5
    """Share of a row's pixels that may be bad and replaced; with more the scan is refused."""

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1."""
        if not 0 < self.brightest_share <= 1:
            raise ValueError(f"brightest_share: must lie above 0 and up to 1, got {self.brightest_share}")
        if not 0 <= self.most_bad < 1:
            raise ValueError(f"most_bad: must lie between 0 and below 1, got {self.most_bad}")


def normalize(scan: Scan, options: NormalizeOptions, job: Job) -> Transmission:
    """Return (counts - dark) / (flat - dark), row by row.

    A pixel whose flat does not exceed its dark, or where one of them is not finite, saw no beam: its whole column of
    the sinogram is replaced by that of the nearest pixel of its row that did. Counts that are not finite are replaced
    by the nearest finite ones of the same view and row, after the division; a view without any by the nearest view. All
    are counted, and so are counts at the limit of an integer detector (`scan.full_scale`, or that of the arrays' own
    type where it is None), which are kept as they are.

    Parameters
    ----------
    scan : projections (angle, row, column), flats and darks (frame, row, column), counts

    Returns
    -------
    transmission (row, angle, column), float32, contiguous

    Raises
    ------
    DataError : where there are fewer than two projections, where flats or darks are missing and `options` refuse that,
        or where more than `options.most_bad` of a row is bad
    """
    if len(scan.projections) < 2:  # noqa: PLR2004 - one view is no tomogram
        raise DataError(f"a scan needs at least 2 projections to reconstruct, this one has {len(scan.projections)}")
    darks = _average_darks(scan, options, job)
    flats = _average_flats(scan, options, job)
    full_scale, counts = _full_scale(scan), scan.projections
    if counts.dtype not in (np.uint16, np.float32):
        counts = counts.astype(np.float32)
    angles, rows, columns = counts.shape
    transmission = np.empty((rows, angles, columns), np.float32)

    def fill(row: int) -> _Wrong:
        flat, place = None if flats is None else flats[row], f"row {scan.first_row + row}"
        return _fill(transmission[row], counts, row, darks[row], flat, full_scale, place, options)

    with ThreadPoolExecutor(job.ncore) as threads:
        found = list(threads.map(fill, range(rows)))
    saturated, unlit, not_finite = zip(*found, strict=True)
    job.tally.count_rows("normalize", f"counts at the limit of {full_scale}, kept", saturated)
    job.tally.count_rows("normalize", "pixels without beam replaced by their neighbour", unlit)
    job.tally.count_rows("normalize", "counts not finite replaced by their neighbour", not_finite)
    return Transmission(sinograms=transmission, theta=scan.theta, first_row=scan.first_row, pixel_size=scan.pixel_size)


class _Wrong(NamedTuple):
    """How much is wrong with a row: counts at the limit of the detector, pixels without beam, counts not finite."""

    saturated: int
    unlit: int
    not_finite: int


def _fill(
    sinogram: Float32,
    counts: Counts,
    row: int,
    dark: Float32,
    flat: Float32 | None,
    full_scale: int | None,
    place: str,
    options: NormalizeOptions,
) -> _Wrong:
    """Fill the `sinogram` (angle, column) of a row of `counts` (angle, row, column).

    Parameters
    ----------
    dark, flat : (column,); the brightest views stand in for a flat that is None
    place : where it is, for messages
    """
    from tomopy_edge.stages.count_kernels import transmit

    # What is not finite, or becomes so by a minute flat, is counted and replaced below.
    with np.errstate(over="ignore", invalid="ignore"):
        if flat is None:
            bright = _brightest(np.subtract(counts[:, row], dark, out=sinogram), options.brightest_share)
        else:
            bright = flat - dark
    lit = np.isfinite(bright) & (bright > 0)
    limit = np.float32(np.nan if full_scale is None else full_scale)
    saturated, wrong = transmit(counts, row, dark, np.where(lit, bright, np.float32(1)), limit, sinogram)
    unlit = _replace_unlit(sinogram, lit, place, options)
    return _Wrong(saturated, unlit, _replace_not_finite(sinogram, place, options) if wrong else 0)


def _average_darks(scan: Scan, options: NormalizeOptions, job: Job) -> Float32:
    if len(scan.darks):
        return _average(scan.darks, options)
    if options.missing_darks == "refuse":
        raise DataError("the scan has no darks; add them, or set normalize.missing_darks: zeros")
    _warn(job, "the scan has no darks: they were taken as zero counts")
    return np.zeros(scan.projections.shape[1:], np.float32)


def _average_flats(scan: Scan, options: NormalizeOptions, job: Job) -> Float32 | None:
    """Return (row, column), or None where the brightest views stand in."""
    if len(scan.flats):
        return _average(scan.flats, options)
    if options.missing_flats == "refuse":
        raise DataError(
            "the scan has no flats; add them, or set normalize.missing_flats: brightest to let the brightest views of "
            "each pixel stand in"
        )
    share = f"{100 * options.brightest_share:g} %"
    _warn(job, f"the scan has no flats: the mean of the brightest {share} of each pixel's views stood in for its flat")
    return None


def _average(frames: Counts, options: NormalizeOptions) -> Float32:
    """Return (row, column); only this, and never the scan itself, is computed in double precision."""
    if options.average == "median":
        return np.asarray(np.median(frames, axis=0), np.float32)
    return np.asarray(np.mean(frames, axis=0, dtype=np.float64), np.float32)


def _brightest(sinogram: Float32, share: float) -> Float32:
    """Return (column,): the mean of the brightest `share` of each column's views, above its dark."""
    views = len(sinogram)
    keep = max(1, round(share * views))
    known = np.where(np.isfinite(sinogram), sinogram, np.float32(-np.inf))
    brightest = np.partition(known, views - keep, axis=0)[views - keep :]
    return np.asarray(np.mean(brightest, axis=0, dtype=np.float64), np.float32)


def _full_scale(scan: Scan) -> int | None:
    if scan.full_scale is None and scan.projections.dtype.kind in "iu":
        return int(np.iinfo(scan.projections.dtype.name).max)
    return scan.full_scale


def _replace_unlit(sinogram: Float32, lit: NDArray[np.bool_], place: str, options: NormalizeOptions) -> int:
    unlit = np.flatnonzero(~lit)
    if not unlit.size:
        return 0
    if unlit.size > options.most_bad * lit.size or unlit.size == lit.size:
        raise DataError(
            f"normalize: in {place}, {unlit.size} of {lit.size} pixels saw no beam (the flat does not exceed the dark, "
            "or is not finite); mend flats and darks, leave the row out, or raise normalize.most_bad"
        )
    sinogram[:, unlit] = sinogram[:, _nearest(lit)[unlit]]
    return unlit.size


def _replace_not_finite(sinogram: Float32, place: str, options: NormalizeOptions) -> int:
    finite = np.isfinite(sinogram)
    bad = int(finite.size - np.count_nonzero(finite))
    if not bad:
        return 0
    if bad > options.most_bad * finite.size or bad == finite.size:
        raise DataError(
            f"normalize: in {place}, {bad} of {finite.size} counts are NaN or infinite; leave the row out, mend the "
            "file, or raise normalize.most_bad"
        )
    seen = np.asarray(finite.any(axis=1))
    for view in np.flatnonzero(seen & ~finite.all(axis=1)):
        sinogram[view] = sinogram[view, _nearest(finite[view])]
    sinogram[~seen] = sinogram[_nearest(seen)[~seen]]
    return bad


def _nearest(good: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for each place the nearest that is good; the lower of two equally near ones."""
    places, there = np.arange(good.size), np.flatnonzero(good)
    after = np.searchsorted(there, places).clip(max=there.size - 1)
    below, above = there[np.maximum(after - 1, 0)], there[after]
    return np.asarray(np.where(np.abs(places - below) <= np.abs(above - places), below, above))


def _warn(job: Job, sentence: str) -> None:
    if sentence not in job.tally.notes.get("normalize", []):
        logger.warning("normalize: %s", sentence)
    job.tally.note("normalize", sentence)


ENTRY = StageEntry(
    name="normalize",
    summary="Transmission from counts, flats and darks",
    options=NormalizeOptions,
    takes=Scan,
    gives=Transmission,
    open=each_chunk(normalize),
)
