"""From a float32 ONNX network to one that computes in FP16, for runtimes that compute in the types of the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tomopy_edge.networks.onnx_files import read_model

HALF_OPERATORS = frozenset({"Add", "Concat", "Conv", "ConvTranspose", "MaxPool", "Relu", "Resize", "Transpose"})
"""ONNX operators whose inputs can all be cast to FP16, but for the factors of Resize."""


def halved(content: bytes, path: Path) -> bytes | None:
    """Return a float32 ONNX network that computes in FP16 between float32 ends.

    None is returned for a network with operators other than `HALF_OPERATORS`, or with weights that FP16 has no number
    for.

    Parameters
    ----------
    content : of the .onnx file
    path : where it is from, for errors

    Raises
    ------
    ModelError : where it is no ONNX network
    BackendError : where the package onnx is missing
    """
    model = read_model(content, path)
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    if {node.op_type for node in graph.node} - HALF_OPERATORS or len(graph.input) != 1 or len(graph.output) != 1:
        return None
    factors = {name for node in graph.node if node.op_type == "Resize" for name in node.input[1:]}
    for constant in graph.initializer:
        weights = numpy_helper.to_array(constant)
        if weights.dtype != np.float32 or constant.name in factors:
            continue
        if weights.size and np.abs(weights).max() > np.finfo(np.float16).max:
            return None
        constant.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), constant.name))
    ends = {end.name: f"{end.name}_half" for end in (graph.input[0], graph.output[0])}
    for node in graph.node:
        node.input[:] = [ends.get(name, name) for name in node.input]
        node.output[:] = [ends.get(name, name) for name in node.output]
    (taken, taken_half), (given, given_half) = ends.items()
    before = helper.make_node("Cast", [taken], [taken_half], to=TensorProto.FLOAT16)
    after = helper.make_node("Cast", [given_half], [given], to=TensorProto.FLOAT)
    nodes = [before, *graph.node, after]
    # The types that were worked out for float32 hold no longer.
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return bytes(model.SerializeToString())
