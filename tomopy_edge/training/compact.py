"""The compact TomoGAN: a tenth of the published generator's operations, and a reach that leaves small tiles a core."""

from __future__ import annotations

from typing import Any

PARAMETERS = 79_793
REACH = 15
"""Pixels on each side of an output pixel that can change it: two convolutions on the half grid reach 2 pixels each, two
on the quarter grid 4 each, and a block of the quarter grid is 4 pixels wide."""

MULTIPLE = 4
"""Rows and columns must be a multiple of this: the network halves them twice."""

HALF, QUARTER = 32, 48
"""Channels on the grids of half and of a quarter of the resolution."""


def build_compact(y: int | None = None, x: int | None = None, channels: int = 3, batch: int | None = None) -> Any:
    """Return an untrained compact generator, a Keras model from noisy slices to a clean one, both in network units.

    Nothing is computed at full resolution, where the published generator spends two thirds of its operations: blocks of
    2x2 pixels become 32 channels, and these again 48, by strided convolutions that do not overlap, and transposed ones
    lead back. So a level adds no reach but its own blocks, and of a tile of 64 pixels a core of 32 is exact. Each 3x3
    convolution is followed by a 1x1 one: depth that costs little and reaches no further. The operators are CONV_2D,
    TRANSPOSE_CONV and ADD with ReLUs, all of which the Edge TPU maps.

    Parameters
    ----------
    y, x : rows and columns for a network of fixed size; None leaves them open
    channels : adjacent slices that it sees, of which it denoises the middle one
    batch : slices at once, for a network whose shape must be known in full; None leaves them open

    Returns
    -------
    keras.Model, (batch, y, x, channels) -> (batch, y, x, 1)
    """
    import keras
    from keras import layers

    def look(tensor: Any, width: int, name: str) -> Any:
        tensor = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"{name}_look")(tensor)
        return layers.Conv2D(width, 1, activation="relu", name=f"{name}_mix")(tensor)

    def down(tensor: Any, width: int, name: str) -> Any:
        return layers.Conv2D(width, 2, strides=2, activation="relu", name=name)(tensor)

    noisy = layers.Input((y, x, channels), batch_size=batch, name="noisy")
    half = look(down(noisy, HALF, "to_half"), HALF, "half_a")
    quarter = look(look(down(half, QUARTER, "to_quarter"), QUARTER, "quarter_a"), QUARTER, "quarter_b")
    tensor = layers.Conv2DTranspose(HALF, 2, strides=2, name="from_quarter")(quarter)
    # The ReLU stands apart: fused into a transposed convolution it makes an operator version the Edge TPU refuses.
    tensor = layers.ReLU(name="joined")(layers.Add(name="join")([tensor, half]))
    tensor = look(tensor, HALF, "half_b")
    # In float32 even where the rest is trained in bfloat16, whose steps of 0.4 % would show in a slice.
    denoised = layers.Conv2DTranspose(1, 2, strides=2, name="denoised", dtype="float32")(tensor)
    return keras.Model(noisy, denoised, name="tomogan_compact")
