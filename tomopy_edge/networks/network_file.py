"""What a manifest says of one file of a model: for which tiles it is, and what it computes in."""

from __future__ import annotations

from typing import Literal

from tomopy_edge.networks.plain_files import is_name
from tomopy_edge.networks.tiling import TileGrid
from tomopy_edge.options import options

Precision = Literal["int8", "int8-ptq", "chained", "float"]
"""What a network computes in, and how it got there; see `NetworkFile.precision`."""


@options
class NetworkFile:
    """One .tflite file of a model."""

    file: str
    """Name within the model folder."""

    sha256: str
    """What the file's bytes must hash to."""

    precision: Precision
    """What it computes in: "int8", trained for its codes where the model's maker did that, "int8-ptq" without that
    training, "chained" with the Fine-Tune network behind it, or "float"."""

    tile: int
    """Edge of the tiles it takes, pixels."""

    batch: int = 1
    """Tiles it takes at once."""

    halo: int
    """Border of a tile that is seen and not kept, pixels."""

    stride: int
    """From one tile to the next, pixels; less than tile - 2 * halo where neighbouring cores are blended."""

    io: Literal["int8", "uint8"] = "int8"
    """What an int8 network takes and gives in its file."""

    reach: int | None = None
    """How far one output pixel looks, where that is not the reach of the other files: chained networks look further."""

    compiled_from: str | None = None
    """The .tflite file that this one was compiled from, for the Edge TPU; none where it was not compiled."""

    compiler: str | None = None
    """What compiled it, as that names itself."""

    on_cpu: int | None = None
    """How many operators the compiler left to the CPU."""

    def __post_init__(self) -> None:
        if not is_name(self.file):
            raise ValueError(f"file: must be a name within the model folder, got {self.file!r}")
        TileGrid((1, 1), self.tile, self.halo, self.stride)

    def grid(self, shape: tuple[int, int]) -> TileGrid:
        """Return the tiles of a slice of `shape` (y, x)."""
        return TileGrid(shape, self.tile, self.halo, self.stride)
