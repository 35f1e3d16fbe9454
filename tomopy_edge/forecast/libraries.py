"""What Python and the libraries that a recipe needs take of memory, measured by running it on a few pixels."""

from __future__ import annotations

import gc
import logging
import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.denoisers.tomogan import NetworkOptions
from tomopy_edge.forecast.working_set import Means
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Span, settle, stream
from tomopy_edge.readers import ArrayScan
from tomopy_edge.recipe import Block, Recipe
from tomopy_edge.stages.read import RowRange, even_chunks
from tomopy_edge.system_files import ROOT, text_of

log = logging.getLogger(__name__)

LEFT = 64 * 2**20
"""Bytes that small blocks leave behind in what the C library keeps, at most, in the course of a run."""


def resident(root: Path = ROOT) -> int:
    """Return the bytes that this process has resident; on systems that do not say, the most that it ever had."""
    pages = text_of(root / "proc/self/statm").split()
    if pages:
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")
    from resource import RUSAGE_SELF, getrusage

    return getrusage(RUSAGE_SELF).ru_maxrss


def load(recipe: Recipe, means: Means) -> Recipe:
    """Run a recipe on a scan of a few pixels; return it with the runtimes named that networks run on there.

    What fails of that is left to the run.
    """
    small, scan = Recipe(tuple(map(_small, recipe.blocks))), _disc()
    try:
        with tempfile.TemporaryDirectory(prefix="tomopy-edge-") as name:
            job = Job(ncore=means.ncore, catalogue=means.catalogue, scan=scan, output=Path(name), rows=(0, scan.rows))
            small = settle(small, RowRange(0, scan.rows), job)
            # Of few rows: a network takes its time for each.
            for _ in stream(small, partial(even_chunks, chunk=scan.rows), Span(5, 7, scan.rows), job):
                pass
    except Exception as error:
        # Too few pixels for a stage, perhaps.
        log.debug("the recipe cannot be run on a scan of a few pixels: %s", error, exc_info=True)
    gc.collect()
    return Recipe(tuple(map(_with_runtime, recipe.blocks, small.blocks)))


def _with_runtime(block: Block, small: Block) -> Block:
    """Return a stage with the runtime, if it has one, that the same one of another recipe has."""
    name = "options" if isinstance(getattr(block.options, "options", None), NetworkOptions) else ""
    chosen, found = (getattr(each.options, name) if name else each.options for each in (block, small))
    if not isinstance(chosen, NetworkOptions):
        return block
    chosen = replace(chosen, runtime=found.runtime)
    return replace(block, options=replace(block.options, options=chosen) if name else chosen)


def _small(block: Block) -> Block:
    """Return a stage as it goes with a scan of a few pixels: with what was named for a large one left open."""
    options = _with(block.options, {"rows": None, "angles": None} if block.entry.name == "read" else {})
    if getattr(options, "center", None) is not None:
        options = _with(options, {"center": 31.5})
    inner = getattr(options, "options", None)
    if hasattr(inner, "size"):
        options = replace(options, options=_with(inner, {"size": None}))
    if isinstance(inner, NetworkOptions):
        options = replace(options, options=_with(inner, {"tile": None}))
    return replace(block, options=_with(options, {"tile": None}) if isinstance(options, NetworkOptions) else options)


def _with(options: Any, values: dict[str, Any]) -> Any:
    return replace(options, **{name: value for name, value in values.items() if hasattr(options, name)})


def _disc(columns: int = 64, angles: int = 64, rows: int = 12) -> ArrayScan:
    """Return a scan of a disc that lies off the axis: as few pixels as every stage takes."""
    theta = np.linspace(0, np.pi, angles, endpoint=False)
    off = np.arange(columns) - (columns - 1) / 2 - 8 * np.cos(theta)[:, None]
    through = 0.08 * np.sqrt(np.maximum(15.0**2 - off**2, 0))
    counts = np.random.default_rng(1).poisson(100 + 4000 * np.exp(-through), (rows, angles, columns))
    flats, darks = (np.full((2, rows, columns), level, np.uint16) for level in (4100, 100))
    return ArrayScan(counts.astype(np.uint16), theta, flats, darks, sinogram_order=True, source="a small disc")
