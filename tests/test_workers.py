"""Rows are shared so that each is done once, and the threads' number is the job's."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.networks.workers import ALONE, Workers


@given(st.integers(1, 5), st.integers(0, 40))
def test_each_row_is_done_once_and_the_answers_come_in_order(threads, rows):
    workers = Workers(threads)
    runs = workers.share(rows, range)
    workers.close()
    assert [row for run in runs for row in run] == list(range(rows))
    assert len(runs) == min(threads, rows)


def test_no_more_threads_are_used_than_were_asked_for_and_the_callers_is_one_of_them():
    together = threading.Barrier(3, timeout=10)
    workers = Workers(3)

    def meet(_first, _last):
        together.wait()
        return threading.get_ident()

    names = workers.share(30, meet)
    workers.close()
    assert len(set(names)) == 3
    assert threading.get_ident() in names


def test_one_thread_is_the_callers_own():
    assert ALONE.share(7, lambda *_: threading.get_ident()) == [threading.get_ident()]


def test_a_fault_in_any_run_reaches_the_caller():
    workers = Workers(2)

    def fail(first, _last):
        if first:
            raise ValueError("rows: broken")

    with pytest.raises(ValueError, match="rows: broken"):
        workers.share(2, fail)
    workers.close()
    workers.close()
