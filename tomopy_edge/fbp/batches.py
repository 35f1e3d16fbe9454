"""How many slices are worked on at once, in which memory and by which threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.fbp.filters import FilterName, RadialSamples, radial_samples
from tomopy_edge.fbp.fourier import fast_length
from tomopy_edge.fbp.gridding import STRIP, kernel_shape
from tomopy_edge.fbp.lanes import LaneArray, bytes_of, empty_lanes
from tomopy_edge.fbp.rows import Rows, finish_rows, plan_rows
from tomopy_edge.fbp.sampling import Sampling, plan_sampling, response_lanes, sample_projections
from tomopy_edge.fbp.strips import Strips, fill_strip, plan_strips, strip_size
from tomopy_edge.memory import SHARE, free_memory

OVERSAMPLING = 1.25
"""Grid points for each pixel, at least."""

WIDE, NARROW = 16, 4
"""Slices worked on at once, where there are many and where there are few. Each kernel is compiled for either."""

TAKE = 16
"""Projections, or rows of pixels, that a thread takes at a time."""

T = TypeVar("T")


@dataclass(frozen=True)
class Geometry:
    """All tables for one set of angles, one padded length and one slice size; the same for every slice.

    Attributes
    ----------
    angles, columns : of the sinograms
    size : pixels along each side of a slice
    length : columns that projections are padded to
    grid : grid points along each axis of the spectrum
    """

    angles: int
    columns: int
    size: int
    length: int
    grid: int
    radial: RadialSamples
    sampling: Sampling
    strips: Strips
    rows: Rows

    def lanes(self, ncore: int) -> int:
        """Return how many elements of lanes the buffers hold in all."""
        work = 2 * self.length + strip_size(self.grid) + 2 * self.grid
        return self.angles * len(self.radial.frequencies) + self.size * self.grid // 2 + ncore * work


def plan_geometry(theta: Float64, columns: int, size: int, length: int, filter_name: FilterName) -> Geometry:
    """Return the tables for projections at `theta` radians.

    The rotation axis lies where TomoPy's gridrec has it: for an even size on column size / 2 and on row size / 2 - 1
    from the top, for an odd one half a pixel further along both.
    """
    widest = max(columns, size)
    grid = fast_length(OVERSAMPLING * widest, 2)
    beta = kernel_shape(grid / widest)
    radial = radial_samples(length, filter_name)
    axis = -(-size // 2)
    y = size - 1 - axis - np.arange(size)
    return Geometry(
        angles=len(theta),
        columns=columns,
        size=size,
        length=length,
        grid=grid,
        radial=radial,
        sampling=plan_sampling(theta, columns, length, radial),
        strips=plan_strips(theta, radial.frequencies, y, grid, beta),
        rows=plan_rows(size, axis, grid, beta),
    )


class Work(NamedTuple):
    """What one thread writes into while it works."""

    sampling: tuple[LaneArray, ...]
    strip: tuple[LaneArray, ...]
    rows: tuple[LaneArray, ...]


class Buffers:
    """Memory for batches of up to `width` slices, kept from batch to batch because fresh memory is slow to touch."""

    def __init__(self, geometry: Geometry, width: int, ncore: int) -> None:
        def lanes(*lengths: int) -> tuple[LaneArray, ...]:
            return tuple(empty_lanes(length, width) for length in lengths)

        grid, whole = geometry.grid, geometry.length // 2
        bins = geometry.length // geometry.sampling.bin_length
        self.geometry, self.width = geometry, width
        self.samples, self.columns = lanes(
            geometry.angles * len(geometry.radial.frequencies), geometry.size * grid // 2
        )
        self.work = [
            Work(lanes(whole, whole, bins, bins), lanes(strip_size(grid), grid), lanes(grid // 2, grid // 2))
            for _ in range(ncore)
        ]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, nearly all."""
        return self.geometry.lanes(len(self.work)) * bytes_of(self.width)


def batches(rows: NDArray[np.int64], geometry: Geometry, ncore: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield how wide each batch is and the rows in it."""
    widest = WIDE
    # Rows of pixels are written in blocks as long as a batch is wide, on either side of the axis.
    too_small = geometry.size < 2 * WIDE
    if too_small or geometry.lanes(ncore) * bytes_of(WIDE) > SHARE * free_memory():
        widest = NARROW
    first = 0
    while first < len(rows):
        # Two narrow batches cost less than a wide one, three cost more.
        width = widest if len(rows) - first > 2 * NARROW else NARROW
        yield width, rows[first : first + width]
        first += width


def reconstruct_batch(
    rows: NDArray[np.int64],
    line_integrals: Float32,
    centers: Float64,
    slices: Float32,
    buffers: Buffers,
    pool: ThreadPoolExecutor | None,
) -> None:
    """Reconstruct some rows into their slices.

    Parameters
    ----------
    rows : (row,), at most as many as the buffers are wide
    line_integrals : (row, angle, column), of all rows, contiguous
    centers : (row,), of all rows
    slices : (row, y, x), of all rows; those of `rows` are filled here
    pool : threads, one for each of the buffers' work spaces, or None for this thread alone
    """
    geometry = buffers.geometry
    # Lanes that are left over work on the last row again, and write the same slice.
    rows = rows[np.minimum(np.arange(buffers.width), len(rows) - 1)]
    response = response_lanes(geometry.sampling, geometry.radial, centers[rows])
    sinograms, pixels = line_integrals.reshape(-1), slices.reshape(-1)
    row_starts, slice_starts = rows * geometry.angles * geometry.columns, rows * geometry.size**2

    def sample(first: int, work: Work) -> None:
        last = min(first + TAKE, geometry.angles)
        sample_projections(
            first, last, sinograms, row_starts, geometry.sampling, response, work.sampling, buffers.samples
        )

    def fill(strip: int, work: Work) -> None:
        fill_strip(strip, buffers.samples, geometry.strips, work.strip, buffers.columns)

    def finish(first: int, work: Work) -> None:
        last = min(first + TAKE, geometry.size)
        finish_rows(first, last, buffers.columns, geometry.rows, work.rows, pixels, slice_starts)

    share_out(range(0, geometry.angles, TAKE), sample, buffers.work, pool)
    share_out(range(-(-geometry.grid // 2 // STRIP)), fill, buffers.work, pool)
    share_out(range(0, geometry.size, TAKE), finish, buffers.work, pool)


def share_out(
    tasks: Iterable[T], do: Callable[[T, Work], None], spaces: list[Work], pool: ThreadPoolExecutor | None
) -> None:
    """Do all tasks, each thread in a work space of its own taking the next one left."""
    left = deque(tasks)

    def take(space: Work) -> None:
        while True:
            try:
                task = left.popleft()
            except IndexError:
                return
            do(task, space)

    if pool is None:
        take(spaces[0])
    else:
        list(pool.map(take, spaces))
