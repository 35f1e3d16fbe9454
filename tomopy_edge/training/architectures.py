"""Which networks there are: what each is called, how it is built, how far it looks, and how its tiles are laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tomopy_edge.errors import ModelError, did_you_mean
from tomopy_edge.training import compact, fine_tune, generator

TILES = (64, 128, 256, 512)
"""Edges of the tiles that every network is exported for, pixels."""

CORES = (640, 1024)
"""Edges of the exact cores, pixels, that it is exported for besides: slices of 1024, 1280, 2048 and 2560 columns are
made of whole ones, and little is computed twice."""


@dataclass(frozen=True)
class Architecture:
    """One network's design.

    Attributes
    ----------
    name : what a user calls it
    keras_name : what its Keras models are called, by which a .keras file is recognised
    block : the block of the manifest that it fills
    build : (y, x, channels, batch) -> untrained Keras model
    channels : numbers of adjacent slices it can be built for; the first is the usual one
    reach, multiple : see `networks.manifest.NetworkSet`
    blend : (halo, overlap) of tiles too small to keep the reach out, pixels
    """

    name: str
    keras_name: str
    block: Literal["denoise", "fine_tune"]
    build: Callable[..., Any]
    channels: tuple[int, ...]
    reach: int
    multiple: int
    blend: tuple[int, int]

    @property
    def halo(self) -> int:
        """Pixels around an exact core."""
        return -(-self.reach // self.multiple) * self.multiple

    @property
    def usual_tiles(self) -> tuple[int, ...]:
        """Edges of the tiles that it is exported for where nobody asks for others, pixels."""
        return (*TILES, *(core + 2 * self.halo for core in CORES))

    def layout(self, tile: int) -> tuple[int, int]:
        """Return (halo, stride) for tiles of a size: exact where the tile has room for that, else blended.

        Raises
        ------
        ValueError : where the size does not suit the network's poolings, or leaves no room within the halo
        """
        if tile % self.multiple:
            raise ValueError(f"tile: must be a multiple of {self.multiple}, got {tile}")
        halo = self.halo
        if tile - 2 * halo >= tile // 4:
            return halo, tile - 2 * halo
        halo, overlap = self.blend
        # No more than two tiles may overlap along an axis.
        least = 2 * halo + overlap + max(overlap, self.multiple)
        if tile < least:
            raise ValueError(f"tile: must be at least {least}, to have room within its halo, got {tile}")
        return halo, tile - 2 * halo - overlap

    def check_tiles(self, tiles: Iterable[int]) -> None:
        """Check sizes of tiles before anything is made for them.

        Raises
        ------
        ModelError : where one does not suit
        """
        try:
            for tile in tiles:
                self.layout(tile)
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}") from None


ARCHITECTURES = (
    Architecture(
        "tomogan",
        "tomogan_generator",
        "denoise",
        generator.build_generator,
        (3, 1),
        generator.REACH,
        generator.MULTIPLE,
        (8, 8),
    ),
    Architecture(
        "tomogan-compact",
        "tomogan_compact",
        "denoise",
        compact.build_compact,
        (3, 1),
        compact.REACH,
        compact.MULTIPLE,
        (8, 8),
    ),
    Architecture(
        "fine-tune",
        "fine_tune",
        "fine_tune",
        fine_tune.build_fine_tune,
        (1,),
        fine_tune.REACH,
        fine_tune.MULTIPLE,
        (2, 0),
    ),
)


def architecture(name: str) -> Architecture:
    """Return the architecture that a user calls `name`.

    Raises
    ------
    ModelError : where there is none
    """
    names = [one.name for one in ARCHITECTURES]
    if name not in names:
        raise ModelError(
            f"no architecture is named {name!r}{did_you_mean(name, names)} (there are: {', '.join(names)})"
        )
    return ARCHITECTURES[names.index(name)]


def architecture_of(network: Any, source: object) -> Architecture:
    """Return the architecture of a Keras model that was read from `source`.

    Raises
    ------
    ModelError : where it is none of ours
    """
    for one in ARCHITECTURES:
        if network.name == one.keras_name and network.input_shape[-1] in one.channels:
            return one
    known = ", ".join(f"{one.keras_name} of {' or '.join(map(str, one.channels))} channels" for one in ARCHITECTURES)
    raise ModelError(
        f"{source}: holds a network {network.name!r} of {network.input_shape[-1]} channels; expected one of {known}"
    )


def multiply_adds(network: Any) -> int:
    """Return the multiply-additions of a network of fixed size: those of its convolutions, which are nearly all."""
    total = 0
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            # A transposed convolution spends its kernel on every pixel it reads, the others on every one they write.
            _, y, x, _ = (layer.input if "Transpose" in type(layer).__name__ else layer.output).shape
            if y is None or x is None:
                raise ValueError("network: its rows and columns must be fixed to count its operations")
            kernel = layer.kernel.shape
            total += y * x * kernel[0] * kernel[1] * kernel[2] * kernel[3]
    return total
