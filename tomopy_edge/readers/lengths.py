"""How the pixel size of a file becomes micrometres."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

IN_MICROMETRES = {
    "m": 1e6,
    "meter": 1e6,
    "meters": 1e6,
    "metre": 1e6,
    "metres": 1e6,
    "mm": 1e3,
    "um": 1.0,
    # The micro sign, and the Greek letter.
    "µm": 1.0,
    "μm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometers": 1.0,
    "micrometre": 1.0,
    "micrometres": 1.0,
    "nm": 1e-3,
}

SMALLEST = 1e-3
"""A number without a unit below this is metres: no pixel is smaller than a nanometre, or as large as a millimetre."""


def to_micrometres(value: Any, units: str | None, place: str) -> tuple[float | None, list[str]]:
    """Return a length in micrometres, and notes on what was assumed; None where `value` is no length.

    Parameters
    ----------
    value : what the file holds: a number, one in an array, or text
    units : what the file says, such as "microns"; None where it says nothing
    place : where it stands, for notes
    """
    number = to_number(value)
    if number is None or not np.isfinite(number) or number <= 0:
        return None, [f"{place} holds {value!r}, which is no pixel size; it was not used"]
    known = IN_MICROMETRES.get((units or "").strip().lower())
    if known is not None:
        return number * known, []
    unit = "m" if number < SMALLEST else "um"
    reason = "has no units" if not units else f"has the unknown units {units!r}"
    return number * IN_MICROMETRES[unit], [f"{place} {reason}; {number:g} was taken as {unit}"]


def to_number(value: Any) -> float | None:
    """Return the first number in `value` (10, [10.0], b"10x"), or None where there is none."""
    flat = np.ravel(np.asarray(value))
    if not flat.size:
        return None
    first = flat[0]
    text = first.decode(errors="replace") if isinstance(first, bytes) else str(first)
    found = re.match(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text)
    return float(found.group()) if found else None
