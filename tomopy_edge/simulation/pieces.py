"""What a phantom is made of: ellipsoids and boxes whose line integrals are known in closed form.

Positions are pixels from the rotation axis, with x to the right, y up and z along the detector's rows. Pieces add up
where they overlap, so a pore is a piece of negative attenuation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.simulation.voxels import Voxels, axis_of


class Shape(IntEnum):
    """The form and the inner profile of a piece."""

    ELLIPSOID = 0
    """Uniform within an ellipsoid."""
    LENS = 1
    """An ellipsoid that is densest in its middle and fades to nothing at its surface: 1 - r^2."""
    WAVE = 2
    """An ellipsoid filled with a plane wave: texture, or a gradient where the wave is long."""
    BOX = 3
    """Uniform within a rectangular box."""
    ROD = 4
    """Uniform within a cylinder that lies in the slice, 2 a long: every section of it is a box, narrower off its
    middle."""


PIECE = np.dtype(
    [
        ("shape", np.int64),
        ("attenuation", np.float64),  # per pixel; of a wave its amplitude
        ("x", np.float64),
        ("y", np.float64),
        ("z", np.float64),
        ("a", np.float64),  # half axes, pixels; a and b lie in the slice, a at `angle` from x
        ("b", np.float64),
        ("c", np.float64),
        ("angle", np.float64),  # radians
        ("drift_x", np.float64),  # by how much a piece moves sideways from row to row
        ("drift_y", np.float64),
        ("wave_x", np.float64),  # wave vector, radians per pixel
        ("wave_y", np.float64),
        ("phase", np.float64),
    ]
)
"""One piece; an array of these is a phantom's matter."""

Pieces = NDArray[np.void]

MIRRORED = 32
"""Rows from the middle one, beyond which matter goes on as its own mirror image, and so on: pieces are scattered near
the middle, and what drifts from row to row must not leave the object."""


def pieces(count: int, shape: Shape, **fields: Any) -> Pieces:
    """Return `count` pieces of one shape; each field is one number for all of them, or an array of one for each.

    Left out, `c` is infinite (the piece looks the same in every row) and everything else is 0.
    """
    made = np.zeros(count, PIECE)
    made["shape"] = shape
    made["c"] = np.inf
    for name, values in fields.items():
        made[name] = values
    return made


def pick(matter: Pieces, chosen: NDArray[np.bool_]) -> Pieces:
    """Return a copy of some of the pieces."""
    some: Pieces = matter[chosen]
    return some


def section(matter: Pieces, z: float) -> Pieces:
    """Return the pieces as they are cut by the plane of detector row `z`: an ellipsoid becomes a smaller ellipse."""
    distance = (z - matter["z"]) / matter["c"]
    kept = pick(matter, np.abs(distance) < 1)
    height = z - kept["z"]
    kept["x"] += kept["drift_x"] * height
    kept["y"] += kept["drift_y"] * height
    rod = kept["shape"] == Shape.ROD
    shrink = np.where(kept["shape"] == Shape.BOX, 1.0, 1 - (height / kept["c"]) ** 2)
    kept["a"] *= np.where(rod, 1.0, np.sqrt(shrink))
    kept["b"] *= np.sqrt(shrink)
    # A lens keeps its profile when cut: m (1 - u^2 - v^2 - w^2) = m s (1 - u'^2 - v'^2) with s = 1 - w^2.
    kept["attenuation"] *= np.where(kept["shape"] == Shape.LENS, shrink, 1.0)
    kept["shape"][rod] = Shape.BOX
    return kept


@dataclass(frozen=True)
class Phantom:
    """An object on the rotation stage.

    Attributes
    ----------
    kind : what it resembles, one of `phantoms.KINDS`
    matter : (piece,), its pieces
    voxels : what of it is given as voxels, or None
    """

    kind: str
    matter: Pieces
    voxels: Voxels | None = None

    def slab(self, heights: range) -> Phantom:
        """Return the phantom with only those of its voxels that lie at some heights z, in memory."""
        return self if self.voxels is None else replace(self, voxels=self.voxels.slab(heights))

    def line_integrals(
        self, theta: NDArray[np.float64], rows: int | range, columns: int, center: float
    ) -> NDArray[np.float32]:
        """Return the exact line integrals of attenuation, row by row as a detector would see them.

        Parameters
        ----------
        theta : (angle,), radians
        rows : detector pixels, the middle row of which looks at z = 0; or the heights z that rows look at
        columns : detector pixels
        center : column of the rotation axis

        Returns
        -------
        (row, angle, column), each a mean over the width of the pixel
        """
        from tomopy_edge.simulation.kernels import add_projections

        heights = heights_of(rows) if isinstance(rows, int) else rows
        if self.voxels is None:
            projected = np.zeros((len(heights), len(theta), columns), np.float32)
        else:
            projected = self.voxels.line_integrals(theta, heights, columns, center)
        for z, row in zip(heights, projected, strict=True):
            add_projections(section(self.matter, mirrored(z)), np.cos(theta), np.sin(theta), center, row)
        return projected

    def slice_at(self, z: float, size: int, fineness: int = 4) -> NDArray[np.float32]:
        """Return the truth: attenuation per pixel, averaged over `fineness` x `fineness` points of each pixel.

        The rotation axis lies where TomoPy's gridrec and the project's FBP have it: for an even size at column size / 2
        and row size / 2 - 1, for an odd one at column (size + 1) / 2 and row (size - 3) / 2.

        Returns
        -------
        (y, x), attenuation per pixel
        """
        from tomopy_edge.simulation.kernels import add_slice

        truth = np.zeros((size, size), np.float32) if self.voxels is None else self.voxels.at(z, size)
        axis = axis_of(size)
        add_slice(section(self.matter, mirrored(z)), axis, size - 1 - axis, fineness, truth)
        return truth

    def scaled(self, absorption: float, columns: int) -> Phantom:
        """Return the phantom with its attenuation scaled so that its largest line integral is `absorption`."""
        theta = np.linspace(0, np.pi, 12, endpoint=False)
        largest = float(self.line_integrals(theta, 1, columns, columns / 2).max())
        if not largest > 0:
            raise ValueError(f"the phantom {self.kind!r} absorbs nothing in its middle row")
        matter = self.matter.copy()
        matter["attenuation"] *= absorption / largest
        voxels = self.voxels and replace(self.voxels, scale=self.voxels.scale * absorption / largest)
        return replace(self, matter=matter, voxels=voxels)


def mirrored(z: float) -> float:
    """Return the height, at most `MIRRORED` from 0, whose matter height `z` shows."""
    if abs(z) <= MIRRORED:
        return z
    turned = (z + MIRRORED) % (4 * MIRRORED)
    return min(turned, 4 * MIRRORED - turned) - MIRRORED


def heights_of(rows: int) -> range:
    """Return the heights z that so many detector rows look at: the middle one at 0."""
    return range(-(rows // 2), rows - rows // 2)
