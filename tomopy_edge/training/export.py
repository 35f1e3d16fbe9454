"""From a Keras network to .tflite bytes, float or full int8: the only module that knows TensorFlow's converter."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

from tomopy_edge.errors import ModelError
from tomopy_edge.training.aware import simulate
from tomopy_edge.training.ranges import Span


def fixed(build: Any, network: Any, tile: int) -> Any:
    """Return a copy of `network` for tiles of one size, made by the function `build` that made it."""
    copy = build(tile, tile, network.input_shape[-1], 1)
    copy.set_weights(network.get_weights())
    return copy


def export_float(network: Any) -> bytes:
    """Return a network of fixed size as a float32 .tflite file."""
    return _converted(_converter(network))


def export_int8(network: Any, ranges: dict[str, Span], tile: int) -> bytes:
    """Return a network as a full int8 .tflite file: int8 in, int8 out, nothing between them in float.

    Weights get a scale for each output channel, by their largest magnitude; activations get the scale and the zero
    point of their range. So a float network becomes what TensorFlow calls post-training full-integer quantization, and
    one that `aware.train_aware` trained becomes what it was trained as.

    Parameters
    ----------
    network : Keras model, (batch, y, x, channel) -> (batch, y, x, 1)
    ranges : see `ranges.activation_ranges`
    tile : rows and columns of the export, pixels

    Raises
    ------
    ModelError : where the converter left something in float, or changed scales on the way

    References
    ----------
    B. Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference,
    CVPR 2018.
    """
    import tensorflow as tf

    # Without rounded kernels: the converter rounds them by the same rule, and only so those of transposed convolutions.
    converter = _converter(simulate(network, ranges, (1, tile, tile), kernels=False))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    made = _converted(converter)
    left = float_tensors(made)
    if left:
        raise ModelError(f"the converter left tensors in float: {', '.join(left)}")
    requantized = operators(made).count("QUANTIZE")
    if requantized:
        raise ModelError(f"the converter put in {requantized} QUANTIZE operations, so it used other ranges than given")
    return made


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
    integers = (schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT32)
    return [tensor.name.decode() for tensor in model.subgraphs[0].tensors if tensor.type not in integers]


def operators(tflite: bytes) -> list[str]:
    """Return the names of the operators of a .tflite file, in order."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    return [flatbuffer_utils.opcode_to_name(model, one.opcodeIndex) for one in model.subgraphs[0].operators]
