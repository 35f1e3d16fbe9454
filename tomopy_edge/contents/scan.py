"""What is in a scan file, told without reading more of it than it takes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from tomopy_edge.angle_coverage import Coverage
from tomopy_edge.contents.found import Contents, plural, size_on_disk
from tomopy_edge.data import Scan
from tomopy_edge.errors import DataError
from tomopy_edge.readers import ScanFile, open_scan
from tomopy_edge.readers.beamlines import ForeignScan
from tomopy_edge.readers.data_exchange import recognises
from tomopy_edge.readers.description import NAME, Description
from tomopy_edge.readers.frames import Frames
from tomopy_edge.readers.hdf5_chunks import stored
from tomopy_edge.readers.hdf5_filters import KNOWN
from tomopy_edge.readers.raw import RawStack
from tomopy_edge.readers.sliced import SlicedStack
from tomopy_edge.readers.stack import Stack
from tomopy_edge.readers.stack_scan import StackScan
from tomopy_edge.readers.tiff import TiffStack
from tomopy_edge.writers.sizes import in_words
from tomopy_edge.yaml_text import LARGEST, load_yaml

OF_HDF5 = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset"}
"""Filters that HDF5 brings along."""


def scan_in(path: Path) -> Contents:
    """Return what is in a scan file.

    Raises
    ------
    DataError : where it is no scan, or damaged
    """
    with open_scan(path) as scan:
        return describe(scan, path)


def is_description(path: Path) -> bool:
    """Return whether a YAML file describes a scan, by its name or by what it speaks of."""
    if path.name == NAME:
        return True
    try:
        with path.open(encoding="utf-8") as file:
            raw = load_yaml(file.read(LARGEST + 1))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return False
    known = {field.name for field in fields(Description)}
    return isinstance(raw, dict) and bool(raw) and {*map(str, raw)} <= known


def describe(scan: ScanFile, path: Path) -> Contents:
    """Return what is in the open scan of a file."""
    stacks: tuple[Stack, ...] = getattr(scan, "stacks", ())
    coverage = Coverage.of(scan.theta)
    fault = stacks[0].unwritten if stacks else None
    frames = _frames(scan)
    facts: dict[str, Any] = {
        "format": _format(scan, stacks, path),
        "angles": scan.angles,
        "rows": scan.rows,
        "columns": scan.columns,
        "span_deg": round(coverage.span, 6),
        "step_deg": round(coverage.step, 6),
        "missing_deg": round(coverage.missing, 3),
        "flats": None if frames is None else len(frames.flats),
        "darks": None if frames is None else len(frames.darks),
        "type": str(stacks[0].stored) if stacks else None,
        **_packing(stacks),
        "bytes": size_on_disk(path),
        "pixel_size": scan.pixel_size,
        "fault": fault,
        "notes": [note for note in scan.notes if fault is None or not note.startswith(fault)],
    }
    return Contents(path, "scan", tuple(_told(facts, coverage, _elsewhere(path, stacks))), facts)


def _told(facts: dict[str, Any], coverage: Coverage, elsewhere: str) -> list[str]:
    rows = plural(facts["rows"], "row")
    flats, darks = facts["flats"], facts["darks"]
    told = [
        f"scan, {facts['format']}: {facts['angles']} projections of {rows} and {facts['columns']} columns",
        f"angles: {coverage.told}" + (f"; {coverage.missing:.0f} of 180 are missing" if coverage.missing else ""),
    ]
    if flats is not None:
        told.append(f"frames: {plural(flats, 'flat')}, {plural(darks, 'dark')}")
    packed = "" if facts["compression"] is None else f", {facts['compression'] or 'not compressed'}"
    chunks = f" in chunks of {tuple(facts['chunks'])}" if facts["chunks"] else ""
    kind = f"{facts['type']}{packed}{chunks}; " if facts["type"] else ""
    told.append(f"counts: {kind}{in_words(facts['bytes'])} on the disk{elsewhere}")
    size = facts["pixel_size"]
    told.append(f"pixel size: {size:.6g} um at the sample" if size else "pixel size: the scan does not say")
    if facts["fault"]:
        told.append(f"UNFINISHED: {facts['fault']}")
    told += [f"note: {note}" for note in facts["notes"]]
    return told


def _format(scan: ScanFile, stacks: tuple[Stack, ...], path: Path) -> str:
    import h5py

    if isinstance(scan, ForeignScan):
        return "Zeiss Xradia .txrm" if path.suffix.lower() == ".txrm" else "ALS 8.3.2 HDF5"
    if not stacks:
        return "an array"
    kinds: dict[type, str] = {TiffStack: "TIFF frames", RawStack: "a numpy array", SlicedStack: "Zarr"}
    for kind, name in kinds.items():
        if isinstance(stacks[0], kind):
            return name
    # Its frames may lie in another file, that this one links to.
    with h5py.File(path, "r") as file:
        return "DataExchange HDF5" if recognises(file) else "NXtomo HDF5"


def _frames(scan: ScanFile) -> Scan | None:
    """Return one row of two projections, with all flats and darks: what it takes to count them.

    None where they cannot be read, or where it would take reading all projections.
    """
    if not isinstance(scan, StackScan):
        return None
    first, _ = scan.stacks[0].written
    try:
        return scan.narrowed(first, min(first + 2, scan.angles)).read(0, 1)
    except DataError:
        return None


def _packing(stacks: tuple[Stack, ...]) -> dict[str, Any]:
    """Return the filters that projections are packed with, "" where there are none, and the chunks they are stored in.

    Both are None where the projections lie in no HDF5 file.
    """
    if not stacks or not isinstance(stacks[0], Frames):
        return {"compression": None, "chunks": None}
    with stored(stacks[0].dataset) as source:
        if source is None:
            return {"compression": None, "chunks": None}
        made = source.id.get_create_plist()
        filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
        names = [OF_HDF5.get(number) or KNOWN.get(number) or f"filter {number}" for number in filters]
        return {"compression": " and ".join(names), "chunks": list(source.chunks or ())}


def _elsewhere(path: Path, stacks: tuple[Stack, ...]) -> str:
    """Return where else frames lie, in words."""
    files = {frames.dataset.file.filename for frames in stacks if isinstance(frames, Frames)}
    others = sorted(files - {str(path)})
    return f", and the frames in {', '.join(others)}" if others else ""
