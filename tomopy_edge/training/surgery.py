"""Change the ends of a .tflite network without touching a weight: uint8 ones, and those of two networks in one file."""

from __future__ import annotations

import copy
from typing import Any

from tomopy_edge.codes import QuantParams
from tomopy_edge.training.ranges import Span


def with_uint8(tflite: bytes) -> bytes:
    """Return an int8 network with uint8 ends: a QUANTIZE operation before and behind it, whose codes are 128 higher."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 2  # the one that takes integers
    model.operatorCodes.append(code)
    inner = int(graph.inputs[0]), int(graph.outputs[0])
    outer = []
    for end in inner:
        tensor = copy.deepcopy(graph.tensors[end])
        tensor.name += b"_uint8"
        tensor.type = schema.TensorType.UINT8
        tensor.quantization.zeroPoint = [int(zero_point) + 128 for zero_point in tensor.quantization.zeroPoint]
        graph.tensors.append(tensor)
        outer.append(len(graph.tensors) - 1)
    before, behind = schema.OperatorT(), schema.OperatorT()
    before.opcodeIndex = behind.opcodeIndex = len(model.operatorCodes) - 1
    before.builtinOptionsType = behind.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    before.builtinOptions, behind.builtinOptions = schema.QuantizeOptionsT(), schema.QuantizeOptionsT()
    before.inputs, before.outputs = [outer[0]], [inner[0]]
    behind.inputs, behind.outputs = [inner[1]], [outer[1]]
    graph.operators = [before, *graph.operators, behind]
    set_ends(model, *outer)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def with_int8(tflite: bytes) -> bytes:
    """Return what `with_uint8` was given; any other network comes back as it is."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    graph = model.subgraphs[0]
    if graph.tensors[graph.inputs[0]].type != schema.TensorType.UINT8:
        return tflite
    before, *between, behind = graph.operators
    graph.operators = between
    del graph.tensors[-2:], model.operatorCodes[-1]
    set_ends(model, int(before.outputs[0]), int(behind.inputs[0]))
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def output_span(tflite: bytes) -> Span:
    """Return the least and the largest value that an int8 network answers."""
    from ai_edge_litert.tools import flatbuffer_utils

    graph = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite)).subgraphs[0]
    given = graph.tensors[graph.outputs[0]].quantization
    params = QuantParams(float(given.scale[0]), int(given.zeroPoint[0]))
    return params.lowest, params.highest


def set_ends(model: Any, given: int, answered: int) -> None:
    """Make two tensors the input and the output of a model, also for those who look them up by name."""
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = [given], [answered]
    for signature in model.signatureDefs or []:
        signature.inputs[0].tensorIndex, signature.outputs[0].tensorIndex = given, answered
