import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.readers import ArrayScan, open_scan
from tomopy_edge.stages.read import ENTRY, ReadOptions, RowRange, read, row_ranges


def scan_of(angles=8, rows=6, columns=5):
    projections = np.arange(angles * rows * columns, dtype=np.uint16).reshape(angles, rows, columns)
    return ArrayScan(projections, np.linspace(0, np.pi, angles), flats=np.ones((2, rows, columns), np.uint16))


@given(rows=st.integers(1, 200), chunk=st.integers(1, 70), data=st.data())
def test_chunks_cover_each_row_once_and_begin_on_even_offsets(rows, chunk, data):
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    ranges = row_ranges(scan_of(rows=rows), ReadOptions(rows=(first, last)), chunk)
    assert [row for part in ranges for row in range(part.first, part.last)] == list(range(first, last))
    assert all((part.first - first) % 2 == 0 for part in ranges)
    assert all(part.last - part.first == chunk + chunk % 2 for part in ranges[:-1])


def test_no_rows_option_means_all_rows():
    assert row_ranges(scan_of(rows=5), ReadOptions(), 3) == [RowRange(0, 4), RowRange(4, 5)]


def test_rows_the_scan_does_not_have_are_refused_with_those_it_has():
    with pytest.raises(DataError, match="rows 2 to 7 were asked for; arrays has the rows 0 to 5"):
        row_ranges(scan_of(rows=6), ReadOptions(rows=(2, 8)), 2)


def test_reading_gives_the_rows_of_the_range():
    scan = scan_of()
    chunk = read(RowRange(2, 4), ReadOptions(), Job(scan=scan))
    np.testing.assert_array_equal(chunk.projections, scan.tomo[:, 2:4])
    assert chunk.first_row == 2


def test_thinning_takes_every_nth_projection_and_its_angle_but_all_flats():
    scan = scan_of()
    chunk = read(RowRange(0, 2), ReadOptions(angles=(1, 8, 3)), Job(scan=scan))
    np.testing.assert_array_equal(chunk.projections, scan.tomo[1:8:3, 0:2])
    np.testing.assert_array_equal(chunk.theta, scan.theta[[1, 4, 7]])
    assert len(chunk.flats) == 2
    assert chunk.projections.base is None


def test_projections_the_scan_does_not_have_are_refused():
    with pytest.raises(DataError, match="projections 0 to 8 were asked for; arrays has the projections 0 to 7"):
        read(RowRange(0, 2), ReadOptions(angles=(0, 9, 1)), Job(scan=scan_of()))


@pytest.mark.parametrize("rows", [(3, 3), (4, 2), (-1, 2)])
def test_rows_must_be_a_range(rows):
    with pytest.raises(ValueError, match=r"^rows: must be a first row and the one after the last"):
        ReadOptions(rows=rows)


@pytest.mark.parametrize("angles", [(0, 8, 0), (-1, 8, 1), (0, 1, 1), (0, 8, 8)])
def test_thinning_must_leave_two_projections(angles):
    with pytest.raises(ValueError, match=r"^angles: must be start, stop and step, and leave at least 2"):
        ReadOptions(angles=angles)


def test_without_a_scan_reading_says_how_to_open_one():
    with pytest.raises(DataError, match="no scan is open; open one with"):
        read(RowRange(0, 2), ReadOptions(), Job())


def test_what_the_reader_assumed_is_noted_once():
    job = Job(scan=ArrayScan(np.ones((3, 4, 5), np.float64), np.array([0.0, 1, 2])))
    with ENTRY.open(ReadOptions(), job) as step:
        for part in row_ranges(job.scan, ReadOptions(), 2):
            step.apply(part)
    assert job.tally.notes == {
        "read": ["tomo holds float64, read as float32: counts above 2^24 lose their last digits"]
    }


def test_chunks_of_a_real_scan_are_the_scan(scans):
    with open_scan(scans / "k11_nxtomo" / "k11-18014.nxs") as scan:
        whole = scan.read(0, scan.rows)
        parts = [read(part, ReadOptions(), Job(scan=scan)) for part in row_ranges(scan, ReadOptions(), 5)]
    assert [part.first_row for part in parts] == [0, 6, 12, 18]
    np.testing.assert_array_equal(np.concatenate([part.projections for part in parts], axis=1), whole.projections)
