"""The TomoGAN generator as published, its size and its reach."""

from __future__ import annotations

from typing import Any

PARAMETERS = 694_913
REACH = 50
"""Pixels on each side of an output pixel that can change it."""

MULTIPLE = 8
"""Rows and columns must be a multiple of this: the network halves them three times."""

LEVELS = (32, 64, 128)
"""Channels of the encoder's levels."""


def build_generator(y: int | None = None, x: int | None = None, channels: int = 3, batch: int | None = None) -> Any:
    """Return an untrained generator, a Keras model from noisy slices to a clean one, both in network units.

    A 1x1 convolution widens the adjacent slices to 8 channels; three levels of two 3x3 convolutions and a pooling lead
    down, a 3x3 convolution joins, three levels of bilinear upsampling, a skip connection and two 3x3 convolutions lead
    up, and two 1x1 convolutions give the slice. Every convolution but the last has a ReLU.

    Parameters
    ----------
    y, x : rows and columns for a network of fixed size; None leaves them open
    channels : adjacent slices that it sees, of which it denoises the middle one; published with 3
    batch : slices at once, for a network whose shape must be known in full; None leaves them open

    Returns
    -------
    keras.Model, (batch, y, x, channels) -> (batch, y, x, 1)

    References
    ----------
    Z. Liu et al., TomoGAN: low-dose synchrotron x-ray tomography with generative adversarial networks,
    J. Opt. Soc. Am. A 37 (2020) 422, Fig. 2 (arXiv:1902.07582).
    """
    import keras
    from keras import layers

    def conv(tensor: Any, channels: int, name: str, size: int = 3) -> Any:
        return layers.Conv2D(channels, size, padding="same", activation="relu", name=name)(tensor)

    noisy = layers.Input((y, x, channels), batch_size=batch, name="noisy")
    tensor = conv(noisy, 8, "widen", size=1)
    skips = []
    for level, width in enumerate(LEVELS, start=1):
        tensor = conv(tensor, width, f"down{level}_a")
        tensor = conv(tensor, width, f"down{level}_b")
        skips.append(tensor)
        tensor = layers.MaxPooling2D(2, name=f"pool{level}")(tensor)
    tensor = conv(tensor, LEVELS[-1], "bottom")
    for level, width in zip((3, 2, 1), (64, 32, 32), strict=True):
        tensor = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}")(tensor)
        tensor = layers.Concatenate(name=f"join{level}")([tensor, skips[level - 1]])
        tensor = conv(tensor, width, f"up{level}_a")
        tensor = conv(tensor, width, f"up{level}_b")
    tensor = conv(tensor, 16, "narrow", size=1)
    # In float32 even where the rest is trained in bfloat16, whose steps of 0.4 % would show in a slice.
    denoised = layers.Conv2D(1, 1, name="denoised", dtype="float32")(tensor)
    return keras.Model(noisy, denoised, name="tomogan_generator")
