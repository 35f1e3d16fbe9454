"""Phantoms to measure by: cracks and pores of one to four pixels, each alone in calm matter, and where they are."""

from __future__ import annotations

import math

import numpy as np

from tomopy_edge.data import Float64
from tomopy_edge.simulation.pieces import Phantom, Shape, pieces, section
from tomopy_edge.simulation.placing import apart

DETAILS = "details"
"""Name of this kind."""

CRACK, PORE = 0, 1
"""Types of features."""

FIELDS = ("type", "x", "y", "z", "a", "b", "c", "angle")
"""Columns of a feature: its type, its middle, its half axes, and the angle of a from x; pixels from the rotation axis
with y up, radians."""

CRACKS, PORES = 24, 40
"""Features that are tried; those for which there is no room are left out."""

CLEAR = 7.0
"""Pixels around a feature that hold nothing else, at least."""

THROUGH = 200.0
"""Half the height of a crack, rows."""

GENTLE = 3
"""Broad bumps that make the matter calm rather than uniform."""


def draw_details(rng: np.random.Generator, columns: int, width: float) -> tuple[Phantom, Float64]:
    """Return a phantom with isolated details, and their features.

    Cracks are flat ellipses 1 to 2 pixels wide and run through all rows; pores are round, 1 to 4 pixels across, and
    lie in the middle row. They take 50 to 100 % of the matter where they are.

    Parameters
    ----------
    rng : a seeded generator; the same state gives the same phantom
    columns : detector pixels across
    width : of the object, as a share of the detector's

    Returns
    -------
    phantom, and its features (detail, 8); see `FIELDS`
    """
    from tomopy_edge.simulation.kernels import density_at

    radius = columns / 2 * width
    across = radius * rng.uniform(0.8, 1.0)
    body = pieces(1, Shape.ELLIPSOID, attenuation=1, a=radius, b=across)
    place = {"x": rng.normal(0, radius / 4, GENTLE), "y": rng.normal(0, radius / 4, GENTLE)}
    bumps = pieces(
        GENTLE, Shape.LENS, attenuation=rng.uniform(-0.15, 0.15, GENTLE), a=radius / 2, b=radius / 2, **place
    )
    calm = np.concatenate([body, bumps])

    lengths, widths = rng.uniform(8, 24, CRACKS), rng.uniform(0.5, 1.0, CRACKS)
    sizes = np.exp(rng.uniform(math.log(0.5), math.log(2.0), PORES))
    reach = np.concatenate([lengths, sizes]) + CLEAR / 2
    x, y, placed = apart(rng, reach, across * 0.92, CLEAR / 2)
    features = np.zeros((len(x), len(FIELDS)))
    for row, found in enumerate(np.searchsorted(np.sort(reach), placed)):
        one = np.argsort(reach)[found]
        crack = one < CRACKS
        half = (lengths[one], widths[one], THROUGH) if crack else (sizes[one - CRACKS],) * 3
        turned = rng.uniform(0, math.pi) if crack else 0.0
        features[row] = (CRACK if crack else PORE, x[row], y[row], 0, *half, turned)

    contrast = -rng.uniform(0.5, 1.0, len(features)) * density_at(section(calm, 0.0), x.copy(), y.copy())
    named = dict(zip(FIELDS[1:], features.T[1:], strict=True))
    return Phantom(
        DETAILS, np.concatenate([calm, pieces(len(x), Shape.ELLIPSOID, attenuation=contrast, **named)])
    ), features
