"""A sweep on a scan: from a recipe with `!Sweep` in it to a finished folder of slices, scores and a sheet."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import rows_at_once
from tomopy_edge.job import Job, at_least_one, available_cores
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.output import expect_room, output_folder
from tomopy_edge.pipeline import Span
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.progress import track
from tomopy_edge.readers import ArrayScan, ScanFile, open_scan
from tomopy_edge.report import versions
from tomopy_edge.stages.read import angles_taken
from tomopy_edge.sweeps.plan import (
    alike_after,
    as_variants,
    has_raw_once,
    is_denoised,
    rows_swept,
    samples_of,
    slices_in,
    sweep_output,
    told_of_once,
)
from tomopy_edge.sweeps.results import Result, Shelf, best_center, table
from tomopy_edge.sweeps.scores import RADIUS, SHARPNESS
from tomopy_edge.sweeps.sheet import draw_sweep
from tomopy_edge.sweeps.tree import Failed, Made, Tree
from tomopy_edge.sweeps.variants import Variants
from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.failures import told

log = logging.getLogger(__name__)

SCORES, REPORT, MORE = "scores.csv", "report.json", "more"
"""Files of an output, and the folder with what stages wrote for each value, such as what `trust` examined."""


@dataclass(frozen=True)
class Swept:
    """What `sweep` leaves behind.

    Attributes
    ----------
    output : the finished folder
    results : of each recipe, in the order of the values
    best : the result with the sharpest slices where the rotation axis alone was swept over; None otherwise
    sheets : the pictures to look at, one for each row
    seconds : wall time
    found_once : what was found once for all values, in a sentence; "" where each value found its own
    """

    output: Path
    results: tuple[Result, ...]
    best: Result | None
    sheets: tuple[Path, ...]
    seconds: float
    found_once: str = ""


def sweep(  # noqa: PLR0913 - a recipe, a scan, an output, and how
    recipe: Variants | Sequence[Any] | str | Path,
    scan: str | Path | ScanFile,
    output: str | Path | None = None,
    *,
    rows: tuple[int, int] | None = None,
    overwrite: bool = False,
    ncore: int | None = None,
    nchunk: int | None = None,
    strict: bool = False,
    catalogue: Catalogue | None = None,
) -> Swept:
    """Make slices of a few rows with each value of one or two options of a recipe.

    What comes before the stage with a sweep runs once, and so does each stage that values have in common. Each slice is
    what `run` makes of these rows with that value, or where none are chosen, of the whole scan; but of a sweep over the
    rotation axis alone, what stages after it leave open, such as the unit of attenuation, is found once, with the value
    in the middle, so that nothing else differs. That is told, on the sheet too.

    Parameters
    ----------
    recipe : the path of a YAML file with `!Sweep` or `!SweepRange` in it, or its content as a list of stages with
        `Sweep([...])` where a value stands
    scan : path of a scan file, or an open scan, which stays open
    output : folder to make; None takes `<parent>_rec/<stem>_sweep` beside the scan's folder
    rows : first detector row, and the one after the last; None takes the recipe's `read.rows`, or else the middle row
    overwrite : whether an output of an earlier run may be replaced
    ncore : threads; None takes all there are
    nchunk : rows worked on at once; None chooses by memory
    strict : whether the sweep ends where a value fails. Otherwise it is named, and the others are made.
    catalogue : what plugins offer; None asks the built-in and the installed ones

    Returns
    -------
    Swept : the output folder, which holds the slices as TIFF, named by their values, `contact_sheet.png`, `scores.csv`,
        the settled recipe of each in `recipes`, and `report.json`

    Raises
    ------
    EdgeError : a sentence that says where, what was found and how to mend it; nothing half-written is left

    Examples
    --------
    >>> import tomopy_edge
    >>> centers = {"center": tomopy_edge.Sweep([510.5, 511.0, 511.5])}
    >>> recipe = ["read", "normalize", "minus_log", {"find_center": centers}, "reconstruct", "write"]
    >>> swept = tomopy_edge.sweep(recipe, "scan.h5", rows=(100, 101))  # doctest: +SKIP
    >>> swept.best.values  # doctest: +SKIP
    (511.0,)
    """
    catalogue = catalogue or load_catalogue()
    variants = as_variants(recipe, catalogue)
    threads = at_least_one("ncore", ncore, available_cores())
    spare_memory()
    start, started = time.perf_counter(), datetime.now().astimezone()
    with ExitStack() as opened:
        source = opened.enter_context(open_scan(Path(scan))) if isinstance(scan, str | Path) else scan
        span = rows_swept(variants, source, rows)
        target = Path(output) if output is not None else sweep_output(source)
        chunk = rows_at_once(source, nchunk, free_memory())
        with output_folder(target, overwrite=overwrite) as folder:
            expect_room(folder, slices_in(variants, span) * 4 * source.columns**2, " for the slices, as float32")
            job = Job(ncore=threads, catalogue=catalogue, scan=source, output=folder, rows=(span.first, span.last))
            samples = samples_of(variants, source, rows)
            with planted(variants, span, samples, job, chunk=chunk, strict=strict) as (tree, shelf):
                errors = [*track(_put(shelf, tree.grow()), total=len(variants.each), what="values")]
            if all(errors):
                # Of several reasons the first will do: nothing was made.
                raise next(error for error in errors if error is not None)
            results = tuple(shelf.results[number] for number in range(len(variants.each)))
            best = best_center(variants.axes, results)
            once = told_of_once(variants, tree.found_with)
            sheets = write_tables(folder, variants, results, best, source, span, once)
            seconds = time.perf_counter() - start
            _write_report(folder, variants, results, source, span, started, seconds, once)
    return Swept(target, results, best, tuple(target / name for name in sheets), seconds, once)


@contextmanager
def planted(
    variants: Variants, span: Span, samples: Sequence[tuple[int, int]], job: Job, *, chunk: int, strict: bool = False
) -> Iterator[tuple[Tree, Shelf]]:
    """Yield what makes the slices of a sweep, and what puts them into the output of a job; see `Tree` and `Shelf`."""
    folder = job.output
    assert folder is not None, "a sweep writes"  # noqa: S101 - whoever calls it has given it
    recipes = [variant.recipe for variant in variants.each]
    outputs = [folder / MORE / variant.name for variant in variants.each]
    with told(folder):
        for path in outputs:
            path.mkdir(parents=True)
    alike = alike_after(variants)
    tree = Tree(recipes, span, samples, outputs, job, chunk=chunk, alike_after=alike, strict=strict)
    how = {"denoised": is_denoised(variants), "raw_once": has_raw_once(variants)}
    yield tree, Shelf(folder, variants.each, **how, later=variants.later)
    for path in (*outputs, folder / MORE):
        # What no stage wrote anything into is of no use.
        with suppress(OSError):
            path.rmdir()


def _put(shelf: Shelf, made: Iterator[Made | Failed]) -> Iterator[Exception | None]:
    for one in made:
        result = shelf.put(one)
        if isinstance(one, Failed):
            log.error("%s: %s", result.name, one.why)
        yield one.error if isinstance(one, Failed) else None


def write_tables(
    folder: Path,
    variants: Variants,
    results: Sequence[Result],
    best: Result | None,
    source: ScanFile,
    span: Span,
    note: str = "",
) -> list[str]:
    """Write the scores and draw the sheets; return the names of these."""
    with told(folder):
        put_text(folder / SCORES, table(variants.axes, results))
    rows = range(span.first, span.last)
    sheets = []
    for row in rows:
        name = "contact_sheet.png" if len(rows) == 1 else f"contact_sheet_row_{row:05d}.png"
        places = " and ".join(axis.place for axis in variants.axes)
        draw_sweep(
            *(folder, name, row, variants.axes, results),
            best=best,
            raw_once=has_raw_once(variants),
            pixel_size=source.pixel_size,
            title=f"{Path(source.source).name}: {places}",
            note=note,
        )
        sheets.append(name)
    return sheets


def _write_report(
    folder: Path,
    variants: Variants,
    results: Sequence[Result],
    source: ScanFile,
    span: Span,
    started: datetime,
    seconds: float,
    once: str,
) -> None:
    content = {
        "scan": {
            "source": source.source if isinstance(source, ArrayScan) else str(Path(source.source).absolute()),
            "angles": angles_taken(source, variants.each[0].recipe.blocks[0].options),
            "rows": [span.first, span.last],
            "columns": source.columns,
            "pixel_size": source.pixel_size,
        },
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "sweeps": [asdict(axis) for axis in variants.axes],
        "found_once": once,
        "scores": {
            "sharpness": SHARPNESS,
            "noise": "standard deviation, attenuation per pixel",
            "mean": f"within {RADIUS:.0%} of the circle, attenuation per pixel",
            "difference": "root mean square of that from the first slice made, attenuation per pixel",
        },
        "results": [asdict(result) for result in results],
        "versions": versions(),
    }
    with told(folder):
        put_text(folder / REPORT, json.dumps(content, indent=2) + "\n")
