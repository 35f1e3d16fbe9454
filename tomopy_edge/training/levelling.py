"""The last word on a network that learned from noisy slices: it keeps their mean grey value, however loud the noise."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float64
from tomopy_edge.errors import DataError, ModelError
from tomopy_edge.fbp.axis import radii
from tomopy_edge.networks.unit import RADIUS
from tomopy_edge.training.generator import MULTIPLE
from tomopy_edge.training.keras_files import load_network

CORE, HALO = 448, 56
"""Rows and columns of slices that are asked for at once, and what is seen around them, pixels: all that a network sees.
On the blocks that were learned from, which have no such surroundings and are not all of a slice, a scan's mean was 1 %
off."""

SPARING = 1e-3
"""What an error of the mean is worth: its square, over that of the change of the answers, root mean square, that mends
it. An error of 0.1 % of a unit may cost a change of 3 %. Where noise is low, and answers are alike at both loudnesses,
what little they differ by could only be mended by a large change of both, and is left."""

SMALL = 1e-2
"""Of the mean power of the features of the last layer: added to that of each. It keeps weights of features that are
nearly always 0 from growing, which would coarsen the codes of all others in an int8 network."""


def level(trained: Path, pairs: Path, levelled: Path) -> tuple[float, float]:
    """Write a network whose answers have the mean grey value of the noisy slices, at two loudnesses of their noise.

    Where targets are much noisier than the errors of the answers, a lift of all answers is lost in the loss, and so is
    one that depends on the noise: a training ends with any. But a network learns from the noise of few views and is run
    on that of all, and at each the mean must stand. So the last layer is changed by what changes the answers least, in
    the sense of least squares, among all changes that bring the mean to that of the slices, both of one of the parts
    that were learned from and of all of them; the mean then hardly moves with still more views. It is taken where
    `held_out_views.distance` takes it, over whole slices.

    Parameters
    ----------
    trained : .keras file of a network that ends in a convolution, plain or transposed, with one bias and no activation
    pairs : what it was trained on, written by `noise2inverse.write_halves` with a part held out
    levelled : .keras file to write

    Returns
    -------
    what the answers lacked to the mean before, of one part and of all, network units

    Raises
    ------
    ModelError : where Keras cannot load the network, or it does not end in one bias
    DataError : where no views were held out
    """
    import keras

    network = load_network(trained)
    last = network.layers[-1]
    weights = last.get_weights()
    if not weights or weights[-1].shape != (1,):
        raise ModelError(f"{trained}: its last layer, {last.name!r}, has no single bias to level it by")
    means, missing, power = _asked(keras.Model(network.inputs, [last.input, network.output]), pairs)
    change = _least_change(means, missing, power)
    kernel, bias = weights
    rows, columns = kernel.shape[:2]
    # A transposed convolution of stride 2 makes 4 pixels of one, and each sees one tap of the kernel.
    taps = rows * columns // _stride(last) ** 2
    shift = (change[:-1] / taps).reshape([1, 1, *(-1 if edge > 1 else 1 for edge in kernel.shape[2:])])
    last.set_weights([kernel + shift.astype(kernel.dtype), bias + change[-1].astype(bias.dtype)])
    network.save(levelled)
    return float(missing[0]), float(missing[1])


def _stride(layer: Any) -> int:
    """Return how many pixels an edge of one becomes."""
    return int(layer.strides[0]) if "Transpose" in type(layer).__name__ else 1


def _asked(network: Any, pairs: Path) -> tuple[Float64, Float64, Float64]:
    """Return what a network that answers with its last features, and with the slice, tells of the slices in `pairs`.

    Returns
    -------
    means : (loudness, feature) of the features, the last of which is 1
    missing : (loudness,), mean of what the answers lack to the noisy slices
    power : (feature, feature), mean product of two features, of all parts together
    """
    count = network.outputs[0].shape[-1] + 1
    means, missing, power, pixels = np.zeros((2, count)), np.zeros(2), np.zeros((count, count)), 0.0
    for both, inside in _windows(pairs):
        for loudness, noisy in enumerate(both):
            features, answer = (np.asarray(one)[0] for one in network.predict_on_batch(noisy[None]))
            factor = len(answer) // len(features)
            shares = inside.reshape(len(features), factor, -1, factor).mean(axis=(1, 3))
            # A feature that several pixels are made of counts by the share of them that does.
            seen = shares > 0
            wanted, share = features[seen].astype(np.float64), shares[seen][:, None]
            wanted = np.column_stack([wanted, np.ones(len(wanted))])
            means[loudness] += (share * wanted).sum(axis=0)
            difference = noisy[..., noisy.shape[-1] // 2].astype(np.float64) - answer[..., 0]
            missing[loudness] += difference[inside].sum() / factor**2
        power += (share * wanted).T @ wanted
        pixels += float(share.sum())
    return means / pixels, missing / pixels, power / pixels


def _windows(pairs: Path) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield what slices show in a window, (loudness, y, x, channel), and which of its pixels count, (y, x)."""
    import h5py

    with h5py.File(pairs, "r") as file:
        if "level_ns" not in file:
            raise DataError(f"{pairs}: no views were held out, so there are no whole slices to level answers by")
        slices = file["level_ns"]
        edge = slices.shape[2]
        inside = radii((edge, edge)) <= RADIUS * edge / 2
        # A network with poolings takes whole blocks; what is left over at the rim hardly is within the circle.
        whole = edge // MULTIPLE * MULTIPLE
        # All windows are of one size: Keras traces a network anew for others.
        window, starts = min(CORE + 2 * HALO, whole), range(0, whole, CORE)
        for one, y, x in product(range(len(slices)), starts, starts):
            first = (min(max(at - HALO, 0), whole - window) for at in (y, x))
            v, u = (slice(at, at + window) for at in first)
            counts = np.zeros_like(inside)
            counts[y : y + CORE, x : x + CORE] = inside[y : y + CORE, x : x + CORE]
            if counts[v, u].any():
                yield slices[one, :, v, u].astype(np.float32), counts[v, u]


def _least_change(means: Float64, missing: Float64, power: Float64) -> Float64:
    """Return the change of weights and bias that gives answers what is missing in the mean, at the least price."""
    features = len(power) - 1
    price = power.copy()
    price[range(features), range(features)] += SMALL * np.trace(power[:-1, :-1]) / features + np.finfo(np.float32).tiny
    effect = np.linalg.solve(price, means.T)
    change: Float64 = effect @ np.linalg.solve(means @ effect + SPARING * np.eye(len(means)), missing)
    return change
