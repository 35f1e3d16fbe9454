"""Foretell which operators of a .tflite network the Edge TPU will run: the only module that knows its rules.

This is a static reading of published rules and of what users found, not Google's compiler, which is closed: that has
the last word, and its log tells what it did.

Sources: the page "TensorFlow models on the Edge TPU" of Coral's documentation (coral.ai/docs/edgetpu/models-intro),
its model requirements and its table of operators; and, for sizes, the issues 31 and 187 of google-coral/edgetpu.
Operator versions that the compiler 16.0 refuses are as users reported them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tomopy_edge.networks.tflite_graph import Graph, Operator, Tensor, read_graph

COMPILED = "edgetpu-custom-op"
"""The custom operator that Google's compiler puts in the place of all that it mapped."""

ON_CHIP = 7.7
"""MiB of the Edge TPU's memory that are free for parameters; what is beyond is sent to it for every tile."""

LARGEST = 128
"""Pixels: edge up to which an upsampling (edgetpu#31) and a whole U-Net (edgetpu#187) are known to map."""

EIGHT_BIT = ("INT8", "UINT8")
INNER = 3
"""Dimensions, counted from the innermost, that may be longer than 1."""

REFUSED_FROM = {"CONV_2D": 6, "TRANSPOSE_CONV": 4}
"""Operator versions that the compiler does not know; a ReLU fused into a TRANSPOSE_CONV makes it version 4."""

_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
_RESIZES = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
PARAMETERS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*_REDUCTIONS, *_RESIZES, "EXPAND_DIMS", "PAD", "PRELU", "RESHAPE", "TRANSPOSE"), (1,)),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SLICE"), (1, 2)),
    **dict.fromkeys(("SPLIT",), (0,)),
    **dict.fromkeys(("STRIDED_SLICE",), (1, 2, 3)),
    **dict.fromkeys(("TRANSPOSE_CONV",), (0, 1, 3)),
}
"""Which inputs are parameters: they must stand in the file."""


def _no_fused_activation(operator: Operator) -> str | None:
    return f"a fused {operator.fused} (it may have none)" if operator.fused != "NONE" else None


def _concatenation(operator: Operator) -> str | None:
    constants = [tensor for tensor in operator.inputs if tensor is not None and tensor.content]
    if constants and (len(operator.inputs) > 2 or any(any(tensor.content or b"") for tensor in constants)):  # noqa: PLR2004 - two, says the table
        return "a constant input (it may have one beside one other input, and of zeros only)"
    return _no_fused_activation(operator)


def _equal_dilation(operator: Operator) -> str | None:
    y, x = operator.dilation
    return f"a dilation of {y} along y and {x} along x (they must be equal)" if y != x else None


def _one_dimensional(operator: Operator) -> str | None:
    shape = operator.outputs[0].shape
    return f"an output of shape {shape} (one dimension only)" if math.prod(shape) != max(shape, default=1) else None


def _not_along_batch(operator: Operator) -> str | None:
    shape = operator.activations[0].shape
    if operator.name == "PACK":
        rank, axes = len(shape) + 1, [] if operator.axis is None else [operator.axis]
    else:
        rank, axes = len(shape), list(_integers(operator, 0 if operator.name == "SPLIT" else 1))
    along = [axis % rank for axis in axes] if rank else []
    if 0 in along:
        return "work along the batch (only along the other dimensions)"
    if operator.name == "MEAN" and rank - 1 in along and shape[-1] % 4:
        return f"a mean over {shape[-1]} channels (their number must be a multiple of 4)"
    return None


def _integers(operator: Operator, i: int) -> tuple[int, ...]:
    tensor = operator.taken(i)
    return () if tensor is None else tensor.integers()


def _no_padded_batch(operator: Operator) -> str | None:
    return "a padding of the batch (only of the other dimensions)" if any(_integers(operator, 1)[:2]) else None


def _alpha_per_channel(operator: Operator) -> str | None:
    slopes = operator.taken(1)
    if slopes is None or all(edge == 1 for edge in slopes.shape[:-1]):
        return None
    return f"slopes of shape {slopes.shape} (one for each channel)"


def _small_softmax(operator: Operator) -> str | None:
    shape, most = operator.outputs[0].shape, 16_000
    flat = math.prod(shape) == max(shape, default=1) <= most
    return None if flat else f"a shape of {shape} (one dimension of at most {most})"


def _leading_ones(operator: Operator) -> str | None:
    shape, kept = operator.activations[0].shape, operator.outputs[0].shape
    return None if shape[len(shape) - len(kept) :] == kept else f"{shape} squeezed to {kept} (only leading ones)"


def _unit_strides(operator: Operator) -> str | None:
    strides = _integers(operator, 3)
    return f"strides of {strides} (only 1)" if any(stride != 1 for stride in strides) else None


LIMITS: dict[str, Callable[[Operator], str | None]] = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _no_fused_activation),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _equal_dilation),
    **dict.fromkeys((*_REDUCTIONS, "PACK", "SPLIT"), _not_along_batch),
    "CONCATENATION": _concatenation,
    "FULLY_CONNECTED": _one_dimensional,
    "PAD": _no_padded_batch,
    "PRELU": _alpha_per_channel,
    "SOFTMAX": _small_softmax,
    "SQUEEZE": _leading_ones,
    "STRIDED_SLICE": _unit_strides,
}
"""Limits of single operators: what is wrong with one, and in brackets what is allowed."""

SUPPORTED = {
    *LIMITS,
    *("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "RSQRT"),
    *("RELU", "RELU6", "RELU_N1_TO_1", "LOGISTIC", "TANH", "L2_NORMALIZATION", "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    *("EXPAND_DIMS", "QUANTIZE", "RESHAPE", "SLICE", "SPACE_TO_DEPTH", "TRANSPOSE"),
    *(*_RESIZES, "TRANSPOSE_CONV"),
}  # fmt: skip
"""Operators that Coral's table names, by the names of the file format's schema."""


@dataclass(frozen=True)
class Verdict:
    """What is foretold of one operator.

    Attributes
    ----------
    operator : as it stands in the file
    reasons : why it does not map; empty where nothing speaks against it
    doubts : why it may not map although no rule is broken
    cut_off : whether one before it does not map: then it runs on the CPU, whatever is said of it here
    """

    operator: Operator
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]
    cut_off: bool


@dataclass(frozen=True)
class Foretold:
    """What is foretold of a network.

    Attributes
    ----------
    graph : the network
    verdicts : one for each operator, in the order they run in
    parameters : bytes of its constants
    notes : what else should be known
    """

    graph: Graph
    verdicts: tuple[Verdict, ...]
    parameters: int
    notes: tuple[str, ...]

    @property
    def compiled(self) -> bool:
        """Whether the file has been through Google's compiler already."""
        return any(verdict.operator.name == COMPILED for verdict in self.verdicts)

    @property
    def mapped(self) -> int:
        """How many operators will run on the Edge TPU."""
        return sum(not verdict.reasons and not verdict.cut_off for verdict in self.verdicts)

    @property
    def whole(self) -> bool:
        """Whether all of them will."""
        return self.mapped == len(self.verdicts) > 0

    @property
    def quantized(self) -> bool:
        """Whether the network computes in integers, so that it can be meant for the Edge TPU at all."""
        return any(tensor.scales for verdict in self.verdicts for tensor in verdict.operator.outputs) or self.compiled


def foretell(path: Path) -> Foretold:
    """Foretell how much of a .tflite network the Edge TPU will run.

    Raises
    ------
    ModelError : where the file cannot be read or is damaged
    """
    graph = read_graph(path)
    verdicts: list[Verdict] = []
    cut_off = False
    for operator in graph.operators:
        reasons = tuple(dict.fromkeys(_reasons(operator)))
        verdicts.append(Verdict(operator, reasons, tuple(_doubts(operator)), cut_off))
        cut_off = cut_off or bool(reasons)
    parameters = sum(len(tensor.content or b"") for tensor in graph.constants)
    return Foretold(graph, tuple(verdicts), parameters, tuple(_notes(graph, parameters)))


def _reasons(operator: Operator) -> Iterator[str]:
    if operator.name == COMPILED:
        return
    if operator.custom:
        yield f"the custom operator {operator.name!r} is not known to the Edge TPU"
        return
    if operator.name not in SUPPORTED:
        yield "the Edge TPU has no such operator"
        return
    if not operator.outputs or not operator.activations:
        yield "it computes nothing"
        return
    refused = REFUSED_FROM.get(operator.name)
    if refused is not None and operator.version >= refused:
        yield f"version {operator.version} is too new (its compiler takes versions below {refused})"
    parameters = [tensor for i in PARAMETERS.get(operator.name, ()) if (tensor := operator.taken(i)) is not None]
    for tensor in operator.tensors:
        yield from _tensor_reasons(tensor)
        if not tensor.constant:
            yield from _parameter_reasons(tensor) if tensor in parameters else _activation_reasons(tensor)
    limit = LIMITS[operator.name](operator) if operator.name in LIMITS else None
    if limit:
        yield limit


def _tensor_reasons(tensor: Tensor) -> Iterator[str]:
    kind = "a constant" if tensor.constant else "a tensor"
    if tensor.type not in EIGHT_BIT and not (tensor.constant and tensor.type == "INT32"):
        yield f"{kind} of {tensor.type} (all must be INT8 or UINT8)"
    elif tensor.type in EIGHT_BIT and not (tensor.scales and min(tensor.scales) > 0):
        yield f"{kind} without quantization: {tensor.name!r} has no scale"
    elif len(tensor.scales) > 1 and any(tensor.zero_points):
        yield f"{kind} with zero points for each channel: those of {tensor.name!r} must be 0"
    if tensor.open:
        yield f"an open shape: an edge of {tensor.name!r} is only known at run time"


def _parameter_reasons(tensor: Tensor) -> Iterator[str]:
    yield f"its parameter {tensor.name!r} is computed (it must be constant)"


def _activation_reasons(tensor: Tensor) -> Iterator[str]:
    if any(edge != 1 for edge in tensor.shape[:-INNER]):
        what = f"a batch of {tensor.shape[0]}" if len(tensor.shape) == INNER + 1 else f"a shape of {tensor.shape}"
        yield f"{what} (only the {INNER} inner dimensions may be longer than 1)"


def _doubts(operator: Operator) -> Iterator[str]:
    edge = max((edge for tensor in operator.outputs for edge in tensor.shape[1:-1]), default=0)
    if operator.name in _RESIZES and edge > LARGEST:
        yield f"may not map: to {edge} pixels, known to map up to {LARGEST} (edgetpu#31)"


def _notes(graph: Graph, parameters: int) -> Iterator[str]:
    mebibytes = parameters / 2**20
    if mebibytes > ON_CHIP:
        beyond = mebibytes - ON_CHIP
        yield f"about {beyond:.1f} MiB of its parameters have no room on the chip and are sent to it for every tile"
    edge = max((edge for tensor in graph.inputs for edge in tensor.shape[1:-1]), default=0)
    if edge > LARGEST:
        yield f"tiles of {edge} pixels may be too large: a U-Net mapped whole at {LARGEST}, not at 256 (edgetpu#187)"
    if graph.subgraphs > 1:
        yield f"it holds {graph.subgraphs} subgraphs, of which only the first was looked at"
