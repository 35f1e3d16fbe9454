"""Which operators a network for slices may be made of, and what LiteRT takes for granted of each of them.

Its kernels may read inputs and options before they look whether these are there. In a damaged file they then read, or
free, memory of something else, and the process ends; not always, so that to try it tells nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.tflite_graph import Operator

TABLE = """
Conv2D                xxx?   CONV_2D
DepthwiseConv2D       xxx    DEPTHWISE_CONV_2D
TransposeConv         ixxx?  TRANSPOSE_CONV
FullyConnected        xxx?   FULLY_CONNECTED
Pool2D                x      AVERAGE_POOL_2D MAX_POOL_2D
ResizeBilinear        xi     RESIZE_BILINEAR
ResizeNearestNeighbor xi     RESIZE_NEAREST_NEIGHBOR
Concatenation         x      CONCATENATION
Add                   xx     ADD
Sub                   xx     SUB
Mul                   xx     MUL
Div                   xx     DIV
-                     xx     MAXIMUM MINIMUM SQUARED_DIFFERENCE POW PRELU
-                     x      ABS NEG EXP LOG SQRT RSQRT SQUARE FLOOR CEIL ROUND
-                     x      RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ELU HARD_SWISH LOGISTIC TANH
LeakyRelu             x      LEAKY_RELU
Gelu                  x      GELU
Softmax               x      SOFTMAX
BatchMatMul           xx     BATCH_MATMUL
Gather                xi     GATHER
L2Norm                x      L2_NORMALIZATION
Reducer               xi     MEAN SUM REDUCE_MAX REDUCE_MIN
-                     xi     PAD TRANSPOSE EXPAND_DIMS TILE BROADCAST_TO
MirrorPad             xi     MIRROR_PAD
-                     xix    PADV2
-                     xi?    RESHAPE
Squeeze               x      SQUEEZE
-                     xii    SLICE SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND
StridedSlice          xiii   STRIDED_SLICE
Split                 ix     SPLIT
SplitV                xii    SPLIT_V
Pack                  x      PACK
Unpack                x      UNPACK
SpaceToDepth          x      SPACE_TO_DEPTH
DepthToSpace          x      DEPTH_TO_SPACE
-                     x      QUANTIZE DEQUANTIZE CAST
"""
"""Of each operator the options that it must have, and its inputs: x is any tensor, i one of integers such as axes or
a shape; what is followed by ? may be left out."""

KNOWN = {
    name: (options, takes) for options, takes, *names in map(str.split, TABLE.strip().splitlines()) for name in names
}
INTEGERS = {"INT32", "INT64"}

POOLS, RESIZES = ("AVERAGE_POOL_2D", "MAX_POOL_2D"), ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
PIXEL_BY_PIXEL = {name for name, (_, takes) in KNOWN.items() if set(takes) == {"x"}} - {
    *("BATCH_MATMUL", "CONCATENATION", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "PACK", "SPACE_TO_DEPTH", "SQUEEZE"),
    *("UNPACK", *POOLS),
}


def expect_known(path: Path, operator: Operator) -> None:
    """Raise a `ModelError` unless an operator of LiteRT's own is one of these, and has what it reads.

    Parameters
    ----------
    path : of the network, for the message
    operator : any; what is there beyond its inputs in the table is LiteRT's to judge
    """
    name = operator.name
    if name not in KNOWN:
        raise ModelError(
            f"{path}: has the operator {name}, which is not among those that networks for slices are known to have "
            "(convolutions, resizing, arithmetic, activations); build it of these, or offer a denoiser of your own"
        )
    options, takes = KNOWN[name]
    if options not in {"-", operator.options}:
        raise ModelError(f"{path}: is damaged: its {name} has not the options of one")
    needed = len(takes.replace("x?", "").replace("i?", ""))
    if len(operator.inputs) < needed or not operator.outputs:
        raise ModelError(f"{path}: is damaged: its {name} lacks one of its inputs or its output")
    letters = takes.replace("?", "")
    for i, tensor in enumerate(operator.inputs):
        if tensor is None:
            if not needed <= i < len(letters):
                raise ModelError(f"{path}: is damaged: its {name} lacks one of its inputs")
        elif letters[i : i + 1] == "i" and tensor.type not in INTEGERS:
            raise ModelError(f"{path}: is damaged: its {name} takes {tensor.name!r} of {tensor.type} for integers")
    given = operator.outputs[0]
    if not _fits(operator, given.shape) and not any(tensor.open for tensor in operator.tensors):
        raise ModelError(f"{path}: is damaged: its {name} gives the shape {given.shape}, which does not fit its inputs")


def _fits(operator: Operator, given: tuple[int, ...]) -> bool:
    """Return whether a shape is no larger than what an operator can give; LiteRT takes memory for it, then computes it.

    That is so of any shape where it is not known here what the operator gives.
    """
    first, *others = [() if tensor is None else tensor.shape for tensor in operator.inputs]
    sizes = [() if tensor is None else tensor.integers() for tensor in operator.inputs]
    most: tuple[int, ...]
    try:
        if operator.name in PIXEL_BY_PIXEL:
            most = np.broadcast_shapes(first, *others)
        elif operator.name in {"CONV_2D", "DEPTHWISE_CONV_2D", *POOLS}:
            kernel = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}.get(operator.name)
            most = first if kernel is None else (*first[:3], others[0][kernel])
        elif operator.name in RESIZES and sizes[1]:
            most = (first[0], *sizes[1], first[3])
        elif operator.name == "TRANSPOSE_CONV" and sizes[0]:
            most = sizes[0]
        elif operator.name == "CONCATENATION":
            most = tuple(map(sum, zip(first, *others, strict=True)))
        else:
            return True
    except (ValueError, IndexError):
        return False
    return len(given) == len(most) and all(edge <= limit for edge, limit in zip(given, most, strict=True))
