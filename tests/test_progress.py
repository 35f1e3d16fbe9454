"""Progress is a bar on a terminal and lines in a log; both end on the whole count and give the rate."""

import io
import logging
import re
import sys
import threading
from contextlib import redirect_stderr
from types import ModuleType, SimpleNamespace

import pytest

from tomopy_edge import progress
from tomopy_edge.job import Tally
from tomopy_edge.progress import track, watched

RATE = r"\d+\.\d(/s| s each)"

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """Remembers what a terminal was sent."""

    def isatty(self):
        return True

    def lines(self):
        return [line.strip() for line in re.split(r"[\r\n]+", ESCAPES.sub("", self.getvalue())) if line.strip()]


@pytest.fixture
def terminal(monkeypatch):
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


@pytest.mark.parametrize(("size", "total"), [({}, 3), ({"size": {"a": 2, "b": 2, "c": 1}.get}, 5)])
def test_on_a_terminal_a_bar_ends_on_the_whole_count_and_the_rate(terminal, size, total):
    with redirect_stderr(terminal):
        assert list(track("abc", total=total, what="slices", **size)) == ["a", "b", "c"]
    assert re.match(rf"slices +\S+ +{total}/{total} +{RATE}", terminal.lines()[-1])


def test_the_bar_counts_what_is_done_and_not_what_was_begun(terminal):
    with redirect_stderr(terminal):
        tracked = track("abc", total=3, what="slices")
        next(tracked)
        next(tracked)
        tracked.close()
    assert re.match(r"slices +\S+ +1/3 ", terminal.lines()[-1])


def test_a_terminal_gets_its_cursor_back_when_the_work_fails(terminal):
    def work():
        for _ in track("abc", total=3, what="slices"):
            raise ValueError

    with redirect_stderr(terminal), pytest.raises(ValueError):  # noqa: PT011 - ours, two lines above
        work()
    shown, hidden = terminal.getvalue().rfind("\x1b[?25h"), terminal.getvalue().rfind("\x1b[?25l")
    assert shown > hidden >= 0


@pytest.mark.parametrize(("size", "total"), [({}, 3), ({"size": {"a": 2, "b": 2, "c": 1}.get}, 5)])
def test_in_a_log_the_last_line_holds_the_whole_count_and_the_rate(caplog, size, total):
    caplog.set_level(logging.INFO, logger="tomopy_edge.progress")
    assert list(track("abc", total=total, what="slices", **size)) == ["a", "b", "c"]
    (line,) = caplog.messages
    assert re.fullmatch(rf"{total} of {total} slices, {RATE}", line)


def test_a_long_job_logs_a_line_now_and_then(caplog, monkeypatch):
    # Each thing takes 4 s.
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    caplog.set_level(logging.INFO, logger="tomopy_edge.progress")
    for _ in track(range(7), total=7, what="slices"):
        now[0] += 4.0
    assert caplog.messages == [
        "3 of 7 slices, 4.0 s each",
        "6 of 7 slices, 4.0 s each",
        "7 of 7 slices, 4.0 s each",
    ]


def test_many_a_second_are_told_as_a_rate_and_few_as_the_time_of_each(monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 10.0)
    assert progress._rate(40, 0.0) == "4.0/s"
    assert progress._rate(4, 0.0) == "2.5 s each"
    assert progress._rate(0, 0.0) == "10.0 s each"


def test_a_log_says_where_nothing_comes_any_more_and_what_is_at_work(caplog, wait_until):
    def things():
        yield 1
        with tally.timed("denoise", "total"):
            wait_until(lambda: caplog.records)
        yield 2

    tally = Tally()
    assert [*watched(things(), tally.at_work, "slices", patience=0.2)] == [1, 2]
    told = [record.message for record in caplog.records]
    assert told
    assert told[0] == "no slices for 0 minutes; at work: denoise; ctrl-C ends it"
    assert tally.at_work() == []


def test_where_things_come_in_time_no_log_says_anything(caplog):
    assert [*watched(iter([1, 2]), list, "slices", patience=5)] == [1, 2]
    assert not caplog.records
    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]


class Cell:
    """The output of a cell: what was shown in it, one after the other."""

    def __init__(self):
        self.shown = []

    def display(self, data, *, raw, display_id):
        assert raw
        assert display_id
        self.shown.append(data["text/plain"])
        return self

    def update(self, data, *, raw):
        assert raw
        self.shown.append(data["text/plain"])


@pytest.fixture
def cell(monkeypatch):
    """A notebook that notes what it shows."""
    found, ipython = Cell(), ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    ipython.display = ModuleType("IPython.display")
    ipython.display.display = found.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return found


def test_in_a_notebook_a_bar_of_text_changes_in_place_and_ends_on_the_whole_count(cell, caplog):
    caplog.set_level(logging.INFO)
    assert list(track("abcd", total=4, what="slices")) == [*"abcd"]
    assert cell.shown[0] == f"slices {'░' * 40} 0/4"
    assert re.fullmatch(rf"slices {'█' * 40} 4/4 {RATE}", cell.shown[-1])
    assert not caplog.messages


def test_a_notebook_is_not_sent_more_than_it_can_show(cell):
    assert len(list(track(range(10_000), total=10_000, what="slices"))) == 10_000
    assert len(cell.shown) < 10


def test_ipython_in_a_terminal_is_no_notebook(cell, monkeypatch):
    sys.modules["IPython"].get_ipython = SimpleNamespace
    list(track("ab", total=2, what="slices"))
    assert not cell.shown
