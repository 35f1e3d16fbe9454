"""onnxruntime on the CPU for real; on a GPU with a scripted stand-in, which only tests how failures are handled."""

import sys

import numpy as np
import pytest

from tomopy_edge.backend import Placement
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.onnxruntime import ENTRY, OnnxRuntime
from tomopy_edge.networks.quantize import dequantize, quantize

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

MODEL = open_model("tomogan-compact")
GPU = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def network(precision, among="onnx"):
    files = [one for one in getattr(MODEL.manifest.denoise, among) if one.precision == precision]
    file = min(files, key=lambda one: one.tile)
    return MODEL.path(file.file, file.sha256)


@pytest.fixture
def tiles():
    y, x = np.ogrid[:128, :128]
    disc = np.hypot(y - 64, x - 64) < 40
    noise = np.random.default_rng(0).normal(scale=0.2, size=(2, 128, 128, 3))
    return (disc[None, :, :, None] + noise).astype(np.float32)


def test_a_float_network_answers_as_litert_does_with_the_same_weights(tiles):
    answer = OnnxRuntime(network("float"), "cpu", 1).infer(tiles)
    right = LiteRT(network("float", "networks"), 1, tile=128).infer(tiles)
    np.testing.assert_allclose(answer, right, atol=1e-5)


def test_an_int8_network_is_as_near_to_the_float_one_as_litert_s_codes_are(tiles):
    answer = OnnxRuntime(network("int8"), "cpu", 1).infer(tiles)
    right = OnnxRuntime(network("float"), "cpu", 1).infer(tiles)
    coded = LiteRT(network("int8", "networks"), 1, tile=128)
    codes = coded.infer(quantize(tiles, coded.ends.input_params)[0])

    def rms(one):
        return np.sqrt(np.square(one - right).mean())

    assert 0 < rms(answer) < max(2 * rms(dequantize(codes, coded.ends.output_params)), 0.02)


def test_it_tells_its_version_its_provider_and_its_threads():
    assert OnnxRuntime(network("float"), "cpu", 2).told == f"onnxruntime {onnxruntime.__version__} on CPU, 2 threads"


def test_threads_are_set(monkeypatch):
    asked = []
    real = onnxruntime.InferenceSession

    def session(content, settings, **rest):
        asked.append((settings.intra_op_num_threads, settings.inter_op_num_threads, rest))
        return real(content, settings, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    ENTRY.open(network("float"), Placement(threads=2))
    assert asked == [(2, 1, {"providers": ["CPUExecutionProvider"], "enable_fallback": 0})]


@pytest.mark.parametrize("content", [b"", b"not a network", b"cut short"])
def test_a_file_that_is_no_network_is_refused_by_its_name(tmp_path, content):
    path = tmp_path / "bad.onnx"
    path.write_bytes(network("float").read_bytes()[:2000] if content == b"cut short" else content)
    with pytest.raises(ModelError, match=r"bad\.onnx: is damaged, or onnxruntime has no kernel for it: "):
        OnnxRuntime(path, "cpu", 1)
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot be read: No such file"):
        OnnxRuntime(tmp_path / "gone.onnx", "cpu", 1)


def graph(tmp_path, taken, given, *, kind=1, inputs=1):
    """An .onnx file that copies its first input."""
    onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    ends = [onnx.helper.make_tensor_value_info(f"taken{n}", kind, taken) for n in range(inputs)]
    node = onnx.helper.make_node("Identity", ["taken0"], ["given"])
    answered = onnx.helper.make_tensor_value_info("given", kind, given)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "copy", ends, [answered]),
        opset_imports=[onnx.helper.make_opsetid("", 13)],
        ir_version=8,
    )
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_network_whose_batch_is_open_is_refused_with_its_shapes(tmp_path):
    with pytest.raises(ModelError, match=r"other\.onnx: expected an input .*, got \('batch', 8, 8, 1\)"):
        OnnxRuntime(graph(tmp_path, ("batch", 8, 8, 1), ("batch", 8, 8, 1)), "cpu", 1)


def test_a_network_of_another_type_or_with_more_inputs_is_refused(tmp_path):
    shape = (1, 8, 8, 1)
    with pytest.raises(ModelError, match=r"expected float32 at both ends, got tensor\(double\) and tensor\(double\)"):
        OnnxRuntime(graph(tmp_path, shape, shape, kind=11), "cpu", 1)
    with pytest.raises(ModelError, match="expected one input and one output, got 2 and 1"):
        OnnxRuntime(graph(tmp_path, shape, shape, inputs=2), "cpu", 1)


@pytest.mark.parametrize("device", ["usb:0", "cpu:1", "cuda:x"])
def test_a_device_that_there_is_not_is_refused(device):
    with pytest.raises(BackendError, match=rf"runtime onnxruntime: has no device '{device}' \(there are: tensorrt, "):
        ENTRY.open(network("float"), Placement(device=device))


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "tensorrt"])
def test_a_device_that_this_build_knows_nothing_of_is_refused_with_the_package_that_does(device, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendError, match=r"this build has no .*ExecutionProvider for the device .*onnxruntime-gpu"):
        ENTRY.open(network("float"), Placement(device=device))


def test_where_it_is_missing_its_probe_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    probe = ENTRY.probe()
    assert not probe.works
    assert "pip install 'tomopy-edge[onnx]'" in probe.told


class Scripted:
    """A stand-in for a session on a GPU: no GPU was there when this was written. It plays what was seen of failures."""

    works = ()
    asked = []  # noqa: RUF012 - cleared by the fixture
    real = onnxruntime.InferenceSession

    def __init__(self, content, settings, providers, enable_fallback):
        self.session = type(self).real(content, settings_for_the_cpu(), providers=["CPUExecutionProvider"])
        named = [one if isinstance(one, str) else one[0] for one in providers]
        on_gpu = named != ["CPUExecutionProvider"]
        strict = settings.get_session_config_entry("session.disable_cpu_ep_fallback") if on_gpu else "0"
        self.asked.append((providers, strict, enable_fallback))
        self.providers = [name for name in named if name in self.works] or ["CPUExecutionProvider"]
        if strict == "1" and named[0] not in self.works:
            raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("nodes that are assigned to the default CPU EP")

    def get_providers(self):
        return self.providers

    def __getattr__(self, name):
        return getattr(self.session, name)


def settings_for_the_cpu():
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return settings


@pytest.fixture
def scripted(monkeypatch):
    def play(*works, silent=False):
        kind = type("Played", (Scripted,), {"works": works, "asked": []})
        if silent:
            kind.__init__ = lambda self, content, settings, providers, enable_fallback: setattr(
                self, "providers", ["CPUExecutionProvider"]
            )
        monkeypatch.setattr(onnxruntime, "InferenceSession", kind)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: GPU)
        return kind.asked

    return play


def test_the_named_gpu_is_asked_for_alone_and_with_float32_as_it_is(scripted):
    asked = scripted("CUDAExecutionProvider")
    backend = ENTRY.open(network("float"), Placement(device="cuda:1"))
    assert asked == [([("CUDAExecutionProvider", {"device_id": "1", "use_tf32": "0"})], "1", 0)]
    assert backend.told.endswith(" on cuda:1 (providers: CUDA)")


def test_cuda_runs_what_tensorrt_leaves_over(scripted):
    asked = scripted(*GPU[:2])
    backend = ENTRY.open(network("float"), Placement(device="tensorrt"))
    assert [name for name, _ in asked[0][0]] == GPU[:2]
    assert backend.told.endswith(" on tensorrt (providers: Tensorrt, CUDA)")


@pytest.mark.parametrize("silent", [False, True])
def test_a_fall_back_to_the_cpu_from_what_was_asked_for_is_an_error(scripted, silent):
    scripted(silent=silent)
    with pytest.raises(BackendError, match=r"onnxruntime does not run it on cuda: .*providers_cuda\.so"):
        ENTRY.open(network("float"), Placement(device="cuda"))


def test_without_a_device_the_best_that_works_is_taken_and_the_others_are_noted(scripted):
    scripted("CUDAExecutionProvider")
    notes = []
    backend = ENTRY.open(network("float"), Placement(note=notes.append))
    assert " on cuda " in backend.told
    assert [("does not run it on tensorrt" in note, note.endswith("; the next device is tried")) for note in notes] == [
        (True, True)
    ]
    scripted()
    assert "on CPU" in ENTRY.open(network("float"), Placement(note=notes.append)).told
    assert len(notes) == 3


def test_a_probe_names_the_devices_that_run_a_network_and_why_the_others_do_not(scripted, monkeypatch):
    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", lambda _: None)
    scripted("CUDAExecutionProvider")
    probe = ENTRY.probe()
    assert probe.works
    assert probe.devices == ("cuda", "cpu")
    assert probe.told.startswith("cuda, cpu; fine_tune_")
    assert "does not run it on tensorrt: " in probe.told


def test_a_gpu_that_fails_amid_a_run_is_an_error_that_names_it(scripted, tiles):
    scripted("CUDAExecutionProvider")
    backend = ENTRY.open(network("float"), Placement(device="cuda"))
    backend._session.run = lambda *_: (_ for _ in ()).throw(ValueError("CUDA failure 700"))
    with pytest.raises(BackendError, match="runtime onnxruntime: inference failed on cuda: CUDA failure 700"):
        backend.infer(tiles)
