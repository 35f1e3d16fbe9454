"""Which tensors of a network share one int8 range, and which range loses least of what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.codes import HIGHEST, LOWEST, QuantParams
from tomopy_edge.data import Float32

STEPS = HIGHEST - LOWEST
BINS = 4096
"""Of the histograms: 16 for each code."""

SHRUNK = np.linspace(0.2, 1.0, 161)
"""Shares of the whole range that are tried."""

Span = tuple[float, float]


def quant_params(span: Span) -> QuantParams:
    """Return the scale and the zero point whose 256 codes cover a range that holds 0, with a code for 0 itself."""
    # In float32, as .tflite files keep scales.
    scale = float(np.float32((span[1] - span[0]) / STEPS))
    return QuantParams(scale, round(LOWEST - span[0] / scale))


def nudged(span: Span) -> Span:
    """Return the range that the 256 codes for `span` really cover."""
    params = quant_params(span)
    return params.lowest, params.highest


def stored_layers(network: Any) -> dict[str, str]:
    """Return, for each layer whose output an int8 network stores, the layer that its range is named after.

    Pooling, upsampling and concatenation have no scale of their own: what goes in and what comes out share one range,
    and so does whatever else these tensors meet. A convolution or an addition followed by nothing but a ReLU is one
    operation with it, and stores only the rectified values.

    Parameters
    ----------
    network : functional Keras model of the layers that `aware.simulate` knows
    """
    from keras import layers

    produced = {id(layer.output): layer for layer in network.layers}
    group: dict[str, str] = {layer.name: layer.name for layer in network.layers}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    fused = set()
    for layer in network.layers[1:]:
        givers = [produced[id(tensor)] for tensor in inputs_of(layer)]
        if isinstance(layer, layers.MaxPooling2D | layers.UpSampling2D | layers.Concatenate):
            for giver in givers:
                group[root(giver.name)] = root(layer.name)
        elif isinstance(layer, layers.ReLU) and isinstance(givers[0], layers.Conv2D | layers.Add):
            takers = [other for other in network.layers[1:] if any(t is givers[0].output for t in inputs_of(other))]
            if len(takers) == 1:
                fused.add(givers[0].name)
    return {name: root(name) for name in group if name not in fused}


def inputs_of(layer: Any) -> list[Any]:
    """Return the tensors that a layer of a functional model takes."""
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]


def activation_ranges(network: Any, tiles: Iterable[Float32]) -> dict[str, Span]:
    """Return the range of each group of tensors that share one (see `stored_layers`), by its name.

    The rule: of all ranges, the one with the least squared error over the tiles. A wide range rounds coarsely, a narrow
    one clips; values that are exactly 0 always have a code and do not count.

    Parameters
    ----------
    network : (batch, y, x, channel) -> (batch, y, x, 1)
    tiles : (y, x, channel) each, network units; gone through twice
    """
    import keras

    stored = stored_layers(network)
    # What only hands values on adds none.
    handing_on = (keras.layers.MaxPooling2D, keras.layers.UpSampling2D, keras.layers.Concatenate)
    watched = [layer for layer in network.layers if layer.name in stored and not isinstance(layer, handing_on)]
    observer = keras.Model(network.inputs, [layer.output for layer in watched])
    groups = [stored[layer.name] for layer in watched]
    tiles = list(tiles)
    extremes = dict.fromkeys(groups, (0.0, 0.0))
    for tile in tiles:
        for group, values in zip(groups, observer.predict_on_batch(tile[None]), strict=True):
            least, most = extremes[group]
            extremes[group] = (min(least, float(values.min())), max(most, float(values.max())))
    counts = {group: np.zeros(BINS) for group in groups}
    for tile in tiles:
        for group, values in zip(groups, observer.predict_on_batch(tile[None]), strict=True):
            least, most = extremes[group]
            if most > least:
                held = values[values != 0]
                bins = ((held - least) * (BINS / (most - least))).astype(np.int32)
                counts[group] += np.bincount(np.minimum(bins, BINS - 1), minlength=BINS)
    return {group: least_error(counts[group], extremes[group]) for group in extremes}


def least_error(counts: NDArray[np.float64], extremes: Span) -> Span:
    """Return the part of a histogram's range whose 256 codes keep its values with the least squared error.

    Parameters
    ----------
    counts : (bin,), how many values fell into equal bins between the extremes
    extremes : least value, at most 0, and most, at least 0
    """
    least, most = extremes
    if least == most:
        return 0.0, 1.0
    edges = np.linspace(least, most, len(counts) + 1)
    middles = (edges[:-1] + edges[1:]) / 2

    def error(span: Span) -> float:
        beyond = middles - np.clip(middles, *span)
        rounding = ((span[1] - span[0]) / STEPS) ** 2 / 12
        return float(counts @ np.where(beyond == 0, rounding, beyond**2))

    # One end after the other: their clipping errors are apart, and only the step joins them.
    for _ in range(3):
        most = min((extremes[1] * float(share) for share in SHRUNK), key=lambda end: error((least, end)))
        least = min((extremes[0] * float(share) for share in SHRUNK), key=lambda end: error((end, most)))
    return least, most
