"""Stages side by side: in order, bounded, with faults where they belong, and no thread left."""

import gc
import threading
import time
import weakref

import pytest

from tomopy_edge.ahead import ahead, behind


class Thing:
    def __init__(self, number):
        self.number = number


def things(count, made=None, fault_at=None, closed=None):
    try:
        for number in range(count):
            if number == fault_at:
                raise ValueError(f"no thing {number}")
            if made is not None:
                made.append(number)
            yield Thing(number)
    finally:
        if closed is not None:
            closed.append(threading.current_thread().name)


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("most", [1, 2, 5])
def test_things_come_in_order(most):
    with ahead(things(20), most) as flow:
        assert [thing.number for thing in flow] == list(range(20))
    assert list(behind(lambda thing: thing.number, things(20), most)) == list(range(20))


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_is_made_ahead_than_may_wait(most, wait_until):
    made = []
    with ahead(things(20, made), most) as flow:
        next(flow)
        wait_until(lambda: len(made) >= 1 + most + 1)
        time.sleep(0.2)
        # The one that was taken, those that wait, and the one that waits to wait.
        assert len(made) == 1 + most + 1


def test_it_is_made_in_another_thread_while_this_one_works():
    seen = []
    with ahead((seen.append(threading.current_thread().name) or Thing(n) for n in range(3)), 1) as flow:
        list(flow)
    assert seen == ["ahead"] * 3


@pytest.mark.parametrize("fault_at", [0, 2])
def test_a_fault_comes_after_what_was_made_before_it(fault_at):
    got = []

    def take():
        with ahead(things(5, fault_at=fault_at), 2) as flow:
            got.extend(thing.number for thing in flow)

    with pytest.raises(ValueError, match=f"no thing {fault_at}"):
        take()


def test_who_stops_halfway_has_the_flow_closed_in_its_own_thread():
    closed = []
    with ahead(things(100, closed=closed), 1) as flow:
        next(flow)
    assert closed == ["ahead"]


def test_what_was_handed_on_is_kept_by_nobody():
    with ahead(things(3), 1) as flow:
        first = next(flow)
        kept = weakref.ref(first)
        del first
        gc.collect()
        assert kept() is None
    kept = []

    def work(thing):
        kept.append(weakref.ref(thing))
        return len(kept)

    for number in behind(work, things(3), 1):
        gc.collect()
        assert kept[number - 1]() is None


def test_what_was_taken_is_worked_on_though_the_flow_fails():
    done = []
    with pytest.raises(ValueError, match="no thing 3"):
        list(behind(lambda thing: done.append(thing.number), things(5, fault_at=3), 1))
    assert done == [0, 1, 2]


def test_a_fault_of_the_work_is_raised_in_its_place():
    def work(thing):
        if thing.number == 2:
            raise KeyError(thing.number)
        return thing.number

    got = []
    with pytest.raises(KeyError, match="2"):
        got.extend(behind(work, things(5), 1))


def test_one_flow_may_work_ahead_of_another():
    with ahead(things(30), 1) as first, ahead((Thing(thing.number * 2) for thing in first), 1) as second:
        assert next(second).number == 0
        assert next(second).number == 2


def test_what_was_made_before_a_fault_of_the_flow_is_yielded_first():
    got = []

    def take():
        for number in behind(lambda thing: thing.number, things(5, fault_at=3), 1):
            got.append(number)  # noqa: PERF402 - what was taken until the fault

    with pytest.raises(ValueError, match="no thing 3"):
        take()
    assert got == [0, 1, 2]
