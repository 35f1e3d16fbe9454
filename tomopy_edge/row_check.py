"""Whether a stage made the rows that it was given: the only module that mistrusts stages."""

from __future__ import annotations

from typing import Any

import numpy as np

from tomopy_edge.data import Scan, Sinograms, Transmission, Volume
from tomopy_edge.errors import PluginError
from tomopy_edge.hookspecs import Step


def expect_rows_made(name: str, made: Any, chunk: Any, step: Step) -> None:
    """Raise unless a step made the rows it was given, as float32: what it moved would be lost without a word."""
    given, got = _rows_of(chunk), _rows_of(made)
    if given is not None and got is not None and got != given[step.neighbours : len(given) - step.neighbours]:
        rows = f"{got.start} to {got.stop - 1} of {given.start} to {given.stop - 1}"
        raise PluginError(f"{name}: the stage made the rows {rows}")
    if isinstance(made, Volume) and made.slices.dtype != np.float32:
        raise PluginError(f"{name}: the stage made slices of type {made.slices.dtype}; they must be float32")


def _rows_of(chunk: Any) -> range | None:
    """Return the detector rows of a chunk, None where it is of a kind that only a plugin knows."""
    axes = {Scan: ("projections", 1), Transmission: ("sinograms", 0), Sinograms: ("line_integrals", 0)}
    name, axis = {**axes, Volume: ("slices", 0)}.get(type(chunk), ("", 0))
    return range(chunk.first_row, chunk.first_row + getattr(chunk, name).shape[axis]) if name else None
