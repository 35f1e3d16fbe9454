"""Real objects: voxel volumes of scans made elsewhere, cut at any angle and any scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import DataError
from tomopy_edge.simulation.porous import outline

SUFFIXES = (".tif", ".tiff")

SMALLEST = 16
"""Fewest voxels along each axis."""

MEDIAN, SMOOTH = 3, 0.7
"""Voxels: a volume has noise of its own, which must not be learned as truth. A median over so many each way and a
Gaussian of this standard deviation take most of it and leave edges two voxels wide."""

EMPTY, FULL = 1.0, 99.5
"""Percentiles of a volume that become 0 and 1."""

MAGNIFIED = (0.6, 2.2)
"""Pixels of a slice for each voxel."""


@dataclass(frozen=True)
class VoxelVolume:
    """A volume to cut slices from.

    Attributes
    ----------
    name : of its file
    density : (z, y, x), about 0 where there is nothing and 1 in the densest matter
    """

    name: str
    density: Float32


def read_volumes(folder: Path) -> tuple[VoxelVolume, ...]:
    """Read all stacks of slices in a folder, .tif files of (z, y, x), in the order of their names.

    Raises
    ------
    DataError : where there are none, or one is no volume
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder; give one that holds volumes as .tif stacks")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DataError(f"{folder}: holds no .tif stacks")
    return tuple(VoxelVolume(path.name, _prepared(path)) for path in paths)


def _prepared(path: Path) -> Float32:
    from scipy.ndimage import gaussian_filter, median_filter
    from tifffile import TiffFileError, imread

    try:
        raw = imread(path)
    except (OSError, ValueError, TiffFileError) as error:
        raise DataError(f"{path}: cannot be read as TIFF ({error})") from None
    if raw.ndim != 3 or min(raw.shape) < SMALLEST:  # noqa: PLR2004 - z, y, x
        raise DataError(f"{path}: expected a volume (z, y, x) of at least {SMALLEST} voxels each way, got {raw.shape}")
    if not np.isfinite(raw).all():
        raise DataError(f"{path}: holds values that are not finite")
    calm = gaussian_filter(median_filter(raw, MEDIAN).astype(np.float32), SMOOTH)
    empty, full = np.percentile(calm, (EMPTY, FULL))
    if not full > empty:
        raise DataError(f"{path}: is the same everywhere")
    return np.asarray(np.maximum((calm - empty) / (full - empty), 0), np.float32)


@dataclass(frozen=True)
class Cut:
    """Adjacent slices through a volume, which are sampled when they are asked for.

    Attributes
    ----------
    density : (z, y, x), of the volume
    first, steps : where in it the slices lie; see `voxel_kernels.sample_volume`
    shape : (z, y, x) of the slices
    outline : (y, x), the share of each pixel that is cut out
    """

    density: Float32
    first: Float64
    steps: Float64
    shape: tuple[int, int, int]
    outline: Float32

    def __getitem__(self, rows: slice) -> Float32:
        """Return some slices, (z, y, x), relative attenuation."""
        from tomopy_edge.simulation.voxel_kernels import sample_volume

        count, *sides = self.shape
        chosen = range(count)[rows]
        slices = np.empty((len(chosen), *sides), np.float32)
        sample_volume(self.density, self.first + chosen.start * self.steps[0], self.steps, slices)
        slices *= self.outline
        return slices


def cut(rng: np.random.Generator, volume: VoxelVolume, radius: float, rows: int, size: int) -> Cut:
    """Return adjacent slices through a volume at a random place, angle and scale, mirrored beyond its faces.

    Parameters
    ----------
    radius : pixels, of the lumpy disc that is cut out of it
    rows, size : slices, and pixels along each side of one
    """
    steps = _turned(rng) / math.exp(rng.uniform(*np.log(MAGNIFIED)))
    middle = rng.uniform(0.2, 0.8, 3) * volume.density.shape
    first = middle - (rows // 2 * steps[0] + size / 2 * steps[1] + size / 2 * steps[2])
    return Cut(volume.density, first, steps, (rows, size, size), outline(rng, radius, size))


def _turned(rng: np.random.Generator) -> Float64:
    """Return an evenly distributed random rotation, (3, 3), from a random unit quaternion."""
    w, x, y, z = (part := rng.normal(size=4)) / np.linalg.norm(part)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
