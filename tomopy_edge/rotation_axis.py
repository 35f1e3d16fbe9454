"""How sinograms alone tell the column of the rotation axis: by Vo's method, and by opposite views."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64, Sinograms
from tomopy_edge.errors import DataError

MOST_VIEWS = 256
"""Views of half a turn that are kept; more are averaged in groups, which takes away noise but not the axis."""

FEWEST_COLUMNS = 256
"""Width down to which columns are averaged: the double wedge holds none of the finer detail of a wider sinogram."""

FEWEST_VIEWS = 8

OBJECT_WIDTH = 2.0
"""How wide the object may be, in widths of the detector: Vo's `ratio`. Narrower than the object truly is misleads by
many columns; wider costs nothing measurable."""

FINE_STEPS = np.arange(-6, 7) / 4
"""Averaged columns around the best of the coarse search: the parabola through their metrics is wide enough not to
follow the noise of the metric."""

MOST_PAIRS = 32

Metric = Callable[[float], float]


def by_vo(sinograms: Sinograms, search: float, ncore: int) -> tuple[float, list[float]]:
    """Return the axis of all rows together and of each alone, by Vo's double-wedge metric.

    A sinogram of half a turn, followed by its mirror image about the axis, is one of a full turn, and the Fourier
    transform of that is nearly empty within a double wedge. The metric of the place is how full it is. Here it is that
    of algotom to the bit, without the libraries which that loads, and summed over rows (relative to its mean), with the
    columns averaged to 256 to 511. It is sought at whole steps around where the views at the ends of the half turn
    mirror each other, then in quarter steps near the lowest, and placed by the parabola through those.

    Parameters
    ----------
    sinograms : (row, angle, column), after minus_log; views in any order, of half a turn or more
    search : columns on each side of the middle

    Returns
    -------
    columns, with pixel centres at whole numbers

    Raises
    ------
    DataError : where there are too few views for a double wedge

    References
    ----------
    N. T. Vo et al., "Reliable method for calculating the center of rotation in parallel-beam tomography", Optics
    Express 22 (2014) 19078, doi:10.1364/OE.22.019078.
    """
    halves = [half_turns(row, sinograms.theta) for row in sinograms.line_integrals]
    columns = sinograms.line_integrals.shape[2]
    factor = max(1, columns // FEWEST_COLUMNS)
    narrowed = [[_narrow(half, factor) for half in row] for row in halves]
    if min(len(half) for row in narrowed for half in row) < FEWEST_VIEWS:
        raise DataError(
            f"find_center: Vo's method takes {FEWEST_VIEWS} views of half a turn, there are fewer; choose "
            "find_center.method: correlation, or give find_center.center"
        )
    metrics = [_metric(row) for row in narrowed]
    last = columns // factor - 1
    # Far from the axis algotom fills what the mirror image leaves open with the sinogram itself, and the metric is low
    # where that is all of the object: only the surroundings of a rough place are searched.
    rough = _rough(narrowed, search / factor)
    around = rough + np.arange(-np.ceil(last / 16), np.ceil(last / 16) + 1)
    coarse = around[(abs(around - last / 2) <= search / factor + 0.5) & (around >= 0) & (around <= last)]

    with ThreadPoolExecutor(ncore) as threads:

        def lowest(rows: list[int]) -> float:
            def total(trials: Float64) -> Float64:
                full = np.array([list(threads.map(metrics[row], trials.tolist())) for row in rows])
                return np.asarray((full / full.mean(axis=1, keepdims=True)).sum(axis=0))

            best = float(coarse[total(coarse).argmin()])
            square, slope, _ = np.polyfit(FINE_STEPS, total(np.clip(best + FINE_STEPS, 0, last)), 2)
            offset = np.clip(-slope / (2 * square), FINE_STEPS[0], FINE_STEPS[-1]) if square > 0 else 0.0
            # A group of `factor` columns has its centre (factor - 1) / 2 columns right of its first.
            return float((best + offset) * factor + (factor - 1) / 2)

        everything = list(range(len(halves)))
        together = lowest(everything)
        return together, [together] if len(halves) == 1 else [lowest([row]) for row in everything]


def by_correlation(sinograms: Sinograms, search: float) -> tuple[float, list[float], float]:
    """Return the axis of all rows together and of each alone from views half a turn apart, and how far they miss that.

    A view and its opposite mirror each other about the axis: the place is where their correlation, over the columns
    that both see, is best. Views are smoothed over 2 columns first. A scan of half a turn has one pair, of its first
    and last views, a full turn has many.

    Parameters
    ----------
    sinograms : (row, angle, column), after minus_log; views in any order
    search : columns on each side of the middle

    Returns
    -------
    columns, with pixel centres at whole numbers; radians by which the worst pair used is not half a turn apart

    Raises
    ------
    DataError : where no two views are half a turn apart, to within one and a half angular steps
    """
    from scipy.ndimage import gaussian_filter1d

    pairs, miss = opposite_views(sinograms.theta)
    columns = sinograms.line_integrals.shape[2]
    views = gaussian_filter1d(sinograms.line_integrals[:, pairs], 2.0, axis=-1)
    shifts = np.arange(-int(2 * search), int(2 * search) + 1)
    likeness = np.array([_likeness(views[:, :, 0], views[:, :, 1, ::-1], int(shift)) for shift in shifts])
    trials = (columns - 1 + shifts) / 2
    together = _vertex(trials, likeness.sum(axis=1))
    return together, [_vertex(trials, row) for row in likeness.T], miss


def half_turns(sinogram: Float32, theta: Float64) -> list[Float32]:
    """Return the half turns of a sinogram, each evenly spaced: one, or two where the views go all the way round.

    Views are averaged into at most 256 groups of equal angle; what falls between views is interpolated.

    Parameters
    ----------
    sinogram : (angle, column)
    theta : (angle,), radians, in any order

    Returns
    -------
    each (view, column), from its first angle up to but not including half a turn later
    """
    turned = np.sort(np.mod(theta, 2 * np.pi))
    gaps = np.diff(turned, append=turned[0] + 2 * np.pi)
    first = turned[(int(gaps.argmax()) + 1) % len(turned)]
    halves: list[Float32] = []
    for start in (first, first + np.pi):
        angle = np.mod(theta - start + 1e-6, 2 * np.pi) - 1e-6
        inside = angle < np.pi - 2e-6
        distinct = len(np.unique(angle[inside].round(6)))
        if not distinct or (halves and angle[inside].max() - angle[inside].min() < 0.9 * np.pi):
            continue
        together = -(-distinct // MOST_VIEWS)
        count = distinct // together
        group = np.floor(angle[inside] * count / np.pi + 0.5 / together).astype(int)
        halves.append(_evenly(sinogram[inside][group < count], group[group < count], count))
    return halves


def opposite_views(theta: Float64) -> tuple[NDArray[np.intp], float]:
    """Return the pairs (pair, 2) of views nearest to half a turn apart, and how far the worst of them misses it.

    Raises
    ------
    DataError : where none is within one and a half times the usual angular step
    """
    turned = np.mod(theta, 2 * np.pi)
    steps = np.diff(np.unique(turned.round(6)))
    tolerance = 1.5 * float(np.median(steps)) if steps.size else 0.0
    apart = np.abs(np.mod(turned[np.newaxis] - turned[:, np.newaxis], 2 * np.pi) - np.pi)
    partner = apart.argmin(axis=1)
    miss = apart.min(axis=1)
    pairs = {(min(a, b), max(a, b)): miss[a] for a, b in enumerate(partner.tolist()) if miss[a] <= tolerance}
    if not pairs:
        raise DataError(
            "find_center: no two views are half a turn apart, the nearest miss it by "
            f"{np.degrees(miss.min()):.2f} degrees; choose find_center.method: vo, or give find_center.center"
        )
    best = sorted(pairs, key=lambda pair: (round(pairs[pair], 9), pair))
    # Of a half turn, only the pair at its ends comes near; others miss by more, all to the same side.
    best = [pair for pair in best if pairs[pair] <= pairs[best[0]] + 1e-6]
    spread = np.linspace(0, len(best) - 1, min(MOST_PAIRS, len(best))).round().astype(int)
    chosen = [best[place] for place in spread]
    return np.array(chosen, np.intp), float(max(pairs[pair] for pair in chosen))


def _metric(halves: list[Float32]) -> Metric:
    """Return how full the double wedge of one row is, as a function of the axis; each place is computed once."""
    wedges = [double_wedge(*half.shape) for half in halves]

    @cache
    def metric(center: float) -> float:
        return sum(fullness(half, center, wedge) for half, wedge in zip(halves, wedges, strict=True))

    return metric


def double_wedge(views: int, columns: int) -> Float32:
    """Return where the spectrum of a full turn, (2 views, columns), is nearly empty: 1 there and 0 elsewhere.

    The rows and columns around the middle are left out, where the spectrum of whatever sinogram is strong.
    """
    rows = 2 * views
    row, column = (np.arange(size) - size // 2 for size in (rows, columns))
    reach = abs(np.ceil(row * ((rows - 1) / (2 * np.pi * rows)) / (OBJECT_WIDTH * columns / 2) / (1 / columns)))
    inside = (abs(column) <= reach[:, np.newaxis]) & (abs(column) > 1)
    inside[abs(row) <= min(20, int(0.05 * rows))] = False
    return np.asarray(inside, np.float32)


def fullness(half: Float32, center: float, wedge: Float32) -> float:
    """Return the mean magnitude within the double wedge of half a turn followed by its mirror image about `center`.

    What the mirror image leaves open is filled with the half turn itself, as algotom does: with zeros there would be an
    edge, which fills the wedge.
    """
    from scipy.ndimage import shift

    offset = 2 * center - (half.shape[1] - 1)
    flipped = half[:, ::-1]
    mirrored = np.roll(flipped, int(offset), axis=1) if offset.is_integer() else shift(flipped, (0, offset))
    left_open = slice(0, int(np.ceil(offset))) if offset >= 0 else slice(int(np.floor(offset)), None)
    mirrored[:, left_open] = half[::-1, left_open]
    spectrum = np.fft.fftshift(np.fft.fft2(np.vstack([half, mirrored])))
    return float(np.mean(abs(spectrum) * wedge))


def _rough(halves: list[list[Float32]], search: float) -> float:
    """Return the column about which the first views of half turns and the last ones mirror each other best."""
    from scipy.ndimage import gaussian_filter1d

    columns = halves[0][0].shape[1]
    shifts = np.arange(-int(2 * search), int(2 * search) + 1)
    likeness = np.zeros(len(shifts))
    for half in (half for row in halves for half in row):
        ends = max(1, len(half) // 32)
        smooth = gaussian_filter1d(half, 1.0, axis=1)
        first, last = smooth[np.newaxis, :ends], smooth[np.newaxis, : -ends - 1 : -1, ::-1]
        likeness += [float(_likeness(first, last, int(shift))[0]) for shift in shifts]
    return float((columns - 1 + shifts[likeness.argmax()]) / 2)


def _evenly(views: Float32, group: NDArray[np.intp], count: int) -> Float32:
    """Return (count, column): the mean of each group's views, interpolated over groups without any."""
    found = np.bincount(group, minlength=count)
    sums = np.zeros((count, views.shape[1]), np.float64)
    np.add.at(sums, group, views)
    there = np.flatnonzero(found)
    means = sums[there] / found[there, np.newaxis]
    place = np.interp(np.arange(count), there, np.arange(len(there)))
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(there) - 1)
    share = (place - below)[:, np.newaxis]
    return np.asarray((1 - share) * means[below] + share * means[above], np.float32)


def _narrow(half: Float32, factor: int) -> Float32:
    views, columns = half.shape
    width = columns // factor
    return np.asarray(half[:, : width * factor].reshape(views, width, factor).mean(axis=2))


def _likeness(views: Float32, mirrored: Float32, shift: int) -> Float64:
    """Return the correlation (row,) of views (row, pair, column) with mirrored opposites, moved right by `shift`."""
    columns = views.shape[-1]
    ours = views[..., max(shift, 0) : columns + min(shift, 0)].astype(np.float64)
    theirs = mirrored[..., max(-shift, 0) : columns - max(shift, 0)].astype(np.float64)
    ours = ours - ours.mean(axis=-1, keepdims=True)
    theirs = theirs - theirs.mean(axis=-1, keepdims=True)
    power = (ours**2).sum(axis=(1, 2)) * (theirs**2).sum(axis=(1, 2))
    product = (ours * theirs).sum(axis=(1, 2))
    return np.asarray(product / np.sqrt(np.maximum(power, np.finfo(np.float64).tiny)))


def _vertex(trials: Float64, likeness: Float64) -> float:
    """Return where the parabola through the best of evenly spaced trials and its neighbours peaks."""
    best = int(likeness.argmax())
    if not 0 < best < len(trials) - 1:
        return float(trials[best])
    left, top, right = likeness[best - 1 : best + 2]
    bend = left - 2 * top + right
    offset = 0.5 * (left - right) / bend if bend else 0.0
    return float(trials[best] + offset * (trials[best + 1] - trials[best]))
