"""How the angles of a file become radians, and what is done where its numbers contradict its units."""

from __future__ import annotations

import numpy as np

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError

TURN_IN = {"degrees": 360.0, "radians": 2 * np.pi}

SPELLINGS = {
    "deg": "degrees",
    "degree": "degrees",
    "degrees": "degrees",
    "°": "degrees",
    "rad": "radians",
    "radian": "radians",
    "radians": "radians",
}

NEAR = 0.02
"""How near to a half or a whole turn the angles of a scan come, relative."""


def to_radians(values: Float64, units: str | None, place: str) -> tuple[Float64, list[str]]:
    """Return angles in radians, and notes on what was assumed.

    Where a file does not state a unit, its angles are degrees, as DataExchange and NXtomo have it, unless they span a
    half or a whole turn in radians to 2 %.

    Parameters
    ----------
    values : (angle,), in `units`
    units : what the file says, such as "deg"; None where it says nothing
    place : where in which file they stand, for messages

    Raises
    ------
    DataError : where the stated unit cannot be true: the angles span a half or a whole turn in the other unit
    """
    stated = SPELLINGS.get((units or "").strip().lower())
    fits = [unit for unit in TURN_IN if _spans_turn(values, unit)]
    if stated is None:
        unit = "radians" if fits == ["radians"] else "degrees"
        reason = "has no units" if not units else f"has the unknown units {units!r}"
        note = f"{place} {reason} and spans {np.ptp(values):.6g}; taken as {unit}" if values.size else ""
        return _scale(values, unit), [note] if note else []
    if fits and stated not in fits:
        raise DataError(
            f"{place}: the angles span {np.ptp(values):.6g}, which is a scan in {fits[0]}, but their units attribute "
            f"says {units!r}; correct the attribute (for example with h5py: dataset.attrs['units'] = {fits[0]!r})"
        )
    return _scale(values, stated), []


def _scale(values: Float64, unit: str) -> Float64:
    return np.deg2rad(values) if unit == "degrees" else values


def _spans_turn(values: Float64, unit: str) -> bool:
    if values.ndim != 1 or values.size < 2 or not np.isfinite(values).all():  # noqa: PLR2004 - a span needs two
        return False
    span = float(np.ptp(values))
    step = float(np.median(np.abs(np.diff(values))))
    turns = [reach / TURN_IN[unit] for reach in (span, span + step)]
    return any(abs(turn - whole) <= NEAR * whole for turn in turns for whole in (0.5, 1.0))
