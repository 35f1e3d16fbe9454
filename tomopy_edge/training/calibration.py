"""Which tiles a quantizer measures ranges on, and so which values int8 networks can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import ModelError
from tomopy_edge.training.samples import Crops, open_pairs

TAIL = 0.5
"""Percent of the noisy values that lie below the range of the int8 input, and as many above.

A wider range spares the noise of the poorest scans and costs all others, as the ranges inside the network grow with it:
of 0.1, 0.5 and 1 %, 0.1 lost most SSIM on held-out pairs, and 1 % clips a quarter of the pixels of the poorest."""

ANSWERS = (-1.0, 2.0)
"""Range of the int8 output, network units; a tile with an answer beyond it is not measured on.

Matter that fills blocks is at most about 1 by the definition of the unit; what is saturated here are the middles of
specks twice as dense and the undershoot of the strongest refraction, and it is counted. The step is 0.012; a wider
range costs SSIM in calm slices."""


@dataclass(frozen=True)
class Calibration:
    """Tiles for a quantizer.

    Attributes
    ----------
    tiles : (tile, y, x, channel), network units, clipped to `span`
    span : least and largest value of the int8 input
    clipped : share of the noisy values that were outside it
    left_out : tiles that were not taken for their answers
    """

    tiles: Float32
    span: tuple[float, float]
    clipped: float
    left_out: int


def calibrate(
    network: Any, pairs: Path, *, count: int, tile: int, seed: int, span: tuple[float, float] | None = None
) -> Calibration:
    """Return tiles of the pairs' noisy side for `network`, a Keras model that takes their channels.

    Parameters
    ----------
    network : (batch, y, x, channel) -> (batch, y, x, 1), its size open
    pairs : see `simulation.files.write_pairs`
    count : tiles to draw
    tile : their edge, pixels; less where the slices are smaller
    seed : of the drawing
    span : range of the int8 input; None leaves `TAIL` percent of the values beyond either end

    Raises
    ------
    ModelError : where no tile is answered within `ANSWERS`
    """
    with open_pairs(pairs, network.input_shape[-1]) as file:
        crop = min(tile, *file["train_gt"].shape[1:])
        crops = Crops(file["train_ns"], file["train_gt"], crop, count, seed, vary=span is None)
        drawn, _ = crops.draw(0)
    if span is None:
        least, most = np.percentile(drawn, (TAIL, 100 - TAIL))
        span = (float(least), float(most))
    clipped = float(np.mean((drawn < span[0]) | (drawn > span[1])))
    tiles = np.clip(drawn, np.float32(span[0]), np.float32(span[1]))
    answers = np.concatenate([network.predict_on_batch(one[None]) for one in tiles])
    fitting = (answers.min(axis=(1, 2, 3)) >= ANSWERS[0]) & (answers.max(axis=(1, 2, 3)) <= ANSWERS[1])
    tiles = tiles[fitting]
    if not len(tiles):
        raise ModelError(
            f"every one of the {count} tiles has answers beyond {ANSWERS}; the network is not trained well"
        )
    # The ends of the input's range are met exactly.
    tiles[0, 0, 0], tiles[0, -1, -1] = span
    return Calibration(tiles, span, clipped, int(np.count_nonzero(~fitting)))
