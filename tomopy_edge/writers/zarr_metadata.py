"""What Zarr and OME-Zarr say of a reconstruction and of its pyramid, as JSON.

Zarr specification, version 3: https://zarr-specs.readthedocs.io/en/latest/v3/core/. Multiscale images in OME-Zarr 0.5:
https://ngff.openmicroscopy.org/0.5/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tomopy_edge.version import __version__
from tomopy_edge.writers.hdf5 import UNITS

Json = dict[str, Any]

SMALL = 256
"""The pyramid ends with slices of at most this many rows and columns."""

CHUNK = 512
"""Rows and columns of what a viewer fetches at a time: 1 MB before it is compressed."""

DOCUMENT = "zarr.json"
"""What the metadata of an array, or of a group of them, are in."""

AXES = ("z", "y", "x")
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
CHECKSUM = {"name": "crc32c"}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}


@dataclass(frozen=True)
class Level:
    """One resolution of a pyramid.

    Attributes
    ----------
    shape : (z, y, x), in its own voxels
    factors : (z, y, x), voxels of the full resolution along the edge of one of its voxels
    """

    shape: tuple[int, int, int]
    factors: tuple[int, int, int] = (1, 1, 1)

    def halved(self) -> Level:
        """Return the next level; an axis of one voxel stays as it is, and a last odd voxel stands alone."""
        z, y, x = (-(-size // 2) for size in self.shape)
        fz, fy, fx = (f * min(size, 2) for f, size in zip(self.factors, self.shape, strict=True))
        return Level((z, y, x), (fz, fy, fx))


def levels(shape: tuple[int, ...]) -> list[Level]:
    """Return the levels of a pyramid over slices (z, y, x), the full resolution first.

    Raises
    ------
    ValueError : where there are not three axes
    """
    z, y, x = shape
    found = [Level((z, y, x))]
    while max(found[-1].shape[1:]) > SMALL:
        found.append(found[-1].halved())
    return found


def array_document(level: Level, first_row: int) -> Json:
    """Return the metadata of one level: a file for each slice, a shard, with chunks that can be fetched alone.

    What is not there is NaN.
    """
    chunk = [min(CHUNK, size) for size in level.shape[1:]]
    shard = [-(-size // part) * part for size, part in zip(level.shape[1:], chunk, strict=True)]
    sharding = {
        "chunk_shape": [1, *chunk],
        "codecs": [LITTLE, ZSTD, CHECKSUM],
        "index_codecs": [LITTLE, CHECKSUM],
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(level.shape),
        "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, *shard]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": "NaN",
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "dimension_names": list(AXES),
        "attributes": {"description": "ReconData", "units": UNITS, "first_row": first_row},
    }


def group_document(pyramid: list[Level], first_row: int, pixel_size: float | None) -> Json:
    """Return the metadata of the whole: what each level is, and where its voxels lie.

    The middle of the first voxel of detector row 0 is the origin, so that reconstructions of different rows of a scan
    lie beside each other.

    Parameters
    ----------
    pixel_size : micrometres; None where it is not known, and then lengths are in pixels
    """
    unit = {} if pixel_size is None else {"unit": "micrometer"}
    multiscale = {
        "name": "recon",
        "axes": [{"name": name, "type": "space", **unit} for name in AXES],
        "datasets": [
            {"path": str(number), "coordinateTransformations": _places(level, first_row, pixel_size or 1.0)}
            for number, level in enumerate(pyramid)
        ],
        "type": "mean",
        "metadata": {
            "description": "means of 2 x 2 x 2 voxels, or of those of them that are numbers",
            "method": "tomopy_edge",
            "version": __version__,
        },
    }
    about = {"description": "ReconData", "units": UNITS, "first_row": first_row, "pixel_size": pixel_size}
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"ome": {"version": "0.5", "multiscales": [multiscale]}, **about},
    }


def _places(level: Level, first_row: int, pixel_size: float) -> list[Json]:
    # The middle of a voxel of several lies between the middles of its first and its last.
    middles = [start + (factor - 1) / 2 for start, factor in zip((first_row, 0, 0), level.factors, strict=True)]
    return [
        {"type": "scale", "scale": [factor * pixel_size for factor in level.factors]},
        {"type": "translation", "translation": [middle * pixel_size for middle in middles]},
    ]
