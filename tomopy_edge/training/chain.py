"""Join a denoiser and its Fine-Tune network into one .tflite file, so that a device runs both at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from tomopy_edge.errors import ModelError
from tomopy_edge.training.surgery import set_ends

SAME_SCALE = 1e-5
"""Relative difference of two scales that are one: files keep them in float32."""


def chain(first: bytes, second: bytes) -> bytes:
    """Return one int8 network that does what `first` and then `second` do, code by code.

    The answer of the first is what the second takes, so the tensor between them is shared and nothing is rescaled.

    Parameters
    ----------
    first, second : int8 .tflite networks for tiles of one size and one number of tiles

    Raises
    ------
    ModelError : where the answers of the first are not what the second takes: another shape, scale or zero point

    References
    ----------
    V. Abeykoon et al., Scientific image restoration anywhere, 2019, section VI names it as future work.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model, added = (flatbuffer_utils.read_model_from_bytearray(bytearray(part)) for part in (first, second))
    graph, more = model.subgraphs[0], added.subgraphs[0]
    joint, taken = int(graph.outputs[0]), int(more.inputs[0])
    _check_joint(graph.tensors[joint], more.tensors[taken])

    names = {tensor.name for tensor in graph.tensors}
    place = {-1: -1, taken: joint}
    for i, tensor in enumerate(more.tensors):
        if i != taken:
            tensor.buffer += len(model.buffers)
            tensor.name = tensor.name if tensor.name not in names else b"fine_tune/" + tensor.name
            place[i] = len(graph.tensors)
            graph.tensors.append(tensor)
    for operator in more.operators:
        operator.opcodeIndex += len(model.operatorCodes)
        operator.inputs = [place[int(i)] for i in operator.inputs]
        operator.outputs = [place[int(i)] for i in operator.outputs]
    graph.operators += more.operators
    model.buffers += added.buffers
    model.operatorCodes += added.operatorCodes
    set_ends(model, int(graph.inputs[0]), place[int(more.outputs[0])])
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _check_joint(answered: Any, taken: Any) -> None:
    if list(answered.shape) != list(taken.shape):
        raise ModelError(
            f"the denoiser answers tiles of {list(answered.shape)} and the Fine-Tune network takes {list(taken.shape)}"
        )
    scales = answered.quantization.scale[0], taken.quantization.scale[0]
    zeros = answered.quantization.zeroPoint[0], taken.quantization.zeroPoint[0]
    if not np.isclose(*scales, rtol=SAME_SCALE, atol=0) or zeros[0] != zeros[1]:
        raise ModelError(
            f"the denoiser answers in steps of {scales[0]:.6g} with zero at {zeros[0]}, the Fine-Tune network takes "
            f"{scales[1]:.6g} and {zeros[1]}: it was made for another denoiser; make it anew"
        )
