"""The tally keeps what happened, once."""

import threading

from tomopy_edge.job import Tally


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
