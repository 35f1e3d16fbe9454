"""Angles that stand in a file of their own."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError
from tomopy_edge.readers.angles import to_radians

NO_ARRAY = (ValueError, EOFError, SyntaxError, TokenError)
"""What numpy raises where a file is none of its arrays, or its header is damaged."""

LARGEST = 2**27
"""Bytes of a file of angles that is read: the largest scans have some ten thousand."""


def read_theta(path: Path, unit: str | None) -> tuple[Float64, list[str]]:
    """Return the angles of a file in radians, and notes on what was assumed.

    Parameters
    ----------
    path : a `.npy` file, or text with one angle on each line; blank lines, what follows a `#`, and a first line that
        holds a word are passed over
    unit : "degrees" or "radians"; None judges by what they span, as `to_radians` does

    Raises
    ------
    DataError : where it is not there, or holds anything else
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"{path}: has {size} bytes, too many for angles; give a file with one angle on each line")
        values = _array(path) if path.suffix.lower() == ".npy" else _lines(path)
    except OSError as error:
        raise DataError(f"{path}: the angles cannot be read ({error})") from error
    return to_radians(values, unit, str(path))


def _array(path: Path) -> Float64:
    try:
        stored: Any = np.load(path, allow_pickle=False)
    except NO_ARRAY as error:
        raise DataError(f"{path}: is no array of angles ({error})") from error
    if not isinstance(stored, np.ndarray) or stored.ndim != 1 or stored.dtype.kind not in "iuf":
        shape = getattr(stored, "shape", "")
        raise DataError(
            f"{path}: must hold one angle for each projection, got {type(stored).__name__} {shape}".rstrip()
        )
    return stored.astype(np.float64)


def _lines(path: Path) -> Float64:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text, and should hold one angle on each line") from error
    found: list[float] = []
    header = True
    for number, line in enumerate(lines, 1):
        said = line.partition("#")[0].strip().rstrip(",;")
        if not said:
            continue
        try:
            found.append(float(said))
        except ValueError:
            if not header or not said[0].isalpha():
                raise DataError(f"{path}: line {number} must hold one angle, got {said[:60]!r}") from None
        header = False
    return np.array(found)
