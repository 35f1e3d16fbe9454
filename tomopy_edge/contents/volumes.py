"""What is in volumes of slices that lie alone: our HDF5 file, our OME-Zarr image, a folder of TIFF files."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomopy_edge.contents.found import Contents, plural, ranges, size_on_disk
from tomopy_edge.errors import DataError
from tomopy_edge.readers.hdf5_tree import get_dataset, text_attribute
from tomopy_edge.writers.hdf5 import SLICES
from tomopy_edge.writers.sizes import in_words
from tomopy_edge.writers.zarr_metadata import DOCUMENT

if TYPE_CHECKING:
    import h5py

TIFFS = (".tif", ".tiff")

NUMBER = re.compile(r"(\d+)\D*$")
"""The last number in a name."""

LARGEST = 2**26
"""Bytes of the description of an image that is read."""


def is_hdf5_slices(file: h5py.File) -> bool:
    """Return whether an open HDF5 file holds a reconstruction in the DataExchange layout."""
    slices = get_dataset(file, SLICES)
    return slices is not None and (text_attribute(slices, "axes") or "").startswith("z:")


def hdf5_slices(file: h5py.File, path: Path) -> Contents:
    """Return what is in an open HDF5 file of slices."""
    slices = file[SLICES]
    first = int(slices.attrs["first_row"]) if "first_row" in slices.attrs else 0
    pixel = get_dataset(file, "exchange/pixel_size")
    process = file.get("process")
    made_by = sorted(process) if process is not None else []
    shape = [int(length) for length in slices.shape]
    facts = {
        "slices": shape,
        "first_row": first,
        "units": text_attribute(slices, "units"),
        "pixel_size": None if pixel is None else float(pixel[()]),
        "made_by": made_by,
        "bytes": path.stat().st_size,
    }
    made = f"made by {', '.join(made_by)}" if made_by else "what made them is not in it: the run did not end"
    return Contents(path, "hdf5 slices", tuple(_told("HDF5, DataExchange", facts, made)), facts)


def _told(what: str, facts: dict[str, Any], made: str) -> list[str]:
    z, *size = facts["slices"]
    first, pixel = facts["first_row"], facts["pixel_size"]
    units = f", {facts['units']}" if facts.get("units") else ""
    rows = f"rows {first} to {first + z - 1}"
    return [
        f"slices, {what}: {plural(z, 'slice')} of {' x '.join(map(str, size))} pixels, {rows}{units}",
        f"pixel size: {pixel:.6g} um" if pixel else "pixel size: not known",
        f"{made}; {in_words(facts['bytes'])} on the disk",
    ]


def zarr_slices(folder: Path) -> Contents:
    """Return what is in the folder of an OME-Zarr image.

    Raises
    ------
    DataError : where what describes it is damaged, or it is no image of ours
    """
    try:
        attributes = _document(folder)["attributes"]
        (image,) = attributes["ome"]["multiscales"]
        levels = [_document(folder / str(number))["shape"] for number in range(len(image["datasets"]))]
        first = int(attributes["first_row"])
        units = [axis.get("unit") for axis in image["axes"]]
        scale = image["datasets"][0]["coordinateTransformations"][0]["scale"]
        pixel = float(scale[-1]) if units[-1] == "micrometer" else None
        shape = [int(length) for length in levels[0]]
        z, _, _ = shape
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{folder}: a Zarr folder, but no image that tomopy-edge wrote, or a damaged one ({error!r})"
        ) from None
    made = attributes.get("tomopy_edge")
    facts = {
        "slices": [z, *shape[1:]],
        "first_row": first,
        "levels": levels,
        "pixel_size": pixel,
        "recipe": made.get("recipe") if isinstance(made, dict) else None,
        "bytes": size_on_disk(folder),
    }
    told = "what made them stands in its attribute tomopy_edge" if made else "what made them is not in it"
    lines = _told(f"OME-Zarr, {plural(len(levels), 'level')}", facts, told)
    return Contents(folder, "zarr slices", tuple(lines), facts)


def is_zarr_slices(folder: Path) -> bool:
    """Return whether a Zarr group is an image in the sense of OME, as slices are; a scan is none."""
    try:
        return "ome" in _document(folder)["attributes"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def _document(folder: Path) -> Any:
    path = folder / DOCUMENT
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} has {in_words(path.stat().st_size)}")
    return json.loads(path.read_bytes())


def tiffs_in(folder: Path) -> list[Path]:
    """Return the TIFF files of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in TIFFS and path.is_file())


def tiff_slices(path: Path, files: list[Path]) -> Contents:
    """Return what is in a folder of TIFF files, or in one of them.

    Parameters
    ----------
    path : the folder, or the file
    files : that are looked at; the first one is read for its size

    Raises
    ------
    DataError : where that cannot be read
    """
    import tifffile

    try:
        with _unheard("tifffile"), tifffile.TiffFile(files[0]) as file:
            page = file.pages.first
            pages, shape, kind = len(file.pages), [int(length) for length in page.shape], str(page.dtype)
            said = " ".join(str(page.description).split())[:80]
    except Exception as error:  # noqa: BLE001 - of damaged tags tifffile makes errors of any kind
        raise DataError(f"{files[0]}: cannot be read as TIFF ({error}); copy it again from where it came") from None
    numbers = sorted({int(found[1]) for file in files if (found := NUMBER.search(file.stem))})
    gaps = (
        sorted({*range(numbers[0], numbers[-1])} - {*numbers}) if numbers and numbers[-1] < numbers[0] + 10**6 else []
    )
    size = sum(each.stat().st_size for each in files)
    facts = {
        "slices": [len(files) if len(files) > 1 else pages, *shape],
        "type": kind,
        "numbers": [numbers[0], numbers[-1]] if numbers else None,
        "missing": gaps,
        "description": said,
        "bytes": size,
    }
    many = f" of {pages} pages" if pages > 1 else ""
    each = f"{' x '.join(map(str, shape))} {kind}"
    told = [f"slices, TIFF: {plural(len(files), 'file')}{many}, {each}, {in_words(size)} on the disk"]
    if numbers and len(files) > 1:
        told.append(
            f"numbered {numbers[0]} to {numbers[-1]}" + (f"; MISSING: {ranges(gaps)}" if gaps else ", none is missing")
        )
    if said:
        told.append(f"says of itself: {said}")
    return Contents(path, "tiff slices", tuple(told), facts)


@contextmanager
def _unheard(name: str) -> Iterator[None]:
    """Leave out what a library logs: of each damaged tag, where one sentence says that a file cannot be read."""
    log = logging.getLogger(name)
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
