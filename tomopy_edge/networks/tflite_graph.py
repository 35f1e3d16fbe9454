"""Read a .tflite file as operators and tensors: the only module here that knows the file format's schema."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks.plain_files import read_plain
from tomopy_edge.networks.unfolding import unfolds_within

IDENTIFIER, IDENTIFIED_AT = b"TFL3", slice(4, 8)
BYTES = {"INT8": 1, "UINT8": 1, "BOOL": 1, "INT16": 2, "FLOAT16": 2, "INT32": 4, "FLOAT32": 4, "INT64": 8}
"""Of one element; types that are not here are not measured."""

STEPS = ("strideH", "strideW", "dilationHFactor", "dilationWFactor", "filterHeight", "filterWidth")
"""Options of convolutions and poolings that must be above 0: runtimes divide by them, and end the process."""


@dataclass(frozen=True)
class Tensor:
    """What flows between operators, or a parameter.

    Attributes
    ----------
    name : as the converter called it
    type : as in the schema: INT8, UINT8, INT32, FLOAT32, ...
    shape : edges, outermost first
    open : whether an edge is left to be known at run time
    scales : real value of one code, one for the tensor or one for each channel; empty where it is not quantized
    zero_points : codes of 0.0, as many as `scales`
    content : the bytes of a constant, None for what is computed
    """

    name: str
    type: str
    shape: tuple[int, ...]
    open: bool
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    content: bytes | None

    @property
    def constant(self) -> bool:
        """Whether its values stand in the file."""
        return self.content is not None

    def integers(self) -> tuple[int, ...]:
        """Return the values of an INT32 constant, such as axes or paddings; none for anything else."""
        if self.content is None or self.type != "INT32":
            return ()
        return tuple(int(value) for value in np.frombuffer(self.content, "<i4"))


@dataclass(frozen=True)
class Operator:
    """One step of the network.

    Attributes
    ----------
    name : as in the schema: CONV_2D, ...; of a custom operator its custom code
    custom : whether it is none of TensorFlow Lite's own
    version : of the operator, which tells which of its features are used
    inputs : None where an optional one is left out
    outputs : what it computes
    options : whose options it has, as the schema calls those: Conv2D, ...; empty where it has none
    fused : activation it ends with: NONE, RELU, ...
    dilation : (y, x) of a convolution's kernel; (1, 1) for everything else
    axis : which it works along, None where it has no such option
    """

    name: str
    custom: bool
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: str
    fused: str
    dilation: tuple[int, int]
    axis: int | None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Everything it takes and gives."""
        return (*(tensor for tensor in self.inputs if tensor is not None), *self.outputs)

    def taken(self, i: int) -> Tensor | None:
        """Return input `i`, None where it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """What it takes and gives of what is computed."""
        return tuple(tensor for tensor in self.tensors if not tensor.constant)


@dataclass(frozen=True)
class Graph:
    """A network as it stands in its file.

    Attributes
    ----------
    source : the file
    operators : in the order they run in
    inputs, outputs : of the network
    subgraphs : how many there are; `operators` are those of the first, the others are bodies of loops and branches
    """

    source: Path
    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    subgraphs: int

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Every constant that an operator uses, once."""
        found = {id(tensor): tensor for operator in self.operators for tensor in operator.tensors if tensor.constant}
        return tuple(found.values())


def read_graph(path: Path) -> Graph:
    """Read a .tflite file.

    Raises
    ------
    ModelError : where it cannot be read, is no .tflite file, or is damaged
    BackendError : where the package is missing that has the schema

    References
    ----------
    `tensorflow/lite/schema/schema.fbs`, the schema of the file format.
    """
    try:
        raw = read_plain(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    if raw[IDENTIFIED_AT] != IDENTIFIER:
        raise ModelError(
            f"{path}: is no .tflite file: its bytes 4 to 7 are {raw[IDENTIFIED_AT]!r}, they must be {IDENTIFIER!r}"
        )
    try:
        return _graph(path, raw)
    except ModelError:
        raise
    except ImportError as error:
        raise BackendError(
            f"{path}: looking into a network file needs ai-edge-litert ({error}); pip install ai-edge-litert"
        ) from None
    except Exception as error:  # noqa: BLE001 - the schema's reader checks nothing, so damage shows as any exception
        raise ModelError(f"{path}: is damaged or cut short: {error}; fetch or make it again") from None


def _graph(path: Path, raw: bytes) -> Graph:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    if not unfolds_within(raw, schema):
        raise ModelError(f"{path}: is damaged: the parts that it lists add up to more than the file holds")
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(raw))
    contents = [bytes(_listed(buffer.data)) or None for buffer in model.buffers]
    main = model.subgraphs[0]
    types = _names(schema.TensorType)
    fused = _names(schema.ActivationFunctionType)
    operators = _names(schema.BuiltinOperator)
    tensors = tuple(_tensor(path, each, contents, types) for each in main.tensors)

    def named(indices: Any) -> tuple[Tensor, ...]:
        if min(indices, default=0) < 0:
            raise ModelError(f"{path}: is damaged: an operator or the network has an output that is no tensor")
        return tuple(tensors[i] for i in indices)

    def operator(each: Any) -> Operator:
        code = model.operatorCodes[each.opcodeIndex]
        # Files older than the wide code have only the narrow one, and the other way round the narrow one is capped.
        name = operators[max(code.builtinCode, code.deprecatedBuiltinCode)]
        options = each.builtinOptions
        for step in STEPS:
            if (found := getattr(options, step, 1)) < 1:
                raise ModelError(f"{path}: is damaged: a {name} has the {step} {found}")
        custom = name == "CUSTOM"
        return Operator(
            name=code.customCode.decode() if custom else name,
            custom=custom,
            version=int(code.version),
            inputs=tuple(None if i == -1 else named([i])[0] for i in _listed(each.inputs)),
            outputs=named(_listed(each.outputs)),
            options="" if options is None else type(options).__name__.removesuffix("OptionsT"),
            fused=fused[getattr(options, "fusedActivationFunction", schema.ActivationFunctionType.NONE)],
            dilation=(int(getattr(options, "dilationHFactor", 1)), int(getattr(options, "dilationWFactor", 1))),
            axis=getattr(options, "axis", None),
        )

    return Graph(
        path,
        tuple(operator(each) for each in _listed(main.operators)),
        named(_listed(main.inputs)),
        named(_listed(main.outputs)),
        len(model.subgraphs),
    )


def _tensor(path: Path, tensor: Any, contents: list[bytes | None], types: dict[int, str]) -> Tensor:
    name, kind = tensor.name.decode(), types[tensor.type]
    shape = tuple(int(edge) for edge in _listed(tensor.shape))
    content = contents[tensor.buffer]
    if content is not None and kind in BYTES and len(content) != math.prod(shape) * BYTES[kind]:
        raise ModelError(
            f"{path}: is damaged: the constant {name!r} of {kind} and shape {shape} has {len(content)} bytes, "
            f"expected {math.prod(shape) * BYTES[kind]}"
        )
    quantization = tensor.quantization
    scales = _listed(quantization.scale) if quantization is not None else []
    zero_points = _listed(quantization.zeroPoint) if quantization is not None else []
    return Tensor(
        name=name,
        type=kind,
        shape=shape,
        open=any(edge < 0 for edge in (*shape, *_listed(tensor.shapeSignature))),
        scales=tuple(float(scale) for scale in scales),
        zero_points=tuple(int(point) for point in zero_points),
        content=content,
    )


def _listed(vector: Any) -> Any:
    return [] if vector is None else vector


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
