"""A recipe on a scan file: from projections on disk to a finished output folder."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pluggy

from tomopy_edge.contact_sheet import contact_sheet
from tomopy_edge.data import Float32, Volume
from tomopy_edge.errors import RecipeError
from tomopy_edge.job import Job, available_cores
from tomopy_edge.output import default_output, output_folder
from tomopy_edge.pipeline import CHUNK_MEMORY, SAMPLE_ROWS, rows_that_fit, settle, stream
from tomopy_edge.plugins import make_manager
from tomopy_edge.progress import track
from tomopy_edge.readers import ScanFile, open_scan
from tomopy_edge.recipe import Recipe, parse_recipe, read_recipe
from tomopy_edge.report import Report, make_report
from tomopy_edge.stages.read import ENTRY as READ
from tomopy_edge.stages.read import RowRange, row_ranges
from tomopy_edge.stages.write import WriteOptions
from tomopy_edge.writers.hdf5 import write_parameters

log = logging.getLogger(__name__)

SHOWN_SLICES = 3
"""Slices on the contact sheet."""


@dataclass(frozen=True)
class Run:
    """What `run` leaves behind.

    Attributes
    ----------
    output : the finished folder
    report : what is in its `report.json`
    """

    output: Path
    report: Report


@dataclass
class _Shown:
    """Collects the slices for the contact sheet while chunks pass by."""

    rows: list[int]
    first: dict[int, Float32] = field(default_factory=dict)
    last: dict[int, Float32] = field(default_factory=dict)

    def observe(self, _stage: str, chunk: Any) -> None:
        if isinstance(chunk, Volume):
            for row in self.rows:
                z = row - chunk.first_row
                if 0 <= z < len(chunk.slices):
                    self.first.setdefault(row, chunk.slices[z].copy())
                    self.last[row] = chunk.slices[z].copy()


def run(
    recipe: Recipe | list[Any] | str | Path,
    scan: str | Path | ScanFile,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    ncore: int | None = None,
    nchunk: int | None = None,
    plugins: pluggy.PluginManager | None = None,
) -> Run:
    """Run a recipe on a scan.

    Parameters
    ----------
    recipe : a `Recipe`, the path of a YAML file, or its content as a list of stages
    scan : path of a scan file, or an open scan
    output : folder to make; None takes `<parent>_rec/<stem>_rec` beside the scan's folder
    overwrite : whether an output of an earlier run may be replaced
    ncore : threads; None takes all there are
    nchunk : rows worked on at once; None chooses by memory. The result does not depend on it.
    plugins : the plugin manager; None finds the installed plugins

    Returns
    -------
    Run : the output folder, which holds the slices, `recipe.yaml` (settled), `report.json` and `contact_sheet.png`

    Raises
    ------
    EdgeError : a sentence that says where, what was found and how to mend it; nothing half-written is left
    """
    manager = plugins or make_manager()
    if not isinstance(recipe, Recipe):
        is_plain = isinstance(recipe, list)
        recipe = parse_recipe(recipe, manager) if is_plain else read_recipe(Path(recipe), manager)  # type: ignore[arg-type]
    expect_whole(recipe)
    with ExitStack() as opened:
        source = opened.enter_context(open_scan(Path(scan)) if isinstance(scan, str | Path) else scan)
        target = Path(output) if output is not None else default_output(Path(source.source))
        job = Job(ncore=ncore or available_cores(), plugins=manager, scan=source, overwrite=overwrite)
        ranges = row_ranges(source, recipe.blocks[0].options, nchunk or _chunk(source))
        with output_folder(target, overwrite=overwrite, needed=_bytes_to_write(recipe, ranges, source)) as folder:
            report = _run(recipe, source, ranges, dataclasses.replace(job, output=folder))
    return Run(target, report)


def expect_whole(recipe: Recipe) -> None:
    """Raise a `RecipeError` unless `recipe` leads from a scan to slices."""
    faults = []
    if recipe.blocks[0].entry.takes is not RowRange:
        faults.append(f"{recipe.blocks[0].entry.name}: comes first, but does not read a scan; begin with '{READ.name}'")
    if recipe.blocks[-1].entry.gives is not Volume:
        faults.append(f"{recipe.blocks[-1].entry.name}: comes last, but does not give slices; end with 'write'")
    if faults:
        raise RecipeError("recipe", faults)


def _bytes_to_write(recipe: Recipe, ranges: list[RowRange], source: ScanFile) -> int:
    slices = ranges[-1].last - ranges[0].first
    copies = sum(len(block.options.formats) for block in recipe.blocks if isinstance(block.options, WriteOptions))
    return copies * slices * source.columns**2 * np.dtype(np.float32).itemsize


def _chunk(source: ScanFile) -> int:
    return rows_that_fit(source.angles, source.columns, CHUNK_MEMORY)


def _run(recipe: Recipe, source: ScanFile, ranges: list[RowRange], job: Job) -> Report:
    start = time.perf_counter()
    first, last = ranges[0].first, ranges[-1].last
    middle = max(first, (first + last - SAMPLE_ROWS) // 2)
    log.info("settling the recipe on rows %d to %d", middle, min(last, middle + SAMPLE_ROWS) - 1)
    settled = settle(recipe, RowRange(middle, min(last, middle + SAMPLE_ROWS)), job)
    shown = _Shown(sorted({int(row) for row in np.linspace(first, last - 1, SHOWN_SLICES + 2)[1:-1].round()}))
    slices = 0
    for volume in _progress(stream(settled, ranges, job, shown.observe), last - first):
        slices += len(volume.slices)
    seconds = time.perf_counter() - start
    described = {
        "source": source.source,
        "angles": source.angles,
        "rows": [first, last],
        "columns": source.columns,
        "pixel_size": source.pixel_size,
    }
    report = make_report(described, slices, settled, seconds, job.tally)
    _finish(job, settled, report, source, shown)
    return report


def _progress(volumes: Iterator[Volume], total: int) -> Iterator[Volume]:
    sizes: list[int] = []

    def counted() -> Iterator[Volume]:
        for volume in volumes:
            sizes.append(len(volume.slices))
            yield volume

    yield from track(counted(), total=total, what="slices", sizes=iter(lambda: sizes.pop(0), None))


def _finish(job: Job, settled: Recipe, report: Report, source: ScanFile, shown: _Shown) -> None:
    """Write what describes the run beside its slices."""
    folder = job.output
    if folder is None:
        return
    report.write(folder / "report.json")
    (folder / "recipe.yaml").write_text(settled.to_yaml(), encoding="utf-8")
    for path in folder.glob("*.h5"):
        write_parameters(path, {"recipe": report.recipe}, source)
    raw = np.stack([shown.first[row] for row in shown.rows])
    denoised = np.stack([shown.last[row] for row in shown.rows])
    contact_sheet(
        raw,
        denoised,
        shown.rows,
        folder / "contact_sheet.png",
        pixel_size=source.pixel_size,
        title=Path(source.source).name,
    )
