"""Give an .onnx network other tiles without touching a weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.onnx_files import read_model

RANK = 4
"""Of a network's ends: (tile, y, x, channel)."""


def with_tile(content: bytes, tile: int, path: Path) -> bytes:
    """Return a fully convolutional .onnx network for tiles of another size, with the very same weights and scales.

    Only the sizes that its ends declare are changed: what lies between follows from them, as convolutions, poolings and
    upsamplings by a factor hold no size of their own. So what a runtime reads is what an export for that size would be.

    Parameters
    ----------
    content : of the .onnx file
    tile : edge of the tiles that it is wanted for, pixels; every level of the network must divide it
    path : where it is from, for errors

    Raises
    ------
    ModelError : where it is no ONNX network, or none that can have such tiles
    BackendError : where the package onnx is missing
    """
    model = read_model(content, path)
    for end in (*model.graph.input, *model.graph.output):
        edges = end.type.tensor_type.shape.dim
        if len(edges) != RANK:
            raise ModelError(f"{path}: expected ends (tile, y, x, channel), got {len(edges)} edges at {end.name!r}")
        for edge in edges[1:3]:
            edge.dim_value = tile
    # What was worked out for the sizes before.
    del model.graph.value_info[:]
    _check(model, tile, path)
    return bytes(model.SerializeToString())


def _check(model: Any, tile: int, path: Path) -> None:
    """Raise a `ModelError` unless the sizes at both ends follow from each other."""
    from onnx import shape_inference

    try:
        shape_inference.infer_shapes(model, strict_mode=True)
    except shape_inference.InferenceError as error:
        # Of several lines, the first is about the operator where sizes part; those behind lack its answer.
        cause = str(error).strip().splitlines()[0].removeprefix("[ShapeInferenceError] Inference error(s): ")
        raise ModelError(f"{path}: its levels do not fit tiles of {tile} pixels: {cause}") from None
