"""How much a .tflite file unfolds to: its parts are named by their places in it, so that one can be named many times.

A few kilobytes in which a part is listed a million times would take hours and all memory to read. What is written by
a converter names little twice, and adds up to no more than the length of the file: 0.98 of it in the shipped networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ENTRY = 4
"""Bytes of the place of a part, and of most numbers."""

PARTS = {
    "Model": ("OperatorCodes", "Subgraphs", "Buffers", "Metadata", "SignatureDefs"),
    "SubGraph": ("Tensors", "Operators"),
    "Tensor": ("VariantTensors",),
    "SparsityParameters": ("DimMetadata",),
    "SignatureDef": ("Inputs", "Outputs"),
}
"""Lists of parts that have lists themselves."""

NUMBERS = {
    "SubGraph": ("Inputs", "Outputs"),
    "Tensor": ("Shape", "ShapeSignature"),
    "SparsityParameters": ("TraversalOrder", "BlockMap"),
    "QuantizationParameters": ("Min", "Max", "Scale", "ZeroPoint"),
    "Operator": ("Inputs", "Outputs", "Intermediates", "MutatingVariableInputs"),
    "ReshapeOptions": ("NewShape",),
    "SqueezeOptions": ("SqueezeDims",),
}
"""Lists of numbers, whatever their width."""

TEXTS = {
    "OperatorCode": ("CustomCode",),
    "SubGraph": ("Name",),
    "Tensor": ("Name",),
    "Metadata": ("Name",),
    "SignatureDef": ("SignatureKey",),
    "TensorMap": ("Name",),
    "VarHandleOptions": ("Container", "SharedName"),
    "StablehloCustomCallOptions": ("CallTargetName", "BackendConfig"),
    "StableHLOCompositeOptions": ("Name",),
}


def unfolds_within(raw: bytes | bytearray, schema: Any) -> bool:
    """Return whether all that a .tflite file lists adds up to no more than twice its length.

    Parameters
    ----------
    raw : the file
    schema : the module that was generated from the file format's schema, which raises anything where `raw` is damaged
    """
    room = 2 * len(raw)
    for size in _sizes(schema.Model.GetRootAs(raw, 0), schema):
        room -= size
        if room < 0:
            return False
    return True


def _sizes(part: Any, schema: Any) -> Iterator[int]:
    """Yield the bytes of each list and text in a part and all below it, each before it is gone into."""
    kind = type(part).__name__
    for name in TEXTS.get(kind, ()):
        yield len(getattr(part, name)() or b"")
    for name in NUMBERS.get(kind, ()):
        yield ENTRY * getattr(part, f"{name}Length")()
    for name in PARTS.get(kind, ()):
        length = getattr(part, f"{name}Length")()
        yield ENTRY * length
        for i in range(length):
            yield from _sizes(getattr(part, name)(i), schema)
    if kind == "Buffer":
        yield part.DataLength() + part.Size()
    inner = {"Tensor": _of_tensor, "Operator": _of_operator}.get(kind, lambda *_: ())
    for one in inner(part, schema):
        yield from _sizes(one, schema)


def _of_tensor(tensor: Any, _schema: Any) -> Iterator[Any]:
    yield from filter(None, (tensor.Quantization(), tensor.Sparsity()))


def _of_operator(operator: Any, schema: Any) -> Iterator[Any]:
    """Yield its options, where these hold lists or texts."""
    kinds = (
        (operator.BuiltinOptionsType(), schema.BuiltinOptions),
        (operator.BuiltinOptions2Type(), schema.BuiltinOptions2),
    )
    for (kind, known), table in zip(kinds, (operator.BuiltinOptions, operator.BuiltinOptions2), strict=True):
        for name in NUMBERS.keys() | TEXTS.keys():
            if kind and kind == getattr(known, name, None):
                options, place = getattr(schema, name)(), table()
                options.Init(place.Bytes, place.Pos)
                yield options
