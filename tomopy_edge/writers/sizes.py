"""How much of a disk slices take in each format, and how sizes are told."""

from __future__ import annotations

import math

from tomopy_edge.writers.zarr_metadata import CHUNK, levels

HEADER = 4096
"""Bytes of a file beside its slices, or of a slice's part of a file, at most."""

UNITS = {"TB": 1e12, "GB": 1e9, "MB": 1e6}


def in_words(size: int) -> str:
    """Return bytes as people say them, to three digits: "1.2 GB"."""
    # What would be rounded to 1000 is 1 of the next unit.
    unit, scale = next(((unit, scale) for unit, scale in UNITS.items() if size >= 0.9995 * scale), ("kB", 1e3))
    return f"{size / scale:.3g} {unit}"


def on_disk(name: str, shape: tuple[int, ...]) -> int:
    """Return the bytes that slices (z, y, x) take in a format, where they cannot be compressed."""
    slices, *_ = shape
    if name != "zarr":
        return slices * HEADER + 4 * math.prod(shape)
    whole = 2 * HEADER
    for level in levels(shape):
        z, y, x = level.shape
        # Of each chunk the index of its shard, its checksum, and what zstd says of it.
        chunks = z * math.ceil(y / CHUNK) * math.ceil(x / CHUNK)
        # Of each slice its file and two folders, of each level what describes it, and two folders.
        whole += 3 * (z + 1) * HEADER + round(4.02 * z * y * x) + 64 * chunks
    return whole
