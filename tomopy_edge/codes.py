"""What the codes of an int8 network stand for: the only module that knows what a scale and a zero point are."""

from __future__ import annotations

from dataclasses import dataclass

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True)
class QuantParams:
    """real = scale * (code - zero_point), as in the TFLite quantization specification.

    Attributes
    ----------
    scale : real value of one code, > 0
    zero_point : the code of 0.0, -128 to 127
    """

    scale: float
    zero_point: int

    @property
    def lowest(self) -> float:
        """The smallest real value that has a code."""
        return self.scale * (LOWEST - self.zero_point)

    @property
    def highest(self) -> float:
        """The largest real value that has a code."""
        return self.scale * (HIGHEST - self.zero_point)
