"""A .tflite file that names its parts again and again is refused before it is unfolded."""

import time
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.tflite_graph import read_graph

SMALL = Path(__file__).parent / "fuzz/seeds/unet_int8.tflite"


def listed(builder, start, part, often):
    start(builder, often)
    for _ in range(often):
        builder.PrependUOffsetTRelative(part)
    return builder.EndVector()


def graphs(builder, model, often):
    """Return the place of a list that names one graph `often` times."""
    return listed(builder, schema.ModelStartSubgraphsVector, model.subgraphs[0].Pack(builder), often)


def tensors(builder, model, often):
    """Return the place of a list of one graph, which names a tensor `often` times, whose shape and name are long."""
    tensor = model.subgraphs[0].tensors[0]
    tensor.shape, tensor.name = [1] * 10_000, "x" * 10_000
    place = listed(builder, schema.SubGraphStartTensorsVector, tensor.Pack(builder), often)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, place)
    return listed(builder, schema.ModelStartSubgraphsVector, schema.SubGraphEnd(builder), 1)


def operators(builder, model, often):
    """Return the place of a list of one graph, of which one operator has options that hold a long list."""
    operator = model.subgraphs[0].operators[0]
    operator.builtinOptionsType, operator.builtinOptions = (
        schema.BuiltinOptions.ReshapeOptions,
        schema.ReshapeOptionsT(),
    )
    operator.builtinOptions.newShape = [1] * 10_000
    place = listed(builder, schema.SubGraphStartOperatorsVector, operator.Pack(builder), often)
    schema.SubGraphStart(builder)
    schema.SubGraphAddOperators(builder, place)
    return listed(builder, schema.ModelStartSubgraphsVector, schema.SubGraphEnd(builder), 1)


@pytest.mark.parametrize("make", [graphs, tensors, operators])
def test_parts_that_are_listed_again_and_again_are_refused_at_once(tmp_path, make):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(SMALL.read_bytes()))
    builder = flatbuffers.Builder(0)
    place = make(builder, model, 100_000)
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, place)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    path = tmp_path / "endless.tflite"
    path.write_bytes(builder.Output())
    began = time.process_time()
    with pytest.raises(ModelError, match=r"endless\.tflite: is damaged: the parts that it lists add up to more than"):
        read_graph(path)
    assert time.process_time() - began < 1


def test_a_constant_that_tensors_share_is_held_once(tmp_path):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(SMALL.read_bytes()))
    graph = model.subgraphs[0]
    kernel = graph.operators[0].inputs[1]
    graph.tensors.append(graph.tensors[kernel])
    graph.operators[0].inputs[0] = len(graph.tensors) - 1
    path = tmp_path / "shared.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    twin, constant, _ = read_graph(path).operators[0].inputs
    assert twin is not constant
    assert twin.content is constant.content
