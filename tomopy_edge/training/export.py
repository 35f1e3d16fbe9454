"""From a Keras network to .tflite bytes, float or full int8: the only module that knows TensorFlow's converter."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import ModelError
from tomopy_edge.networks.quantize import HIGHEST, LOWEST, QuantParams


def fixed(build: Any, network: Any, tile: int) -> Any:
    """Return a copy of `network` for tiles of one size, made by the function `build` that made it."""
    copy = build(tile, tile, network.input_shape[-1], 1)
    copy.set_weights(network.get_weights())
    return copy


def export_float(network: Any) -> bytes:
    """Return a network of fixed size as a float32 .tflite file."""
    return _converted(_converter(network))


def export_int8(network: Any, tiles: Iterable[Float32], answers: tuple[float, float]) -> bytes:
    """Return a network of fixed size as a full int8 .tflite file: int8 in, int8 out, nothing between them in float.

    Weights get a scale for each output channel, activations one for each tensor: what TensorFlow calls post-training
    full-integer quantization. An activation's range is the least and largest value that `tiles` bring about, so their
    extremes set the input's range; the output's is given.

    Parameters
    ----------
    network : Keras model, (batch, tile, tile, channel) -> (batch, tile, tile, 1)
    tiles : (tile, tile, channel) each, network units: what the network will see at work
    answers : least and largest value of the output, network units

    Raises
    ------
    ModelError : where the converter left something in float

    References
    ----------
    B. Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference,
    CVPR 2018.
    """
    import tensorflow as tf

    def representative() -> Iterator[list[Float32]]:
        for tile in tiles:
            yield [tile[None]]

    converter = _converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    made = _converted(converter)
    left = float_tensors(made)
    if left:
        raise ModelError(f"the converter left tensors in float: {', '.join(left)}")
    return _with_output(made, answers)


def _converter(network: Any) -> Any:
    import tensorflow as tf

    if None in network.input_shape[1:]:
        raise ValueError(f"network: its rows and columns must be fixed, got {network.input_shape}")
    # tf.lite is to leave TensorFlow one day; this line is where that move will be made.
    return tf.lite.TFLiteConverter.from_keras_model(network)


def _converted(converter: Any) -> bytes:
    # It warns that a range for the input may be given, and prints the names of all tensors; neither is news.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return bytes(converter.convert())


def float_tensors(tflite: bytes) -> list[str]:
    """Return the names of the tensors of a .tflite file that are not integers."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    integers = (schema.TensorType.INT8, schema.TensorType.INT32)
    return [tensor.name.decode() for tensor in model.subgraphs[0].tensors if tensor.type not in integers]


def _with_output(tflite: bytes, answers: tuple[float, float]) -> bytes:
    """Return a network with another range of its int8 output: its last operation rescales its sums to any."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    graph = model.subgraphs[0]
    params = quant_params(answers)
    graph.tensors[graph.outputs[0]].quantization.scale = [params.scale]
    graph.tensors[graph.outputs[0]].quantization.zeroPoint = [params.zero_point]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def quant_params(span: tuple[float, float]) -> QuantParams:
    """Return the scale and the zero point whose 256 codes cover a range that holds 0, with a code for 0 itself."""
    scale = (span[1] - span[0]) / (HIGHEST - LOWEST)
    return QuantParams(scale, round(LOWEST - span[0] / scale))


def with_tile(tflite: bytes, tile: int) -> bytes:
    """Return a fully convolutional .tflite network for tiles of another size, with the very same weights and scales.

    So networks of all sizes give the same codes, which exports of their own would not: each would measure its ranges
    on other tiles. Only shapes are changed: those of the activations, and the target sizes of the upsamplings.

    Parameters
    ----------
    tflite : a network for square tiles
    tile : edge of the tiles it is wanted for; every level of the network must divide it as it divides its own

    Raises
    ------
    ValueError : where a level of the network would not have a whole size
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    graph = model.subgraphs[0]
    present = int(graph.tensors[graph.inputs[0]].shape[1])

    def scaled(edge: int) -> int:
        whole, rest = divmod(int(edge) * tile, present)
        if rest:
            raise ValueError(f"tile: a network for {present} pixels has a level of {edge}, which {tile} does not scale")
        return whole

    constants = {i for i, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None}
    for i, tensor in enumerate(graph.tensors):
        tensor.shapeSignature = None  # it would leave the batch open, and the Edge TPU takes no open shapes
        if i not in constants:
            batch, y, x, channels = tensor.shape
            tensor.shape = [batch, scaled(y), scaled(x), channels]
    resized = set()
    for operator in graph.operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.RESIZE_BILINEAR:
            resized.add(graph.tensors[operator.inputs[1]].buffer)
    for buffer in resized:
        edges = np.frombuffer(bytes(model.buffers[buffer].data), np.int32)
        model.buffers[buffer].data = np.frombuffer(
            np.array([scaled(edge) for edge in edges], np.int32).tobytes(), np.uint8
        )
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
