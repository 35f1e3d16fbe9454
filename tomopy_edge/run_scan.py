"""A recipe on a scan file: from projections on disk to a finished output folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.errors import OutputError, RecipeError
from tomopy_edge.job import Job, at_least_one, available_cores
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.output import default_output, expect_room, output_folder
from tomopy_edge.pipeline import Span, rows_that_fit, sample_rows, settle, stream
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.progress import track
from tomopy_edge.readers import ArrayScan, ScanFile, open_scan
from tomopy_edge.recipe import Recipe, parse_recipe, read_recipe
from tomopy_edge.record import Picked, write_record
from tomopy_edge.report import Report, make_report
from tomopy_edge.stages.read import ENTRY as READ
from tomopy_edge.stages.read import RowRange, even_chunks, wanted_rows
from tomopy_edge.stages.write import ENTRY as WRITE

log = logging.getLogger(__name__)


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


def run(
    recipe: Recipe | Sequence[Any] | str | Path,
    scan: str | Path | ScanFile,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    ncore: int | None = None,
    nchunk: int | None = None,
    catalogue: Catalogue | None = None,
) -> Run:
    """Run a recipe on a scan.

    Parameters
    ----------
    recipe : a `Recipe`, the path of a YAML file or the name of a shipped one, or its content as a list of stages
    scan : path of a scan file, or an open scan, which stays open
    output : folder to make; None takes `<parent>_rec/<stem>_rec` beside the scan's folder
    overwrite : whether an output of an earlier run may be replaced
    ncore : threads; None takes all there are
    nchunk : rows worked on at once; None chooses by memory. The result does not depend on it.
    catalogue : what plugins offer; None asks the built-in and the installed ones

    Returns
    -------
    Run : the output folder, which holds the slices, `recipe.yaml` (settled), `report.json` and `contact_sheet.png`

    Raises
    ------
    EdgeError : a sentence that says where, what was found and how to mend it; nothing half-written is left
    """
    catalogue = catalogue or load_catalogue()
    recipe = _as_recipe(recipe, catalogue)
    expect_whole(recipe)
    threads = at_least_one("ncore", ncore, available_cores())
    spare_memory()
    with ExitStack() as opened:
        source = opened.enter_context(open_scan(Path(scan))) if isinstance(scan, str | Path) else scan
        target = _target(output, source)
        chunk = at_least_one("nchunk", nchunk, rows_that_fit(source.angles, source.columns, free_memory()))
        wanted = wanted_rows(source, recipe.blocks[0].options)
        span = Span(wanted.first, wanted.last, source.rows)
        with output_folder(target, overwrite=overwrite) as folder:
            job = Job(ncore=threads, catalogue=catalogue, scan=source, output=folder)
            report = _run(recipe, source, span, chunk, job, folder)
    return Run(target, report)


def _as_recipe(recipe: Recipe | Sequence[Any] | str | Path, catalogue: Catalogue) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, str | Path):
        return read_recipe(Path(recipe), catalogue)
    return parse_recipe(list(recipe), catalogue)


def _target(output: str | Path | None, source: ScanFile) -> Path:
    if output is not None:
        return Path(output)
    if isinstance(source, ArrayScan):
        raise OutputError("output: must be given for arrays, which lie beside no folder")
    return default_output(Path(source.source))


def expect_whole(recipe: Recipe) -> None:
    """Raise a `RecipeError` unless `recipe` leads from a scan to slices on disk: `read` first, `write` last, once."""
    first, last = recipe.blocks[0].entry, recipe.blocks[-1].entry
    faults = []
    if first.takes is not RowRange:
        faults.append(f"{first.name}: comes first, but does not read a scan; begin with '{READ.name}'")
    if last is not WRITE:
        faults.append(f"{last.name}: comes last, but does not write slices; end with '{WRITE.name}'")
    if any(block.entry is WRITE for block in recipe.blocks[:-1]):
        faults.append(
            f"{WRITE.name}: stands before the end, where it would write slices that a later stage changes; keep the "
            "last one alone, and run a second recipe for what is in between"
        )
    if faults:
        raise RecipeError("recipe", faults)


def _run(recipe: Recipe, source: ScanFile, span: Span, chunk: int, job: Job, folder: Path) -> Report:
    started = datetime.now().astimezone()
    start = time.perf_counter()
    sample = RowRange(*sample_rows(span, source.angles, source.columns))
    log.info("settling the recipe on rows %d to %d", sample.first, sample.last - 1)
    settled = settle(recipe, sample, job)
    settling = time.perf_counter() - start
    picked = Picked.among(span.first, span.last, settled.blocks[-1].entry.name)
    shape: tuple[int, ...] = ()
    read = partial(even_chunks, chunk=chunk)
    made = stream(settled, read, span, job, picked.observe)

    def written() -> Iterator[int]:
        nonlocal shape
        for volume in made:
            shape, count = volume.slices.shape[1:], len(volume.slices)
            if volume.first_row == span.first:
                formats = len(settled.blocks[-1].options.formats)
                # The size of the slices is known now; a disk that will be full is better told of early.
                expect_room(folder, (span.last - span.first - count) * formats * volume.slices[0].nbytes)
            # Not kept while the next slices are made.
            del volume
            yield count

    for _ in track(written(), total=span.last - span.first, what="slices", size=int):
        pass
    seconds = time.perf_counter() - start

    def report() -> Report:
        return make_report(
            scan=_described(source, settled, span),
            slices=(span.last - span.first, *shape),
            recipe=settled,
            started=started,
            seconds=seconds,
            settling=settling,
            settings={"ncore": job.ncore, "nchunk": chunk},
            tally=job.tally,
        )

    return write_record(folder, settled, source, picked, job.tally, report)


def _described(source: ScanFile, settled: Recipe, span: Span) -> dict[str, Any]:
    thinned = settled.blocks[0].options.angles
    return {
        "source": source.source if isinstance(source, ArrayScan) else str(Path(source.source).absolute()),
        "angles": source.angles if thinned is None else len(range(*thinned)),
        "rows": [span.first, span.last],
        "columns": source.columns,
        "pixel_size": source.pixel_size,
    }
