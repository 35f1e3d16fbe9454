"""Put whole slices through a network: quantize, cut into tiles, infer, stitch, dequantize."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Placement
from tomopy_edge.codes import HIGHEST, LOWEST, QuantParams
from tomopy_edge.data import Float32, Int8
from tomopy_edge.errors import ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Tally
from tomopy_edge.networks import litert
from tomopy_edge.networks.manifest import Model, NetworkSet
from tomopy_edge.networks.network_file import NetworkFile
from tomopy_edge.networks.quantize import dequantize_slices, quantize
from tomopy_edge.networks.tiling import TileGrid, blend, cut, seam_index, stitch
from tomopy_edge.networks.workers import Workers

ONE = np.float32(1)

SATURATED = "pixels saturated at the int8 input"
"""What is counted where a network's first codes cannot hold a slice."""


@dataclass(frozen=True)
class Account:
    """Where the counts of one network go.

    Attributes
    ----------
    stage : the stage they are told for
    tally : what keeps them
    """

    stage: str
    tally: Tally


def open_network(
    model: Model,
    networks: NetworkSet,
    network: NetworkFile,
    *,
    shape: tuple[int, int],
    threads: int,
    account: Account,
    entry: BackendEntry = litert.ENTRY,
    device: str | None = None,
) -> SliceNetwork:
    """Return `network`, one of the `networks` of `model`, open for slices of `shape` (y, x).

    Parameters
    ----------
    threads : that quantize, tile and, on the CPU, infer
    account : who is told of counts, notes and times
    entry : what runs it
    device : which of the runtime's devices; None takes the first, or all

    Raises
    ------
    ModelError : where the file is not what the manifest says
    BackendError : where the machine cannot run it
    """
    path = model.path(network.file, network.sha256)
    told = partial(account.tally.note, account.stage)
    placement = Placement(threads, device, tile=network.tile if entry.whole else None, note=told)
    backend = entry.open(path, placement)
    ends = backend.ends
    expected = (network.batch, network.tile, network.tile, networks.channels)
    if ends.shape != expected:
        raise ModelError(f"{path}: takes tiles (tile, y, x, channel) of {ends.shape}, the manifest says {expected}")
    # Networks of .onnx take and give float32, whatever they compute in.
    quantized = entry.reads != "onnx" and network.precision != "float"
    if quantized and (ends.io == "uint8") != (network.io == "uint8"):
        raise ModelError(f"{path}: the manifest's field io says {network.io}, the file does not")
    for end, params in (("input", ends.input_params), ("output", ends.output_params)):
        if (params is None) == quantized:
            found = "float32" if params is None else "quantized"
            raise ModelError(f"{path}: the manifest's field precision is {network.precision}, but its {end} is {found}")
    exact = networks.is_exact(network)
    return SliceNetwork(backend, network.grid(shape), account, exact=exact, threads=threads)


class SliceNetwork:
    """A network that is open, for slices of one shape.

    Parameters
    ----------
    backend : the network, tile by tile
    grid : the tiles of a slice
    account : who is told of saturated pixels, seams and times
    exact : whether the tiles leave no seam, so that there is none to measure
    threads : threads that quantize, cut and read slices; how many infer is the backend's affair
    """

    def __init__(
        self, backend: Backend, grid: TileGrid, account: Account, *, exact: bool = False, threads: int = 1
    ) -> None:
        self._backend = backend
        self._grid = grid
        self._seams = not exact and grid.seams != ([], [])
        self._account = account
        self._channels = backend.ends.shape[3]
        self._workers = Workers(threads)
        ny, nx = grid.counts
        self._together = -(-backend.at_once // (ny * nx))

    def __call__(self, noisy: Float32, unit: np.float32 = ONE) -> Float32:
        """Denoise adjacent slices.

        Parameters
        ----------
        noisy : (z + channels - 1, y, x)
        unit : what the network sees as 1

        Returns
        -------
        (z, y, x), in the unit of `noisy`
        """
        tally, stage = self._account.tally, self._account.stage
        with tally.timed(stage, "quantization"):
            codes = self._encode(noisy, unit)
        stuck: list[int] = []
        clean = np.empty((len(noisy) - self._channels + 1, *noisy.shape[1:]), np.float32)
        for first in range(0, len(clean), self._together):
            some = range(first, min(first + self._together, len(clean)))
            with tally.timed(stage, "tiling"):
                tiles = [cut(codes[z : z + self._channels], self._grid, self._workers) for z in some]
            with tally.timed(stage, "inference"):
                answers = self._backend.infer(np.concatenate(tiles) if len(tiles) > 1 else tiles[0])
            for z, answer in zip(some, np.split(answers, len(some)), strict=True):
                with tally.timed(stage, "stitching"):
                    clean[z], at_end = self._join(answer)
                stuck.append(at_end)
                if self._seams:
                    tally.measure(stage, "seam index", seam_index(clean[z], self._grid))
                clean[z] *= unit
        tally.count_rows(stage, "pixels at the end of the int8 output range", stuck)
        return clean

    @property
    def told(self) -> str:
        """What runs the network."""
        return self._backend.told

    @property
    def output_params(self) -> QuantParams | None:
        """How the network's answers are quantized, None where they are not."""
        return self._backend.ends.output_params

    def close(self) -> None:
        """Give the runtime back."""
        self._backend.close()
        self._workers.close()

    def _encode(self, noisy: Float32, unit: np.float32) -> NDArray[Any]:
        params = self._backend.ends.input_params
        if params is None:
            return noisy / unit
        codes = np.empty(noisy.shape, np.int8)
        saturated = np.zeros(len(noisy), np.int64)
        for z, image in enumerate(noisy):
            # Slice by slice, so that no float32 copy of them all is made.
            codes[z], saturated[z] = quantize(image / unit, params, self._workers)
        # The outermost slices are neighbours here, and are counted in the chunk that they belong to.
        edge = self._channels // 2
        inner = saturated[edge : len(noisy) - edge].tolist()
        self._account.tally.count_rows(self._account.stage, SATURATED, inner)
        return codes

    def _join(self, answers: NDArray[Any]) -> tuple[Float32, int]:
        """Return the slice of the tiles' answers, and how many of its pixels are at an end of the output range."""
        params = self._backend.ends.output_params
        if params is None:
            return blend(answers, self._grid) if self._grid.overlap else stitch(answers, self._grid), 0
        if self._grid.overlap:
            ends = _at_an_end(answers)
            # As the share of the pixel that they are blended into.
            stuck = blend(ends.astype(np.float32), self._grid).sum(dtype=np.float64) if ends.any() else 0
            clean = blend(dequantize_slices(answers, params, self._workers), self._grid)
        else:
            codes = stitch(answers, self._grid)
            stuck = np.count_nonzero(_at_an_end(codes))
            clean = dequantize_slices(codes, params, self._workers)
        return clean, round(stuck)


def _at_an_end(codes: Int8) -> NDArray[np.bool_]:
    ends: NDArray[np.bool_] = (codes == np.int8(LOWEST)) | (codes == np.int8(HIGHEST))
    return ends
