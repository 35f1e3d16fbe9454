"""What the Edge TPU will run of a network, foretold from published rules."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from tomopy_edge.networks.edge_tpu import COMPILED, foretell
from tomopy_edge.networks.manifest import model_names, open_model
from tomopy_edge.shipped import shipped

TOMOGAN = shipped("models") / "tomogan" / "tomogan_int8_64.tflite"
FINE_TUNE = shipped("models") / "tomogan" / "fine_tune_int8_64.tflite"
FLOAT = shipped("models") / "tomogan" / "tomogan_float_256.tflite"
SMALL = [
    model.folder / network.file
    for model in map(open_model, model_names())
    for networks in (model.manifest.denoise, model.manifest.fine_tune)
    for network in (networks.networks if networks else ())
    if network.precision != "float" and network.tile <= 128 and network.batch == 1
]


def edited(path, change, source=FINE_TUNE):
    """Write a shipped network to `path`, after `change` has been at the file's objects, and foretell it."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(source.read_bytes()))
    change(model, model.subgraphs[0])
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return foretell(path)


def constant(model, graph, values, kind=schema.TensorType.INT32):
    """Add a constant to a network and return its index."""
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.type, tensor.shape, tensor.buffer = b"added", kind, values.shape, len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def renamed(model, graph, name, place=2, version=1):
    """Make another operator of the one at `place` and return it."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
    model.operatorCodes.append(code)
    graph.operators[place].opcodeIndex = len(model.operatorCodes) - 1
    graph.operators[place].builtinOptions, graph.operators[place].builtinOptionsType = None, 0
    return graph.operators[place]


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_shipped_networks_for_small_tiles_map_whole(path):
    foretold = foretell(path)
    assert foretold.whole
    assert foretold.notes == ()
    assert foretold.mapped == len(foretold.verdicts)


def test_parameters_are_weights_and_biases():
    # 694,913 parameters: weights of one byte, biases of four.
    biases = sum(
        len(one.operator.inputs[2].content) for one in foretell(TOMOGAN).verdicts if len(one.operator.inputs) == 3
    )
    sizes = 3 * 8  # the target sizes of the three upsamplings
    assert foretell(TOMOGAN).parameters == 694_913 - biases // 4 + biases + sizes


def test_nothing_of_a_float_network_maps_and_the_type_is_why():
    foretold = foretell(FLOAT)
    assert foretold.mapped == 0
    assert not foretold.quantized
    assert all("a tensor of FLOAT32 (all must be INT8 or UINT8)" in one.reasons for one in foretold.verdicts)


def test_large_tiles_are_doubted_and_not_refused():
    foretold = foretell(TOMOGAN.with_name("tomogan_int8_512.tflite"))
    assert foretold.whole
    assert "tiles of 512 pixels may be too large" in foretold.notes[0]
    doubted = [one.operator.outputs[0].shape[1] for one in foretold.verdicts if one.doubts]
    assert doubted == [256, 512]


def test_what_follows_the_first_unmapped_operator_is_cut_off(tmp_path):
    def make_new(model, graph):
        renamed(model, graph, "CONV_2D", place=1, version=6)

    foretold = edited(tmp_path / "new.tflite", make_new)
    assert [one.cut_off for one in foretold.verdicts] == [False, False, True]
    assert foretold.verdicts[2].reasons == ()
    assert foretold.mapped == 1
    assert not foretold.whole


def versioned(model, graph):
    renamed(model, graph, "CONV_2D", place=0, version=6)


def unsupported(model, graph):
    renamed(model, graph, "DEPTH_TO_SPACE", place=0)


def in_16_bits(model, graph):
    graph.tensors[graph.inputs[0]].type = schema.TensorType.INT16


def open_batch(model, graph):
    graph.tensors[graph.inputs[0]].shapeSignature = [-1, 64, 64, 1]


def batch_of_4(model, graph):
    graph.tensors[graph.inputs[0]].shape = [4, 64, 64, 1]


def five_dimensions(model, graph):
    graph.tensors[graph.inputs[0]].shape = [1, 2, 32, 64, 1]


def computed_kernel(model, graph):
    model.buffers[graph.tensors[graph.operators[0].inputs[1]].buffer].data = None


def unquantized(model, graph):
    graph.tensors[graph.inputs[0]].quantization = None


def zero_points_per_channel(model, graph):
    graph.tensors[graph.operators[0].inputs[1]].quantization.zeroPoint = list(range(16))


def unequal_dilation(model, graph):
    graph.operators[0].builtinOptions.dilationHFactor = 2


def custom(model, graph):
    renamed(model, graph, "CUSTOM", place=0)
    model.operatorCodes[-1].customCode = b"Mystery"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (versioned, "version 6 is too new (its compiler takes versions below 6)"),
        (unsupported, "the Edge TPU has no such operator"),
        (in_16_bits, "a tensor of INT16 (all must be INT8 or UINT8)"),
        (open_batch, "an open shape: an edge of"),
        (batch_of_4, "a batch of 4 (only the 3 inner dimensions may be longer than 1)"),
        (five_dimensions, "a shape of (1, 2, 32, 64, 1) (only the 3 inner"),
        (computed_kernel, "its parameter"),
        (unquantized, "a tensor without quantization"),
        (zero_points_per_channel, "a constant with zero points for each channel"),
        (unequal_dilation, "a dilation of 2 along y and 1 along x (they must be equal)"),
        (custom, "the custom operator 'Mystery' is not known to the Edge TPU"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_broken_rule_is_named(tmp_path, change, reason):
    verdict = edited(tmp_path / "broken.tflite", change).verdicts[0]
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith(reason)


def test_a_concatenation_may_have_no_fused_activation(tmp_path):
    def fuse(model, graph):
        for operator in graph.operators:
            if isinstance(operator.builtinOptions, schema.ConcatenationOptionsT):
                operator.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU

    reasons = [one.reasons for one in edited(tmp_path / "fused.tflite", fuse, TOMOGAN).verdicts if one.reasons]
    assert reasons == [("a fused RELU (it may have none)",)] * 3


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("MEAN", np.array([0], np.int32), "work along the batch (only along the other dimensions)"),
        ("MEAN", np.array([-1], np.int32), "a mean over 1 channels (their number must be a multiple of 4)"),
        ("MEAN", np.array([1, 2], np.int32), None),
        ("REDUCE_MAX", np.array([-4], np.int32), "work along the batch (only along the other dimensions)"),
        ("PAD", np.array([[0, 1], [0, 0], [0, 0], [0, 0]], np.int32), "a padding of the batch"),
        ("PAD", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32), None),
        ("SOFTMAX", np.array([0], np.int32), "a shape of (1, 64, 64, 1) (one dimension of at most 16000)"),
        ("FULLY_CONNECTED", np.array([0], np.int32), "an output of shape (1, 64, 64, 1) (one dimension only)"),
    ],
)
def test_limits_of_single_operators_are_known(tmp_path, name, values, reason):
    def replace(model, graph):
        operator = renamed(model, graph, name)
        operator.inputs = [operator.inputs[0], constant(model, graph, values)]

    reasons = edited(tmp_path / "limited.tflite", replace).verdicts[2].reasons
    assert len(reasons) == (reason is not None)
    assert reason is None or reasons[0].startswith(reason)


@pytest.mark.parametrize(("strides", "count"), [([1, 1, 1, 1], 0), ([1, 2, 2, 1], 1)])
def test_strided_slices_take_every_element(tmp_path, strides, count):
    def replace(model, graph):
        operator = renamed(model, graph, "STRIDED_SLICE")
        ends = [constant(model, graph, np.array(values, np.int32)) for values in ([0] * 4, [1, 64, 64, 1], strides)]
        operator.inputs = [operator.inputs[0], *ends]

    assert len(edited(tmp_path / "sliced.tflite", replace).verdicts[2].reasons) == count


def test_a_compiled_file_is_recognised(tmp_path):
    def compile_all(model, graph):
        renamed(model, graph, "CUSTOM", place=0)
        model.operatorCodes[-1].customCode = COMPILED.encode()
        graph.operators = graph.operators[:1]

    foretold = edited(tmp_path / "compiled.tflite", compile_all)
    assert foretold.compiled
    assert foretold.whole


def test_parameters_beyond_the_chips_memory_are_told(tmp_path):
    def swell(model, graph):
        operator = graph.operators[2]
        operator.inputs = [operator.inputs[0], constant(model, graph, np.zeros((9, 2**20), np.int8), 9)]

    assert "about 1.3 MiB of its parameters have no room" in edited(tmp_path / "large.tflite", swell).notes[0]


def test_further_subgraphs_are_told(tmp_path):
    def add(model, graph):
        model.subgraphs.append(model.subgraphs[0])

    assert "2 subgraphs, of which only the first" in edited(tmp_path / "two.tflite", add).notes[0]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_file_is_foretold_or_refused(survives_damage, drawn):
    survives_damage(foretell, FINE_TUNE, drawn)


class TestTransposedConvolutions:
    """Of networks as Keras and TensorFlow make them."""

    @pytest.fixture(scope="class")
    def networks(self, tmp_path_factory):
        pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
        import tensorflow as tf
        from keras import Model, layers

        from tomopy_edge.training.compact import build_compact

        def int8(network):
            drawn = np.random.default_rng(1).normal(0.5, 0.3, (2, *network.input_shape)).astype(np.float32)
            converter = tf.lite.TFLiteConverter.from_keras_model(network)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([each] for each in drawn)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
            return converter.convert()

        noisy = layers.Input((8, 8, 2), batch_size=1)
        fused = Model(noisy, layers.Conv2DTranspose(2, 2, strides=2, activation="relu", bias_initializer="ones")(noisy))
        folder = tmp_path_factory.mktemp("networks")
        for name, network in (("compact", build_compact(32, 32, 3, 1)), ("fused", fused)):
            (folder / f"{name}.tflite").write_bytes(int8(network))
        return folder

    pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

    def test_the_compact_network_maps_whole(self, networks):
        foretold = foretell(networks / "compact.tflite")
        assert foretold.whole
        assert "TRANSPOSE_CONV" in {one.operator.name for one in foretold.verdicts}

    def test_a_relu_fused_into_one_makes_it_too_new(self, networks):
        (verdict,) = foretell(networks / "fused.tflite").verdicts
        assert verdict.reasons == ("version 4 is too new (its compiler takes versions below 4)",)
