"""Real scans, whose truth nobody knows: some of the views, or of the photons, are judged by all the others.

The noise of the two parts' photons is independent, so what a denoiser takes away of it brings its slice nearer to the
others' raw one, and what it invents or eats takes it away from there (J. Lehtinen et al., Noise2Noise, ICML 2018; A. A.
Hendriksen et al., Noise2Inverse, IEEE Transactions on Computational Imaging 6 (2020) 1320). Parts of the views share
their flats and darks, and so their rings: what is common to both is no noise here, and leaving it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import sample_rows
from tomopy_edge.data import Scan
from tomopy_edge.errors import DataError
from tomopy_edge.evaluation.cases import Source
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Span, settle
from tomopy_edge.readers import ScanFile, open_scan
from tomopy_edge.recipe import parse_recipe

ROWS = 3
"""Adjacent rows that are read; the middle one is judged."""

FEWEST = 16
"""Views that a part must hold at least."""

EVERY = (2, 4, 8, 16)
"""Which parts are taken where nothing else is said: every 2nd view, every 4th, and so on."""

SEED = 1
"""Of the photons that a thinned scan keeps."""


@dataclass(frozen=True)
class Half:
    """A part of a scan, and what it is judged by.

    Attributes
    ----------
    name : which part, in words
    part : the part of a scan that is denoised
    others : all that is not in `part`, or None for a whole scan, which is judged by itself
    share : of the scan's photons that `part` holds
    center : column of the rotation axis
    """

    name: str
    part: Scan
    others: Scan | None
    share: float
    center: float

    @property
    def most(self) -> float:
        """By how many dB a denoised part can come nearer to the others than the raw part is: 10 log10(1 / share).

        The raw part differs from the others by the noise of both, a slice without noise by that of the others alone;
        variances go as one over the share of the photons. Reached where noise is all that differs.
        """
        return float(-10 * np.log10(self.share))


def every_nth(scan: Scan, every: int, center: float) -> Half:
    """Return every `every`-th view of a scan, to be judged by all others.

    Raises
    ------
    DataError : where too few views would be left on one side
    """
    taken = np.zeros(len(scan.theta), bool)
    taken[::every] = True
    count = int(taken.sum())
    if every < 2 or min(count, len(taken) - count) < FEWEST:  # noqa: PLR2004 - all views leave none to judge by
        raise DataError(
            f"--every {every}: takes {count} of {len(taken)} views; both parts need at least {FEWEST} views, so give "
            f"a number from 2 to {max(len(taken) // FEWEST, 2)}"
        )
    name = f"1 view in {every} ({count})"
    return Half(name, _views(scan, taken), _views(scan, ~taken), count / len(taken), center)


def thinned(scan: Scan, share: float, center: float) -> Half:
    """Return a scan that keeps each photon with the probability `share`, to be judged by the photons it did not keep.

    Every count above the dark level is taken for one photon: then both parts are Poisson distributed and independent.
    Flats are divided likewise, or both parts would have the same rings.

    Raises
    ------
    DataError : where `share` does not lie between 0 and 1, or the scan has no flats
    """
    if not 0 < share < 1:
        raise DataError(f"--thin {share:g}: the share of the photons must lie between 0 and 1")
    if not scan.flats.size:
        raise DataError(f"--thin {share:g}: counts without flats cannot be divided; give a scan with flats")
    rng = np.random.default_rng(SEED)
    dark = scan.darks.mean(axis=0, dtype=np.float64) if scan.darks.size else np.zeros(scan.flats.shape[1:])
    kept, left = {}, {}
    for name in ("projections", "flats"):
        photons = np.rint(np.maximum(getattr(scan, name) - dark, 0)).astype(np.int64)
        some = rng.binomial(photons, share)
        kept[name], left[name] = some.astype(np.float32), (photons - some).astype(np.float32)
    nothing = np.zeros((1, *scan.flats.shape[1:]), np.float32)
    part, others = (replace(scan, darks=nothing, full_scale=None, **frames) for frames in (kept, left))
    return Half(f"{share:.3g} of the counts", part, others, share, center)


def halves_of(
    path: Path,
    catalogue: Catalogue,
    ncore: int,
    *,
    every: Sequence[int] | None = None,
    thin: Sequence[float] | None = None,
    center: float | None = None,
) -> Source[Half]:
    """Return parts of the middle rows of a scan file, and at last the whole scan.

    Parameters
    ----------
    every : distances between the views that are taken; None takes those of `EVERY` that leave enough views, unless
        `thin` is given
    thin : shares of the counts that are kept
    center : column of the rotation axis, or None to find it

    Raises
    ------
    DataError : where the scan cannot be read, or not be divided so
    """
    with open_scan(path) as opened:
        first = max(0, (opened.rows - ROWS) // 2)
        scan = opened.read(first, min(opened.rows, first + ROWS))
        axis = _axis(opened, catalogue, ncore) if center is None else center
    if every is None:
        every = [] if thin else [number for number in EVERY if len(scan.theta) >= number * FEWEST]
    halves = [every_nth(scan, number, axis) for number in every]
    halves += [thinned(scan, share, axis) for share in thin or ()]
    halves.append(Half(f"all views ({len(scan.theta)})", scan, None, 1.0, axis))
    row = first + scan.projections.shape[1] // 2

    def cases() -> Iterator[Half]:
        yield from halves

    return Source(f"{path.name}, row {row}, rotation axis at column {axis:.2f}", len(halves), cases)


def _axis(opened: ScanFile, catalogue: Catalogue, ncore: int) -> float:
    recipe = parse_recipe([{"normalize": {}}, {"minus_log": {}}, {"find_center": {}}], catalogue, source="evaluate")
    job = Job(ncore=ncore, catalogue=catalogue)
    settled = settle(
        recipe, opened.read(*sample_rows(Span(0, opened.rows, opened.rows), opened.angles, opened.columns)), job
    )
    return float(settled.blocks[-1].options.center)


def _views(scan: Scan, taken: NDArray[np.bool_]) -> Scan:
    return replace(scan, projections=scan.projections[taken], theta=scan.theta[taken])
