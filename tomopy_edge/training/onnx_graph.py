"""From a Keras network to an ONNX graph, float or int8: the only module that knows ONNX's operators.

Inside, images are (batch, channel, y, x), as ONNX's convolutions take them; at both ends (batch, y, x, channel), as in
the .tflite networks. Operator set 13, which TensorRT reads since version 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.codes import HIGHEST
from tomopy_edge.errors import ModelError
from tomopy_edge.training.ranges import Span, inputs_of, stored_layers

OPSET, FILE_VERSION = 13, 8
"""The oldest operator set with a scale for each channel, and a file version that readers of it know."""

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
ACTIVATIONS = {"linear": None, "relu": "Relu"}


def onnx_graph(network: Any, ranges: dict[str, Span] | None = None) -> bytes:
    """Return a network as the bytes of an ONNX file: float, or with quantizers in TensorRT's rules.

    These rules: a QuantizeLinear and a DequantizeLinear behind whatever is stored, none between a convolution and its
    ReLU; int8 codes with 0 as zero point, so symmetric ranges; kernels with a scale for each output channel, kept in
    float before their quantizer; biases in float. What a pooling, an upsampling or a concatenation takes and gives
    shares one scale, so that each of them can run in int8. The input and the output of the file are float32.

    Parameters
    ----------
    network : functional Keras model of fixed size, (batch, y, x, channel) -> (batch, y, x, 1)
    ranges : for int8: for each group of `ranges.stored_layers`, the least and the largest value to have a code; the
        codes then reach as far on the other side of 0. The range of the network's output is not used: it stays float

    Raises
    ------
    ModelError : where a layer has no counterpart here

    References
    ----------
    TensorRT developer guide, "Working with quantized types": explicit quantization.
    """
    from onnx import TensorProto, helper
    from onnx.checker import check_model

    shape = tuple(network.input_shape)
    if None in shape:
        raise ValueError(f"network: its batch, rows and columns must be fixed, got {shape}")
    stored = {} if ranges is None else stored_layers(network)
    graph = _Nodes(quantized=ranges is not None)
    made: dict[int, str] = {}
    first, last = network.layers[0], network.layers[-1]
    for layer in network.layers:
        if layer is first:
            tensor = graph.add("Transpose", [first.name], f"{first.name}_first", perm=TO_CHANNELS_FIRST)
        else:
            tensor = _writer(layer)(graph, layer, [made[id(source)] for source in inputs_of(layer)])
        if ranges is not None and layer.name in stored and layer is not last:
            bound = max(abs(end) for end in ranges[stored[layer.name]])
            tensor = graph.through_codes(tensor, np.array(bound / HIGHEST, np.float32))
        made[id(layer.output)] = tensor
    answer = f"{last.name}_answer"
    graph.add("Transpose", [made[id(network.output)]], answer, perm=TO_CHANNELS_LAST)

    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, edges)
        for name, edges in ((first.name, shape), (answer, tuple(network.output_shape)))
    ]
    whole = helper.make_graph(graph.nodes, network.name, ends[:1], ends[1:], graph.constants)
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=FILE_VERSION,
        producer_name="tomopy-edge",
    )
    check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Nodes:
    """The nodes and constants of a graph that is being written."""

    def __init__(self, *, quantized: bool) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.quantized = quantized

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def through_codes(self, tensor: str, scale: NDArray[np.float32], axis: int | None = None) -> str:
        """Round a tensor to int8 codes of a scale, or of one for each channel, and back."""
        # A range of nothing but zeros has zeros as codes with any scale.
        scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
        along = {} if axis is None else {"axis": axis}
        pair = [
            self.constant(f"{tensor}_scale", scale),
            self.constant(f"{tensor}_zero", np.zeros(scale.shape, np.int8)),
        ]
        codes = self.add("QuantizeLinear", [tensor, *pair], f"{tensor}_codes", **along)
        return self.add("DequantizeLinear", [codes, *pair], f"{tensor}_rounded", **along)

    def weights(self, layer: Any, order: tuple[int, ...], channel: int) -> list[str]:
        """Add a convolution's kernel, its axes put in `order` with the output channels at `channel`, and its bias."""
        kernel, bias = (np.asarray(each, np.float32) for each in layer.get_weights())
        kernel = kernel.transpose(order)
        name = self.constant(f"{layer.name}_kernel", kernel)
        if self.quantized:
            others = tuple(axis for axis in range(kernel.ndim) if axis != channel)
            name = self.through_codes(name, np.abs(kernel).max(axis=others) / np.float32(HIGHEST), channel)
        return [name, self.constant(f"{layer.name}_bias", bias)]

    def activated(self, layer: Any, tensor: str) -> str:
        name = layer.activation.__name__
        if name not in ACTIVATIONS:
            raise ModelError(f"layer {layer.name!r}: its activation {name!r} is not written to ONNX here")
        operator = ACTIVATIONS[name]
        return self.add(operator, [tensor], f"{layer.name}_{name}") if operator else tensor


def _convolution(graph: _Nodes, layer: Any, inputs: list[str]) -> str:
    if layer.groups != 1 or tuple(layer.dilation_rate) != (1, 1):
        raise ModelError(f"layer {layer.name!r}: groups and dilations are not written to ONNX here")
    strides = tuple(layer.strides)
    before, after = [0, 0], [0, 0]
    if layer.padding == "same":
        for i, (edge, size, stride) in enumerate(zip(layer.input.shape[1:3], layer.kernel_size, strides, strict=True)):
            # Keras pads as TensorFlow does: where the two sides cannot be equal, the far one gets more.
            total = max((-(-edge // stride) - 1) * stride + size - edge, 0)
            before[i], after[i] = total // 2, total - total // 2
    weights = graph.weights(layer, (3, 2, 0, 1), channel=0)
    tensor = graph.add("Conv", [*inputs, *weights], layer.name, strides=strides, pads=[*before, *after])
    return graph.activated(layer, tensor)


def _transposed(graph: _Nodes, layer: Any, inputs: list[str]) -> str:
    strides = tuple(layer.strides)
    if tuple(layer.kernel_size) != strides or tuple(layer.dilation_rate) != (1, 1):
        raise ModelError(f"layer {layer.name!r}: transposed convolutions that overlap are not written to ONNX here")
    weights = graph.weights(layer, (3, 2, 0, 1), channel=1)
    return graph.activated(layer, graph.add("ConvTranspose", [*inputs, *weights], layer.name, strides=strides))


def _pooling(graph: _Nodes, layer: Any, inputs: list[str]) -> str:
    if any(edge % stride for edge, stride in zip(layer.input.shape[1:3], layer.strides, strict=True)):
        raise ModelError(f"layer {layer.name!r}: its input of {layer.input.shape[1:3]} pixels is not pooled evenly")
    return graph.add("MaxPool", inputs, layer.name, kernel_shape=tuple(layer.pool_size), strides=tuple(layer.strides))


def _upsampling(graph: _Nodes, layer: Any, inputs: list[str]) -> str:
    if layer.interpolation != "bilinear":
        raise ModelError(f"layer {layer.name!r}: {layer.interpolation} upsampling is not written to ONNX here")
    factors = graph.constant(f"{layer.name}_factors", np.array([1, 1, *layer.size], np.float32))
    half_pixel = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return graph.add("Resize", [*inputs, "", factors], layer.name, **half_pixel)


def _concatenation(graph: _Nodes, layer: Any, inputs: list[str]) -> str:
    return graph.add("Concat", inputs, layer.name, axis=1)


def _addition(graph: _Nodes, layer: Any, inputs: list[str]) -> str:
    return graph.add("Add", inputs, layer.name)


def _relu(graph: _Nodes, layer: Any, inputs: list[str]) -> str:
    return graph.add("Relu", inputs, layer.name)


def _writer(layer: Any) -> Callable[[_Nodes, Any, list[str]], str]:
    writers = {
        "Conv2D": _convolution,
        "Conv2DTranspose": _transposed,
        "MaxPooling2D": _pooling,
        "UpSampling2D": _upsampling,
        "Concatenate": _concatenation,
        "Add": _addition,
        "ReLU": _relu,
    }
    kind = type(layer).__name__
    if kind not in writers:
        raise ModelError(f"layer {layer.name!r}: {kind} has no counterpart in ONNX here")
    return writers[kind]
