"""Scans in Zarr stores, versions 2 and 3, named as in DataExchange or plainly; TensorStore reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.readers.angles import to_radians
from tomopy_edge.readers.member_names import MEMBERS, find_member
from tomopy_edge.readers.sliced import SlicedStack
from tomopy_edge.readers.stack_scan import StackScan

INSTALL = "pip install 'tomopy-edge[zarr]'"

ARRAY_FILES = {".zarray": "zarr", "zarr.json": "zarr3"}
"""File that says what an array is -> TensorStore's name of the format."""

DEEPEST = 3
"""Groups within groups that are looked into for arrays."""


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr group or array."""
    return any((folder / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def is_array(folder: Path) -> bool:
    """Return whether a folder is a Zarr array."""
    return (folder / ".zarray").is_file() or _document(folder / "zarr.json").get("node_type") == "array"


def open_zarr(path: Path) -> StackScan:
    """Return the scan in a Zarr group.

    Raises
    ------
    DataError : where it is no scan, saying what it holds, or TensorStore is not there to read it
    """
    if is_array(path):
        raise DataError(
            f"{path}: one Zarr array, which has no angles; describe the scan in a scan.yaml beside it, with "
            f"`projections: {path.name}` and `theta`, and open that"
        )
    held = _arrays(path)
    found = {part: find_member(names, held) for part, names in MEMBERS.items()}
    for part in ("projections", "theta"):
        if found[part] is None:
            told = ", ".join(sorted(held)[:12]) or "no array"
            near = next((hint for name in held if (hint := did_you_mean(name, MEMBERS[part]))), "")
            raise DataError(
                f"{path}: this Zarr store has no {part}: expected {' or '.join(MEMBERS[part][:3])}, got {told}{near}"
            )
    projections, flats, darks = (
        None if found[part] is None else open_array(path / str(found[part]))
        for part in ("projections", "flats", "darks")
    )
    assert projections is not None, "it was found"  # noqa: S101 - for the type checker
    place = path / str(found["theta"])
    theta, notes = to_radians(_angles(place), _unit(place), str(place))
    return StackScan(
        str(path),
        projections=projections,
        flats=flats,
        darks=darks,
        theta=theta,
        theta_place=str(place),
        pixel_size=None,
        notes=notes,
        about={"zarr_attributes": json.dumps(_attributes(path))},
    )


def open_array(folder: Path) -> SlicedStack:
    """Return the frames of a Zarr array.

    Raises
    ------
    DataError : where it cannot be read
    """
    array = _opened(folder)
    shape = tuple(int(length) for length in array.shape)
    chunk = array.chunk_layout.read_chunk.shape or shape
    kind = np.dtype(array.dtype.numpy_dtype)

    def slice_of(frames: slice, rows: slice) -> NDArray[Any]:
        try:
            found: NDArray[Any] = array[frames, rows].read().result()
        except Exception as error:  # TensorStore raises ValueError and RuntimeError of several kinds.
            raise DataError(
                f"{folder}: frames {frames.start} to {frames.stop - 1} cannot be read ({_short(error)}); the store is "
                "damaged there: copy it again from where it came"
            ) from error
        return found

    lacking = _lacking(array)
    numbers = np.arange(shape[0] if shape else 0)
    together = (int(chunk[0]), int(chunk[1])) if len(chunk) > 1 else (1, 1)
    return SlicedStack(str(folder), shape, kind, together, slice_of, numbers, f"{folder}: {lacking}" if lacking else "")


def _opened(folder: Path) -> Any:
    try:
        import tensorstore
    except ImportError as error:
        raise DataError(f"{folder}: Zarr is read with TensorStore, which is not installed; {INSTALL}") from error
    driver = next((driver for name, driver in ARRAY_FILES.items() if (folder / name).is_file()), None)
    if driver is None:
        raise DataError(f"{folder}: no Zarr array: it has neither .zarray nor zarr.json")
    store = {"driver": "file", "path": f"{folder.absolute()}/"}
    try:
        return tensorstore.open({"driver": driver, "kvstore": store}, read=True).result()
    except Exception as error:
        # Of damaged metadata TensorStore makes errors of several kinds.
        raise DataError(f"{folder}: this Zarr array cannot be opened ({_short(error)})") from error


def _lacking(array: Any) -> str:
    """Return what to say of chunks that are not stored; "" where all are. Damage is told when they are read."""
    try:
        found = array.storage_statistics(query_not_stored=True, query_fully_stored=True).result()
    except Exception:  # noqa: BLE001 - of damaged shards TensorStore makes errors of several kinds
        return ""
    fill = array.fill_value
    return "" if found.fully_stored else f"some of its chunks are not stored, and are read as {fill}; is it whole?"


def _short(error: Exception) -> str:
    """Return an error of TensorStore without the places in its source."""
    return str(error).partition(" [")[0]


def _angles(folder: Path) -> NDArray[np.float64]:
    array = _opened(folder)
    if len(array.shape) != 1 or np.dtype(array.dtype.numpy_dtype).kind not in "iuf":
        raise DataError(f"{folder}: must hold one angle for each projection, got the shape {tuple(array.shape)}")
    try:
        return np.asarray(array.read().result(), np.float64)
    except Exception as error:
        raise DataError(f"{folder}: the angles cannot be read ({_short(error)})") from error


def _unit(folder: Path) -> str | None:
    unit = _attributes(folder).get("units")
    return None if unit is None else str(unit)


def _attributes(folder: Path) -> dict[str, Any]:
    return _document(folder / ".zattrs") or _document(folder / "zarr.json").get("attributes", {})


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); the store is damaged") from error
    return found if isinstance(found, dict) else {}


def _arrays(folder: Path, deep: int = DEEPEST) -> list[str]:
    """Return the arrays in a group, as paths below it."""
    found = []
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and is_zarr(inner):
            below = [] if is_array(inner) or not deep else _arrays(inner, deep - 1)
            found += [inner.name] if is_array(inner) else [f"{inner.name}/{name}" for name in below]
    return found
