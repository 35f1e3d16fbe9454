"""What a worker keeps from piece to piece, and when it lets go of it."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tomopy_edge.cluster import workplace
from tomopy_edge.cluster.workplace import Keeper, Task

ONE, OTHER = Task("one.h5", None, 1), Task("other.h5", None, 1)


@pytest.fixture
def open_now(monkeypatch):
    """The workplaces that are open."""
    there = []

    @contextmanager
    def opened(task, share):
        place = SimpleNamespace(task=task, share=share)
        there.append(place)
        try:
            yield place
        finally:
            there.remove(place)

    monkeypatch.setattr(workplace, "_opened", opened)
    return there


@pytest.fixture
def keeper():
    """A keeper that holds nothing after the test."""
    made = Keeper()
    yield made
    made.clear()


def used(keeper, task, share=1):
    with keeper.place_for(task, share) as place:
        return place


def test_pieces_of_a_run_share_a_workplace(open_now, keeper):
    assert used(keeper, ONE) is used(keeper, ONE)
    assert len(open_now) == 1


@pytest.mark.parametrize("next_one", [(OTHER, 1), (ONE, 2)], ids=["another run", "another worker beside it"])
def test_what_another_piece_cannot_use_is_let_go_of_before(open_now, keeper, next_one):
    first = used(keeper, ONE)
    with keeper.place_for(*next_one) as place:
        assert place is not first
        assert open_now == [place]


def test_what_was_chosen_for_more_workers_is_kept_for_fewer(open_now, keeper):
    assert used(keeper, ONE, 3) is used(keeper, ONE, 2)


def test_after_a_fault_nothing_is_kept(open_now, keeper):
    with pytest.raises(OSError, match="gone"), keeper.place_for(ONE, 1):
        raise OSError("gone")
    assert open_now == []
    assert used(keeper, ONE) is used(keeper, ONE)


def test_a_piece_made_at_the_same_time_has_its_own_workplace(open_now, keeper):
    with keeper.place_for(ONE, 1) as first:
        with keeper.place_for(ONE, 1) as second:
            assert second is not first
            assert len(open_now) == 2
        assert open_now == [first]
        keeper.clear()
        assert open_now == [first]
    assert used(keeper, ONE) is first


def test_a_worker_without_pieces_lets_go_of_all(open_now, keeper, monkeypatch, wait_until):
    monkeypatch.setattr(workplace, "SECONDS_KEPT", 0.05)
    used(keeper, ONE)
    wait_until(lambda: not open_now, 10)
    assert open_now == []


def test_what_cannot_be_opened_is_tried_again_for_the_next_piece(keeper, tmp_path):
    task = Task(str(tmp_path / "scan.h5"), None, 1, folder=str(tmp_path / "out.part"))
    for _ in range(2):
        with (
            pytest.raises(workplace.ClusterError, match=r"out\.part: is not seen from here"),
            keeper.place_for(task, 1),
        ):
            pass
