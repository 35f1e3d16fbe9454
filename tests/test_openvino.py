"""OpenVINO, where it is installed, and what is said where it is not or answers wrongly."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks import litert, openvino
from tomopy_edge.networks.agreement import reference_tiles
from tomopy_edge.networks.manifest import open_model

MODEL = open_model("tomogan-compact")
needed = pytest.mark.skipif(find_spec("openvino") is None, reason="the extra `openvino` is not installed")


def network(precision):
    file = min((one for one in MODEL.manifest.denoise.networks if one.precision == precision), key=lambda one: one.tile)
    return MODEL.path(file.file, file.sha256)


def test_where_it_is_missing_its_probe_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    probe = openvino.ENTRY.probe()
    assert not probe.works
    assert "pip install 'tomopy-edge[openvino]'" in probe.told


@needed
def test_a_machine_on_which_it_answers_wrongly_is_told_by_its_probe(monkeypatch):
    right = openvino.OpenVINO._run
    monkeypatch.setattr(openvino.OpenVINO, "_run", lambda self, batch: right(self, batch) + np.int8(3))
    probe = openvino.ENTRY.probe()
    assert not probe.works
    assert "it answers wrongly here: with the int8 reference network its answers are up to" in probe.told
    assert probe.version


@needed
@pytest.mark.parametrize("precision", ["int8", "chained", "float"])
def test_ends_and_quantization_are_those_that_litert_finds(precision):
    one, other = openvino.OpenVINO(network(precision), 1), litert.LiteRT(network(precision), 1)
    assert one.ends == other.ends


@needed
def test_float_networks_are_computed_in_float32_also_where_the_processor_has_bfloat16():
    one, other = openvino.OpenVINO(network("float"), 1), litert.LiteRT(network("float"), 1)
    tiles = reference_tiles(one.ends)
    np.testing.assert_allclose(one.infer(tiles), other.infer(tiles), atol=1e-5)


@needed
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux alone")
def test_its_threads_are_bound_to_no_core_as_those_of_other_processes_would_be_to_the_same():
    opened = openvino.OpenVINO(network("int8"), 1)
    tiles, allowed = reference_tiles(opened.ends), os.sched_getaffinity(0)
    bound, ended = set(), threading.Event()

    def watch():
        while not ended.is_set():
            for thread in Path("/proc/self/task").iterdir():
                with suppress(OSError):  # it has ended
                    bound.update(allowed - os.sched_getaffinity(int(thread.name)))

    with ThreadPoolExecutor(1) as other:
        watching = other.submit(watch)
        for _ in range(50):
            opened.infer(tiles)
        ended.set()
        watching.result()
    assert bound == set()


@needed
def test_a_damaged_file_is_refused_by_its_name(tmp_path):
    path = tmp_path / "bad.tflite"
    path.write_bytes(network("int8").read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"bad\.tflite: is (damaged|no \.tflite file)"):
        openvino.OpenVINO(path, 1)


@needed
def test_what_openvino_refuses_is_told_by_its_last_line(tmp_path, monkeypatch):
    path = tmp_path / "bad.tflite"
    path.write_bytes(network("int8").read_bytes())
    graph = litert.check_graph(path)
    monkeypatch.setattr(openvino, "check_graph", lambda _: graph)
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    with pytest.raises(ModelError, match=r"bad\.tflite: OpenVINO cannot run it: [^\n]*$"):
        openvino.OpenVINO(path, 1)


@needed
def test_it_says_its_version_and_threads():
    assert openvino.OpenVINO(network("int8"), 2).told.startswith("OpenVINO 20")
    assert openvino.OpenVINO(network("int8"), 2).told.endswith(", 2 threads")


@needed
@pytest.mark.parametrize(
    ("said", "told"), [("std::bad_alloc", "there is not enough memory"), ("src/x.cpp:3:\nno such node", "no such node")]
)
def test_an_inference_that_fails_is_told_with_what_ran_it(said, told):
    backend = openvino.OpenVINO(network("int8"), 1)

    class Failing:
        def infer(self, *_, **__):
            raise RuntimeError(said)

    backend._request = Failing()
    with pytest.raises(BackendError, match=rf"OpenVINO .* 1 thread: inference failed: {told}"):
        backend.infer(reference_tiles(backend.ends))
