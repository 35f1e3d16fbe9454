"""`tomopy-edge batch`: a recipe on many scans, one after the other."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import SOME_FAILED, VERDICTS, add_manner_flags, cluster_of
from tomopy_edge.errors import OutputError
from tomopy_edge.plugins import load_catalogue

if TYPE_CHECKING:
    from tomopy_edge.batch import Outcome

log = logging.getLogger(__name__)


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "batch",
        help=VERBS["batch"],
        description="Run a recipe on many scans, one after the other, past those that fail; a table says at the end "
        "what came of each (exit code 3 where some failed, or else 4 or 5 where slices are to be looked at, as of "
        "`run`). Scans that are done are left alone. A file SCAN.yaml beside the scan SCAN.h5, with stages and their "
        "options, changes the recipe for that scan; --set wins over it.",
    )
    parser.add_argument("recipe", type=Path, help="YAML file, or the name of a shipped recipe: quickstart")
    parser.add_argument(
        "scans",
        nargs="+",
        metavar="SCANS",
        help="scan files, folders (all scans in them, by name), or @list.txt with one path on each line",
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="STAGE.OPTION=VALUE",
        help="change one option of the recipe for all scans; may be given several times",
    )
    parser.add_argument("--pattern", help="names of the files that are taken of folders, such as 'sample_*.h5'")
    parser.add_argument(
        "--per-scan",
        type=Path,
        metavar="FOLDER",
        help="where the files for single scans are (default: beside each scan)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder that the outputs are made in, each <stem>_rec (default: <parent>_rec beside each scan's folder)",
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="write what came of each scan to a .csv or .json, after every scan"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the outputs of earlier runs, those that are done too"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with outputs that are not finished, and try failed slices again"
    )
    add_manner_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the batch; print what came of each scan."""
    # It takes what the whole pipeline does, which `--help` has no need of.
    from tomopy_edge.batch import Manner, Outcome, batch, left_undone, plan, table_lines, write_table
    from tomopy_edge.batch.table import expect_table

    if args.table is not None:
        expect_table(args.table)
    catalogue = load_catalogue()
    tasks = plan(
        args.recipe,
        args.scans,
        changes=args.overrides,
        output=args.output,
        pattern=args.pattern,
        own=args.per_scan,
        catalogue=catalogue,
    )
    manner = Manner(
        overwrite=args.overwrite,
        resume=args.resume,
        strict=args.strict,
        ncore=args.ncore,
        nchunk=args.nchunk,
        cluster=cluster_of(args, tasks[0].recipe),
    )
    outcomes: list[Outcome] = []
    if args.table is not None:
        # At once: that it cannot be written is better known now than after the night.
        write_table(args.table, outcomes)
    try:
        for outcome in batch(tasks, manner, catalogue):
            outcomes.append(outcome)
            _keep(args.table, outcomes)
    except KeyboardInterrupt:
        # What was done by then is not to be looked for.
        left = tasks[len(outcomes) :]
        outcomes += [left_undone(task) for task in left[:1]]
        outcomes += [Outcome(str(task.scan), str(task.output), "not begun") for task in left[1:]]
        _keep(args.table, outcomes)
        print("\n".join(table_lines(outcomes)), flush=True)  # noqa: T201 - as below
        raise
    print("\n".join(table_lines(outcomes)))  # noqa: T201 - this is what the command is for
    if any(outcome.bad for outcome in outcomes):
        return SOME_FAILED
    return max(VERDICTS.get(outcome.verdict or "OK", 0) for outcome in outcomes)


def _keep(table: Path | None, outcomes: Sequence[Outcome]) -> None:
    """Write the table; a disk that is full now may not be at the next scan, and the scans come first."""
    from tomopy_edge.batch.table import write_table

    if table is None:
        return
    try:
        write_table(table, outcomes)
    except OutputError as error:
        log.warning("%s", error)
