"""Which formats suit a volume: by how large it is, what is installed, and what room the disk has."""

from __future__ import annotations

import shutil
from pathlib import Path

from tomopy_edge.installed import Installed
from tomopy_edge.propose.choices import Choice
from tomopy_edge.propose.seeing import Look
from tomopy_edge.writers.sizes import in_words, on_disk

LARGE, HUGE = 2e9, 10e9
"""Bytes of a volume from which on one file is handier than thousands, and from which on it is looked at in parts."""

KEPT_FREE = 0.9
"""Of what the disk has free, what slices may take."""


def write(seen: Look, folder: Path) -> Choice:
    """Return the formats of a volume of all rows within the beam.

    Parameters
    ----------
    folder : on the disk that slices are to lie on
    """
    first, last = seen.lit
    shape = last - first, seen.columns, seen.columns
    size, free = 4 * shape[0] * shape[1] * shape[2], shutil.disk_usage(folder).free
    room = KEPT_FREE * free
    told = f"{shape[0]} slice{'s' * (shape[0] != 1)} are {in_words(size)}"
    formats, hints = ["tiff"], list[str]()
    if size < LARGE:
        why = [f"{told}: a TIFF file for each is what every program reads."]
    else:
        formats, why = ["hdf5"], [f"{told}: one HDF5 file is handier than {shape[0]} of TIFF."]
    if size >= HUGE:
        why.append(_zarr(formats, shape, room))
    needed = sum(on_disk(name, shape) for name in formats)
    if needed > free:
        hints.append(
            f"slices take {in_words(needed)}, and {folder} has {in_words(free)} free; name another with --output"
        )
    return Choice("write", {"formats": formats}, tuple(why), tuple(hints))


def _zarr(formats: list[str], shape: tuple[int, int, int], room: float) -> str:
    """Add OME-Zarr to the formats where that can be; say why, or why not."""
    if not Installed().version("tensorstore"):
        return "zarr would let viewers fetch parts of it; pip install 'tomopy-edge[zarr]' brings what writes it."
    if on_disk("zarr", shape) + on_disk("hdf5", shape) > room:
        return "zarr would let viewers fetch parts of it, and the disk has no room for both."
    formats.append("zarr")
    return "Viewers fetch the parts that they show from OME-Zarr."
