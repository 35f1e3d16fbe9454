"""Which tiles a quantizer measures ranges on, and so which values int8 networks can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError, ModelError
from tomopy_edge.training.aware import copy_of
from tomopy_edge.training.generator import MULTIPLE
from tomopy_edge.training.pairs_file import open_pairs
from tomopy_edge.training.ranges import Span, activation_ranges, stored_layers
from tomopy_edge.training.samples import Crops

TAIL = 0.1
"""Percent of the noisy values that lie below the range of the int8 input, and as many that lie above it.

A wider range spares the noise of the poorest scans and costs all others, as the ranges inside the network grow with it.
Both tails are alike, for cut noise has a mean: with 0.5 % below, where there is nothing but noise, and 0.1 % above, a
measured scan of 250 views came out 20 % too bright, and with 0.1 % at both ends 1 % too dark. Above there are specks
much denser than the rest, too: with 0.5 % there, a scan of the test set that has such specks lost 0.6 dB, and no other
gained."""

ANSWERS = (-1.5, 3.0)
"""Range of the int8 output, network units.

Matter that fills blocks is at most about 1 by the definition of the unit; what is saturated here are the middles of
specks more than three times as dense and the undershoot of the strongest refraction, and it is counted. The step is
0.018, but calm pixels are read more finely than that (`networks.quantize.dequantize_slices`): on the test set ranges of
3, 4 and 5 units had the same SSIM."""

NONSENSE, LOOKED_AT = 0.1, 8
"""Share of a network's answers beyond `ANSWERS` that no trained network gives, and how many tiles are looked at."""

ALSO = 1 / 3
"""Share of the tiles that is drawn from further files of pairs, where any are given."""


@dataclass(frozen=True)
class Calibration:
    """What a quantizer knows of the values in a network.

    Attributes
    ----------
    ranges : for each group of tensors, the values that its 256 codes cover (see `ranges.activation_ranges`)
    tiles : (tile, y, x, channel), network units, clipped to `span`: what the ranges were measured on
    span : least and largest value of the int8 input
    clipped : share of the noisy values that were outside it
    """

    ranges: dict[str, Span]
    tiles: Float32
    span: Span
    clipped: float


def calibrate(
    network: Any,
    pairs: Path,
    *,
    count: int,
    tile: int,
    seed: int,
    span: Span | None = None,
    also: tuple[Path, ...] = (),
) -> Calibration:
    """Return the ranges of `network`, a Keras model, on tiles of the pairs' noisy side.

    The input's range is cut at percentiles (`TAIL`), the output's is `ANSWERS`, and of all ranges for what lies
    between them the one with the least squared error is taken.

    Parameters
    ----------
    network : (batch, y, x, channel) -> (batch, y, x, 1), its size open
    pairs : see `simulation.files.write_pairs`
    count : tiles to draw
    tile : their edge, pixels; less where the slices are smaller
    seed : of the drawing
    span : range of the int8 input; None leaves `TAIL` percent of the values beyond its ends
    also : further files of pairs, such as those of real scans, from which a third of the tiles is drawn

    Raises
    ------
    DataError : where a file of pairs holds other slices than the network takes
    ModelError : where most answers are beyond `ANSWERS`
    """
    drawn = _draw(network, pairs, also, count=count, tile=tile, seed=seed, vary=span is None)
    if span is None:
        least, most = np.percentile(drawn, (TAIL, 100 - TAIL))
        # 0 must have a code.
        span = (min(float(least), 0.0), max(float(most), 0.0))
    tiles = np.clip(drawn, np.float32(span[0]), np.float32(span[1]))
    network = copy_of(network, network.get_weights())
    beyond = np.mean([_share_beyond(network.predict_on_batch(one[None]), ANSWERS) for one in tiles[:LOOKED_AT]])
    if beyond > NONSENSE:
        raise ModelError(
            f"{100 * beyond:.0f} % of the network's answers to {pairs} are beyond {ANSWERS}, the range of the int8 "
            "output; the network is not trained well, or the pairs are in another unit than it was trained in"
        )
    stored = stored_layers(network)
    given, answered = stored[network.layers[0].name], stored[network.layers[-1].name]
    ranges = activation_ranges(network, tiles) | {given: span, answered: ANSWERS}
    return Calibration(ranges, tiles, span, _share_beyond(drawn, span))


def _share_beyond(values: Float32, span: Span) -> float:
    return float(np.mean((values < span[0]) | (values > span[1])))


def _draw(
    network: Any, pairs: Path, also: tuple[Path, ...], *, count: int, tile: int, seed: int, vary: bool
) -> Float32:
    """Return tiles (tile, y, x, channel) of all files, all of the size that the smallest slices allow."""
    edge = tile
    for path in (pairs, *also):
        with open_pairs(path, network.input_shape[-1]) as file:
            edge = min(edge, *file["train_gt"].shape[1:])
    edge -= edge % MULTIPLE
    if edge < MULTIPLE:
        raise DataError(f"{pairs}: its slices are smaller than {MULTIPLE} pixels, so no tile can be measured on")
    further = round(count * ALSO / len(also)) if also else 0
    counts = [count - further * len(also), *[further] * len(also)]
    drawn = []
    for path, some in zip((pairs, *also), counts, strict=True):
        if some:
            with open_pairs(path, network.input_shape[-1]) as file:
                drawn.append(Crops(file["train_ns"], file["train_gt"], edge, some, seed, vary=vary).draw(0)[0])
    return np.concatenate(drawn)
