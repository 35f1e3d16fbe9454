"""How much of their contrast thin cracks and small pores keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.evaluation.measures import inner_circle

Kind = Literal["cracks", "pores"]

KINDS: tuple[Kind, ...] = ("cracks", "pores")
"""Kinds of details, by the number of their type."""

WIDEST: dict[Kind, float] = {"cracks": 2.0, "pores": 4.0}
"""Widest crack that counts as thin and widest pore that counts as small, pixels."""

MARGIN = 4.0
"""How far around a detail the slice is looked at, pixels."""

FINENESS = 8
"""Points along each edge of a pixel that tell how much of it a detail covers."""

FAINT = 0.02
"""Share of the truth's range: a detail fainter than this in the truth, such as one in air, has no contrast to keep."""

SINGULAR = 1e-6
"""Singular values below this share of the largest are zero: a detail alone in uniform matter has no surroundings."""

DEFINITION = (
    f"over a detail and the {MARGIN:g} pixels around it, the slice is fitted by least squares with the detail as it is "
    "in the truth, the truth without it, and a constant; the first one's factor, 1 where all contrast is kept; cracks "
    f"at most {WIDEST['cracks']:g} pixels wide, pores at most {WIDEST['pores']:g}"
)
"""What contrast means, for the table."""


@dataclass(frozen=True)
class Detail:
    """A crack or a pore, and the pixels around it.

    Attributes
    ----------
    kind : of detail
    rows, columns : (pixel,), of the slice
    parts : (pixel, 3), what a slice is fitted with: the detail alone as it is in the truth, the truth without it, and 1
    """

    kind: Kind
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    parts: Float64

    def contrast(self, denoised: Float32) -> float:
        """Return the share of its contrast that the detail kept in a slice (y, x); 1 is all, 0 none.

        The edges of the surroundings, other details among them, are fitted with a factor of their own: a denoiser that
        blurs them is not to gain or lose by that here. Noise of zero mean does not bias the share.
        """
        seen = denoised[self.rows, self.columns].astype(np.float64)
        factors, *_ = np.linalg.lstsq(self.parts, seen, rcond=SINGULAR)
        return float(factors[0])


def visible_details(truth: Float32, features: Float64, blur: float = 0.0) -> tuple[Detail, ...]:
    """Return the fine details of a slice that have a contrast to keep.

    Left out is what is wider than `WIDEST`, fainter than `FAINT` in the truth, or not wholly inside the measured
    circle. How deep a detail is in the truth is found by least squares over its pixels: truth = depth * cover +
    depth of the others * cover by the others + constant, where cover is the share of each pixel that is filled.

    Parameters
    ----------
    truth : (y, x), attenuation per pixel
    features : (detail, 8); see `Case.features`
    blur : standard deviation of the blur that the truth shows, pixels
    """
    faintest = FAINT * float(np.ptp(truth[inner_circle(truth.shape)]))
    windows = [covered(feature, truth.shape, blur) for feature in features]
    together = np.zeros(truth.shape)
    for rows, columns, cover in windows:
        together[rows, columns] += cover
    found = []
    for feature, (rows, columns, cover) in zip(features, windows, strict=True):
        kind = KINDS[int(feature[0])]
        a, b = feature[4:6]
        if 2 * (b if kind == "cracks" else max(a, b)) > WIDEST[kind] or not rows.size:
            continue
        true = truth[rows, columns].astype(np.float64)
        constant = np.ones_like(true)
        parts = np.stack([cover, together[rows, columns] - cover, constant], axis=1)
        (depth, *_), *_ = np.linalg.lstsq(parts, true, rcond=SINGULAR)
        if abs(depth) > faintest:
            alone = depth * cover
            found.append(Detail(kind, rows, columns, np.stack([alone, true - alone, constant], axis=1)))
    return tuple(found)


def covered(
    feature: Float64, shape: tuple[int, ...], blur: float = 0.0
) -> tuple[NDArray[np.intp], NDArray[np.intp], Float64]:
    """Return the pixels on and around a detail, and how much of each it covers, as a blurred slice would show it.

    Parameters
    ----------
    feature : (8,); see `Case.features`
    shape : (y, x) of the slice

    Returns
    -------
    rows, columns, cover : (pixel,) each; empty where they are not wholly inside the measured circle
    """
    from scipy.ndimage import gaussian_filter

    _, x, y, _, a, b, _, angle = feature
    height, width = shape
    row, column = height - 1 - (height + 1) // 2 - y, (width + 1) // 2 + x
    reach = int(np.ceil(max(a, b) + MARGIN)) + 1
    top, left, edge = round(row) - reach, round(column) - reach, 2 * reach + 1
    # Points of each pixel, from the detail's middle; y goes up and rows go down.
    points = (np.arange(edge * FINENESS) + 0.5) / FINENESS - 0.5
    up, right = np.meshgrid(row - top - points, points - (column - left), indexing="ij")
    along = right * np.cos(angle) + up * np.sin(angle)
    across = up * np.cos(angle) - right * np.sin(angle)
    filled = (along / a) ** 2 + (across / b) ** 2 <= 1
    cover = filled.reshape(edge, FINENESS, edge, FINENESS).mean(axis=(1, 3))
    if blur:
        cover = gaussian_filter(cover, blur)
    near = (along / (a + MARGIN)) ** 2 + (across / (b + MARGIN)) ** 2 <= 1
    v, u = np.nonzero(near[FINENESS // 2 :: FINENESS, FINENESS // 2 :: FINENESS])
    rows, columns = top + v, left + u
    none = np.empty(0, np.intp)
    if min(rows.min(), columns.min()) < 0 or rows.max() >= height or columns.max() >= width:
        return none, none, np.empty(0)
    if not inner_circle(shape)[rows, columns].all():
        return none, none, np.empty(0)
    return rows, columns, cover[v, u]
