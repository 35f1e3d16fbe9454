"""Chunks flow through the stages, and where they were cut shows nowhere."""

import dataclasses
import gc
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.chunk_size import rows_that_fit, sample_rows
from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Span, stream, with_neighbours
from tomopy_edge.recipe import Block, Recipe


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


@pytest.mark.parametrize(
    ("angles", "columns", "rows"), [(1000, 1024, 8), (1500, 2560, 4), (3000, 4096, 2), (10**6, 10**5, 2)]
)
def test_of_large_rows_fewer_are_a_sample(angles, columns, rows):
    first, last = sample_rows(Span(100, 200, 300), angles, columns)
    assert last - first == rows
    assert first + last in {299, 300, 301}


@pytest.mark.parametrize(
    ("span", "sample"), [(Span(0, 2, 50), (0, 8)), (Span(49, 50, 50), (42, 50)), (Span(0, 3, 3), (0, 3))]
)
def test_the_sample_lies_beyond_a_short_span_and_within_the_scan(span, sample):
    assert sample_rows(span, 100, 100) == sample


@pytest.mark.parametrize("memory", [0, 10**6, 10**9, 10**12])
def test_the_chunk_is_even_and_never_nothing(memory):
    fitting = rows_that_fit(2000, 2560, memory)
    assert 2 <= fitting <= 64
    assert fitting % 2 == 0


def made_of(*steps):
    def opened(step):
        @contextmanager
        def entered(_options, _job):
            yield step

        return entered

    blocks = (
        Block(StageEntry(f"stage{n}", "", None, Volume, Volume, opened(step)), None) for n, step in enumerate(steps)
    )
    return Recipe(tuple(blocks))


def test_what_a_stage_took_is_free_while_the_stages_after_it_work():
    made = []

    def through(volume):
        gc.collect()
        # What this stage was given, and nothing before it.
        assert [one() for one in made if one() is not None and one() is not volume] == []
        fresh = Volume(volume.slices + 1, first_row=volume.first_row)
        made.append(weakref.ref(fresh))
        return fresh

    flow = stream(made_of(*[Step(through)] * 3), lambda *_: volumes([2, 2]), Span(5, 9, 20), Job())
    for volume in flow:
        assert len(volume.slices) == 2
        del volume
    assert len(made) == 6


def test_where_memory_ends_the_stage_is_named():
    def end(_volume):
        raise MemoryError("Unable to allocate 9 GiB")

    flow = stream(made_of(Step(end)), lambda *_: volumes([2]), Span(5, 7, 20), Job())
    with pytest.raises(
        DataError, match=r"stage0: there is not enough memory \(Unable to allocate 9 GiB\); work on fewer"
    ):
        list(flow)


def test_the_log_tells_what_a_chunk_is_and_not_its_pixels(caplog):
    caplog.set_level("DEBUG")
    list(stream(made_of(Step(lambda volume: volume)), lambda *_: volumes([2]), Span(5, 7, 20), Job()))
    assert [record.message for record in caplog.records] == ["stage0: Volume, slices (2, 1, 1), from row 5"]


@pytest.mark.parametrize("margin", [0, 1])
@pytest.mark.parametrize(("first", "last"), [(0, 9), (3, 4), (1, 6), (8, 9), (5, 9)])
def test_slices_that_are_made_in_pairs_are_so_whatever_rows_are_asked_for(first, last, margin):
    """As gridrec makes them: a slice has something of its partner, if only in its last bit."""

    def paired(volume):
        assert volume.first_row % 2 == 0
        rows = volume.slices.copy()
        partners = np.arange(len(rows)) ^ 1
        rows += np.where(partners < len(rows), volume.slices[np.minimum(partners, len(rows) - 1), 0, 0] / 8, 0)[
            :, None, None
        ]
        return dataclasses.replace(volume, slices=rows)

    def inner(volume):
        middle = volume.slices[margin : len(volume.slices) - margin]
        return dataclasses.replace(volume, slices=middle, first_row=volume.first_row + margin)

    def read(start, end):
        rows = range(start, end, 4)
        return [numbered(row, min(row + 4, end)) for row in rows]

    recipe = made_of(Step(paired, together=2), Step(inner, neighbours=margin))
    whole = np.concatenate([each.slices for each in stream(recipe, read, Span(0, 9, 9), Job())])
    some = [*stream(recipe, read, Span(first, last, 9), Job())]
    assert some[0].first_row == first
    np.testing.assert_array_equal(np.concatenate([each.slices for each in some]), whole[first:last])


def numbered(first, last):
    return Volume(np.arange(first, last, dtype=np.float32)[:, None, None] + np.zeros((1, 2, 2), np.float32), first)
