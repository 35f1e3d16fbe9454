"""The tally keeps what happened, once."""

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

from tomopy_edge.job import NO_ROW, Tally


def test_counts_add_up_and_nothing_leaves_no_trace():
    tally = Tally()
    tally.count("minus_log", "values clipped", 3)
    tally.count("minus_log", "values clipped", 4)
    tally.count("normalize", "zero flats", 0)
    assert tally.counts == {"minus_log": {"values clipped": 7}}


def test_counts_from_several_threads_add_up():
    tally = Tally()
    threads = [threading.Thread(target=lambda: [tally.count("a", "b", 1) for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.counts["a"]["b"] == 4000


def test_sample_rows_are_not_counted_but_what_they_taught_is_kept():
    tally = Tally()
    with tally.muted(), tally.timed("a", "total"):
        tally.count("a", "b", 1)
        tally.measure("a", "c", 1.0)
        tally.note("a", "found")
        tally.note("a", "found")
    assert (tally.counts, tally.measures, tally.seconds, tally.notes) == ({}, {}, {}, {"a": ["found"]})
    tally.measure("a", "c", 2.0)
    with tally.timed("a", "total"):
        pass
    assert tally.measures == {"a": {"c": [2.0]}}
    assert tally.seconds["a"]["total"] >= 0


def test_what_is_taken_out_of_a_tally_counts_once_and_its_notes_stay():
    tally, whole = Tally(), Tally()
    for _ in range(2):
        tally.count("normalize", "pixels", 3)
        tally.measure("denoise", "bias", 1.5)
        tally.note("denoise", "on this machine")
        with tally.timed("denoise", "total"):
            pass
        taken = tally.taken_out()
        whole.take_in(taken)
        assert taken.seconds["denoise"]["total"] > 0
    assert whole.counts == {"normalize": {"pixels": 6}}
    assert whole.measures == {"denoise": {"bias": [1.5, 1.5]}}
    assert whole.notes == {"denoise": ["on this machine"]}
    assert tally.counts == tally.measures == tally.seconds == {}
    assert tally.notes == whole.notes


def test_a_row_that_is_made_again_is_counted_once():
    tally, other = Tally(), Tally()
    for into, first, numbers in ((tally, 3, [1, 0, 2]), (tally, 4, [0, 2, 9]), (other, 5, [2, 9, 1])):
        with into.at_row(first):
            into.count_rows("minus_log", "clipped", numbers)
    assert tally.counts == {"minus_log": {"clipped": 12}}
    tally.take_in(pickle.loads(pickle.dumps(other)))  # noqa: S301 - our own
    assert tally.counts == {"minus_log": {"clipped": 13}}
    # What is counted for no row adds up, also what has come through JSON.
    tally.count("minus_log", "clipped", 4)
    tally.count_rows("minus_log", "clipped", [1, 2])
    again = Tally()
    again.by_row = json.loads(json.dumps(tally.by_row))
    tally.take_in(again)
    assert tally.counts == {"minus_log": {"clipped": 13 + 7 + 7}}


def test_rows_at_work_are_those_of_a_thread():
    tally = Tally()
    with tally.at_row(3), ThreadPoolExecutor(1) as other:
        other.submit(tally.count_rows, "a", "b", [1]).result()
        tally.count_rows("a", "b", [1])
    assert tally.by_row == {"a": {"b": {NO_ROW: 1, 3: 1}}}
