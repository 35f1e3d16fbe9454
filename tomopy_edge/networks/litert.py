"""Run a .tflite network on the CPU through LiteRT's interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.quantize import QuantParams


class LiteRT:
    """A .tflite network, open on the CPU (see `Backend`).

    Parameters
    ----------
    path : the .tflite file: one input (tile, y, x, channel), one output (tile, y, x, 1), both int8 or both float32
    threads : threads that one inference uses; LiteRT's own default is one

    Raises
    ------
    ModelError : where the file is no such network
    """

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            # From memory: the file can then be replaced while it is in use.
            interpreter = Interpreter(model_content=path.read_bytes(), num_threads=threads)
            interpreter.allocate_tensors()
        except (OSError, RuntimeError, ValueError) as error:
            raise ModelError(f"{path}: LiteRT cannot load it: {error}") from None
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(f"{path}: expected one input and one output, got {len(inputs)} and {len(outputs)}")
        taken, given = inputs[0], outputs[0]
        shape = tuple(int(edge) for edge in taken["shape"])
        if len(shape) != 4 or tuple(given["shape"]) != (*shape[:3], 1):  # noqa: PLR2004 - tile, y, x, channel
            raise ModelError(
                f"{path}: expected an input (tile, y, x, channel) and an output (tile, y, x, 1), "
                f"got {shape} and {tuple(given['shape'])}"
            )
        self.input_params = _params(taken, path, "input")
        self.output_params = _params(given, path, "output")
        self.shape: tuple[int, int, int, int] = shape
        self._interpreter: Any = interpreter
        self._input, self._output = taken["index"], given["index"]

    def infer(self, tiles: NDArray[Any]) -> NDArray[Any]:
        """Return the network's answer (tile, y, x) to `tiles` (tile, y, x, channel)."""
        if self._interpreter is None:
            raise RuntimeError("this network is closed")
        self._interpreter.set_tensor(self._input, tiles)
        self._interpreter.invoke()
        # get_tensor copies, so that the next inference cannot change what was returned.
        answer: NDArray[Any] = self._interpreter.get_tensor(self._output)[..., 0]
        return answer

    def close(self) -> None:
        """Free the interpreter."""
        self._interpreter = None


def _params(tensor: Any, path: Path, end: str) -> QuantParams | None:
    if tensor["dtype"] == np.float32:
        return None
    if tensor["dtype"] != np.int8:
        raise ModelError(f"{path}: expected an int8 or float32 {end}, got {np.dtype(tensor['dtype']).name}")
    scale, zero_point = tensor["quantization"]
    if not scale > 0:
        raise ModelError(f"{path}: the int8 {end} has no scale, so its codes mean nothing")
    return QuantParams(float(scale), int(zero_point))
