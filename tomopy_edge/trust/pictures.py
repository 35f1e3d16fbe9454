"""What an examined slice looks like: raw, denoised, what was taken away, and where the checks found something."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.drawing import COLD, WARM, Scale
from tomopy_edge.fbp.axis import radii
from tomopy_edge.trust.findings import FOLDER

LARGEST = 768
"""Edge of a picture, pixels; larger slices are averaged down in whole steps."""

LOW, HIGH = 0.2, 99.8
"""Percentiles of the denoised slice that become black and white."""

REACH = 99.5
"""Percentile of the absolute difference that takes the full colour."""

KINDS = ("raw", "denoised", "residual", "contradiction", "signs")
"""The pictures of a slice, by the end of their names."""

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


def draw_pictures(output: Path, row: int, looked: Looked) -> None:
    """Write the pictures of a slice, 8 bits a colour, all of one size.

    Raw and denoised share one grey range. What was taken away is blue where that is less attenuation, red where it is
    more. Over the denoised slice lie, in red, places where the scan shows more attenuation than the slice and, in blue,
    less (`contradiction`), and in red what in the residual looks like structure (`signs`).
    """
    from PIL import Image

    raw, denoised = _shrunk(looked.raw), _shrunk(looked.denoised)
    inside = radii(denoised.shape) < min(denoised.shape) / 2
    low, high = (float(level) for level in np.percentile(denoised[inside], [LOW, HIGH]))
    grey = Scale.grey(low, high)
    taken = raw - denoised
    reach = float(np.percentile(np.abs(taken[inside]), REACH))
    painted = {
        "raw": grey.paint(raw)[..., 0],
        "denoised": grey.paint(denoised)[..., 0],
        "residual": Scale.around_zero(reach).paint(taken),
    }
    if looked.contradiction is not None:
        # From half of the limit on: what is less is noise, which is everywhere.
        over = _strongest(looked.contradiction) / np.float32(looked.limit)
        strength = np.sign(over) * np.clip(2 * np.abs(over) - 1, 0, 1)
        painted["contradiction"] = _marked(grey.paint(denoised), strength.astype(np.float32))
    if looked.signs is not None:
        painted["signs"] = _marked(grey.paint(denoised), _shrunk(looked.signs) / 2)
    (output / FOLDER).mkdir(exist_ok=True)
    for kind, colours in painted.items():
        Image.fromarray(colours).save(picture_path(output, row, kind), compress_level=1)


def _steps(shape: tuple[int, ...]) -> int:
    return -(-max(shape) // LARGEST)


def _blocks(values: Float32) -> Float32:
    step = _steps(values.shape)
    y, x = (length // step for length in values.shape)
    return values[: y * step, : x * step].reshape(y, step, x, step)


def _shrunk(values: Float32) -> Float32:
    means: Float32 = _blocks(values).mean(axis=(1, 3), dtype=np.float32)
    return means


def _strongest(values: Float32) -> Float32:
    """Return the largest and the smallest value of each block, added: a mark of few pixels must not fade away."""
    blocks = _blocks(values)
    strongest: Float32 = blocks.max(axis=(1, 3)).clip(0) + blocks.min(axis=(1, 3)).clip(None, 0)
    return strongest


def _marked(colours: NDArray[np.uint8], strength: Float32 | Float64) -> NDArray[np.uint8]:
    """Return colours with a veil of red where `strength` is above 0 and of blue where it is below, full at 1."""
    share = np.clip(np.abs(strength), 0, 1)[..., np.newaxis] * np.float32(VEIL)
    ink = np.where(strength[..., np.newaxis] > 0, np.array(WARM), np.array(COLD))
    marked: NDArray[np.uint8] = np.rint(colours * (1 - share) + ink * share).astype(np.uint8)
    return marked
