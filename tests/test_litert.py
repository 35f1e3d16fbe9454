"""LiteRT on every network file that is shipped, and on files that are no networks; without LiteRT, what is said."""

import builtins
import sys
from types import ModuleType

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from tomopy_edge.backend import Placement
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks import litert
from tomopy_edge.networks.agreement import reference_tiles
from tomopy_edge.networks.edge_tpu import COMPILED
from tomopy_edge.networks.litert import LiteRT, check_graph, ends_in
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.quantize import dequantize, quantize

MODEL = open_model("tomogan")
PARTS = {"denoise": MODEL.manifest.denoise, "fine_tune": MODEL.manifest.fine_tune}
FILES = [(part, file) for part, networks in PARTS.items() for file in networks.networks if file.tile <= 256]


@pytest.mark.parametrize(("part", "file"), [pair for pair in FILES if pair[1].precision == "int8"])
def test_int8_threads_do_not_change_the_answer(part, file):
    path = MODEL.path(file.file, file.sha256)
    one, two = LiteRT(path, threads=1), LiteRT(path, threads=2)
    tiles = reference_tiles(one.ends)
    np.testing.assert_array_equal(one.infer(tiles), two.infer(tiles), err_msg=part)


def test_int8_answers_lie_near_the_float_ones():
    by_precision = {
        (file.precision, file.tile): LiteRT(MODEL.path(file.file, file.sha256), threads=2)
        for part, file in FILES
        if part == "denoise"
    }
    exact, coded = by_precision["float", 256], by_precision["int8", 256]
    tiles = reference_tiles(exact.ends)
    codes, _ = quantize(tiles, coded.ends.input_params)
    difference = dequantize(coded.infer(codes), coded.ends.output_params) - exact.infer(tiles)
    assert np.sqrt(np.square(difference).mean()) < 0.02


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x1c\x00\x00\x00TFL2" + bytes(200)])
def test_a_file_that_is_no_network_is_refused_by_its_identifier(tmp_path, content):
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"bad\.tflite: is no \.tflite file: its bytes 4 to 7 are b'.*', they must be b'TFL3'"
    ):
        LiteRT(path, threads=1)


def small_network():
    part = MODEL.manifest.fine_tune
    return MODEL.path(*next((file.file, file.sha256) for file in part.networks if file.precision == "int8"))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_network_is_refused(tmp_path, share):
    whole = small_network().read_bytes()
    path = tmp_path / "bad.tflite"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match=r"bad\.tflite: is (damaged|no \.tflite file)"):
        LiteRT(path, threads=1)


def test_random_damage_is_refused_or_harmless_and_never_crashes(tmp_path):
    whole = small_network().read_bytes()
    path = tmp_path / "bad.tflite"
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        raw = bytearray(whole)
        for place in rng.integers(8, len(raw), rng.integers(1, 6)):
            raw[place] = rng.integers(256)
        path.write_bytes(raw)
        try:
            LiteRT(path, threads=1).close()
        except ModelError:
            refused += 1
    assert refused > 30


def edited(tmp_path, change):
    """A network file in which `change` has changed the graph."""
    model = flatbuffer_utils.read_model(str(small_network()))
    change(model.subgraphs[0])
    path = tmp_path / "bad.tflite"
    path.write_bytes(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    return path


def without_scale(end):
    def change(graph):
        graph.tensors[getattr(graph, f"{end}s")[0]].quantization = None

    return change


def with_scale(end, value):
    def change(graph):
        graph.tensors[getattr(graph, f"{end}s")[0]].quantization.scale = [value]

    return change


@pytest.mark.parametrize(("end", "name"), [("input", "denoised"), ("output", "fine_tune")])
def test_a_network_without_quantization_is_refused_by_the_tensor_that_lacks_it(tmp_path, end, name):
    with pytest.raises(ModelError, match=rf"bad\.tflite: the quantized tensor '.*{name}.*' has no scale"):
        LiteRT(edited(tmp_path, without_scale(end)), threads=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_scale_that_is_no_step_is_refused(tmp_path, value):
    with pytest.raises(ModelError, match=r"bad\.tflite: the quantized tensor '.*' has the scale"):
        LiteRT(edited(tmp_path, with_scale("output", value)), threads=1)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.tflite: cannot be read: No such file"):
        LiteRT(tmp_path / "gone.tflite", threads=1)


def test_a_network_that_is_float_between_integer_ends_is_refused(tmp_path):
    def change(graph):
        graph.tensors[graph.operators[0].outputs[0]].type = schema.TensorType.FLOAT32

    with pytest.raises(ModelError, match=r"yet 1 of its tensors are float32, such as '.*': it is not a full int8"):
        LiteRT(edited(tmp_path, change), threads=1)


@pytest.mark.parametrize(("end", "other"), [("inputs", -1), ("outputs", 0)])
def test_a_graph_whose_operations_are_wired_wrongly_is_refused(tmp_path, end, other):
    def change(graph):
        getattr(graph.operators[0], end)[0] = getattr(
            graph.operators[other], "outputs" if end == "inputs" else "inputs"
        )[0]

    with pytest.raises(ModelError, match="reads what nothing computes, or computes it twice"):
        LiteRT(edited(tmp_path, change), threads=1)


def test_a_zero_point_that_is_no_code_is_refused(tmp_path):
    def change(graph):
        graph.tensors[graph.inputs[0]].quantization.zeroPoint = [200]

    with pytest.raises(ModelError, match="has no zero point that is a code"):
        LiteRT(edited(tmp_path, change), threads=1)


@pytest.mark.parametrize("file", [file for _, file in FILES], ids=lambda file: file.file)
def test_the_ends_that_stand_in_the_file_are_those_the_interpreter_tells(file):
    path = MODEL.path(file.file, file.sha256)
    assert ends_in(check_graph(path)) == LiteRT(path, threads=1).ends


def compiled(folder):
    """A file with the operator of Google's compiler and the name that it gives, beside what it was compiled from."""
    (folder / "network.tflite").write_bytes(small_network().read_bytes())
    model = flatbuffer_utils.read_model(str(small_network()))
    graph, code = model.subgraphs[0], schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.version, code.customCode = 1, COMPILED.encode()
    model.operatorCodes, (operator, *_) = [code], graph.operators
    operator.opcodeIndex, operator.builtinOptions, operator.builtinOptionsType = 0, None, 0
    operator.inputs, operator.outputs = graph.inputs, graph.outputs
    graph.operators = [operator]
    path = folder / "network_edgetpu.tflite"
    path.write_bytes(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    return path


@pytest.mark.parametrize("runtime", ["litert", "openvino"])
def test_a_file_that_is_compiled_for_the_edge_tpu_is_told_with_what_runs_it_and_what_it_was_compiled_from(
    tmp_path, catalogue, runtime
):
    if runtime == "openvino":
        pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    told = (
        r"network_edgetpu\.tflite: is compiled for the Edge TPU and runs nowhere else: set runtime: edgetpu, or open "
        r"the file that it was compiled from"
    )
    path = compiled(tmp_path)
    with pytest.raises(ModelError, match=rf"{told}, network\.tflite beside it$"):
        catalogue.backends[runtime].open(path, Placement())
    path.with_name("network.tflite").unlink()
    with pytest.raises(ModelError, match=f"{told}$"):
        catalogue.backends[runtime].open(path, Placement())


@pytest.mark.parametrize("tile", [64, 128])
def test_a_network_is_opened_for_another_tile(tile):
    backend = LiteRT(small_network(), threads=1, tile=tile)
    assert backend.ends.shape[1:3] == (tile, tile)


@pytest.fixture
def older(monkeypatch):
    """A stand-in for tflite-runtime, with LiteRT's interpreter in it, on a machine without LiteRT."""

    def make(numpy="1.26.4", failure=None):
        package, module = ModuleType("tflite_runtime"), ModuleType("tflite_runtime.interpreter")
        package.__spec__ = package.__path__ = []
        module.Interpreter = Interpreter
        real = builtins.__import__

        def import_it(name, *rest):
            if failure is not None and name == "tflite_runtime.interpreter":
                raise failure
            return real(name, *rest)

        monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
        monkeypatch.setitem(sys.modules, "tflite_runtime", package)
        monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", module)
        monkeypatch.setattr(builtins, "__import__", import_it)
        monkeypatch.setattr(litert, "version_of", lambda _module, name: {"tflite-runtime": "2.14.0"}[name])
        monkeypatch.setattr(litert.np, "__version__", numpy)

    return make


def test_tflite_runtime_takes_the_place_of_litert_and_says_that_files_go_unchecked(older):
    older()
    probe = litert.ENTRY.probe()
    assert (probe.works, probe.told, probe.version) == (True, "the CPU, through tflite-runtime", "2.14.0")
    backend = LiteRT(small_network(), threads=2)
    assert backend.told == "tflite-runtime 2.14.0 (files unchecked, which needs ai-edge-litert), 2 threads"
    assert backend.infer(reference_tiles(backend.ends)).shape == (1, 64, 64)


def test_tflite_runtime_beside_numpy_2_is_refused_before_it_is_imported(older):
    older(numpy="2.4.6", failure=AssertionError("imported"))
    told = "tflite-runtime 2.14.0 needs numpy below 2, found 2.4.6; pip install ai-edge-litert"
    assert litert.ENTRY.probe().told == told
    with pytest.raises(BackendError, match=told):
        LiteRT(small_network(), threads=1)


@pytest.mark.parametrize("failure", [SystemError("a result with an exception set"), AttributeError("_ARRAY_API")])
def test_a_tflite_runtime_that_cannot_be_imported_is_a_sentence(older, failure):
    older(failure=failure)
    assert litert.ENTRY.probe().told == (
        f"tflite-runtime 2.14.0 cannot be imported ({failure}); pip install ai-edge-litert"
    )


def test_where_neither_is_there_the_newer_one_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setattr(litert, "find_spec", lambda _: None)
    probe = litert.ENTRY.probe()
    assert not probe.works
    assert probe.told.startswith("ai-edge-litert cannot be imported (")
    assert probe.told.endswith("; pip install ai-edge-litert")


def test_a_graph_cannot_be_looked_into_without_the_package_that_has_its_schema(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(BackendError, match=r"\.tflite: looking into a network file needs ai-edge-litert"):
        check_graph(small_network())


@pytest.mark.parametrize(
    ("said", "told"), [("std::bad_alloc", "there is not enough memory"), ("node 3 failed to invoke", "node 3 failed")]
)
def test_an_inference_that_fails_is_told_with_what_ran_it(monkeypatch, said, told):
    backend = LiteRT(small_network(), threads=1)

    def fail():
        raise RuntimeError(said)

    monkeypatch.setattr(backend._interpreter, "invoke", fail)
    with pytest.raises(BackendError, match=rf"LiteRT .* 1 thread: inference failed: .*{told}"):
        backend.infer(reference_tiles(backend.ends))


def changed(tmp_path, change):
    """A small network with its file's objects changed."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(small_network().read_bytes()))
    change(model.subgraphs[0].operators)
    path = tmp_path / "changed.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return path


def left_out(operator, i):
    return lambda operators: operators[operator].inputs.__setitem__(i, -1)


@pytest.mark.parametrize("change", [left_out(0, 1), left_out(2, 0)], ids=["kernel", "what is added"])
def test_a_network_that_lacks_an_input_is_refused_as_litert_would_crash(tmp_path, change):
    with pytest.raises(ModelError, match=r"is damaged: its (CONV_2D|ADD) lacks one of its inputs"):
        LiteRT(changed(tmp_path, change), 1)


def test_a_stride_of_zero_is_refused_as_litert_would_divide_by_it(tmp_path):
    def stop(operators):
        operators[0].builtinOptions.strideW = 0

    with pytest.raises(ModelError, match="is damaged: a CONV_2D has the strideW 0"):
        LiteRT(changed(tmp_path, stop), 1)


def test_memory_that_is_not_there_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(litert, "free_memory", lambda: 1000)
    monkeypatch.setattr(litert, "interpreters", lambda: litert.Interpreters(None, "LiteRT", "0"))
    with pytest.raises(BackendError, match="there is not enough memory: it takes"):
        LiteRT(small_network(), 1)
