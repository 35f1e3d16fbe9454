"""Give a .tflite network other tiles without touching a weight."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np


def can_resize() -> bool:
    """Return whether LiteRT's own reader and writer of network files is installed; tflite-runtime has none."""
    return find_spec("ai_edge_litert") is not None


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
