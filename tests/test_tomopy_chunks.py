"""Chunks as TomoPy cuts them find their place in the scan, and the rows beside them."""

import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.tomopy_chunks import find_place

ROWS, ANGLES, COLUMNS = 7, 5, 16


@pytest.fixture
def tomo():
    return np.arange(ROWS * ANGLES * COLUMNS, dtype=np.float32).reshape(ROWS, ANGLES, COLUMNS).copy()


@pytest.fixture
def recon():
    return np.full((ROWS, COLUMNS, COLUMNS), 1e-6, np.float32)


CENTERS = np.linspace(7, 8, ROWS, dtype=np.float32)


@pytest.mark.parametrize("rows", [slice(0, 3), slice(3, 6), slice(6, 9), slice(0, 7)], ids=str)
def test_a_chunk_sees_all_rows_and_fills_its_own(tomo, recon, rows):
    chunk = find_place(tomo[rows], CENTERS[rows], recon[rows])
    assert (chunk.first, chunk.last, chunk.alone) == (rows.start, min(rows.stop, ROWS), False)
    np.testing.assert_array_equal(chunk.sinograms, tomo)
    np.testing.assert_array_equal(chunk.centers, CENTERS)
    assert np.shares_memory(chunk.sinograms, tomo)
    chunk.slices[:] = 1
    np.testing.assert_array_equal(recon[:, 0, 0] == 1, [row in range(ROWS)[rows] for row in range(ROWS)])


def test_a_row_without_its_axis_as_nchunk_0_gives_it_is_found(tomo, recon):
    chunk = find_place(tomo[4], CENTERS[4], recon[4])
    assert (chunk.first, chunk.last, chunk.alone) == (4, 5, False)
    np.testing.assert_array_equal(chunk.sinograms, tomo)
    # A number has no neighbours.
    np.testing.assert_array_equal(chunk.centers, [CENTERS[4]] * ROWS)
    chunk.slices[:] = 1
    assert (recon[4] == 1).all()


def test_a_scan_that_is_part_of_a_larger_array_ends_where_it_was_cut(tomo, recon):
    larger = np.concatenate([np.full_like(tomo, np.nan), tomo, np.full_like(tomo, np.nan)])
    part = larger[ROWS : 2 * ROWS]
    chunk = find_place(part[2:4], CENTERS[2:4], recon[2:4])
    assert chunk.first == 2
    np.testing.assert_array_equal(chunk.sinograms, tomo)


def test_slices_that_go_into_a_part_of_a_larger_array_are_of_the_scan_that_was_given(tomo):
    larger = np.zeros((30, COLUMNS, COLUMNS), np.float32)
    recon = larger[11 : 11 + ROWS]
    chunk = find_place(tomo[2:4], CENTERS[2:4], recon[2:4])
    assert chunk.first == 2
    np.testing.assert_array_equal(chunk.sinograms, tomo)
    chunk.slices[:] = 1
    assert np.flatnonzero(larger[:, 0, 0]).tolist() == [13, 14]


def test_a_chunk_whose_neighbours_cannot_be_known_stands_alone(tomo, recon):
    copies = [np.asfortranarray(part) for part in (tomo[2:4], recon[2:4])]
    chunk = find_place(copies[0], CENTERS[2:4], copies[1])
    assert (chunk.first, chunk.last, chunk.alone) == (0, 2, True)
    np.testing.assert_array_equal(chunk.sinograms, tomo[2:4])
    np.testing.assert_array_equal(chunk.centers, CENTERS[2:4])


def test_rows_of_a_memory_map_are_found(tomo, recon, tmp_path):
    stored = np.memmap(tmp_path / "tomo", np.float32, "w+", shape=tomo.shape)
    stored[:] = tomo
    chunk = find_place(stored[5:7], CENTERS[5:7], recon[5:7])
    assert (chunk.first, chunk.alone) == (5, False)
    np.testing.assert_array_equal(chunk.sinograms, tomo)


def test_what_is_no_chunk_is_refused(tomo, recon):
    with pytest.raises(DataError, match=r"tomo: must have the axes \(row, angle, column\) and be float32.*got float64"):
        find_place(tomo.astype(float), CENTERS, recon)
    with pytest.raises(DataError, match=r"recon: must have the axes \(row, y, x\) and be float32.*got list"):
        find_place(tomo, CENTERS, recon.tolist())
    with pytest.raises(DataError, match="recon: must have one slice for each of the 7 rows of tomo, got 3"):
        find_place(tomo, CENTERS, recon[:3])
