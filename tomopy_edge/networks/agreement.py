"""Whether a runtime answers as LiteRT does: what both are given, and how far two correct runtimes may be apart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Ends, Placement
from tomopy_edge.codes import HIGHEST, LOWEST
from tomopy_edge.job import available_cores
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import open_model

BEYOND_ONE, BEYOND_THREE, MEAN = 0.01, 0.0005, 0.05
"""How far the codes of two runtimes may be apart: the shares that are more than 1 and more than 3 codes off, and the
mean difference, codes. LiteRT's own fast kernels are up to 0.4 % and 0.012 % from its reference kernels, where single
pixels are up to 15 codes off, so that no largest difference is asked for."""

FLOAT = 1e-4
"""How far answers of float32 may be apart, root mean square, as a share of their range."""

Open = Callable[[Path, Placement], Backend]


@dataclass(frozen=True)
class Reference:
    """What LiteRT makes of a network.

    Attributes
    ----------
    ends : of the network
    tiles : one batch, (tile, y, x, channel)
    answer : to them, (tile, y, x)
    """

    ends: Ends
    tiles: NDArray[Any]
    answer: NDArray[Any]


def refer(path: Path) -> Reference:
    """Return what LiteRT answers with the .tflite network at `path`."""
    with closing(LiteRT(path, available_cores())) as backend:
        tiles = reference_tiles(backend.ends)
        return Reference(backend.ends, tiles, backend.infer(tiles))


def reference_tiles(ends: Ends) -> NDArray[Any]:
    """Return one batch of tiles as a network takes them: a disc with noise, as bright as slices are."""
    batch, tile, _, channels = ends.shape
    y, x = np.ogrid[:tile, :tile]
    disc = np.hypot(y - tile / 2, x - tile / 2) < tile / 3
    noise = np.random.default_rng(tile).normal(scale=0.2, size=(batch, tile, tile, channels))
    tiles = (disc[None, :, :, None] + noise).astype(np.float32)
    if ends.input_params is None:
        return tiles
    # Not `quantize`: a probe would wait for its kernel, and half a code more or less makes no difference to a tile.
    codes: NDArray[Any] = np.rint(tiles / ends.input_params.scale) + ends.input_params.zero_point
    return codes.clip(LOWEST, HIGHEST).astype(np.int8)


def disagreement(backend: Backend, reference: Reference) -> str | None:
    """Return how the answers of `backend` are off from the reference.

    Returns
    -------
    a part of a sentence, or None where they agree as far as two correct runtimes do
    """
    if replace(reference.ends, io=backend.ends.io) != backend.ends:
        return f"it has the network's ends as {backend.ends}, LiteRT as {reference.ends}"
    return apart(backend.infer(reference.tiles), reference.answer)


def apart(answers: NDArray[Any], right: NDArray[Any]) -> str | None:
    """Return how `answers` are off, as a part of a sentence; None where they are as right as two runtimes' ever are."""
    difference = answers.astype(np.float64) - right
    if answers.dtype == np.float32:
        rms = float(np.sqrt(np.mean(difference**2))) / max(float(np.ptp(right)), float(np.finfo(np.float32).tiny))
        # Not (rms > FLOAT), which is false of answers that are not numbers.
        return None if rms <= FLOAT else f"its answers are {rms:.1g} of their range off (allowed: {FLOAT:g})"
    far = np.abs(difference)
    one, three, mean = (far > 1).mean(), (far > 3).mean(), difference.mean()  # noqa: PLR2004 - codes
    if one <= BEYOND_ONE and three <= BEYOND_THREE and abs(mean) <= MEAN:
        return None
    return (
        f"its answers are up to {far.max():.0f} codes off, {100 * one:.3g} % of them by more than 1, "
        f"{100 * three:.3g} % by more than 3, and {mean:.2g} in the mean (allowed: {100 * BEYOND_ONE:g} %, "
        f"{100 * BEYOND_THREE:g} % and {MEAN:g})"
    )


def prove(opens: Open, precisions: tuple[str, ...] = ("int8", "float")) -> str | None:
    """Return what is wrong with a runtime's answers to small networks that are shipped, None where nothing is.

    For the probes of runtimes that are known to answer wrongly, and without an error, on some machines.
    """
    for precision in precisions:
        path = reference_network(precision)
        with closing(opens(path, Placement())) as backend:
            found = disagreement(backend, refer(path))
        if found is not None:
            return f"it answers wrongly here: with the {precision} reference network {found}"
    return None


def reference_network(precision: str) -> Path:
    """Return the smallest shipped .tflite network of a precision, to try a runtime on."""
    model = open_model("tomogan-compact")
    files = [file for file in model.manifest.denoise.networks if file.precision == precision]
    smallest = min(files, key=lambda file: file.tile)
    return model.path(smallest.file, smallest.sha256)
