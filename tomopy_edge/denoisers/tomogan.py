"""The TomoGAN generator in tiles, int8 or float: what a model folder holds, run as a denoiser.

Z. Liu et al., "TomoGAN: low-dose synchrotron x-ray tomography with generative adversarial networks", J. Opt. Soc. Am. A
37, 422 (2020), on an edge device as in V. Abeykoon et al., "Scientific Image Restoration Anywhere" (2019).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from tomopy_edge.catalogue import find
from tomopy_edge.data import Float32, Volume
from tomopy_edge.errors import ModelError
from tomopy_edge.hookspecs import BackendEntry, DenoiserEntry
from tomopy_edge.job import Job
from tomopy_edge.networks import litert
from tomopy_edge.networks.manifest import Model, NetworkSet, open_model
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.networks.room import Room
from tomopy_edge.networks.runtimes import (
    AUTO,
    Wish,
    able,
    backends,
    choose_file,
    fault_of,
    files_for,
    files_of,
    settle_runtime,
)
from tomopy_edge.networks.slices import Account, SliceNetwork, open_network
from tomopy_edge.networks.unit import attenuation_unit, noise_level
from tomopy_edge.options import options

Part = Literal["denoise", "fine_tune"]
"""Which of a model's networks, by its block in the manifest."""

LOUD = 1.5
"""Standard deviation of the noise, network units, above which a user is told. At 1.6 the shipped models gave a measured
scan of 250 views streaks and blotches that its other views do not show."""


@options
class NetworkOptions:
    """Options of everything that runs a trained network."""

    model: str = "tomogan"
    """Name of a shipped model, or path of a model folder."""

    precision: Precision | None = None
    """Which of the model's networks: int8 is trained for its codes where the model's maker did that; int8-ptq was
    quantized after training only, and chained has the Fine-Tune network in it, all three fast; float is not quantized.
    None takes the one that the model itself advises (`tomopy-edge models NAME` shows it)."""

    tile: int | None = None
    """Edge of the tiles, pixels, of those that the model was exported for; none takes the one that computes least among
    those that leave no seam. Runtimes of whole slices, such as tensorrt, take tiles of any edge that suits the network,
    and none is one as large as the slice."""

    unit: float | None = None
    """Attenuation per pixel that the network sees as 1; none measures it, once for each scan."""

    runtime: str = AUTO
    """What runs the network; `tomopy-edge plugins` lists them. auto takes one that works here and gives LiteRT's
    answers."""

    device: str | None = None
    """Which of the runtime's devices, such as usb:0; none takes the first, or all that can share the work."""

    fallback: bool = False
    """Whether another runtime may take over where the one that is named does not work."""

    def __post_init__(self) -> None:
        if self.device is not None and self.runtime == AUTO:
            raise ValueError(f"device: {self.device!r} is one of a runtime's devices; name the runtime too")
        if self.unit is not None and not np.finfo(np.float32).tiny <= self.unit <= np.finfo(np.float32).max:
            raise ValueError(f"unit: must be above 0 attenuation per pixel and finite, got {self.unit}")


N = TypeVar("N", bound=NetworkOptions)


class NetworkDenoiser:
    """A network that is opened when the first slices tell their shape.

    Parameters
    ----------
    stage : the stage it works for, in reports
    part : which of the model's networks: "denoise" or "fine_tune"
    options : the settled options

    Attributes
    ----------
    neighbours : slices on each side of a slice that it looks at
    fresh : each answer is an array of its own
    precision : what the network computes in
    unit : attenuation per pixel that a Fine-Tune network after it takes over; None after a chained network, which has
        that network in it
    """

    fresh = True

    def __init__(self, stage: str, part: Part, options: NetworkOptions, job: Job) -> None:
        if options.unit is None:
            raise ValueError("unit: not settled; give it, or settle the options on sample slices first")
        self._model, self._networks = networks_of(options, part)
        self._options = options
        self._unit = np.float32(options.unit)
        self.precision = options.precision or self._networks.usual
        self.unit = None if self.precision == "chained" else options.unit
        self._job = job
        self._entry = settle_runtime(
            options.runtime, self._networks, job, stage, device=options.device, fallback=options.fallback
        )
        self._account = Account(stage, job.tally)
        self._opened: dict[tuple[int, int], SliceNetwork] = {}
        self.neighbours = self._networks.neighbours

    def __call__(self, noisy: Float32) -> Float32:
        """Denoise adjacent slices (z + 2 * neighbours, y, x) -> (z, y, x), attenuation per pixel."""
        y, x = noisy.shape[1:]
        network = self._opened.get((y, x)) or self._open((y, x))
        return network(noisy, self._unit)

    def close(self) -> None:
        """Give the runtime back."""
        for network in self._opened.values():
            network.close()

    def _open(self, shape: tuple[int, int]) -> SliceNetwork:
        chosen, entry = self._options, self._entry
        file = choose_file(entry, self._networks, chosen.precision, chosen.tile, shape)
        with self._job.tally.timed(self._account.stage, "opening"):
            network = open_network(
                *(self._model, self._networks, file),
                shape=shape,
                threads=self._job.ncore,
                account=self._account,
                entry=entry,
                device=_device(chosen, entry),
            )
        grid = file.grid(shape)
        tiles = grid.counts[0] * grid.counts[1]
        seams = "exact" if self._networks.is_exact(file) else f"blended over {grid.overlap} pixels"
        many = "1 tile" if tiles == 1 else f"{tiles} tiles"
        self._account.tally.note(
            self._account.stage,
            f"{self._model.manifest.name}: {file.file} (sha256 {file.sha256[:12]}), {many} of {file.tile} "
            f"pixels a slice, seams {seams}, on {network.told}",
        )
        self._opened[shape] = network
        return network


def networks_of(options: NetworkOptions, part: Part) -> tuple[Model, NetworkSet]:
    """Return the model that `options` name and its networks for `part`, or raise a `ModelError` where it has none."""
    model = open_model(options.model)
    networks: NetworkSet | None = getattr(model.manifest, part)
    if networks is None:
        name = model.manifest.name
        raise ModelError(f"model {name!r} has no Fine-Tune network; leave the stage fine_tune out, or make one")
    return model, networks


def check_network(options: NetworkOptions, catalogue: Any, part: Part) -> None:
    """Raise an `EdgeError` unless runtime, device and model are here, and the model's files hold what they should.

    Of "auto" none is tried, since that may take seconds: the run itself does that.
    """
    model, networks = networks_of(options, part)
    if options.runtime == AUTO:
        entries = [find(backends(catalogue), litert.ENTRY.name, "runtime")]
    else:
        entries = able(options.runtime, networks, catalogue, device=options.device, fallback=options.fallback)
    for entry, chosen in files_of(entries, networks, options.precision, options.tile):
        for network in files_for(entry, networks):
            if network.precision == chosen.precision and (entry.whole or options.tile in {None, network.tile}):
                model.path(network.file, network.sha256)


def settle_network(options: N, part: Part, sample: Volume, job: Job) -> N:
    """Return `options` with the runtime, precision and tile that they leave open: what the model advises, and suits.

    Raises
    ------
    ModelError : where the model does not hold it
    BackendError : where the machine cannot run it
    """
    model, networks = networks_of(options, part)
    y, x = sample.slices.shape[1:]
    room = Room.now(model)
    wish = Wish(model, options.precision, options.tile, (y, x))
    entry = settle_runtime(
        options.runtime, networks, job, part, device=options.device, fallback=options.fallback, wish=wish
    )
    file = choose_file(entry, networks, options.precision, options.tile, (y, x), room.fits)
    if entry.reads == "tflite":
        room.expect(file, entry, (y, x))
        usual = choose_file(entry, networks, options.precision, options.tile, (y, x))
        if usual != file:
            job.tally.note(part, room.told(usual, file))
    return replace(
        options,
        tile=options.tile if entry.whole else file.tile,
        precision=file.precision,
        runtime=entry.name,
        device=_device(options, entry),
    )


def _device(options: NetworkOptions, entry: BackendEntry) -> str | None:
    """Return the device that is named, which is one of the runtime that is named; none where others took over."""
    return options.device if entry.name == options.runtime and fault_of(entry, options.device) is None else None


def settle_tomogan(options: NetworkOptions, sample: Volume, job: Job) -> NetworkOptions:
    """Return `options` with the advised precision, the tile that suits `sample`, and the unit measured on it."""
    settled = settle_network(options, "denoise", sample, job)
    if options.precision is None:
        usual, runs = networks_of(options, "denoise")[1].usual, settled.precision
        found = (
            "so the model's usual one" if runs == usual else f"and runtime {settled.runtime} has no {usual}, so another"
        )
        job.tally.note("denoise", f"no precision was asked for, {found} runs: {runs}")
    unit = attenuation_unit(sample.slices) if options.unit is None else options.unit
    noise = noise_level(sample.slices) / unit
    if noise > LOUD:
        job.tally.note(
            "denoise",
            f"the noise of the sample slices is {noise:.1f} times the attenuation of the densest matter: fine detail "
            "in the denoised ones may be invented; take more views, bin the detector's pixels, or compare with others",
        )
    return replace(settled, unit=unit)


def _create(options: NetworkOptions, job: Job) -> NetworkDenoiser:
    return NetworkDenoiser("denoise", "denoise", options, job)


ENTRY = DenoiserEntry(
    "tomogan",
    "TomoGAN generator in tiles, int8 or float",
    NetworkOptions,
    _create,
    settle_tomogan,
    partial(check_network, part="denoise"),
)
