"""What a loss counts more than its share of pixels and of noise: thin details, and clean slices."""

from __future__ import annotations

from typing import Any

BOX = 7
"""What an opening or a closing of the truth by a box of so many pixels removes is a detail."""

FULL = 0.1
"""Contrast of a detail, network units, from which on it has its full weight."""

LEAST = 0.002
"""Network units: below so small a loss crops are not raised any further."""


WINDOW, STEP = 11, 4
"""Edge of the windows in which contrast is compared, and from one to the next, pixels."""

SEEN = 4.0
"""A detail with this signal-to-noise ratio, which its shape matched to the noisy slice has, counts half."""

QUIET = 1e-3
"""Network units: noise below this makes no detail any clearer."""

FAINT = 0.1
"""Network units: the contrast of a single pixel that makes half a detail, however quiet the slice is."""

FEW = 0.002
"""Share of a crop's windows: one with details in fewer weighs less."""


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

    dark, bright = _details(truth)
    return 1 + more * ops.clip(ops.maximum(dark, bright) / FULL, 0, 1)


def lost_contrast(truth: Any, denoised: Any, noisy: Any) -> Any:
    """Return what share of their contrast the details of each crop have lost that could be seen, (batch,).

    In each window the error is projected on the details as they are in the truth: noise averages out, and what is left
    is by how much they are too faint, or too strong. A window counts by the signal-to-noise ratio of its details, for a
    network that shows what cannot be seen invents it. A single pixel of a clean slice so counts as much as a crack.

    Parameters
    ----------
    truth, denoised, noisy : (batch, y, x, 1), network units; what is noisy is only used to know how much

    References
    ----------
    G. L. Turin, An introduction to matched filters, IRE Transactions on Information Theory 6 (1960) 311.
    """
    from keras import ops

    def windows(values: Any) -> Any:
        return ops.average_pool(values, WINDOW, strides=STEP, padding="valid")

    dark, bright = _details(truth)
    details = bright - dark
    strength = windows(details * details)
    noise = windows(ops.square(noisy - truth)) + QUIET**2
    # Both squared; the first is that of the sum over the window's pixels.
    seen, half = strength * WINDOW**2, noise * SEEN**2
    off = ops.abs(windows(details * (denoised - truth)))
    # The share of strength that is off, times how well it is seen: strength itself cancels.
    lost = off * WINDOW**2 / (seen + half)
    # Of all windows with details in them, hidden or not: a crop that hides them all counts for little.
    held = seen / (seen + ops.minimum(half, FAINT**2))
    count = held.shape[1] * held.shape[2]
    return ops.sum(lost, axis=(1, 2, 3)) / (ops.sum(held, axis=(1, 2, 3)) + FEW * count)


def _details(truth: Any) -> tuple[Any, Any]:
    """Return by how much each pixel is darker than the truth's closing and brighter than its opening by a box."""
    from keras import ops

    def highest(values: Any) -> Any:
        # One axis after the other: a third of the time.
        along = ops.max_pool(values, (BOX, 1), strides=1, padding="same")
        return ops.max_pool(along, (1, BOX), strides=1, padding="same")

    def lowest(values: Any) -> Any:
        return -highest(-values)

    return lowest(highest(truth)) - truth, truth - highest(lowest(truth))


def evened(losses: Any) -> Any:
    """Return the losses of a batch's crops, (batch,), each divided by its own size; their mean scale stays.

    The gradient is that of the losses' logarithms: taking away a tenth of a clean crop's small error is worth as much
    as taking away a tenth of a noisy one's large error. On the plain mean, clean crops hardly count.
    """
    from keras import ops

    shares = 1 / (ops.stop_gradient(losses) + LEAST)
    return losses * shares / ops.mean(shares)
