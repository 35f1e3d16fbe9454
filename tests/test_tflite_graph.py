"""A .tflite file as operators and tensors."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.tflite_graph import read_graph
from tomopy_edge.shipped import shipped

INT8 = shipped("models") / "tomogan" / "fine_tune_int8_64.tflite"


def edited(path: Path, change) -> Path:
    """Write the shipped Fine-Tune network to `path`, after `change` has been at the file's objects."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(INT8.read_bytes()))
    change(model)
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return path


def test_operators_come_in_order_with_what_they_take_and_give():
    graph = read_graph(INT8)
    assert [operator.name for operator in graph.operators] == ["CONV_2D", "CONV_2D", "ADD"]
    look, correct, add = graph.operators
    assert (look.version, look.fused, look.dilation, look.custom) == (3, "RELU", (1, 1), False)
    assert [each.shape for each in look.inputs] == [(1, 64, 64, 1), (16, 3, 3, 1), (16,)]
    assert look.outputs == (correct.inputs[0],)
    assert graph.inputs[0] in add.inputs
    assert graph.outputs == add.outputs
    assert graph.subgraphs == 1


def test_a_tensor_has_its_type_quantization_and_constancy():
    noisy, kernel, bias = read_graph(INT8).operators[0].inputs
    assert (noisy.type, noisy.constant, len(noisy.scales), noisy.open) == ("INT8", False, 1, False)
    assert (kernel.type, kernel.constant, len(kernel.scales), set(kernel.zero_points)) == ("INT8", True, 16, {0})
    assert (bias.type, bias.constant, len(bias.integers())) == ("INT32", True, 16)
    assert kernel.integers() == ()


def test_constants_are_counted_once():
    graph = read_graph(INT8)
    assert sum(len(each.content) for each in graph.constants) == 2 * 16 * 9 + 4 * (16 + 1)


def test_an_open_edge_is_seen(tmp_path):
    def leave_open(model):
        model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shapeSignature = [-1, 64, 64, 1]

    assert read_graph(edited(tmp_path / "open.tflite", leave_open)).inputs[0].open


def test_a_left_out_input_is_none(tmp_path):
    def without_bias(model):
        model.subgraphs[0].operators[0].inputs[2] = -1

    look = read_graph(edited(tmp_path / "unbiased.tflite", without_bias)).operators[0]
    assert look.inputs[2] is None
    assert look.taken(2) is None
    assert look.taken(9) is None
    assert len(look.tensors) == 3


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.tflite: cannot be read: No such file"):
        read_graph(tmp_path / "absent.tflite")


def test_a_file_of_another_kind_is_refused_with_what_it_begins_with(tmp_path):
    path = tmp_path / "text.tflite"
    path.write_text("a plain text")
    with pytest.raises(ModelError, match=r"is no \.tflite file: its bytes 4 to 7 are b'ain '"):
        read_graph(path)


@pytest.mark.parametrize("kept", [0, 4, 9, 200, 1500, 2800])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    path = tmp_path / "short.tflite"
    path.write_bytes(INT8.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"short\.tflite: is (no|damaged)"):
        read_graph(path)


def test_a_constant_of_the_wrong_size_is_named_with_both_sizes(tmp_path):
    def shorten(model):
        kernel = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[1]]
        model.buffers[kernel.buffer].data = np.zeros(3, np.uint8)

    with pytest.raises(ModelError, match=r"the constant '.*' of INT8 and shape \(16, 3, 3, 1\) has 3 bytes, expected"):
        read_graph(edited(tmp_path / "damaged.tflite", shorten))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_either_survived_or_a_clear_error(survives_damage, drawn):
    survives_damage(read_graph, INT8, drawn)
