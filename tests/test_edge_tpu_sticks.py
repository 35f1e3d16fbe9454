"""Tiles dealt to several devices. The devices are scripted: they test our handling of their loss, and nothing else."""

import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomopy_edge.backend import Backend, Ends
from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_sticks import Sticks


class Scripted(Backend):
    """A device that answers every tile with its first channel, until it is lost."""

    def __init__(self, lasts=10**6, takes=0.0, batch=1, fault=BackendError, after=None):
        super().__init__(Ends((batch, 2, 2, 3)), "scripted")
        self.lasts, self.takes, self.fault = lasts, takes, fault
        self.answered = self.freed = 0
        self.after, self.begun, self.lost = after, threading.Event(), threading.Event()

    def _run(self, batch):
        self.begun.set()
        if self.after is not None:
            assert self.after.wait(30)
        threading.Event().wait(self.takes)
        if self.answered == self.lasts:
            self.lost.set()
            raise self.fault("the Edge TPU is lost: its process ended by SIGABRT")
        self.answered += 1
        return batch[..., 0]

    def _free(self):
        self.freed += 1


def tiles_of(count):
    return np.random.default_rng(count).normal(size=(count, 2, 2, 3)).astype(np.float32)


def opened(*sticks, cpu=None, batch=1):
    notes = []
    named = {f"usb:{i}": stick for i, stick in enumerate(sticks)}
    return Sticks(named, cpu or Scripted(batch=batch), notes.append, "scripted"), notes


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 30),
    lasting=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    batch=st.integers(1, 3),
)
def test_every_tile_is_answered_in_its_place_whichever_devices_are_lost_and_when(count, lasting, batch):
    network, _ = opened(*(Scripted(lasts, batch=batch) for lasts in lasting), batch=batch)
    tiles = tiles_of(count)
    for _ in range(2):
        np.testing.assert_array_equal(network.infer(tiles), tiles[..., 0])
    network.close()


def test_devices_share_the_tiles_and_a_slow_one_holds_up_none():
    slow = Scripted(takes=0.02)
    fast = Scripted(takes=0.001, after=slow.begun)
    network, notes = opened(slow, fast)
    tiles = tiles_of(60)
    np.testing.assert_array_equal(network.infer(tiles), tiles[..., 0])
    assert slow.answered + fast.answered == 60
    assert 0 < slow.answered < fast.answered
    network.close()
    assert notes == [f"tiles answered: usb:0 {slow.answered}, usb:1 {fast.answered}"]


def test_every_device_has_a_batch_to_work_on():
    assert opened(Scripted(batch=2), Scripted(batch=2), Scripted(batch=2), batch=2)[0].at_once == 6
    assert opened(Scripted())[0].at_once == 1


def test_the_tile_that_a_device_was_lost_with_is_answered_by_another_and_told(caplog):
    poor, cpu = Scripted(lasts=3), Scripted()
    good = Scripted(after=poor.lost)
    network, notes = opened(poor, good, cpu=cpu)
    tiles = tiles_of(20)
    np.testing.assert_array_equal(network.infer(tiles), tiles[..., 0])
    assert (poor.answered, good.answered, cpu.answered) == (3, 17, 0)
    network.close()
    lost, shares = notes
    assert caplog.messages == [lost]
    assert lost.startswith("the Edge TPU is lost: its process ended by SIGABRT, after 3 tiles; 1 tile that it had not")
    assert lost.endswith("answered went to usb:1")
    assert shares == "tiles answered: usb:0 3, usb:1 17; 1 of them after another device was lost with them"


def test_a_tile_that_is_lost_when_the_others_are_done_is_answered_all_the_same():
    poor, good = Scripted(lasts=0, takes=0.05), Scripted()
    network, _ = opened(poor, good)
    tiles = tiles_of(4)
    np.testing.assert_array_equal(network.infer(tiles), tiles[..., 0])
    assert good.answered == 4


def test_when_no_device_is_left_the_cpu_answers_the_rest():
    cpu = Scripted()
    network, notes = opened(Scripted(lasts=2), cpu=cpu)
    tiles = tiles_of(10)
    np.testing.assert_array_equal(network.infer(tiles), tiles[..., 0])
    assert cpu.answered == 8
    network.close()
    assert "after 2 tiles; 1 tile that it had not answered went to the CPU" in notes[0]
    assert notes[1] == "tiles answered: usb:0 2, the CPU 8; 1 of them after another device was lost with them"


def test_a_lost_device_is_closed_and_not_asked_again():
    poor = Scripted(lasts=0)
    good = Scripted(after=poor.lost)
    network, notes = opened(poor, good)
    network.infer(tiles_of(4))
    network.infer(tiles_of(4))
    assert poor.freed == 1
    network.close()
    assert (poor.freed, good.freed) == (1, 1)
    assert Counter("is lost" in note for note in notes) == {True: 1, False: 1}


def test_a_mistake_of_ours_is_not_taken_for_a_lost_device():
    network, notes = opened(Scripted(lasts=1, fault=ValueError))
    with pytest.raises(ValueError, match="is lost"):
        network.infer(tiles_of(3))
    network.close()
    assert notes == ["tiles answered: usb:0 1"]


def test_an_interrupted_run_has_its_devices_stop_after_the_tile_that_they_are_at(monkeypatch):
    slow = Scripted(takes=0.02)
    network, _ = opened(slow)

    class Interrupted:
        def result(self):
            while not slow.answered:
                threading.Event().wait(0.01)
            raise KeyboardInterrupt

    submit = network._threads.submit
    monkeypatch.setattr(network._threads, "submit", lambda *asked: submit(*asked) and Interrupted())
    with pytest.raises(KeyboardInterrupt):
        network.infer(tiles_of(100))
    answered = slow.answered
    threading.Event().wait(0.2)
    assert 0 < answered <= slow.answered <= answered + 1
    network.close()


def test_closing_closes_all_and_says_who_did_what():
    first, second, cpu = Scripted(), Scripted(), Scripted()
    network, notes = opened(first, second, cpu=cpu)
    network.close()
    network.close()
    assert (first.freed, second.freed, cpu.freed) == (1, 1, 1)
    assert notes == ["tiles answered: usb:0 0, usb:1 0"]
