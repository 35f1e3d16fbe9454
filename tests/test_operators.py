"""What LiteRT takes for granted of an operator is looked for before it is asked."""

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.edge_tpu import SUPPORTED
from tomopy_edge.networks.litert import check_graph
from tomopy_edge.networks.operators import KNOWN
from tomopy_edge.shipped import shipped

UNET = Path(__file__).parent / "fuzz/seeds/unet_int8.tflite"
SHIPPED = sorted(shipped("models").rglob("*.tflite"))


def turned(tmp_path, name, into, options=None):
    """A U-Net of which one operator has become another, and has the `options` of it if any are named."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(UNET.read_bytes()))
    (index,) = (
        i for i, code in enumerate(model.operatorCodes) if code.builtinCode == getattr(schema.BuiltinOperator, name)
    )
    code = model.operatorCodes[index]
    code.builtinCode = getattr(schema.BuiltinOperator, into)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    for operator in model.subgraphs[0].operators:
        if operator.opcodeIndex == index and options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{options}Options")
            operator.builtinOptions = getattr(schema, f"{options}OptionsT")()
    path = tmp_path / "turned.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return path


@pytest.mark.parametrize("path", [UNET, *SHIPPED], ids=lambda path: path.name)
def test_every_operator_of_the_shipped_networks_is_known(path):
    assert check_graph(path).operators


def test_each_operator_in_the_table_is_one_of_the_schema_and_so_are_its_options():
    assert set(KNOWN) < set(vars(schema.BuiltinOperator))
    assert {f"{options}Options" for options, _ in KNOWN.values() if options != "-"} < set(vars(schema.BuiltinOptions))


def test_what_the_edge_tpu_computes_of_images_is_known():
    assert SUPPORTED - set(KNOWN) == {"LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"}


@pytest.mark.parametrize("into", ["FAKE_QUANT", "SVDF", "WHILE", "HASHTABLE_FIND", "STABLEHLO_SORT"])
def test_an_operator_that_no_such_network_has_is_refused_by_its_name(tmp_path, into):
    with pytest.raises(ModelError, match=rf"turned\.tflite: has the operator {into}, which is not among those"):
        check_graph(turned(tmp_path, "CONCATENATION", into))


def test_an_operator_with_the_options_of_another_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is damaged: its SPLIT has not the options of one"):
        check_graph(turned(tmp_path, "CONCATENATION", "SPLIT"))


def test_an_operator_with_fewer_inputs_than_it_reads_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is damaged: its STRIDED_SLICE lacks one of its inputs"):
        check_graph(turned(tmp_path, "CONCATENATION", "STRIDED_SLICE", options="StridedSlice"))


def test_an_operator_that_reads_integers_is_refused_anything_else(tmp_path):
    with pytest.raises(ModelError, match=r"is damaged: its SPLIT takes '.*' of INT8 for integers"):
        check_graph(turned(tmp_path, "CONCATENATION", "SPLIT", options="Split"))


def test_an_operator_without_an_output_is_refused(tmp_path):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(UNET.read_bytes()))
    model.subgraphs[0].operators[0].outputs = []
    path = tmp_path / "mute.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ModelError, match="its CONV_2D lacks one of its inputs or its output"):
        check_graph(path)


def test_a_file_that_holds_more_than_one_graph_is_refused(tmp_path):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(UNET.read_bytes()))
    model.subgraphs.append(model.subgraphs[0])
    path = tmp_path / "two.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ModelError, match="holds 2 graphs, where one is expected"):
        check_graph(path)


@pytest.mark.parametrize(
    "name", ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "RESIZE_BILINEAR", "TRANSPOSE_CONV", "ADD"]
)
@pytest.mark.parametrize("edge", [0, 1, 3])
def test_a_shape_that_an_operator_cannot_give_is_refused_before_there_is_memory_for_it(tmp_path, name, edge):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(UNET.read_bytes()))
    graph = model.subgraphs[0]
    operator = next(one for one in graph.operators if flatbuffer_utils.opcode_to_name(model, one.opcodeIndex) == name)
    graph.tensors[operator.outputs[0]].shape[edge] = 2**20
    path = tmp_path / "large.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ModelError, match=rf"large\.tflite: is damaged: its {name} gives the shape .*1048576.*, which"):
        check_graph(path)


def test_a_shape_of_another_number_of_axes_is_refused(tmp_path):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(UNET.read_bytes()))
    graph = model.subgraphs[0]
    graph.tensors[graph.operators[0].outputs[0]].shape = [2**20]
    path = tmp_path / "flat.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ModelError, match=r"gives the shape \(1048576,\), which does not fit its inputs"):
        check_graph(path)
