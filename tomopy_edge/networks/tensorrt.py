"""Run an .onnx network on an NVIDIA GPU, a Jetson's too, through TensorRT: built there once, kept, run in two lanes.

It is built for tiles of one edge, any that the network's levels divide: by default one as large as a slice.
All of it was tried on libraries that play TensorRT and CUDA; no engine has been built or run on a GPU yet.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Ends, Placement, Probe, slice_shape
from tomopy_edge.data import Float32
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks import tensorrt_api as api
from tomopy_edge.networks.cache import cache_folder, keep
from tomopy_edge.networks.cuda import devices, open_gpu
from tomopy_edge.networks.gpu import Gpu
from tomopy_edge.networks.onnx_tiles import with_tile

log = logging.getLogger(__name__)

LANES = 2
"""While one lane computes, the other copies; a third would wait for the GPU like the second."""


class TensorRT(Backend):
    """An .onnx network on an NVIDIA GPU: FP16 where it is float, INT8 where it holds quantizers.

    Parameters
    ----------
    path : the .onnx file: one input (tile, y, x, channel), one output (tile, y, x, 1), both float32
    placement : where, and for tiles of which edge; its note is told before minutes go into building

    Raises
    ------
    ModelError : where the file is no such network, or cannot take such tiles
    BackendError : where the machine cannot run it
    """

    def __init__(self, path: Path, placement: Placement) -> None:
        try:
            graph = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
        trt = api.load()
        if placement.tile is not None:
            graph = with_tile(graph, placement.tile, path)
        network = api.prepare(trt, graph, path)

        def tell(sentence: str) -> None:
            log.info("%s: %s", path, sentence)
            placement.note(f"{path.name}: {sentence}")

        if network.told:
            tell(network.told)
        # The driver comes before all that TensorRT makes: without one, that ends the process.
        gpu = open_gpu(placement.devices("tensorrt", devices())[0])
        # No memory of its own before the first inference, so nothing to give back where this fails.
        with gpu.current():
            kept = Kept(path, network.graph, (gpu.name, gpu.capability, trt.__version__, *network.precision))
            self._engine = _engine(trt, network, path, kept, tell)
            ends = ends_of(self._engine, path)
        computes = " and ".join(network.precision)
        super().__init__(ends, f"TensorRT {trt.__version__} in {computes} on {gpu.name} ({gpu.device})")
        self._gpu, self._tell = gpu, tell
        self._lanes: list[_Lane] = []
        self.at_once = LANES

    def _run_all(self, tiles: NDArray[Any]) -> NDArray[Any]:
        batch = self.ends.shape[0]
        answers = np.empty(tiles.shape[:3], tiles.dtype)
        try:
            with self._gpu.current():
                for turn, first in enumerate(range(0, len(tiles), batch)):
                    lane = self._lane(turn)
                    lane.finish()
                    lane.start(tiles[first : first + batch], answers[first : first + batch])
                for lane in self._lanes:
                    lane.finish()
        except BackendError as fault:
            raise BackendError(f"{self.told}: {fault}") from fault
        return answers

    def _run(self, batch: NDArray[Any]) -> NDArray[Any]:
        return self._run_all(batch)

    def _lane(self, turn: int) -> _Lane:
        number = turn % self.at_once
        # The second one, with its working memory, only where there is more than one batch.
        if number == len(self._lanes):
            try:
                self._lanes.append(_Lane(self._gpu, self._engine, self.ends))
            except BackendError as fault:
                if number == 0:
                    raise
                self.at_once = number
                self._tell(f"nothing is copied while the GPU computes, as there is no room for two at once: {fault}")
                return self._lane(turn)
        return self._lanes[number]

    def _free(self) -> None:
        with suppress(BackendError), self._gpu.current():
            for lane in self._lanes:
                # After a fault, one may be computing still, in memory that is given back below.
                with suppress(BackendError):
                    lane.finish()
            self._lanes.clear()
            del self._engine
        self._gpu.close()


class _Lane:
    """A stream with buffers and working memory of its own: what runs in it overlaps with what runs in another."""

    def __init__(self, gpu: Gpu, engine: api.Engine, ends: Ends) -> None:
        self._gpu, self._stream = gpu, gpu.stream()
        self._taken, self._given = gpu.pinned(ends.shape), gpu.pinned(ends.shape[:3])
        self._from, self._to = gpu.reserve(self._taken.nbytes), gpu.reserve(self._given.nbytes)
        (taken,), (given,) = engine.inputs, engine.outputs
        self._enqueue = engine.runner({taken: self._from, given: self._to})
        self._answers: Float32 | None = None

    def start(self, tiles: Float32, answers: Float32) -> None:
        """Begin with a batch, or less; `finish` puts what comes of it into `answers`."""
        # From here on there is something to wait for, also where one of these fails.
        self._answers = answers
        # What an earlier batch left in the places behind is computed again, and not read.
        self._taken[: len(tiles)] = tiles
        self._gpu.upload(self._taken, self._from, self._stream)
        self._enqueue(self._stream)
        self._gpu.download(self._to, self._given, self._stream)

    def finish(self) -> None:
        """Wait for what was begun, if anything was."""
        if self._answers is not None:
            self._gpu.wait(self._stream)
            self._answers[...] = self._given[: len(self._answers)]
            self._answers = None


DIGEST = hashlib.sha256().digest_size
"""Bytes before an engine in its file: a damaged one must not reach TensorRT, which may end the process over it."""


class Kept:
    """The place of one engine in the user's cache: engines serve one network, GPU and version only.

    Parameters
    ----------
    path : of the network, for the file's name
    graph : its bytes
    conditions : all else that an engine depends on
    """

    def __init__(self, path: Path, graph: bytes, conditions: tuple[str, ...]) -> None:
        told = "\n".join([hashlib.sha256(graph).hexdigest(), *conditions])
        self._name = f"{path.stem}-{hashlib.sha256(told.encode()).hexdigest()[:24]}.engine"

    @property
    def path(self) -> Path:
        """Where the engine is kept."""
        return cache_folder() / "engines" / self._name

    def read(self) -> bytes | None:
        """Return the engine, None where there is none.

        Raises
        ------
        BackendError : where what is there is not what was written
        """
        try:
            content = self.path.read_bytes()
        except (OSError, RuntimeError):  # the latter where there is no home
            return None
        digest, plan = content[:DIGEST], content[DIGEST:]
        if hashlib.sha256(plan).digest() != digest:
            raise BackendError("it is damaged")
        return plan

    def write(self, plan: bytes) -> None:
        """Keep an engine, or raise an `OSError` or, where there is no home, a `RuntimeError`."""
        keep(self.path, hashlib.sha256(plan).digest() + plan)


def _engine(trt: Any, network: api.Prepared, path: Path, kept: Kept, tell: Callable[[str], None]) -> api.Engine:
    """Return the engine that is kept, or one that is built now."""
    try:
        plan = kept.read()
        if plan is not None:
            return api.Engine(trt, plan)
    except BackendError as fault:
        tell(f"the engine kept in {kept.path} is built anew: {fault}")
    tell(f"TensorRT {trt.__version__} builds an engine for this GPU and tiles of this size; that takes minutes, once")
    plan = api.build(trt, network, path)
    try:
        kept.write(plan)
    except (OSError, RuntimeError) as error:
        tell(f"the engine cannot be kept, so the next run builds it again: {error}")
    return api.Engine(trt, plan)


def ends_of(engine: api.Engine, path: Path) -> Ends:
    """Return the ends of an engine.

    Raises
    ------
    ModelError : where they are not those of a network for slices
    """
    shape = slice_shape([*engine.inputs.values()], [*engine.outputs.values()], path)
    if not engine.floats:
        raise ModelError(f"{path}: expected an input and an output of float32, as tomopy-edge export makes them")
    return Ends(shape)


def _probe() -> Probe:
    """Return whether TensorRT has a GPU here."""
    version = ""
    try:
        trt = api.load()
        version = trt.__version__
        there = devices()
        gpu = open_gpu(there[0])
        with gpu.current():
            api.check_builder(trt)
    except BackendError as fault:
        return Probe(works=False, told=str(fault), version=version)
    if find_spec("onnx") is None:
        told = "what gives networks the size of a slice, the package onnx, is missing; pip install onnx"
        return Probe(works=False, told=told, version=version)
    return Probe(works=True, told=f"{gpu.name}, compute capability {gpu.capability}", version=version, devices=there)


def _open(path: Path, placement: Placement) -> Backend:
    return TensorRT(path, placement)


ENTRY = BackendEntry("tensorrt", "TensorRT on an NVIDIA GPU", "onnx", _open, _probe, whole=True, risky=True)
