"""What a loss counts more than its share of pixels and of noise: thin details, and clean slices."""

from __future__ import annotations

from typing import Any

BOX = 7
"""What an opening or a closing of the truth by a box of so many pixels removes is a detail."""

FULL = 0.1
"""Contrast of a detail, network units, from which on it has its full weight."""

LEAST = 0.002
"""Network units: below so small a loss crops are not raised any further."""


def detail_weights(truth: Any, more: float) -> Any:
    """Return how much the error of each pixel counts, (batch, y, x, 1): 1, and up to `1 + more` on details.

    A detail is what is darker than the truth's closing or brighter than its opening by a square box: cracks, pores,
    fibres and specks, but not the edges of what is wider than the box.

    Parameters
    ----------
    truth : (batch, y, x, 1), network units
    more : by how much an error on a detail counts more than elsewhere

    References
    ----------
    J. Serra, Image Analysis and Mathematical Morphology, 1982, chapter XII: the top-hat transform.
    """
    from keras import ops

    def highest(values: Any) -> Any:
        # One axis after the other: a third of the time.
        along = ops.max_pool(values, (BOX, 1), strides=1, padding="same")
        return ops.max_pool(along, (1, BOX), strides=1, padding="same")

    def lowest(values: Any) -> Any:
        return -highest(-values)

    closed, opened = lowest(highest(truth)), highest(lowest(truth))
    stands_out = ops.maximum(closed - truth, truth - opened)
    return 1 + more * ops.clip(stands_out / FULL, 0, 1)


def evened(losses: Any) -> Any:
    """Return the losses of a batch's crops, (batch,), each divided by its own size; their mean scale stays.

    The gradient is that of the losses' logarithms: taking away a tenth of a clean crop's small error is worth as much
    as taking away a tenth of a noisy one's large error. On the plain mean, clean crops hardly count.
    """
    from keras import ops

    shares = 1 / (ops.stop_gradient(losses) + LEAST)
    return losses * shares / ops.mean(shares)
