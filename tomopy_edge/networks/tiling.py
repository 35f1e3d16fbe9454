"""Cut slices into equal overlapping tiles and put the answers back, without seams.

Each tile is a core with a halo around it:

      <-------- tile ------->
      +---------------------+
      | halo                |
      |    +-----------+    |
      |    |   core    |    |      core = tile - 2 * halo
      |    +-----------+    |
      |                halo |
      +---------------------+

The network sees the whole tile; only the core is kept. Neighbouring tiles begin `stride` pixels apart:

- stride = core: the cores cover each pixel exactly once and nothing is averaged. Where the halo covers the network's
  reach and halo and stride are multiples of its pooling, the stitched slice equals the slice denoised whole.
- stride < core: for tiles too small for that, neighbouring cores overlap by core - stride and are blended with
  straight ramps that are nowhere zero and add up to one.

Past the edge of the slice a tile is filled by reflection, so that all have the same shape (the Edge TPU takes no other)
and none is shifted off the grid of the pooling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.networks.workers import ALONE, Workers

Pixels = TypeVar("Pixels", np.float32, np.int8)


@dataclass(frozen=True)
class TileGrid:
    """Where the tiles of one slice lie.

    Attributes
    ----------
    shape : (y, x) of the slice, pixels
    tile : edge of a tile, pixels
    halo : border that is seen and not kept, pixels
    stride : from one tile to the next, pixels
    """

    shape: tuple[int, int]
    tile: int
    halo: int
    stride: int

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ValueError(f"shape: a slice needs at least one pixel, got {self.shape}")
        if self.halo < 0 or self.core < 1:
            raise ValueError(f"halo: a tile of {self.tile} pixels has no core left inside a halo of {self.halo}")
        if not self.core <= 2 * self.stride <= 2 * self.core:
            raise ValueError(
                f"stride: must be from half the core to the core of {self.core} pixels, so that every pixel is covered "
                f"and no more than two tiles overlap along an axis; got {self.stride}"
            )

    @property
    def core(self) -> int:
        """Edge of the kept part of a tile, pixels."""
        return self.tile - 2 * self.halo

    @property
    def overlap(self) -> int:
        """Pixels that neighbouring cores share."""
        return self.core - self.stride

    @property
    def counts(self) -> tuple[int, int]:
        """Tiles along (y, x)."""
        y, x = (max(1, -(-(edge - self.overlap) // self.stride)) for edge in self.shape)
        return y, x

    @property
    def seams(self) -> tuple[list[int], list[int]]:
        """First rows and first columns of all cores but the outermost: where a seam would be seen."""
        y, x = ([k * self.stride for k in range(1, count)] for count in self.counts)
        return y, x


def computed_pixels(grid: TileGrid) -> int:
    """Return how many pixels the network computes for one slice: the price of the grid."""
    ny, nx = grid.counts
    return ny * nx * grid.tile**2


def cut(channels: NDArray[Pixels], grid: TileGrid, workers: Workers = ALONE) -> NDArray[Pixels]:
    """Return the tiles of one slice.

    Parameters
    ----------
    channels : (channel, y, x), the slice and its neighbours
    workers : who share the rows of the tiles

    Returns
    -------
    (tile, tile_y, tile_x, channel), row of tiles by row of tiles; the channel last, as TFLite wants it

    Raises
    ------
    ValueError : where the slice has another shape than the grid is for
    """
    from tomopy_edge.networks.kernels import cut_rows

    if channels.shape[1:] != grid.shape:
        raise ValueError(f"channels: the grid is for slices of {grid.shape}, got an array of shape {channels.shape}")
    (rows, columns), channels = _shown(grid), np.ascontiguousarray(channels)
    tiles = np.empty((len(rows) * len(columns), grid.tile, grid.tile, len(channels)), channels.dtype)
    workers.share(len(tiles) * grid.tile, lambda first, last: cut_rows(channels, rows, columns, tiles, first, last))
    return tiles


def _shown(grid: TileGrid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (tile, pixel) along y, and along x: the row, or column, of the slice that each pixel of a tile shows."""
    y, x = (
        sliding_window_view(
            np.pad(np.arange(edge), (grid.halo, (count - 1) * grid.stride + grid.tile - grid.halo - edge), "symmetric"),
            grid.tile,
        )[:: grid.stride].copy()
        for edge, count in zip(grid.shape, grid.counts, strict=True)
    )
    return y, x


def stitch(tiles: NDArray[Pixels], grid: TileGrid) -> NDArray[Pixels]:
    """Return the slice (y, x) made of the cores of `tiles` (tile, tile_y, tile_x), each pixel from one core.

    Only for grids whose cores do not overlap; see `blend`.
    """
    if grid.overlap:
        raise ValueError(f"stride: cores overlap by {grid.overlap} pixels and must be blended")
    (ny, nx), (y, x) = grid.counts, grid.shape
    keep = slice(grid.halo, grid.halo + grid.core)
    cores = tiles[:, keep, keep].reshape(ny, nx, grid.core, grid.core)
    return cores.swapaxes(1, 2).reshape(ny * grid.core, nx * grid.core)[:y, :x]


def blend(tiles: Float32, grid: TileGrid) -> Float32:
    """Return the slice (y, x) made of the cores of `tiles` (tile, tile_y, tile_x), faded into each other."""
    (ny, nx), (y, x) = grid.counts, grid.shape
    keep = slice(grid.halo, grid.halo + grid.core)
    cores = tiles[:, keep, keep].reshape(ny, nx, grid.core, grid.core)
    along_y, along_x = _ramps(ny, grid), _ramps(nx, grid)
    whole = np.zeros(((ny - 1) * grid.stride + grid.core, (nx - 1) * grid.stride + grid.core), np.float32)
    for j in range(ny):
        top = slice(j * grid.stride, j * grid.stride + grid.core)
        for i in range(nx):
            left = slice(i * grid.stride, i * grid.stride + grid.core)
            whole[top, left] += cores[j, i] * along_y[j][:, None] * along_x[i]
    return whole[:y, :x]


def _ramps(count: int, grid: TileGrid) -> Float32:
    """Return the weights (tile, core) along one axis: ramps where a neighbour overlaps, one elsewhere."""
    weights = np.ones((count, grid.core), np.float32)
    if grid.overlap:
        rise = (np.arange(grid.overlap, dtype=np.float32) + np.float32(0.5)) / np.float32(grid.overlap)
        weights[1:, : grid.overlap] = rise
        weights[:-1, -grid.overlap :] = rise[::-1]
    return weights


def seam_index(image: Float32, grid: TileGrid) -> float:
    """Return how much rougher a slice (y, x) is across the seams of its tiles than beside them; 1 is seamless.

    The mean squared step between the two pixels that a seam separates, over that of the steps two and three pixels to
    either side. 1.0 where there is no seam, or nothing but one value.
    """
    across = beside = 0.0
    for axis, seams in enumerate(grid.seams):
        steps = np.square(np.diff(image, axis=axis).astype(np.float64)).mean(axis=1 - axis)
        for seam in seams:
            last = seam - 1 + (grid.overlap // 2)
            around = [k for k in (last - 3, last - 2, last + 2, last + 3) if 0 <= k < len(steps)]
            if last < len(steps) and around:
                across += steps[last]
                beside += float(np.mean(steps[around]))
    return across / beside if beside > 0 else 1.0
