"""Chunks flow through the stages, and where they were cut shows nowhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.data import Volume
from tomopy_edge.pipeline import rows_that_fit, with_neighbours


def volumes(sizes):
    first = 5
    for size in sizes:
        yield Volume(np.arange(first, first + size, dtype=np.float32)[:, None, None], first_row=first)
        first += size


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(1, 3))
def test_every_slice_comes_once_with_the_slices_beside_it(sizes, margin):
    total = sum(sizes)
    inner = []
    for volume in with_neighbours(volumes(sizes), margin):
        rows = volume.slices[:, 0, 0]
        expected = np.clip(np.arange(volume.first_row, volume.first_row + len(rows)), 5, 5 + total - 1)
        np.testing.assert_array_equal(rows, expected)
        inner.extend(rows[margin : len(rows) - margin])
    assert inner == list(range(5, 5 + total))


def test_no_volume_has_no_neighbours():
    assert list(with_neighbours(iter([]), 1)) == []


@pytest.mark.parametrize("memory", [0, 10**6, 10**9, 10**12])
def test_the_chunk_is_even_and_never_nothing(memory):
    fitting = rows_that_fit(2000, 2560, memory)
    assert 2 <= fitting <= 64
    assert fitting % 2 == 0
