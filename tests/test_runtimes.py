"""Which runtime runs a network, and what is said where one does not."""

import os
import re
import signal
import sys
from dataclasses import replace

import pytest

from tomopy_edge.backend import Probe
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.denoisers.tomogan import NetworkOptions, check_network
from tomopy_edge.errors import BackendError, ModelError, PluginError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Job
from tomopy_edge.networks import litert, probing
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.runtimes import choose_file, settle_runtime, working

NETWORKS = open_model("tomogan").manifest.denoise


def works():
    return Probe(works=True, told="it works", version="1.0", devices=("usb:0", "usb:1"))


def fails():
    return Probe(works=False, told="there is no such device; plug it in")


def raises():
    raise OSError("libthing.so.1: no such file")


def aborts():
    os.abort()


def hangs():
    signal.pause()


def says_nothing():
    sys.stderr.write("thing: license expired\n")
    raise SystemExit(3)


def chatters():
    sys.stdout.write("Thing 1.0 (c) Thing\n")
    return works()


def entry(probe, name="thing", **more):
    return BackendEntry(name, "A thing", **{"reads": "tflite", "open": None, "probe": probe} | more)


def broken(name):
    return entry(fails, name, alike=True)


def job(*entries):
    return Job(ncore=1, catalogue=Catalogue({}, {}, {}, {one.name: one for one in entries}))


def test_a_runtime_that_works_says_what_it_runs_on_also_out_of_a_child():
    assert probed(entry(works)) == probed(entry(works, risky=True)) == works()


def test_what_libraries_print_around_the_answer_does_not_matter():
    assert probed(entry(chatters, risky=True)) == works()


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (aborts, "the process that tried it was ended by SIGABRT"),
        (says_nothing, r"ended with exit code 3 before it answered \(thing: license expired\)"),
        (raises, r"ended with exit code 1 before it answered \(OSError: libthing.so.1: no such file\)"),
    ],
)
def test_a_runtime_that_ends_its_process_is_a_sentence(probe, told):
    found = probed(entry(probe, risky=True))
    assert not found.works
    assert re.search(told, found.told), found.told


def test_a_runtime_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(probing, "PATIENCE", 0.5)
    found = probed(entry(hangs, name="hanging", risky=True))
    assert (found.works, found.told) == (False, "it did not answer within 0.5 seconds")


def test_a_probe_that_raises_or_answers_nothing_stops_nobody():
    assert probed(entry(raises)).told == "trying it failed: OSError: libthing.so.1: no such file"
    assert probed(entry(lambda: None)).told == "its probe answered None where a Probe is expected"


def test_a_runtime_is_asked_once():
    asked = []
    one = entry(lambda: asked.append(1) or works())
    assert probed(one) is probed(one)
    assert asked == [1]


def test_auto_takes_the_first_that_works_of_those_that_give_the_same_answers():
    told = job(entry(works, "other"), entry(fails, "broken", alike=True), entry(works, "good", alike=True))
    assert settle_runtime("auto", NETWORKS, told, "denoise", fallback=False).name == "good"


def test_auto_says_what_it_tried_where_nothing_works():
    with pytest.raises(
        BackendError, match=r"no runtime works on this machine: a: there is no such device; plug it in; b: "
    ):
        settle_runtime(
            "auto",
            NETWORKS,
            job(entry(fails, "a", alike=True), entry(fails, "b", alike=True)),
            "denoise",
            fallback=True,
        )


def test_a_named_runtime_that_does_not_work_is_an_error_unless_another_may_take_over():
    told = job(entry(fails), litert.ENTRY)
    with pytest.raises(BackendError, match="runtime thing: there is no such device; plug it in; or leave the option"):
        settle_runtime("thing", NETWORKS, told, "denoise", fallback=False)
    assert settle_runtime("thing", NETWORKS, told, "denoise", fallback=True) is litert.ENTRY
    (note,) = told.tally.notes["denoise"]
    assert "there is no such device" in note
    assert "the recipe allows another runtime" in note


def test_an_unknown_runtime_is_refused_with_the_nearest_name():
    with pytest.raises(PluginError, match="no runtime is named 'litertt'; did you mean 'litert'"):
        working("litertt", job(litert.ENTRY).catalogue)
    with pytest.raises(PluginError, match="no runtime is named 'litertt'"):
        check_network(NetworkOptions(runtime="litertt"), job(litert.ENTRY).catalogue, "denoise")


def test_a_model_without_files_for_a_runtime_is_refused_with_the_command_that_makes_them():
    with pytest.raises(ModelError, match="runtime thing: the model holds no network that it could run; tomopy-edge co"):
        choose_file(entry(works, reads="edgetpu"), NETWORKS, None, None, (64, 64))
    with pytest.raises(ModelError, match="the model holds no chained network that it could run; tomopy-edge export"):
        choose_file(entry(works, reads="onnx", precisions=("chained",)), NETWORKS, None, None, (64, 64))


def test_a_runtime_of_one_precision_runs_that_one_where_none_is_asked_for():
    assert choose_file(entry(works, precisions=("float",)), NETWORKS, None, None, (64, 64)).precision == "float"
    with pytest.raises(ModelError, match=r"holds no int8 network \(it holds: float\)"):
        choose_file(entry(works, precisions=("float",)), NETWORKS, "int8", None, (64, 64))


@pytest.mark.parametrize("shape", [(64, 64), (100, 333), (1024, 1024)])
def test_a_runtime_of_whole_slices_gets_one_tile_with_all_that_the_network_sees(shape):
    file = choose_file(entry(works, whole=True, precisions=("float",)), NETWORKS, None, None, shape)
    grid = file.grid(shape)
    assert grid.counts == (1, 1)
    assert file.tile % NETWORKS.multiple == 0
    assert NETWORKS.is_exact(file)
    assert file.tile < max(shape) + 2 * (NETWORKS.reach + NETWORKS.multiple) + NETWORKS.multiple
    assert replace(file, tile=256, halo=56, stride=144).file == file.file
