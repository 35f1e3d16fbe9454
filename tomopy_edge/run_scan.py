"""A recipe on a scan file: from projections on disk to a finished output folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tomopy_edge.begun import Begun, read_begun, worth
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import rows_at_once, samples_in, side_by_side
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.errors import OutputError, RecipeError
from tomopy_edge.job import Job, at_least_one, available_cores
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.output import default_output, expect_room, output_folder
from tomopy_edge.pipeline import Span
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.progress import track, watched
from tomopy_edge.readers import ArrayScan, ScanFile, open_scan
from tomopy_edge.recipe import Recipe, parse_recipe, read_recipe
from tomopy_edge.record import Picked, note_earlier, tally_kept, write_record
from tomopy_edge.report import Report, make_report
from tomopy_edge.rows_left import Failure, Make, rows_here
from tomopy_edge.settling import settle_on
from tomopy_edge.stages.read import ENTRY as READ
from tomopy_edge.stages.read import RowRange, angles_taken, wanted_rows
from tomopy_edge.stages.trust import ENTRY as TRUST
from tomopy_edge.stages.write import ENTRY as WRITE
from tomopy_edge.strict import to_plain
from tomopy_edge.there import leave_out, take_back
from tomopy_edge.trust.findings import kept
from tomopy_edge.trust.rows import examined_rows
from tomopy_edge.trust.verdict import summary_of
from tomopy_edge.writers.ledger import Ledger
from tomopy_edge.writers.sizes import on_disk

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


def run(  # noqa: PLR0913 - a recipe, a scan, an output, and how
    recipe: Recipe | Sequence[Any] | str | Path,
    scan: str | Path | ScanFile,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    ncore: int | None = None,
    nchunk: int | None = None,
    resume: bool = False,
    strict: bool = False,
    cluster: ClusterOptions | None = None,
    catalogue: Catalogue | None = None,
) -> Run:
    """Run a recipe on a scan.

    Slices are on the disk for good as soon as they are made. A run that ends before its time, on whatever terms, leaves
    them in `<output>.part`, and the next one can go on with them.

    Parameters
    ----------
    recipe : a `Recipe`, the path of a YAML file or the name of a shipped one, or its content as a list of stages
    scan : path of a scan file, or an open scan, which stays open
    output : folder to make; None takes `<parent>_rec/<stem>_rec` beside the scan's folder
    overwrite : whether an output of an earlier run may be replaced
    ncore : threads; None takes all there are
    nchunk : rows worked on at once; None chooses by memory. The result does not depend on it.
    resume : whether to go on with what an earlier run of the same recipe on the same scan left, whole or not: slices
        that are missing, or are not what they were when they were written, are made
    strict : whether the run ends where a slice fails. Otherwise the report names it, and the others are made.
    cluster : what machines make the slices; None makes them on this one, whatever the recipe says of a cluster. They
        must see scan and output under the same paths, and have the same plugins installed.
    catalogue : what plugins offer; None asks the built-in and the installed ones

    Returns
    -------
    Run : the output folder, which holds the slices, their hashes in `slices.jsonl`, `recipe.yaml` (settled),
        `report.json` and `contact_sheet.png`

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
        free = free_memory()
        chunk = rows_at_once(source, nchunk, free)
        wanted = wanted_rows(source, recipe.blocks[0].options)
        span = Span(wanted.first, wanted.last, source.rows)
        if resume:
            take_back(target, lambda begun: begun.expect_same(recipe, source, span, target))
        rows = span.first, span.last
        with (
            output_folder(target, overwrite=overwrite, resume=resume, worth=worth) as folder,
            Ledger(folder) as ledger,
            _maker(cluster, source, nchunk, chunk, strict=strict) as make,
        ):
            job = Job(
                ncore=threads,
                catalogue=catalogue,
                scan=source,
                output=folder,
                rows=rows,
                ledger=ledger,
                overlap=side_by_side(source.angles, source.columns, chunk, free),
            )
            settings = {"ncore": threads, "nchunk": chunk} if cluster is None else to_plain(cluster)
            with tally_kept(folder, ledger, job.tally):
                report = _run(recipe, source, span, make, job, settings)
    return Run(target, report)


@contextmanager
def _maker(
    cluster: ClusterOptions | None, source: ScanFile, asked: int | None, chunk: int, *, strict: bool
) -> Iterator[Make]:
    """Yield what makes rows, here or elsewhere, `chunk` at once, or what a worker chooses where none was `asked`."""
    if cluster is None:
        yield rows_here(chunk, strict=strict)
        return
    from tomopy_edge.cluster.rows import rows_elsewhere

    with rows_elsewhere(cluster, source, asked, strict=strict) as make:
        yield make


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
    if any(block.entry is TRUST for block in recipe.blocks[:-2]):
        faults.append(
            f"{TRUST.name}: stands before the end, where it would examine slices that a later stage changes; keep one, "
            f"right before '{WRITE.name}'"
        )
    if faults:
        raise RecipeError("recipe", faults)


def _run(recipe: Recipe, source: ScanFile, span: Span, make: Make, job: Job, settings: dict[str, Any]) -> Report:
    started = datetime.now().astimezone()
    start = time.perf_counter()
    settled = _settled(recipe, source, span, job)
    settling = time.perf_counter() - start
    picked = Picked.among(span.first, span.last, settled.blocks[-1].entry.name)
    rows = left = span.last - span.first
    earlier = 0
    shape: tuple[int, ...] = ()
    failed: dict[int, str] = {}

    def made() -> Iterator[int]:
        nonlocal earlier, left, shape
        for one in make(settled, span, picked, job):
            count = 1 if isinstance(one, Failure) else one.count
            left -= count
            if isinstance(one, Failure):
                log.error("%s", one.told)
                failed[one.row] = one.told
            elif not one.shape:
                earlier += count
            elif not shape:
                shape = one.shape
                # The size of the slices is known now; a disk that will be full is better told of early.
                formats = settled.blocks[-1].options.formats
                expect_room(_folder(job), sum(on_disk(name, (left, *shape)) for name in formats))
            yield count

    slices = watched(made(), job.tally.at_work, "slices")
    for _ in track(slices, total=rows, what="slices", size=int):
        pass
    note_earlier(earlier, job.ledger, job.tally)
    leave_out(failed, settled.blocks[-1].options, job)
    seconds = time.perf_counter() - start

    def report() -> Report:
        return make_report(
            scan=_described(source, settled, span),
            slices=(span.last - span.first, *shape),
            recipe=settled,
            started=started,
            seconds=seconds,
            settling=settling,
            settings=settings,
            tally=job.tally,
            failed=failed,
            trust=_examined(settled, span, _folder(job), failed),
        )

    return write_record(_folder(job), settled, source, picked, job.tally, report)


def _examined(settled: Recipe, span: Span, folder: Path, failed: Collection[int]) -> dict[str, Any] | None:
    """Return what the examined slices of a span come to, those of earlier runs too; None where none was to be."""
    chosen = next((block.options for block in settled.blocks if block.entry is TRUST), None)
    if chosen is None:
        return None
    wanted = [row for row in examined_rows(span.first, span.last, chosen.every) if row not in failed]
    return summary_of([one for one in kept(folder) if one.row in wanted], wanted)


def _settled(recipe: Recipe, source: ScanFile, span: Span, job: Job) -> Recipe:
    """Return the recipe as the output was begun with it, or settle it and begin."""
    folder = _folder(job)
    begun = read_begun(folder)
    if begun is not None:
        begun.expect_same(recipe, source, span, folder)
        return begun.recipe(job.catalogue)
    settled = settle_on(recipe, samples_in(span, source.angles, source.columns), job)
    Begun.of(recipe, settled, source, span).write(folder)
    return settled


def _folder(job: Job) -> Path:
    assert job.output is not None, "a run writes"  # noqa: S101 - `run` has given it
    return job.output


def _described(source: ScanFile, settled: Recipe, span: Span) -> dict[str, Any]:
    return {
        "source": source.source if isinstance(source, ArrayScan) else str(Path(source.source).absolute()),
        "angles": angles_taken(source, settled.blocks[0].options),
        "rows": [span.first, span.last],
        "columns": source.columns,
        "pixel_size": source.pixel_size,
    }
