"""What the parts of a scan are called in stores of named arrays: as in DataExchange, or plainly."""

from __future__ import annotations

from collections.abc import Iterable

MEMBERS = {
    "projections": ("exchange/data", "projections", "data", "tomo", "proj"),
    "flats": ("exchange/data_white", "flats", "data_white", "flat", "white"),
    "darks": ("exchange/data_dark", "darks", "data_dark", "dark"),
    "theta": ("exchange/theta", "theta", "angles", "rotation_angle"),
}
"""Part of a scan -> names of it, the first that is there is taken."""


def find_member(names: Iterable[str], held: Iterable[str]) -> str | None:
    """Return the first of `names` that is held, None where none is."""
    there = set(held)
    return next((name for name in names if name in there), None)
