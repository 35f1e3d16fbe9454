"""What a runtime must offer to run a network: open, shape, quantization, infer, close."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from tomopy_edge.networks.quantize import QuantParams


class Backend(Protocol):
    """One network, loaded and ready. Delegates, buffers and device memory stay behind this line."""

    shape: tuple[int, int, int, int]
    """(tile, y, x, channel) of what `infer` takes; fixed for as long as the backend is open."""

    input_params: QuantParams | None
    """How the input is quantized; None for a network that takes float32."""

    output_params: QuantParams | None
    """How the output is quantized; None for a network that gives float32."""

    def infer(self, tiles: NDArray[Any]) -> NDArray[Any]:
        """Return the network's answer (tile, y, x) to `tiles` (tile, y, x, channel); the answer is the caller's."""
        ...

    def close(self) -> None:
        """Give the device back. Closing twice does nothing."""
        ...
