"""Change .tflite bytes without touching a weight: other tile and batch sizes, uint8 ends, two networks in one file."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tomopy_edge.codes import QuantParams
from tomopy_edge.training.ranges import Span


def with_tile(tflite: bytes, tile: int | tuple[int, int], batch: int = 1) -> bytes:
    """Return a fully convolutional .tflite network for tiles of another size, with the very same weights and scales.

    So networks of all sizes give the same codes, which exports of their own would not: each would measure its ranges
    on other tiles. Only shapes are changed: those of the activations, and the target sizes that upsamplings and
    transposed convolutions are given.

    Parameters
    ----------
    tflite : a network for square tiles
    tile : edge of the tiles it is wanted for, or their rows and columns; every level of the network must divide them
        as it divides its own
    batch : tiles it is to take at once

    Raises
    ------
    ValueError : where a level of the network would not have a whole size
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    graph = model.subgraphs[0]
    rows, columns = (tile, tile) if isinstance(tile, int) else tile
    present = int(graph.tensors[graph.inputs[0]].shape[1])

    def scaled(edge: int, wanted: int) -> int:
        whole, rest = divmod(int(edge) * wanted, present)
        if rest:
            raise ValueError(
                f"tile: a network for {present} pixels has a level of {edge}, which {wanted} does not scale"
            )
        return whole

    constants = {i for i, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None}
    for i, tensor in enumerate(graph.tensors):
        tensor.shapeSignature = None  # it would leave the batch open, and the Edge TPU takes no open shapes
        if i not in constants:
            _, y, x, channels = tensor.shape
            tensor.shape = [batch, scaled(y, rows), scaled(x, columns), channels]
    targets = {}
    for operator in graph.operators:
        name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        if name == "RESIZE_BILINEAR":
            targets[graph.tensors[operator.inputs[1]].buffer] = graph.tensors[operator.outputs[0]].shape[1:3]
        elif name == "TRANSPOSE_CONV":
            targets[graph.tensors[operator.inputs[0]].buffer] = graph.tensors[operator.outputs[0]].shape
    for buffer, shape in targets.items():
        model.buffers[buffer].data = np.frombuffer(np.array(shape, np.int32).tobytes(), np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


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
