"""What an examined slice looks like: raw, denoised, what was taken away, and where the checks found something."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.drawing import COLD, WARM, Scale
from tomopy_edge.trust.field import inside
from tomopy_edge.trust.findings import FOLDER

LARGEST = 768
"""Edge of a picture, pixels; larger slices are averaged down in whole steps."""

LOW, HIGH = 0.2, 99.8
"""Percentiles of the denoised slice that become black and white."""

REACH = 99.5
"""Percentile of the absolute difference that takes the full colour."""

KINDS = ("raw", "denoised", "residual", "contradiction", "signs")
"""The pictures of a slice, by the end of their names."""

BOTH = 2
"""Signs of structure in what was taken away, of which one alone is not painted."""

VEIL = 0.75
"""How much of the slice's grey a mark covers where it is strongest."""


class Looked(Protocol):
    """What is drawn of a slice: (y, x) each; a map that could not be made is None.

    Attributes
    ----------
    limit : from which on a contradiction is told
    """

    raw: Float32
    denoised: Float32
    contradiction: Float32 | None
    signs: Float32 | None
    limit: float


def picture_path(output: Path, row: int, kind: str) -> Path:
    """Return where a picture of a row lies within an output."""
    return output / FOLDER / f"{row:05d}_{kind}.png"


def draw_pictures(output: Path, row: int, looked: Looked, ncore: int = 1) -> None:
    """Write the pictures of a slice, 8 bits a colour, all of one size, on `ncore` threads.

    Raw and denoised share one grey range. What was taken away is blue where that is less attenuation, red where it is
    more. Over the denoised slice lie, in red, places where the scan shows more attenuation than the slice and, in blue,
    less (`contradiction`), and in red where both signs of structure are in the residual (`signs`).
    """
    from PIL import Image

    (output / FOLDER).mkdir(exist_ok=True)

    def save(kind: str, paint: Callable[[], NDArray[np.uint8]]) -> None:
        Image.fromarray(paint()).save(picture_path(output, row, kind), compress_level=1)

    with ThreadPoolExecutor(ncore, "pictures") as pool:
        list(pool.map(save, *zip(*_painters(looked).items(), strict=True)))


def _painters(looked: Looked) -> dict[str, Callable[[], NDArray[np.uint8]]]:
    """Return what paints each of the pictures that can be made."""
    raw, denoised = _shrunk(looked.raw), _shrunk(looked.denoised)
    within = inside(denoised.shape, 1.0)
    low, high = (float(level) for level in np.percentile(denoised[within], [LOW, HIGH]))
    grey = Scale.grey(low, high)
    taken, background = raw - denoised, grey.paint(denoised)
    reach = float(np.percentile(np.abs(taken[within]), REACH))
    painters: dict[str, Callable[[], NDArray[np.uint8]]] = {
        "raw": lambda: grey.paint(raw)[..., 0],
        "denoised": lambda: background[..., 0],
        "residual": lambda: Scale.around_zero(reach).paint(taken),
    }
    if looked.contradiction is not None:
        # From half of the limit on: what is less is noise, which is everywhere.
        over = _strongest(looked.contradiction) / np.float32(looked.limit)
        strength = np.sign(over) * np.clip(2 * np.abs(over) - 1, 0, 1)
        painters["contradiction"] = partial(_marked, background, strength.astype(np.float32))
    if looked.signs is not None:
        # As the check counts: one sign alone flags nothing.
        both = (looked.signs >= BOTH).astype(np.float32)
        painters["signs"] = partial(_marked, background, _strongest(both))
    return painters


def _places(values: Float32) -> list[Float32]:
    """Return which values (y, x) are the first of their blocks, the second of theirs, and so on.

    To add or compare those is some ten times as fast as to go along the short edges of blocks.
    """
    step = -(-max(values.shape) // LARGEST)
    y, x = (length // step * step for length in values.shape)
    return [values[v:y:step, u:x:step] for v in range(step) for u in range(step)]


def _shrunk(values: Float32) -> Float32:
    """Return the mean of each block."""
    places = _places(values)
    total = places[0].astype(np.float32)
    for place in places[1:]:
        total += place
    return total / np.float32(len(places))


def _strongest(values: Float32) -> Float32:
    """Return the largest and the smallest value of each block, added: a mark of few pixels must not fade away."""
    places = _places(values)
    largest, smallest = reduce(np.maximum, places), reduce(np.minimum, places)
    strongest: Float32 = largest.clip(0) + smallest.clip(None, 0)
    return strongest


def _marked(colours: NDArray[np.uint8], strength: Float32 | Float64) -> NDArray[np.uint8]:
    """Return colours with a veil of red where `strength` is above 0 and of blue where it is below, full at 1."""
    share = np.clip(np.abs(strength), 0, 1)[..., np.newaxis] * np.float32(VEIL)
    ink = np.where(strength[..., np.newaxis] > 0, np.array(WARM), np.array(COLD))
    marked: NDArray[np.uint8] = np.rint(colours * (1 - share) + ink * share).astype(np.uint8)
    return marked
