"""The last word on a network that learned from noisy slices: it keeps their mean grey value."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tomopy_edge.errors import ModelError
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.pairs_file import open_pairs

MOST = 32
"""Pairs that are looked at: the mean of so many hardly errs."""


def level(trained: Path, pairs: Path, levelled: Path) -> float:
    """Write a network whose answers to noisy pairs have, in the mean, the grey value of what they are to be.

    Where targets are much noisier than the errors of the answers, a lift of all answers is lost in the loss, and a
    training ends with any. The one that is best in the sense of least squares is known in closed form: the mean
    difference. It goes into the bias of the last layer, which has no activation.

    Parameters
    ----------
    trained : .keras file of a network with one last bias
    pairs : what it was trained on; pixels where the target is exactly 0 were masked, and do not count
    levelled : .keras file to write

    Returns
    -------
    what was added to the answers, network units

    Raises
    ------
    ModelError : where Keras cannot load the network, or it does not end in one bias
    """
    network = load_network(trained)
    weights = network.layers[-1].get_weights()
    if not weights or weights[-1].shape != (1,):
        raise ModelError(f"{trained}: its last layer, {network.layers[-1].name!r}, has no single bias to level it by")
    missing, pixels = 0.0, 0
    with open_pairs(pairs, network.input_shape[-1]) as file:
        count = len(file["train_gt"])
        for i in np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(int)):
            target = file["train_gt"][i].astype(np.float64)
            answer = network.predict_on_batch(file["train_ns"][i][None].astype(np.float32))[0, ..., 0]
            seen = target != 0
            missing += float((target - answer)[seen].sum())
            pixels += int(seen.sum())
    lift = missing / max(pixels, 1)
    weights[-1] = weights[-1] + np.float32(lift)
    network.layers[-1].set_weights(weights)
    network.save(levelled)
    return lift
