"""Runtimes tried, most of them in processes of their own: what becomes of those that crash, hang or answer nothing."""

import atexit
import os
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tomopy_edge.backend import Probe
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks import probing
from tomopy_edge.networks.probing import by_name, probed, probed_apart

NOTED = "TOMOPY_EDGE_TEST_NOTED"
"""Names the file that a probe leaves something in, for the test that had it called in another process."""


def works():
    return Probe(works=True, told=str(os.getpid()), version="1.0", devices=("usb:0",))


def chatters():
    # A library that leaves its line unfinished, on the same output.
    os.write(1, b"Thing 1.0 (c) Thing")
    return works()


def says_nothing():
    sys.stderr.write("thing: license expired\n")
    raise SystemExit(3)


def aborts():
    os.abort()


def raises():
    raise OSError("libthing.so.1: no file")


def hangs():
    Path(os.environ[NOTED]).write_text(str(os.getpid()))
    time.sleep(600)


def crashes_when_it_is_over():
    atexit.register(os.abort)
    return works()


def takes_its_turn():
    for event in ("begins ", "ends "):
        with Path(os.environ[NOTED]).open("a") as file:
            file.write(event)
        time.sleep(0.2)
    return works()


def takes_its_turn_too():
    return takes_its_turn()


def entry(probe, **more):
    return BackendEntry("thing", "A thing", "tflite", None, probe, **more)


def tried(*probes, at_once=2):
    return probed_apart([entry(probe) for probe in probes], at_once)


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    """Let this module be found by its name, which children look up where their parent does."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])


@pytest.fixture(params=["forked", "one by one"])
def system(request, monkeypatch):
    """Where processes can be forked, and where they cannot."""
    if request.param == "one by one":
        monkeypatch.setattr(probing.sys, "platform", "other")
    elif sys.platform != "linux":
        pytest.skip("processes are forked on Linux alone")


@pytest.fixture
def noted(monkeypatch, tmp_path):
    monkeypatch.setenv(NOTED, str(tmp_path / "noted"))
    return tmp_path / "noted"


def test_a_risky_runtime_answers_from_a_process_of_its_own_and_others_here():
    assert probed(entry(works)).told == str(os.getpid())
    found = probed(entry(works, risky=True))
    assert found.told != str(os.getpid())
    assert (found.works, found.version, found.devices) == (True, "1.0", ("usb:0",))


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (aborts, "the process that tried it was ended by SIGABRT"),
        (
            says_nothing,
            "the process that tried it ended with exit code 3 before it answered (thing: license expired)",
        ),
        (
            raises,
            "the process that tried it ended with exit code 1 before it answered (OSError: libthing.so.1: no file)",
        ),
        (crashes_when_it_is_over, "the process that tried it was ended by SIGABRT"),
    ],
)
def test_a_runtime_that_ends_its_process_is_a_sentence(probe, told):
    assert probed(entry(probe, risky=True)) == Probe(works=False, told=told)


def test_a_probe_that_raises_or_answers_nothing_stops_nobody():
    assert probed(entry(raises)).told == "trying it failed: OSError: libthing.so.1: no file"
    assert probed(entry(lambda: None)).told == "its probe answered None where a Probe is expected"


def test_a_runtime_is_asked_once():
    asked = []
    one = entry(lambda: asked.append(1) or works())
    assert probed(one) is probed(one)
    assert asked == [1]


def test_a_module_in_the_users_folder_breaks_no_runtime(monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError('the file of a user')")
    monkeypatch.chdir(tmp_path)
    assert probed(entry(works, risky=True)).works


def test_each_of_several_answers_in_its_place_from_a_process_of_its_own(system):
    first, second = tried(works, chatters)
    assert (first.works, first.version, first.devices) == (True, "1.0", ("usb:0",))
    assert second.works
    assert len({first.told, second.told, str(os.getpid())}) == 3


def test_one_of_several_that_fails_is_a_sentence_and_costs_the_others_nothing(system):
    good, aborted, raised, over = tried(works, aborts, raises, crashes_when_it_is_over)
    assert good.works
    assert aborted == over == Probe(works=False, told="the process that tried it was ended by SIGABRT")
    assert "(OSError: libthing.so.1: no file)" in raised.told


def test_one_that_hangs_is_given_up_and_its_process_ended(system, noted, monkeypatch):
    monkeypatch.setattr(probing, "PATIENCE", 10.0)
    good, hanging = tried(works, hangs)
    assert good.works
    assert hanging == Probe(
        works=False, told="it did not answer within 10 seconds; where this machine is only slow or busy, try again"
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def test_that_it_hangs_is_found_out_once(noted, monkeypatch):
    monkeypatch.setattr(probing, "PATIENCE", 4.0)
    asked = []
    child = probing._child
    monkeypatch.setattr(probing, "_child", lambda call, patience: (asked.append(call), child(call, patience))[1])
    tried(works, hangs)
    assert len(asked) == 1


def test_no_more_run_at_once_than_there_may(system, noted):
    tried(takes_its_turn, takes_its_turn_too, at_once=1)
    assert noted.read_text() == "begins ends begins ends "


def test_a_child_finds_functions_of_modules_and_no_others():
    assert by_name(entry(works))
    assert not by_name(entry(lambda: Probe(works=True, told="")))
    assert not by_name(entry(partial(works)))
