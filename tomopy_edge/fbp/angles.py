"""How much of the half turn each projection stands for, whatever angles it was taken at."""

from __future__ import annotations

import numpy as np

from tomopy_edge.data import Float64

SAME = 1e-3
"""Angles nearer than this share of the mean step are one angle, measured more than once."""

WEDGE = 10.0
"""A gap wider than this many mean steps is a missing wedge rather than a few lost projections."""


def quadrature_weights(theta: Float64) -> Float64:
    """Return the angle that each projection stands for in the back-projection integral over half a turn.

    A projection at an angle and the one half a turn later are mirror images, so angles count modulo pi. Each stands
    for half of the gap to its neighbour on either side; projections at one angle share what that angle stands for. The
    weights then sum to pi, for a full turn as for half of one.

    A gap wider than ten mean steps is a missing wedge: nothing was measured in it, and letting the two projections at
    its edges stand for all of it would draw them as streaks across the slice. Such a gap counts as the mean of the
    others, so the weights then sum to the angle that was measured.

    Parameters
    ----------
    theta : (angle,), radians, in any order

    Returns
    -------
    (angle,), radians
    """
    folded = np.mod(theta, np.pi)
    order = np.argsort(folded, kind="stable")
    ascending = folded[order]
    gap_after = np.diff(ascending, append=ascending[0] + np.pi)
    same_as_next = gap_after < SAME * np.pi / len(theta)

    # The angle before the first is the last one: start the count of distinct angles behind a real gap.
    start = int(np.flatnonzero(~same_as_next)[-1]) + 1
    order, gap_after, ends_angle = np.roll(order, -start), np.roll(gap_after, -start), np.roll(~same_as_next, -start)
    distinct = np.concatenate([[0], np.cumsum(ends_angle)[:-1]])
    gaps = np.bincount(distinct, gap_after)
    wide = gaps > WEDGE * np.pi / len(gaps)
    gaps[wide] = gaps[~wide].mean()

    weights = np.empty(len(theta))
    weights[order] = ((gaps + np.roll(gaps, 1)) / 2 / np.bincount(distinct))[distinct]
    return weights
