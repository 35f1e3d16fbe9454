"""How a command hears that it is asked to end."""

import signal
import threading
import time

import pytest

from tomopy_edge.cli.stopping import ASKED, exit_code, stoppable


@pytest.mark.parametrize("number", ASKED)
def test_a_signal_that_did_not_wake_what_waits_is_sent_again(number, monkeypatch):
    # Where nothing is sent again, the process of these tests is better not ended.
    monkeypatch.setattr("tomopy_edge.cli.stopping.GRACE", 60)
    # What another thread is sent leaves the main one as a signal does that comes right before it begins to wait:
    # noted down, and asleep.
    unseen = threading.Timer(0.1, lambda: signal.pthread_kill(threading.get_ident(), number))

    def asleep():
        unseen.start()
        time.sleep(10)

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as stop, stoppable():
        asleep()
    assert time.monotonic() - begun < 9
    assert exit_code(stop.value) == 128 + number


@pytest.mark.parametrize("number", ASKED)
def test_a_signal_that_comes_twice_at_once_leaves_what_is_tidied_up_then_alone(number):
    tidied = []

    def interrupted():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
            tidied.append("up")

    with stoppable(), pytest.raises(KeyboardInterrupt):
        interrupted()
    assert tidied == ["up"]


@pytest.mark.parametrize("number", ASKED)
def test_a_signal_that_was_heard_is_not_sent_again(number):
    came = []
    with stoppable():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            signal.signal(number, lambda *_: came.append(number))
            time.sleep(0.6)
    assert not came


def test_signals_are_as_they_were_afterwards():
    before = [signal.getsignal(number) for number in ASKED]
    with stoppable():
        assert [signal.getsignal(number) for number in ASKED] != before
    assert [signal.getsignal(number) for number in ASKED] == before
