"""Who makes which rows, where workers fail, die, stall, come and go."""

import itertools
from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.cluster import dealing
from tomopy_edge.cluster.crew import Told
from tomopy_edge.cluster.dealing import Dealer
from tomopy_edge.cluster.piece import Made
from tomopy_edge.cluster.rows import MOST_ROWS, lots, rows_for_each
from tomopy_edge.cluster.workplace import Task
from tomopy_edge.errors import ClusterError, OutputError
from tomopy_edge.job import Tally
from tomopy_edge.pipeline import Span
from tomopy_edge.record import Picked
from tomopy_edge.rows_left import Failure

TASK = Task("scan.h5", None, 1)
SHAPE = (4, 4)


class Clock:
    """Goes on by a second whenever nobody has news."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(dealing, "time", made)
    return made


class Crew:
    """Workers that do at once what `acts` says; each is asked with the worker and the piece, and yields its news.

    "dies" ends a worker, and a new one comes in its place; "hangs" is no news any more; a number is how many seconds
    later the news after it is heard.
    """

    def __init__(self, clock, names, act, *, nannies=True):
        self._clock, self._act, self._nannies = clock, act, nannies
        self._there = dict.fromkeys(names, "here")
        self._news, self._new = deque(), itertools.count(1)
        self.restarted, self.given, self.called_off, self.waiting = [], [], [], {}

    def workers(self):
        return dict(self._there)

    def give(self, worker, piece):
        self.given.append((worker, piece.first, piece.last))
        due = self._clock.now
        for news in self._act(worker, piece):
            if news == "dies":
                self._leave(worker)
            elif isinstance(news, int):
                due += news
            elif news != "hangs":
                self._news.append((due, news))

    def hear(self, seconds):
        self._clock.now += 0.01
        for news in self._news:
            if news[0] <= self._clock.now:
                self._news.remove(news)
                return news[1]
        self._clock.now += seconds
        return None

    def restart(self, worker):
        self.restarted.append(worker)
        if self._nannies:
            self._leave(worker)

    def call_off(self, number):
        self.called_off.append(number)

    def waits(self, worker):
        return self._clock.now < self.waiting.get(worker, 0)

    def expects_more(self):
        return False

    def _leave(self, worker):
        del self._there[worker]
        self._there[f"{worker}.{next(self._new)}"] = "here"


def sums(rows):
    return {row: f"sum of {row}" for row in rows}


def made(piece, rows, **rest):
    return Told(piece.number, sums(rows), SHAPE, Made(digests=sums(rows), shape=SHAPE, **rest))


def all_of(_worker, piece):
    yield made(piece, range(piece.first, piece.last))


def dealt(clock, names, act, rows, patience=100, **how):
    crew, tally = Crew(clock, names, act, **how), Tally()
    dealer = Dealer(crew, TASK, rows, patience=patience, picked=Picked([], ""), tally=tally)
    done, failed = Counter(), {}
    for one in dealer.deal():
        if isinstance(one, Failure):
            failed[one.row] = one.why
        else:
            done.update([*one.made])
    return done, failed, crew, dealer, tally


def test_lots_cover_the_rows():
    assert lots(Span(5, 30, 99), 8) == [(5, 13), (13, 21), (21, 29), (29, 30)]


@given(rows=st.integers(1, 10**6), workers=st.integers(0, 1000))
def test_each_worker_gets_some_lots_and_none_is_odd(rows, workers):
    size = rows_for_each(rows, workers)
    assert 2 <= size <= MOST_ROWS
    assert size % 2 == 0
    assert size == 2 or rows // size >= 4 * workers


def test_all_workers_make_rows_and_each_row_is_made_once(clock):
    done, failed, crew, dealer, _ = dealt(clock, "ab", all_of, [(0, 4), (4, 8), (8, 12)])
    assert done == Counter(range(12))
    assert not failed
    assert {worker for worker, *_ in crew.given} == {"a", "b"}
    assert sum(dealer.slices.values()) == 12
    assert not dealer.again


def test_what_a_dead_worker_had_made_is_not_made_again(clock):
    def act(worker, piece):
        if worker == "a":
            yield Told(piece.number, sums([piece.first]), SHAPE)
            # Its news is heard before it is missed.
            yield "dies"
        else:
            yield from all_of(worker, piece)

    done, failed, crew, dealer, tally = dealt(clock, "ab", act, [(0, 4), (4, 8)])
    assert done == Counter(range(8))
    assert not failed
    assert dealer.again == {1, 2, 3}
    assert dealer.uncounted == {0}
    assert [given for given in crew.given if given[1:] == (1, 4)]
    assert tally.notes["cluster"] == ["worker a on here: was lost; 3 rows are dealt out again"]


def test_a_worker_that_makes_no_slice_is_restarted_and_others_get_its_rows(clock):
    def act(worker, piece):
        if worker == "a":
            yield "hangs"
        else:
            yield 5
            yield from all_of(worker, piece)

    done, failed, crew, _, tally = dealt(clock, "ab", act, [(0, 4), (4, 8)], patience=30)
    assert done == Counter(range(8))
    assert not failed
    assert crew.restarted == ["a"]
    assert crew.called_off == [0]
    assert clock.now < 60
    assert "made no slice for 30 s" in tally.notes["cluster"][0]


def test_patience_does_not_begin_while_a_worker_is_at_the_work_of_others(clock):
    def act(worker, piece):
        if worker == "a":
            yield 200
            yield Told(piece.number, {}, ())
        yield from all_of(worker, piece)

    crew = Crew(clock, "ab", act)
    crew.waiting["a"] = 190
    dealer = Dealer(crew, TASK, [(0, 4), (4, 8)], patience=30, picked=Picked([], ""), tally=Tally())
    done = Counter(row for one in dealer.deal() for row in one.made)
    assert done == Counter(range(8))
    assert crew.restarted == []
    assert clock.now > 200


def test_a_worker_that_hangs_at_its_piece_is_restarted_whatever_else_it_has_to_do(clock):
    def act(worker, piece):
        yield Told(piece.number, {}, ())
        if worker == "a":
            yield "hangs"
        else:
            yield from all_of(worker, piece)

    crew = Crew(clock, "ab", act)
    crew.waiting["a"] = 1000
    dealer = Dealer(crew, TASK, [(0, 4), (4, 8)], patience=30, picked=Picked([], ""), tally=Tally())
    assert Counter(row for one in dealer.deal() for row in one.made) == Counter(range(8))
    assert crew.restarted == ["a"]
    assert clock.now < 60


def test_what_a_lost_worker_was_at_is_called_off_and_news_of_it_counts_for_no_other(clock):
    lost = []

    def act(worker, piece):
        if not lost:
            lost.append(piece)
            yield "dies"
        else:
            yield made(lost[0], range(lost[0].first, lost[0].last), fault="of old")
            yield from all_of(worker, piece)

    done, _, crew, dealer, tally = dealt(clock, "a", act, [(0, 4), (4, 8)])
    assert done == Counter(range(8))
    assert crew.called_off == [lost[0].number]
    assert tally.notes["cluster"] == ["worker a on here: was lost; 4 rows are dealt out again"]
    assert dealer.slices == {"a.1": 8}


def test_a_slow_worker_that_makes_slices_does_not_stall(clock):
    def act(worker, piece):
        for row in range(piece.first, piece.last):
            yield 20
            yield Told(piece.number, sums([row]), SHAPE)
        yield made(piece, range(piece.first, piece.last))

    done, _, crew, *_ = dealt(clock, "a", act, [(0, 4), (4, 8)], patience=30)
    assert done == Counter(range(8))
    assert crew.restarted == []


def test_a_stalled_worker_that_cannot_be_restarted_gets_no_rows_before_it_comes_back(clock):
    def act(worker, piece):
        yield 100 if (worker, piece.first) == ("a", 0) else 15
        yield made(piece, range(piece.first, piece.last))

    lots = [(row, row + 2) for row in range(0, 20, 2)]
    done, _, crew, *_ = dealt(clock, "ab", act, lots, patience=30, nannies=False)
    assert done == Counter(range(20))
    gave = [worker for worker, *_ in crew.given]
    assert gave[:2] == ["a", "b"]
    # Five of 15 s go by until "a" is back.
    assert gave[2:7] == ["b"] * 5
    assert "a" in gave[7:]


def test_news_of_a_worker_that_was_taken_for_stalled_is_not_counted_twice(clock):
    late = []

    def act(worker, piece):
        if worker == "a":
            late.append(made(piece, range(piece.first, piece.last)))
            yield "hangs"
        else:
            yield from late
            yield from all_of(worker, piece)

    done, *_ = dealt(clock, "ab", act, [(0, 4), (4, 8)], patience=30)
    assert done == Counter(range(8))


def test_a_row_that_fails_is_tried_by_another_worker_and_then_given_up_alone(clock):
    tried = []

    def act(worker, piece):
        rows = [row for row in range(piece.first, piece.last) if row != 6]
        tried.extend([worker] * (6 in range(piece.first, piece.last)))
        yield made(piece, rows, failed={6: "denoise: NaN"} if 6 in range(piece.first, piece.last) else {})

    done, failed, *_ = dealt(clock, "ab", act, [(0, 4), (4, 8), (8, 12)])
    assert done == Counter([row for row in range(12) if row != 6])
    assert failed == {6: "denoise: NaN"}
    assert set(tried) == {"a", "b"}


def test_a_row_that_one_worker_makes_badly_is_made_by_another(clock):
    def act(worker, piece):
        rows = range(piece.first, piece.last)
        if worker == "a":
            yield made(piece, [], failed=dict.fromkeys(rows, "denoise: NaN"))
        else:
            yield made(piece, rows)

    done, failed, *_ = dealt(clock, "ab", act, [(0, 4), (4, 8), (8, 12)])
    assert done == Counter(range(12))
    assert not failed


def test_a_row_that_kills_its_workers_is_given_up_alone(clock):
    def act(worker, piece):
        rows = range(piece.first, piece.last)
        yield Told(piece.number, sums(row for row in rows if row < 5), SHAPE)
        if 5 in rows:
            yield "dies"
        else:
            yield made(piece, rows)

    done, failed, *_ = dealt(clock, "ab", act, [(0, 8), (8, 16)])
    assert set(done) == {*range(16)} - {5}
    assert failed == {5: "was lost"}


def test_a_worker_that_ends_three_lots_gets_no_more_while_there_are_others(clock):
    def act(worker, piece):
        if worker == "a":
            yield made(piece, [], fault="DataError: no scan")
        else:
            yield from all_of(worker, piece)

    done, _, crew, *_ = dealt(clock, "ab", act, [(row, row + 2) for row in range(0, 40, 2)])
    assert done == Counter(range(40))
    assert sum(worker == "a" for worker, *_ in crew.given) <= 3


def test_where_nothing_can_be_made_by_any_worker_the_run_ends_with_the_reason(clock):
    def act(_worker, piece):
        yield made(piece, [], fault="reconstruct: the rotation axis is not known")

    with pytest.raises(ClusterError, match="row 0: reconstruct: the rotation axis is not known; it was tried 2 times"):
        dealt(clock, "ab", act, [(0, 4), (4, 8)])


def test_a_full_disk_ends_the_run_and_fails_no_rows(clock):
    def act(worker, piece):
        if piece.first >= 4:
            yield made(piece, [], fault="out: the disk is full", fatal="output")
        else:
            yield from all_of(worker, piece)

    with pytest.raises(OutputError, match="the disk is full"):
        dealt(clock, "ab", act, [(0, 4), (4, 8), (8, 12)])


def test_without_workers_the_run_ends_and_says_how_to_go_on(clock):
    with pytest.raises(ClusterError, match="no worker is left; --resume goes on"):
        dealt(clock, "", all_of, [(0, 4)])
    assert clock.now < 70


def test_rows_of_the_contact_sheet_count_when_their_picture_is_there(clock):
    task = Task("scan.h5", None, 1, shown=(2,))

    def act(worker, piece):
        rows = range(piece.first, piece.last)
        yield Told(piece.number, sums(rows), SHAPE)
        if worker == "a":
            yield "dies"
        else:
            yield made(piece, rows, shown={row: f"picture of {row}" for row in rows if row == 2})

    picked = Picked([2], "")
    crew = Crew(clock, "ab", act)
    dealer = Dealer(crew, task, [(0, 4)], patience=100, picked=picked, tally=Tally())
    done = Counter(row for one in dealer.deal() for row in one.made)
    assert done == Counter(range(4))
    assert picked.shown == {2: "picture of 2"}
    assert crew.given == [("a", 0, 4), ("b", 2, 3)]


def test_a_lot_that_the_only_trusted_worker_failed_with_is_not_waited_with_for_ever(clock):
    failures = Counter()

    def act(worker, piece):
        failures[worker] += 1
        if failures[worker] <= {"a": 3, "b": 1}[worker]:
            yield made(piece, [], fault="broken")
        else:
            yield from all_of(worker, piece)

    done, *_ = dealt(clock, "ab", act, [(row, row + 2) for row in range(0, 12, 2)])
    assert done == Counter(range(12))


@given(data=st.data(), rows=st.integers(1, 20), size=st.integers(1, 6), workers=st.integers(1, 4))
def test_whatever_workers_do_each_row_is_made_once_or_given_up(data, rows, size, workers):
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dealing, "time", clock)
        budget = itertools.count()

        def act(worker, piece):
            wanted = [*range(piece.first, piece.last)]
            # Faults come to an end, or nothing ever would.
            fault = data.draw(st.sampled_from(["", "dies", "hangs", "fails", "fault"])) if next(budget) < 12 else ""
            some = wanted[: data.draw(st.integers(0, len(wanted)))] if fault else wanted
            yield Told(piece.number, sums(some), SHAPE)
            if fault == "fails":
                yield made(piece, some, failed={row: "NaN" for row in wanted if row not in some})
            elif fault == "fault":
                yield made(piece, some, fault="broken")
            elif fault:
                yield fault
            else:
                yield made(piece, wanted)

        try:
            done, failed, *_ = dealt(clock, "abcd"[:workers], act, lots(Span(0, rows, rows), size), patience=20)
        except ClusterError as error:
            assert "no slice was made before it" in str(error)  # noqa: PT017 - ending so is as good
            return
    assert set(done) | set(failed) == set(range(rows))
    assert not set(done) & set(failed)
    assert max(done.values(), default=1) == 1


def test_a_disk_that_one_worker_cannot_write_to_ends_no_run_where_another_can(clock):
    def act(worker, piece):
        if worker == "a" and piece.first == 0 and piece.last == 4:
            yield "dies"
        elif worker == "b":
            yield made(piece, [], fault="out: read-only", fatal="output")
        else:
            yield from all_of(worker, piece)

    done, *_ = dealt(clock, "ab", act, [(0, 4), (4, 8)])
    assert done == Counter(range(8))
