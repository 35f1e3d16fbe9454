"""A recipe on many scans, one after the other: past those that fail, and past those that are done."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tomopy_edge.batch.overrides import Given, Own, own_of
from tomopy_edge.batch.scans import outputs_of, scans_of
from tomopy_edge.batch.table import Outcome, table_lines, write_table
from tomopy_edge.begun import read_begun, worth
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.contents.output import read_report, trust_in
from tomopy_edge.errors import DataError, EdgeError, OutputError, RecipeError
from tomopy_edge.output import REPORT, part_of
from tomopy_edge.pipeline import Span
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import Recipe
from tomopy_edge.run_scan import expect_whole, run
from tomopy_edge.stages.read import wanted_rows

__all__ = ["Manner", "Outcome", "Task", "batch", "left_undone", "plan", "table_lines", "write_table"]

log = logging.getLogger(__name__)


CENTER = "find_center.center"


@dataclass(frozen=True)
class Task:
    """One scan of a batch.

    Attributes
    ----------
    scan, output : where they lie
    recipe : for it
    own : what is said for it alone
    changes : what is said for it alone, and what wins over that, in words
    """

    scan: Path
    output: Path
    recipe: Recipe
    own: Own
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Manner:
    """How each scan is run; see `tomopy_edge.run`.

    Attributes
    ----------
    overwrite : whether outputs of earlier runs are replaced; otherwise scans that are done are left alone
    resume : whether outputs that are not finished are gone on with, and those whose slices failed in part gone over
    strict : whether a scan ends where a slice of it fails
    ncore, nchunk : threads, and rows at once
    cluster : what machines make the slices
    """

    overwrite: bool = False
    resume: bool = False
    strict: bool = False
    ncore: int | None = None
    nchunk: int | None = None
    cluster: ClusterOptions | None = None


def plan(
    recipe: str | Path,
    scans: Sequence[str | Path],
    *,
    changes: Sequence[str] = (),
    output: Path | None = None,
    pattern: str | None = None,
    own: Path | None = None,
    catalogue: Catalogue | None = None,
) -> list[Task]:
    """Return what a batch is to do, once nothing in it is found to be wrong that can be known before it begins.

    Parameters
    ----------
    recipe : YAML file, or the name of a shipped one
    scans : files, folders and `@list.txt`; see `scans_of`
    changes : `stage.option=value` for all scans; they win over what is said for one
    output : folder that the outputs are made in, each `<stem>_rec`; None writes them where `run` does
    pattern : of the names of scans in folders
    own : folder with a `<stem>.yaml` for scans that need other options; None takes that of each scan
    catalogue : what plugins offer; None asks the built-in and the installed ones

    Raises
    ------
    EdgeError : with all that is wrong of the recipe, the changes and the files for single scans
    """
    catalogue = catalogue or load_catalogue()
    given = Given.read(Path(recipe), changes, catalogue)
    whole = given.parsed(given.changes)
    expect_whole(whole)
    if own is not None and not own.is_dir():
        raise DataError(f"{own}: is no folder; with it you say where the files for single scans are")
    found = scans_of(scans, pattern)
    stages = [block.entry.name for block in given.parsed(()).blocks]
    tasks, faults = list[Task](), list[RecipeError]()
    for scan, target in zip(found, outputs_of(found, output), strict=True):
        try:
            said = own_of(scan, own, stages)
            mine = given.recipe_for(said)
            expect_whole(mine)
        except RecipeError as error:
            faults.append(error)
            continue
        tasks.append(Task(scan, target, mine, said, tuple(given.told(said))))
    if not faults:
        _note_center(given, tasks)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise DataError("\n".join(map(str, faults)))
    return tasks


def _note_center(given: Given, tasks: Sequence[Task]) -> None:
    """Say where several scans get the axis of the recipe, which is that of one of them at best."""
    said = [task.own.changes for task in tasks] + [given.changes]
    if any(change.startswith(f"{CENTER}=") for changes in said for change in changes):
        return
    center = _center(given.parsed(given.changes).to_plain())
    if len(tasks) > 1 and center is not None:
        log.warning(
            "all %d scans get the rotation axis of the recipe, column %g; --set %s=null has it found in each",
            *(len(tasks), center, CENTER),
        )


def left_undone(task: Task) -> Outcome:
    """Return what came of a scan that was being run when the batch was ended."""
    held = worth(part_of(task.output))
    why = f"{held} are kept; --resume goes on with them" if held else ""
    return Outcome(str(task.scan), str(task.output), "stopped", why=why)


def batch(tasks: Sequence[Task], manner: Manner | None = None, catalogue: Catalogue | None = None) -> Iterator[Outcome]:
    """Run one scan after the other, and yield what came of each.

    A scan that fails, whatever the reason, ends none of those after it. One whose output is finished, and was begun
    with the same recipe and scan, is not run again.

    Parameters
    ----------
    tasks : see `plan`
    manner : how; None takes what `run` does
    catalogue : what plugins offer; None asks the built-in and the installed ones
    """
    manner, catalogue = manner or Manner(), catalogue or load_catalogue()
    for number, task in enumerate(tasks, start=1):
        log.info("scan %d of %d: %s", number, len(tasks), task.scan)
        for change in task.changes:
            log.info("%s: %s", task.scan.name, change)
        start = time.perf_counter()
        outcome = _ran(task, manner, catalogue)
        took = 0.0 if outcome.state == "done before" else round(time.perf_counter() - start, 3)
        yield replace(outcome, seconds=took, own="" if task.own.path is None else str(task.own.path))


def _ran(task: Task, manner: Manner, catalogue: Catalogue) -> Outcome:
    failed = Outcome(str(task.scan), str(task.output), "failed")
    try:
        before = None if manner.overwrite else _done_before(task, manner)
        if before is not None:
            log.info("%s: %s", task.scan.name, before.why)
            return before
        run(
            task.recipe,
            task.scan,
            task.output,
            overwrite=manner.overwrite,
            ncore=manner.ncore,
            nchunk=manner.nchunk,
            resume=manner.resume,
            strict=manner.strict,
            cluster=manner.cluster,
            catalogue=catalogue,
        )
        return _outcome(task)
    except EdgeError as error:
        log.error("%s: %s", task.scan, str(error).removeprefix(f"{task.scan}: "))  # noqa: TRY400 - it is a sentence
        log.debug("where it came from", exc_info=True)
        return replace(failed, why=str(error).removeprefix(f"{task.scan}: "))
    except Exception as error:
        # A bug, and no reason to lose the night's other scans.
        log.exception("%s: the next scan is gone on with", task.scan)
        return replace(failed, why=f"{type(error).__name__}: {error}")


def _done_before(task: Task, manner: Manner) -> Outcome | None:
    """Return what came of a scan that is done; None where it is to be run.

    Raises
    ------
    OutputError : where its output is finished, and was made otherwise
    """
    if not (task.output / REPORT).is_file() or part_of(task.output).exists():
        return None
    outcome = _outcome(task)
    begun = read_begun(task.output)
    if begun is None:
        raise OutputError(f"{task.output}: there is an output already; replace it with --overwrite")
    with open_scan(task.scan) as scan:
        wanted = wanted_rows(scan, task.recipe.blocks[0].options)
        begun.expect_same(task.recipe, scan, Span(wanted.first, wanted.last, scan.rows), task.output)
    if outcome.failed:
        return (
            None
            if manner.resume
            else replace(outcome, why=f"{outcome.why} (an earlier run; --resume tries them again)")
        )
    return replace(outcome, state="done before", why="was done before, with this recipe")


def _outcome(task: Task) -> Outcome:
    report = read_report(task.output)
    failed = report["failed"]
    rows = ", ".join(list(failed)[:8]) + " and more" * (len(failed) > 8)  # noqa: PLR2004 - rows in a message
    why = f"rows {rows}: {next(iter(failed.values()))}" if failed else ""
    return Outcome(
        str(task.scan),
        str(task.output),
        "some slices failed" if failed else "done",
        slices=report["slices"][0] - len(failed),
        failed=len(failed),
        center=_center(report["recipe"]),
        verdict=trust_in(report)[0],
        trust=trust_in(report)[1],
        why=why,
    )


def _center(recipe: list[Any]) -> float | None:
    found = (stage["find_center"] for stage in recipe if isinstance(stage, dict) and "find_center" in stage)
    options = next(found, None)
    center = options.get("center") if isinstance(options, dict) else None
    return float(center) if isinstance(center, int | float) else None
