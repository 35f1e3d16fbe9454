"""Time every runtime on every model in turns, so that all see the same moods of the machine."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import field
from itertools import product
from pathlib import Path

import numpy as np

from tomopy_edge.catalogue import Catalogue, find
from tomopy_edge.data import Sinograms, Volume
from tomopy_edge.denoisers.tomogan import NetworkOptions
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Job, available_cores
from tomopy_edge.machine.contestants import Contestant
from tomopy_edge.machine.energy import Meter, find_meter
from tomopy_edge.machine.facts import describe
from tomopy_edge.machine.timing import Timing, Turn
from tomopy_edge.networks.manifest import model_names, open_model
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.options import options
from tomopy_edge.output import expect_room
from tomopy_edge.progress import track
from tomopy_edge.reconstructors.fbp import Fbp, FbpOptions
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.scans import Exposure, expose
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log
from tomopy_edge.stages.normalize import NormalizeOptions, normalize
from tomopy_edge.stages.reconstruct import reconstruct
from tomopy_edge.writers.failures import told

SMALLEST = 64
"""Fewest detector columns: the edge of the smallest tiles."""

SEED = 1
"""Of the scan. What it shows changes no time."""


@options
class RoundsOptions:
    """What is timed."""

    models: tuple[str, ...] = field(default_factory=lambda: tuple(model_names()))
    """Names or folders of models."""
    runtimes: tuple[str, ...] = ()
    """Names of runtimes; none takes all that work here."""
    precisions: tuple[Precision, ...] = ()
    """Which networks of the models; none takes the one that each runtime would take itself."""
    tiles: tuple[int, ...] = ()
    """Edges of their tiles, pixels; none takes the one that a recipe would be given."""
    columns: int = 1024
    """Edge of the slices, pixels."""
    angles: int = 180
    """Projections they are made of."""
    slices: int = 2
    """In each turn."""
    turns: int = 5
    """After the first, which opens and compiles."""
    ncore: int = field(default_factory=available_cores)
    """Threads."""

    def __post_init__(self) -> None:
        """Refuse what cannot be timed."""
        if self.columns < SMALLEST:
            raise ValueError(f"columns: must be at least {SMALLEST}, got {self.columns}")
        for name in ("angles", "slices", "turns", "ncore"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, got {getattr(self, name)}")
        if not self.models:
            raise ValueError("models: must name at least one")


def time_runtimes(
    chosen: RoundsOptions, catalogue: Catalogue, *, meter: Meter | None = None, scratch: Path | None = None
) -> Timing:
    """Return how long a simulated scan's slices took on every runtime and model, from line integrals to files.

    The first turn is the first run: it opens networks and compiles, or loads, kernels; what several lines share, the
    first of them pays. After ctrl-C what is known until then is returned.

    Parameters
    ----------
    chosen : what is timed
    catalogue : what plugins offer
    meter : tells the energy; None looks for one on this machine
    scratch : folder that slices are written in and removed from; None takes the system's for temporary files

    Raises
    ------
    BackendError : where no runtime works, or none got through a turn
    ModelError, PluginError : where there is no such model or runtime, or none of the models suits
    OutputError : where slices cannot be written
    """
    meter = find_meter() if meter is None else meter
    load = os.getloadavg()[0]
    entries, left_out = _working(chosen, catalogue)
    with _folder(scratch) as folder, ExitStack() as stack:
        expect_room(folder / "slices", 4 * chosen.slices * chosen.columns**2)
        sinograms = simulated(chosen)
        fbp = Fbp(FbpOptions(), Job(ncore=chosen.ncore, catalogue=catalogue))
        noisy, before = _reconstructed(sinograms, fbp, meter)
        contestants, unsuited = _entered(chosen, entries, noisy, catalogue, folder)
        for one in contestants:
            stack.callback(one.close)
        stopped = False
        try:
            for turn in track(range(chosen.turns + 1), total=chosen.turns + 1, what="turns"):
                if turn:
                    noisy, before = _reconstructed(sinograms, fbp, meter)
                for one in contestants:
                    one.take_turn(noisy, before, meter)
        except KeyboardInterrupt:
            stopped = True
    rows = tuple(one.timed for one in contestants)
    if not stopped and not any(row.turns for row in rows):
        raise BackendError("nothing could be timed: " + "; ".join(f"{row.title}: {row.fault}" for row in rows))
    return Timing(
        columns=chosen.columns,
        angles=chosen.angles,
        slices=chosen.slices,
        turns=chosen.turns,
        threads=chosen.ncore,
        machine=describe(),
        load=(load, os.getloadavg()[0]),
        energy=meter.told,
        rows=rows,
        left_out=(*left_out, *unsuited),
        stopped=stopped,
    )


def simulated(chosen: RoundsOptions) -> Sinograms:
    """Return the line integrals that are reconstructed, from counts with their noise."""
    rng = np.random.default_rng(SEED)
    phantom = draw_phantom(rng, "ellipses", chosen.columns, fill=(0.8, 0.8), rows=chosen.slices, flawed=0.0)
    made = expose(phantom, Exposure(angles=chosen.angles), chosen.slices, chosen.columns, rng)
    job = Job(ncore=chosen.ncore)
    line_integrals = minus_log(normalize(made.scan, NormalizeOptions(), job), MinusLogOptions(), job)
    return Sinograms(line_integrals.line_integrals, line_integrals.theta, made.center)


def _reconstructed(sinograms: Sinograms, fbp: Fbp, meter: Meter) -> tuple[Volume, Turn]:
    """Return noisy slices, and what a slice of them took."""
    start, start_processor = time.perf_counter(), time.process_time()
    with meter.measuring() as energy:
        noisy = reconstruct(sinograms, fbp)
    seconds, processor = time.perf_counter() - start, time.process_time() - start_processor
    count = len(noisy.slices)
    joules = None if energy.joules is None else energy.joules / count
    return noisy, Turn({"fbp": seconds / count}, processor / count, joules)


def _working(chosen: RoundsOptions, catalogue: Catalogue) -> tuple[list[BackendEntry], tuple[str, ...]]:
    """Return the runtimes that work here, and a sentence for each of the others."""
    entries, left_out = [], []
    for name in dict.fromkeys(chosen.runtimes or catalogue.backends):
        entry = find(catalogue.backends, name, "runtime")
        if probed(entry).works:
            entries.append(entry)
        else:
            left_out.append(f"{name}: {probed(entry).told}")
    if not entries:
        which = "none of the runtimes that were named" if chosen.runtimes else "no runtime"
        raise BackendError(f"{which} works on this machine: {'; '.join(left_out)}")
    return entries, tuple(left_out)


def _entered(
    chosen: RoundsOptions, entries: list[BackendEntry], noisy: Volume, catalogue: Catalogue, folder: Path
) -> tuple[list[Contestant], tuple[str, ...]]:
    """Return every network on every runtime that suits it, and a sentence for each that does not."""
    contestants, left_out = [], []
    unit = attenuation_unit(noisy.slices)
    names = {model: open_model(model).manifest.name for model in chosen.models}
    for model, name in names.items():
        # Where several go by one name, it takes the folders to tell them apart.
        called = name if list(names.values()).count(name) == 1 else model
        for precision, entry in product(chosen.precisions or (None,), entries):
            for tile in chosen.tiles or (None,):
                wanted = NetworkOptions(model=model, precision=precision, tile=tile, runtime=entry.name, unit=unit)
                try:
                    contestants.append(Contestant(wanted, noisy, catalogue, chosen.ncore, folder, called))
                except (BackendError, ModelError) as error:
                    asked = f"{called} {precision}" if precision else called
                    left_out.append(f"{asked}, {entry.name}: {error}")
    if not contestants:
        raise ModelError(f"there is nothing to time: {'; '.join(left_out)}")
    return contestants, tuple(left_out)


@contextmanager
def _folder(scratch: Path | None) -> Iterator[Path]:
    """Yield an empty folder that is removed afterwards."""
    with ExitStack() as stack:
        with told(scratch or Path(tempfile.gettempdir())):
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="tomopy-edge-bench-", dir=scratch))
        yield Path(name)
