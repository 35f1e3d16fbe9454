"""All runtimes of a catalogue tried at once, and a catalogue that remembers."""

import os

from tomopy_edge.backend import Probe
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.machine import trial
from tomopy_edge.machine.trial import as_tried, try_runtimes
from tomopy_edge.networks.probing import probed


def works():
    return Probe(works=True, told=str(os.getpid()), version="1.0", devices=("usb:0",))


def aborts():
    os.abort()


def entry(name, probe, **more):
    return BackendEntry(name, "A thing", "tflite", None, probe, **more)


def test_all_but_what_no_other_process_finds_are_tried_elsewhere_and_told_in_their_order():
    lonely = entry("lonely", lambda: works())  # noqa: PLW0108 - a probe without a name
    entries = (entry("good", works), lonely, entry("bad", aborts), entry("risky", works, risky=True))
    good, here, bad, risky = try_runtimes({one.name: one for one in entries})
    assert [state.name for state in (good, here, bad, risky)] == ["good", "lonely", "bad", "risky"]
    assert (good.works, good.version, good.devices) == (True, "1.0", ("usb:0",))
    assert here.told == str(os.getpid())
    assert here.told not in {good.told, risky.told}
    assert not bad.works


def test_where_nothing_is_offered_nothing_is_tried():
    assert try_runtimes({}) == ()


def test_a_catalogue_that_was_tried_answers_without_trying_again():
    offered = Catalogue({}, {}, {}, {"bad": entry("bad", aborts, risky=True, alike=True)})
    tried = as_tried(offered, try_runtimes(offered.backends)).backends["bad"]
    assert probed(tried) == tried.probe() == Probe(works=False, told="the process that tried it was ended by SIGABRT")
    assert tried.alike


def test_that_answers_are_waited_for_is_said_where_it_takes_long(monkeypatch, caplog):
    caplog.set_level("INFO")
    try_runtimes({"good": entry("good", works)})
    assert "waiting" not in caplog.text
    monkeypatch.setattr(trial, "UNEASY", 0.0)
    try_runtimes({"good": entry("good", works)})
    assert "waiting for the runtimes to answer: each may take up to 180 seconds" in caplog.text
