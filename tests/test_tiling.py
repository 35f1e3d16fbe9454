"""Tiling must be invisible: these properties say what that means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.networks.tiling import TileGrid, blend, computed_pixels, cut, seam_index, stitch
from tomopy_edge.networks.workers import Workers


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Have the kernels compiled, which happens once for each machine: no property waits for it."""
    for kind in (np.int8, np.float32):
        cut(np.zeros((1, 4, 4), kind), TileGrid((4, 4), 4, 0, 4))


@st.composite
def grids(draw, *, overlapping=False):
    halo = draw(st.integers(0, 5))
    core = draw(st.integers(2, 12))
    stride = draw(st.integers((core + 1) // 2, core)) if overlapping else core
    return TileGrid((draw(st.integers(1, 40)), draw(st.integers(1, 40))), core + 2 * halo, halo, stride)


def image_for(grid, channels=1):
    return np.random.default_rng(0).normal(size=(channels, *grid.shape)).astype(np.float32)


@given(grids())
def test_stitch_undoes_cut(grid):
    image = image_for(grid)
    np.testing.assert_array_equal(stitch(cut(image, grid)[..., 0], grid), image[0])


@given(grids(overlapping=True))
def test_blend_undoes_cut(grid):
    image = image_for(grid)
    np.testing.assert_allclose(blend(cut(image, grid)[..., 0], grid), image[0], atol=1e-6)


@given(grids(overlapping=True), st.integers(1, 3))
def test_every_tile_has_the_one_shape_the_network_takes(grid, channels):
    ny, nx = grid.counts
    tiles = cut(image_for(grid, channels), grid)
    assert tiles.shape == (ny * nx, grid.tile, grid.tile, channels)
    assert computed_pixels(grid) == tiles[..., 0].size


@given(grids(overlapping=True), st.integers(1, 3), st.sampled_from([np.int8, np.float32]), st.integers(1, 3))
def test_tiles_are_windows_on_the_slice_mirrored_at_its_edges(grid, channels, kind, threads):
    image = (50 * image_for(grid, channels)).astype(kind)
    # Wide enough on each side for any grid; then the windows that begin where the tiles do.
    wide = np.pad(image, ((0, 0), *[(grid.halo, 2 * grid.tile)] * 2), mode="symmetric")
    ny, nx = grid.counts
    windows = [
        wide[:, j * grid.stride : j * grid.stride + grid.tile, i * grid.stride : i * grid.stride + grid.tile]
        for j in range(ny)
        for i in range(nx)
    ]
    workers = Workers(threads)
    np.testing.assert_array_equal(cut(image, grid, workers), np.moveaxis(windows, 1, -1))
    workers.close()


@given(grids())
def test_each_pixel_comes_from_exactly_one_core(grid):
    ny, nx = grid.counts
    numbered = np.repeat(np.arange(ny * nx, dtype=np.float32), grid.tile**2).reshape(-1, grid.tile, grid.tile)
    owners = stitch(numbered, grid)
    y, x = np.indices(grid.shape)
    np.testing.assert_array_equal(owners, (y // grid.core) * nx + x // grid.core)


@given(grids(overlapping=True))
def test_blending_weights_are_nowhere_zero_and_a_constant_stays_constant(grid):
    ny, nx = grid.counts
    ones = np.ones((ny * nx, grid.tile, grid.tile), np.float32)
    np.testing.assert_allclose(blend(ones, grid), 1, atol=1e-6)


def box(images, radius):
    """Mean over a (2 radius + 1) square: a linear network whose reach we know. Reflects at the edge of `images`."""
    width = 2 * radius + 1
    padded = np.pad(images, ((0, 0), (radius, radius), (radius, radius)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width), axis=(1, 2))
    return windows.mean(axis=(-1, -2), dtype=np.float64).astype(np.float32)


@given(grids())
def test_tiled_equals_whole_where_the_halo_covers_the_reach(grid):
    image = image_for(grid)
    tiled = stitch(box(cut(image, grid)[..., 0], grid.halo), grid)
    np.testing.assert_allclose(tiled, box(image, grid.halo)[0], atol=1e-6)


def test_a_halo_smaller_than_the_reach_leaves_a_seam_that_blending_brings_down():
    rng = np.random.default_rng(3)
    image = rng.normal(scale=0.3, size=(1, 120, 120)).astype(np.float32)

    def shifted_by_tile(tiles):
        """A network that gets every tile's level wrong by its own amount, as a starved reach does."""
        return tiles + rng.normal(scale=5, size=(len(tiles), 1, 1)).astype(np.float32)

    butted = TileGrid((120, 120), tile=24, halo=2, stride=20)
    faded = TileGrid((120, 120), tile=24, halo=2, stride=12)
    hard = seam_index(stitch(shifted_by_tile(cut(image, butted)[..., 0]), butted), butted)
    soft = seam_index(blend(shifted_by_tile(cut(image, faded)[..., 0]), faded), faded)
    assert hard > 20
    assert soft < 1.5


def test_the_seam_index_of_an_untouched_slice_is_one():
    grid = TileGrid((200, 200), tile=40, halo=4, stride=32)
    image = np.random.default_rng(1).normal(size=(200, 200)).astype(np.float32)
    assert seam_index(image, grid) == pytest.approx(1, abs=0.05)
    assert seam_index(np.zeros((200, 200), np.float32), grid) == 1


@pytest.mark.parametrize(
    ("tile", "halo", "stride", "words"),
    [(16, 8, 8, "no core left"), (16, -1, 8, "no core left"), (16, 4, 9, "stride"), (16, 4, 3, "stride")],
)
def test_a_grid_that_leaves_pixels_uncovered_is_refused(tile, halo, stride, words):
    with pytest.raises(ValueError, match=words):
        TileGrid((10, 10), tile, halo, stride)


def test_overlapping_cores_cannot_be_butted():
    grid = TileGrid((20, 20), tile=12, halo=0, stride=8)
    with pytest.raises(ValueError, match="must be blended"):
        stitch(np.zeros((9, 12, 12), np.float32), grid)


@pytest.mark.parametrize("shape", [(1, 19, 20), (1, 20, 21), (20, 20)])
def test_a_slice_of_another_shape_than_the_grids_is_refused(shape):
    with pytest.raises(ValueError, match=r"the grid is for slices of \(20, 20\), got an array of shape"):
        cut(np.zeros(shape, np.float32), TileGrid((20, 20), tile=12, halo=2, stride=8))
