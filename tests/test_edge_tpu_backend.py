"""The runtime `edgetpu`, with a stand-in for libedgetpu that refuses, crashes and lists devices which are not there.

Every device is a real child process with a real interpreter; what it runs is not compiled, so the CPU computes it.
"""

import json
import os
import signal
import tempfile
from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.backend import Placement, Probe
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Volume
from tomopy_edge.denoisers import tomogan
from tomopy_edge.denoisers.tomogan import NetworkOptions, settle_tomogan
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.job import Job
from tomopy_edge.networks import edge_tpu_backend, litert
from tomopy_edge.networks.edge_tpu_backend import ENTRY
from tomopy_edge.networks.edge_tpu_library import VARIABLE
from tomopy_edge.networks.edge_tpu_stick import Stick
from tomopy_edge.networks.litert import LiteRT, ends_in
from tomopy_edge.networks.manifest import MANIFEST, open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.tflite_graph import read_graph
from tomopy_edge.shipped import shipped

MODEL = shipped("models") / "tomogan-compact"
NETWORK = "tomogan-compact_int8_64.tflite"
COMPILED = "tomogan-compact_int8_64_edgetpu.tflite"
ENDS = ends_in(read_graph(MODEL / NETWORK))
DEVICES = ("pci:0", "usb:0")


@pytest.fixture
def machine(libedgetpu, monkeypatch, tmp_path):
    """A machine with the stand-in; what it sees and when it fails is set in the environment."""
    monkeypatch.setenv(VARIABLE, str(libedgetpu))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("STAND_IN_SEES", "2")
    probed.cache_clear()
    yield monkeypatch
    probed.cache_clear()


@pytest.fixture
def found(machine):
    """That machine, where the probe has found two devices: what it takes to ask again is saved."""
    probe = Probe(works=True, told="libedgetpu (runtime 14) through LiteRT", version="14", devices=DEVICES)
    machine.setattr(edge_tpu_backend, "probed", lambda entry: probe)
    return machine


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model folder with a "compiled" network: the plain one by another name, its convolutions taken for compiled."""
    monkeypatch.setattr(edge_tpu_backend, "COMPILED", "CONV_2D")
    manifest = json.loads((MODEL / MANIFEST).read_text())
    manifest["denoise"]["networks"] = [one for one in manifest["denoise"]["networks"] if one["file"] == NETWORK]
    (source,) = manifest["denoise"]["networks"]
    compiled = source | {"file": COMPILED, "compiled_from": NETWORK, "compiler": "none", "on_cpu": 0}
    manifest["denoise"] |= {"compiled": [compiled], "onnx": []}
    manifest |= {"files": {}, "fine_tune": None}
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    for name in (NETWORK, COMPILED):
        (folder / name).write_bytes((MODEL / NETWORK).read_bytes())
    return folder


@pytest.fixture
def opened(found, model):
    """The network on all devices, and the notes it gives."""
    notes = []
    backend = ENTRY.open(model / COMPILED, Placement(threads=2, note=notes.append))
    yield backend, notes
    backend.close()


def tiles_of(count):
    return np.random.default_rng(count).integers(-128, 128, (count, 64, 64, 3)).astype(np.int8)


def right(tiles):
    network = LiteRT(MODEL / NETWORK, threads=1)
    answers = network.infer(tiles)
    network.close()
    return answers


def test_the_probe_names_the_devices_and_what_runs_them(machine):
    probe = probed(ENTRY)
    assert probe.works
    assert (probe.version, probe.devices) == ("14", DEVICES)
    assert probe.told == "libedgetpu (runtime 14) through LiteRT"


def test_a_machine_without_a_library_is_told_what_to_install(machine, tmp_path):
    machine.setenv(VARIABLE, str(tmp_path / "libedgetpu.so.1"))
    probe = probed(ENTRY)
    assert not probe.works
    assert "libedgetpu.so.1 is not found; install a build of libedgetpu" in probe.told


def test_a_library_without_a_device_is_told_what_to_look_for(machine):
    machine.setenv("STAND_IN_SEES", "0")
    probe = probed(ENTRY)
    assert not probe.works
    assert probe.told.startswith("libedgetpu (runtime 14) sees no Edge TPU; plug one in")


def test_a_device_that_is_refused_without_a_reason_is_a_sentence(machine):
    machine.setenv("STAND_IN_REFUSES", " ".join(DEVICES))
    probe = probed(ENTRY)
    assert not probe.works
    assert "the Edge TPU pci:0 cannot be used through LiteRT (Failed to load delegate" in probe.told


def test_one_device_that_can_be_used_is_enough(machine):
    machine.setenv("STAND_IN_REFUSES", "pci:0")
    assert probed(ENTRY).works


def test_a_device_that_another_run_has_is_not_touched_by_the_probe(machine):
    machine.setenv("STAND_IN_SEES", "1")
    stick = Stick(MODEL / NETWORK, ENDS, "usb:0")
    probe = probed(ENTRY)
    assert not probe.works
    assert "the Edge TPU usb:0 (/sys/bus/usb/devices/2-1) is in use by another run of tomopy-edge" in probe.told
    stick.close()
    probed.cache_clear()
    assert probed(ENTRY).works


def test_a_library_that_ends_its_process_is_a_sentence(machine):
    machine.setenv("STAND_IN_ABORTS", "1")
    probe = probed(ENTRY)
    assert not probe.works
    assert "was ended by SIGABRT (" in probe.told
    assert "libedgetpu.so.1: install a build of libedgetpu for the runtime that you have" in probe.told


def test_a_build_that_crashes_in_the_interpreter_is_a_sentence_with_the_one_to_install(machine):
    machine.setenv("STAND_IN_CRASHES", "1")
    probe = probed(ENTRY)
    assert not probe.works
    assert "was ended by SIGABRT (libedgetpu, runtime 14, in LiteRT: install a build of libedgetpu for" in probe.told


def test_all_devices_together_answer_as_the_cpu_does(opened):
    backend, notes = opened
    tiles = tiles_of(20)
    np.testing.assert_array_equal(backend.infer(tiles), right(tiles))
    assert backend.told == "2 Edge TPUs (pci:0, usb:0), libedgetpu (runtime 14) through LiteRT"
    assert notes == []
    backend.close()
    assert notes[0].startswith("edgetpu: tiles answered: pci:0 ")


def test_devices_that_are_lost_are_told_of_and_change_nothing_in_the_answer(opened):
    backend, notes = opened
    tiles, many = tiles_of(12), tiles_of(100)
    os.kill(backend._sticks["usb:0"].pid, signal.SIGABRT)
    np.testing.assert_array_equal(backend.infer(many), right(many))
    assert len(notes) == 1
    assert notes[0].startswith("edgetpu: the Edge TPU usb:0 is lost: its process ended by SIGABRT")
    assert notes[0].endswith("1 tile that it had not answered went to pci:0")
    os.kill(backend._sticks["pci:0"].pid, signal.SIGKILL)
    np.testing.assert_array_equal(backend.infer(tiles), right(tiles))
    assert notes[1].endswith("went to the CPU")
    backend.close()
    assert "the CPU 12" in notes[-1]


def test_one_device_may_be_asked_for_by_name(found, model):
    backend = ENTRY.open(model / COMPILED, Placement(device="pci:0"))
    assert backend.told.startswith("1 Edge TPU (pci:0)")
    backend.close()
    with pytest.raises(BackendError, match=r"no device 'pci:1' \(there are: pci:0, usb:0\)"):
        ENTRY.open(model / COMPILED, Placement(device="pci:1"))


def test_the_name_of_a_bus_stands_for_all_on_it(machine, model):
    machine.setenv("STAND_IN_SEES", "4")
    backend = ENTRY.open(model / COMPILED, Placement(device="usb"))
    assert backend.told.startswith("2 Edge TPUs (usb:0, usb:1)")
    backend.close()


def test_a_device_that_cannot_be_opened_is_left_out_and_told_of(found, model):
    found.setenv("STAND_IN_REFUSES", "pci:0")
    notes = []
    backend = ENTRY.open(model / COMPILED, Placement(note=notes.append))
    assert backend.told.startswith("1 Edge TPU (usb:0)")
    assert len(notes) == 1
    assert notes[0].startswith("edgetpu: the Edge TPU pci:0 cannot be used")
    assert notes[0].endswith("; usb:0 did without it")
    backend.close()
    found.setenv("STAND_IN_REFUSES", " ".join(DEVICES))
    with pytest.raises(BackendError, match="the Edge TPU pci:0 cannot be used"):
        ENTRY.open(model / COMPILED, Placement())


def test_without_a_device_the_network_is_refused_with_the_probes_sentence(machine, model):
    machine.setenv("STAND_IN_SEES", "0")
    with pytest.raises(BackendError, match=r"runtime edgetpu: libedgetpu \(runtime 14\) sees no Edge TPU"):
        ENTRY.open(model / COMPILED, Placement())


def test_a_device_that_answers_otherwise_than_the_cpu_is_told_of(found, model, monkeypatch):
    monkeypatch.setattr(Stick, "_run", lambda self, batch: np.zeros(batch.shape[:3], np.int8))
    notes = []
    ENTRY.open(model / COMPILED, Placement(device="usb:0", note=notes.append)).close()
    assert "usb:0 does not answer a reference tile as LiteRT does: its answers are up to" in notes[0]


def test_codes_of_uint8_go_over_the_line_as_they_are(machine, tmp_path):
    from tomopy_edge.training.surgery import with_uint8

    path = tmp_path / "uint8.tflite"
    path.write_bytes(with_uint8((MODEL / NETWORK).read_bytes()))
    stick = Stick(path, replace(ENDS, io="uint8"), "usb:0")
    tiles = tiles_of(2)
    np.testing.assert_array_equal(stick.infer(tiles), right(tiles))
    stick.close()


def test_a_file_that_is_not_compiled_is_refused_with_the_command_that_compiles():
    with pytest.raises(ModelError, match=r"int8_64\.tflite: is not compiled for the Edge TPU; tomopy-edge compile"):
        ENTRY.open(MODEL / NETWORK, Placement())


def changed(model, change):
    manifest = json.loads((model / MANIFEST).read_text())
    change(manifest["denoise"])
    (model / MANIFEST).write_text(json.dumps(manifest))


def test_a_compiled_file_whose_source_is_unknown_or_another_is_refused(found, model):
    (model / NETWORK).write_bytes(b"exchanged")
    with pytest.raises(ModelError, match="damaged or was exchanged"):
        ENTRY.open(model / COMPILED, Placement())
    changed(model, lambda denoise: denoise.pop("compiled"))
    with pytest.raises(ModelError, match="the manifest beside it does not name it"):
        ENTRY.open(model / COMPILED, Placement())
    (model / MANIFEST).unlink()
    with pytest.raises(ModelError, match="has no manifest beside it; tomopy-edge compile makes"):
        ENTRY.open(model / COMPILED, Placement())


def test_a_compiled_file_of_another_network_is_refused(found, model):
    other = next(one for one in open_model("tomogan-compact").manifest.denoise.networks if one.tile == 128)
    (model / COMPILED).write_bytes((MODEL / other.file).read_bytes())
    with pytest.raises(ModelError, match="compile it anew"):
        ENTRY.open(model / COMPILED, Placement())


def test_a_recipe_that_names_the_runtime_gets_the_slices_that_litert_gives(machine, model):
    entries = {"litert": litert.ENTRY, "edgetpu": ENTRY}
    slices = np.random.default_rng(0).normal(1, 0.2, (3, 100, 90)).astype(np.float32)
    made = {}
    for name in entries:
        job = Job(ncore=2, catalogue=Catalogue({}, {}, {}, entries))
        settled = settle_tomogan(NetworkOptions(model=str(model), runtime=name), Volume(slices, 0), job)
        denoiser = tomogan.ENTRY.create(settled, job)
        made[name] = denoiser(slices)
        denoiser.close()
    np.testing.assert_array_equal(made["edgetpu"], made["litert"])
    assert any(f"{COMPILED} (sha256" in note and "on 2 Edge TPUs" in note for note in job.tally.notes["denoise"])
    assert any(note.startswith("edgetpu: tiles answered: pci:0 ") for note in job.tally.notes["denoise"])
