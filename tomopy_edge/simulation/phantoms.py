"""The kinds of objects that scans are simulated of, each drawn at random from a seeded generator.

Attenuation is relative here (a body is about 1); `Phantom.scaled` gives it the units of a scan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tomopy_edge.simulation.anatomy import VoxelVolume, cut
from tomopy_edge.simulation.fibres import fibres
from tomopy_edge.simulation.flaws import cracks, flaws
from tomopy_edge.simulation.matter import body, ellipses, foam, grains, layers, texture, tissue
from tomopy_edge.simulation.pieces import Phantom, Pieces, Shape, pick, pieces, section
from tomopy_edge.simulation.placing import Numbers, chance
from tomopy_edge.simulation.porous import rock
from tomopy_edge.simulation.voxels import Stack, Voxels

Feature = Callable[[np.random.Generator, float], Pieces]
"""Draws one sort of matter for a body of a given radius, pixels."""

FEATURES: dict[str, Feature] = {
    "ellipses": ellipses,
    "foam": foam,
    "grains": grains,
    "layers": layers,
    "cracks": cracks,
    "texture": texture,
    "tissue": tissue,
    "fibres": fibres,
}
LOOSE = {"grains", "fibres"}
"""Features that may lie in air; everything else needs matter around it."""

KINDS = (*FEATURES, "rock", "mixed")
"""Kinds that are drawn from nothing but a seed."""

VOLUME = "volume"
"""The kind that is cut from real volumes, where there are any."""

PARTS = {"mixed": 3}
"""Kinds that are made of several features; the others of one."""

WIDEST = 4.0
"""Widths of the detector that an object may have."""

FLAWED = 0.5
"""Share of the objects that have many thin cracks and small pores besides what their kind is made of."""


def draw_phantom(
    rng: np.random.Generator,
    kind: str,
    columns: int,
    *,
    fill: tuple[float, float] = (0.4, 0.95),
    rows: int = 3,
    flawed: float = FLAWED,
    volumes: Sequence[VoxelVolume] = (),
) -> Phantom:
    """Return a random object of a kind, for a detector of so many columns.

    Parameters
    ----------
    rng : a seeded generator; the same state gives the same phantom
    kind : one of `KINDS`, or `VOLUME`
    columns : detector pixels across
    fill : least and largest share of the detector's width that it takes up; above 1 it sticks out of the field of view
    rows : detector rows that will look at it; voxels are made for so many
    flawed : chance of thin cracks and small pores all over it
    volumes : what "volume" is cut from

    Raises
    ------
    ValueError : where there is no such kind, or "volume" without volumes
    """
    if kind not in (*KINDS, VOLUME):
        raise ValueError(f"kind: must be one of {', '.join((*KINDS, VOLUME))}, got {kind!r}")
    if kind == VOLUME and not volumes:
        raise ValueError(f"kind: {VOLUME!r} needs volumes to cut slices from")
    if not 0 < fill[0] <= fill[1] <= WIDEST:
        raise ValueError(f"width: must lie above 0 and up to {WIDEST:g} widths of the detector, got {fill}")
    radius = columns / 2 * rng.uniform(*fill)
    if kind in ("rock", VOLUME):
        size = max(columns, 2 * math.ceil(radius + 2))
        chosen = volumes[int(rng.integers(len(volumes)))] if kind == VOLUME else None
        slices: Stack = rock(rng, radius, rows, size) if chosen is None else cut(rng, chosen, radius, rows, size)
        return with_flaws(rng, Phantom(kind, pieces(0, Shape.BOX), Voxels(slices)), radius, flawed)
    flat = float(rng.uniform(0.7, 1.0))
    names = [kind] if kind in FEATURES else list(rng.choice(list(FEATURES), PARTS[kind], replace=False))
    parts = [FEATURES[name](rng, radius * flat * rng.uniform(0.8, 1.0)) for name in names]
    if not (set(names) <= LOOSE and parts[0]["attenuation"][0] > 0 and chance(rng, 0.5)):
        parts.insert(0, body(rng, radius, flat))
    phantom = with_flaws(rng, Phantom(kind, without_debts(np.concatenate(parts))), radius * flat, flawed)
    phantom.matter["x"] += rng.normal(0, columns * 0.02)
    phantom.matter["y"] += rng.normal(0, columns * 0.02)
    return phantom


def without_debts(matter: Pieces) -> Pieces:
    """Return matter whose holes take no more away than there is where their middles are."""
    from tomopy_edge.simulation.kernels import limit_holes

    near = np.abs(matter["z"]) < matter["c"]
    limited = matter.copy()
    limited["attenuation"][near] = limit_holes(unfaded(pick(matter, near)))
    return limited


def unfaded(matter: Pieces) -> Pieces:
    """Return the section at z = 0 with the pieces' own attenuation, which a lens cut off its middle lacks."""
    level = section(matter, 0.0)
    level["attenuation"] = matter["attenuation"]
    return level


def with_flaws(rng: np.random.Generator, phantom: Phantom, radius: float, share: float) -> Phantom:
    """Return a phantom that has, with a chance of `share`, thin cracks and small pores within a radius."""
    if not chance(rng, share):
        return phantom
    from tomopy_edge.simulation.kernels import density_at

    level = section(phantom.matter, 0.0)

    def density(x: Numbers, y: Numbers) -> Numbers:
        held = density_at(level, x, y)
        return held if phantom.voxels is None else held + phantom.voxels.density_at(x, y)

    return Phantom(phantom.kind, np.concatenate([phantom.matter, flaws(rng, radius, density)]), phantom.voxels)
