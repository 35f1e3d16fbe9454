"""How much memory a network takes while it runs on the CPU, foretold from its file."""

from __future__ import annotations

import math
from pathlib import Path

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.tflite_graph import BYTES, Graph, Operator, read_graph

POINTER = 8
"""Bytes of an address."""

CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"}
SPREADING = {"TRANSPOSE_CONV", "MAX_POOL_2D", "AVERAGE_POOL_2D"}
"""Operators whose kernel moves in steps of several pixels: of the output, or for poolings of the input."""


def footprint(path: Path, tile: int | None = None, *, tables: bool = True) -> int:
    """Return the bytes that a .tflite network takes in LiteRT, at least.

    There are two parts to it: the tensors that are needed at the same time, at the step where that is most, and the
    tables of XNNPACK's convolutions and poolings, which hold for each pixel of the output the addresses of all pixels
    under the kernel. For int8 the tables are the larger part. With tiles of 512 pixels and more the shipped networks
    took 1.04 to 1.33 times what is foretold here, with smaller ones up to 6 MB more.

    Parameters
    ----------
    path : the .tflite file
    tile : edge of the tiles that it is opened for, pixels; None takes those of the file
    tables : whether those count; other runtimes have none

    Raises
    ------
    ModelError : where the file is damaged
    BackendError : where the package is missing that reads it
    """
    return footprint_of(read_graph(path), tile, tables=tables)


def footprint_of(graph: Graph, tile: int | None = None, *, tables: bool = True) -> int:
    """Return the same of a network that was read."""
    scale = 1.0
    if tile is not None:
        shape = graph.inputs[0].shape if graph.inputs else ()
        if len(shape) != 4 or shape[1] < 1:  # noqa: PLR2004 - axes
            raise ModelError(f"{graph.source}: takes the shape {shape}, expected (tile, y, x, channel)")
        scale = (tile / shape[1]) ** 2
    return round(scale * (_tensors(graph) + (sum(map(_table, graph.operators)) if tables else 0)))


def _tensors(graph: Graph) -> int:
    """Return the bytes of the tensors that are needed together, at most."""
    needed_until = {id(tensor): n for n, operator in enumerate(graph.operators) for tensor in operator.activations}
    needed_until |= {id(tensor): len(graph.operators) for tensor in graph.outputs}
    alive = {id(tensor): _bytes(tensor.type, tensor.shape) for tensor in graph.inputs}
    most = 0
    for n, operator in enumerate(graph.operators):
        alive |= {id(tensor): _bytes(tensor.type, tensor.shape) for tensor in operator.outputs}
        most = max(most, sum(alive.values()))
        alive = {tensor: size for tensor, size in alive.items() if needed_until.get(tensor, 0) > n}
    return most


def _bytes(kind: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * BYTES.get(kind, 4)


def _table(operator: Operator) -> int:
    """Return the bytes of an operator's table; a convolution whose kernel is a single pixel has none."""
    kernel, taken = operator.taken(1), operator.taken(2 if operator.name == "TRANSPOSE_CONV" else 0)
    if taken is None or not operator.outputs:
        return 0
    pixels, under = max(math.prod(operator.outputs[0].shape[1:3]), 1), 1.0
    if operator.name in CONVOLUTIONS and kernel is not None:
        under = math.prod(kernel.shape[1:3])
    if operator.name in SPREADING:
        # Of a kernel that spreads each pixel over several, every one of these is under a part.
        under *= math.prod(taken.shape[1:3]) / pixels
    return round(POINTER * under * pixels) if under > 1 else 0
