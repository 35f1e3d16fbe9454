"""Whether a runtime's answers are those that LiteRT gives with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend
from tomopy_edge.codes import QuantParams
from tomopy_edge.networks.agreement import FLOAT, apart, reference_tiles
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import Model
from tomopy_edge.networks.network_file import NetworkFile
from tomopy_edge.testing.findings import Findings, Unfit

COARSER = 2.0
"""How many times as far from the network of float32 an int8 one may be as LiteRT's is, where it has ends of float32."""

CLOSE = 0.02
"""Root mean square by which such a one may be off in any case, in the network's unit."""


def check_answers(backend: Backend, model: Model, file: NetworkFile, within: float, found: Findings) -> None:
    """Check that a network's answers are those that LiteRT gives with the same weights."""
    reference = {one.precision: one for one in model.manifest.denoise.networks}
    with found.check(f"answers ({file.precision})"):
        same = reference.get(file.precision)
        if same is None:
            raise Unfit(f"the model has no .tflite file of {file.precision} to compare with")
        tile = backend.ends.shape[1]
        if tile != file.tile:
            raise Unfit(
                f"it takes tiles of {tile} pixels, and the file is for {file.tile}; take the shape from the file, and "
                "`placement.tile` where that is not None"
            )
        with closing(LiteRT(model.path(same.file, same.sha256), 1, tile)) as litert:
            tiles = reference_tiles(litert.ends)
            right = litert.infer(tiles)
            params, answered = litert.ends.input_params, litert.ends.output_params
        ends = backend.ends
        if ends.shape[1:] != tiles.shape[1:]:
            raise Unfit(f"it takes {ends.shape} (tile, y, x, channel), LiteRT {tiles.shape}")
        if params is None or answered is None or ends.kind is np.int8:
            if (ends.input_params, ends.output_params) != (params, answered):
                raise Unfit(
                    f"its codes stand for other numbers: it has {ends.input_params} and {ends.output_params}, LiteRT "
                    f"{params} and {answered}"
                )
            answer = backend.infer(tiles)
            told = (
                apart(answer, right) if within == FLOAT or answer.dtype != np.float32 else _off(answer, right, within)
            )
        else:
            told = _coarser(backend, model, reference, _numbers(tiles, params), _numbers(right, answered), within)
        if told:
            raise Unfit(f"compared with LiteRT {told}; check channels, layout (tile, y, x, channel) and scales")


def _numbers(codes: NDArray[Any], params: QuantParams) -> NDArray[np.float32]:
    return ((codes.astype(np.float32) - params.zero_point) * np.float32(params.scale)).astype(np.float32)


def _off(answer: NDArray[Any], right: NDArray[Any], within: float) -> str | None:
    rms = float(np.sqrt(np.mean((answer.astype(np.float64) - right) ** 2))) / float(np.ptp(right))
    return None if rms <= within else f"its answers are {rms:.1g} of their range off (allowed: {within:g})"


def _coarser(
    backend: Backend,
    model: Model,
    reference: Mapping[Any, NetworkFile],
    tiles: NDArray[np.float32],
    coded: NDArray[np.float32],
    within: float,
) -> str | None:
    """Return how an int8 network with ends of float32 is farther from the one of float32 than LiteRT's codes are."""
    answer = backend.infer(tiles)
    same = reference.get("float")
    if same is None:
        return _off(answer, coded, max(within, CLOSE))
    with closing(LiteRT(model.path(same.file, same.sha256), 1, tiles.shape[1])) as litert:
        right = litert.infer(tiles)
    own, theirs = (float(np.sqrt(np.mean((one.astype(np.float64) - right) ** 2))) for one in (answer, coded))
    allowed = max(COARSER * theirs, CLOSE)
    return None if own <= allowed else f"its answers are {own:.2g} from those of float32 (allowed: {allowed:.2g})"
