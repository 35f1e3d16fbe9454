"""Read an .onnx network with the package onnx, and turn what goes wrong into a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomopy_edge.errors import BackendError, ModelError


def read_model(content: bytes, path: Path) -> Any:
    """Return an ONNX network as the package onnx has it, an `onnx.ModelProto`.

    Parameters
    ----------
    content : of an .onnx file
    path : where it is from, for errors

    Raises
    ------
    ModelError : where it is no ONNX network
    BackendError : where the package onnx cannot be imported
    """
    try:
        import onnx
    except ImportError as error:
        raise BackendError(f"the package onnx cannot be imported ({error}); pip install onnx") from None
    try:
        return onnx.load_model_from_string(content)
    except Exception as error:  # noqa: BLE001 - protobuf's errors have no common base but this
        raise ModelError(f"{path}: is no ONNX network: {error}") from None
