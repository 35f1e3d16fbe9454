"""Sample pictures of a training: what was given, what is answered, and what is true, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.drawing import Scale, Sheet

PAIRS = 4
EDGE = 320
"""Of a slice more than the middle so many pixels are not shown."""

MARGIN, TITLES = 8, 28
"""Pixels of the sheet."""


def draw_pairs(path: Path, network: Any, noisy: NDArray[Any], truth: NDArray[Any]) -> None:
    """Draw pairs, spread over those given, as a PNG: a row for each, noisy, answer and truth in one scale of grey.

    Black and white are the ends of the truth.

    Parameters
    ----------
    path : file to write
    network : Keras model that answers
    noisy : (pair, y, x, channel), network units
    truth : (pair, y, x), network units

    Raises
    ------
    OutputError : where the file cannot be written
    """
    count, y, x = truth.shape
    chosen = np.unique(np.linspace(0, count - 1, PAIRS).round().astype(int))
    rows, columns = min(y, EDGE), min(x, EDGE)
    middle = (slice((y - rows) // 2, (y + rows) // 2), slice((x - columns) // 2, (x + columns) // 2))
    sheet = Sheet(3 * (columns + MARGIN) + MARGIN, len(chosen) * (rows + MARGIN) + TITLES)
    for column, words in enumerate(("noisy", "answer", "truth")):
        sheet.write((MARGIN + column * (columns + MARGIN), MARGIN // 2), words)
    for row, i in enumerate(chosen):
        answer = network.predict_on_batch(noisy[i][None].astype(np.float32))[0, ..., 0]
        scale = Scale.grey(float(truth[i].min()), float(truth[i].max()))
        for column, values in enumerate((noisy[i][..., noisy.shape[3] // 2], answer, truth[i])):
            corner = (MARGIN + column * (columns + MARGIN), TITLES + row * (rows + MARGIN))
            sheet.paste(corner, values[middle].astype(np.float32), scale)
    sheet.save(path)
