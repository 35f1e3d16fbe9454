"""Networks that say by features, not pixels, how like two slices look; they are fixed, and gradients pass them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import ModelError

GREY = 255.0
"""Grey values to a network unit: the published weights, and VGG19, are for pictures of 8 bits."""

MEANS = (103.939, 116.779, 123.68)
"""Blue, green and red that VGG19 takes for nothing."""

ORIENTATIONS, PHASES = 6, 4
FILTER, SIGMA, WAVELENGTH = 7, 1.5, 4.0
"""Edge, width and wavelength of the bank's filters, pixels of their scale."""

SCALES = 4
"""Scales of the bank, each half the one before: wavelengths of 4 to 32 pixels."""


def build_perceptual(vgg19: Path | None) -> Any:
    """Return the network that features are compared by: VGG19 where its weights are at hand, else a bank of filters.

    Parameters
    ----------
    vgg19 : file of VGG19's weights without its top, as Keras keeps them, or None

    Returns
    -------
    keras.Model, (batch, y, x, 1) in network units -> list of features, (batch, y, x, channel) each

    Raises
    ------
    ModelError : where the weights are not those of VGG19
    """
    features = build_filter_bank() if vgg19 is None else build_vgg19(vgg19)
    features.trainable = False
    return features


def build_vgg19(weights: Path) -> Any:
    """Return VGG19 up to its last convolution, for slices.

    References
    ----------
    K. Simonyan and A. Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015. The
    layer is that of Q. Yang et al., IEEE Transactions on Medical Imaging 37 (2018) 1348.
    """
    import keras
    from keras import layers

    try:
        vgg19 = keras.applications.VGG19(include_top=False, weights=str(weights))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{weights}: Keras cannot read VGG19's weights without top from it ({str(error).splitlines()[0]}); the "
            "file that Keras offers is called vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
        ) from None
    last = keras.Model(vgg19.inputs, vgg19.get_layer("block5_conv4").output)
    slices = layers.Input((None, None, 1))
    colours = [layers.Rescaling(GREY, offset=-mean)(slices) for mean in MEANS]
    return keras.Model(slices, [last(layers.Concatenate()(colours))], name="vgg19")


def build_filter_bank() -> Any:
    """Return a bank of oriented filters at several scales, which needs no training and no download.

    Each scale's Gabor filters, in six orientations and four phases, are rectified and averaged over 2x2 pixels, as the
    simple and complex cells that the first layers of trained networks resemble. So edges, cracks and textures count by
    their strength, direction and width, hardly by their exact place, and smooth errors of grey not at all. An encoder
    trained to denoise would not do in its stead: it is blind to what it takes for noise.

    References
    ----------
    J. G. Daugman, Journal of the Optical Society of America A 2 (1985) 1160, for the filters.
    """
    import keras
    from keras import layers

    slices = layers.Input((None, None, 1))
    tensor = layers.Rescaling(GREY)(slices)
    features = []
    for scale in range(SCALES):
        if scale:
            tensor = layers.AveragePooling2D(2, padding="same")(tensor)
        cells = layers.Conv2D(ORIENTATIONS * PHASES, FILTER, padding="same", use_bias=False, activation="relu")
        features.append(layers.AveragePooling2D(2, padding="same")(cells(tensor)))
        cells.set_weights([gabor_filters()])
    return keras.Model(slices, features, name="filter_bank")


def gabor_filters() -> Float32:
    """Return the bank's filters, (y, x, 1, filter), each of mean 0 and squares that add up to 1."""
    places = np.arange(FILTER) - FILTER // 2
    y, x = np.meshgrid(places, places, indexing="ij")
    envelope = np.exp(-(x**2 + y**2) / (2 * SIGMA**2))
    filters = []
    for turn in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
        along = x * np.cos(turn) + y * np.sin(turn)
        for phase in np.arange(PHASES) * 2 * np.pi / PHASES:
            wave = envelope * np.cos(2 * np.pi * along / WAVELENGTH + phase)
            wave -= envelope * wave.sum() / envelope.sum()
            filters.append(wave / np.sqrt((wave**2).sum()))
    return np.stack(filters, axis=-1)[:, :, None].astype(np.float32)
