"""The flags that every verb which works on a scan shares."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.errors import DataError
from tomopy_edge.page import PAGE
from tomopy_edge.readers import ScanFile
from tomopy_edge.recipe import Recipe
from tomopy_edge.report import Report
from tomopy_edge.run_scan import run

SOME_FAILED = 3
"""Exit code of a run that made its output, but for some slices."""

VERDICTS = {"OK": 0, "CHECK": 4, "STOP": 5}
"""Exit code of a run that made all slices, by what the examined ones come to."""


HERE = "described"
"""Stands for the address where `--cluster` is given alone."""


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add where to write, how many threads, how many rows at once."""
    parser.add_argument(
        "-o", "--output", type=Path, help="folder to make (default: <parent>_rec/<stem>_rec beside the scan's folder)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output of an earlier run")
    parser.add_argument(
        "--resume", action="store_true", help="go on with what an earlier run of this recipe on this scan left"
    )
    add_manner_flags(parser)


def add_manner_flags(parser: argparse.ArgumentParser) -> None:
    """Add what is done about slices that fail, on which machines, how many threads, how many rows at once."""
    parser.add_argument(
        "--strict", action="store_true", help="end where a slice fails, instead of making the others (exit code 3)"
    )
    parser.add_argument(
        "--cluster",
        nargs="?",
        const=HERE,
        type=address,
        metavar="ADDRESS",
        help="have workers make the slices: those that the recipe's block `cluster` describes, those of the Dask "
        "scheduler at this address, or else some on this machine",
    )
    parser.add_argument("--workers", type=positive, help="how many, with --cluster (default: by cores and memory)")
    parser.add_argument("--ncore", type=positive, help="threads (default: all there are; of each worker 1)")
    parser.add_argument(
        "--nsino-per-chunk", dest="nchunk", type=positive, help="rows worked on at once (default: by memory)"
    )


def overrides_of(args: argparse.Namespace) -> list[str]:
    """Return what `--set` and `--rows` change of a recipe; `--rows` wins."""
    rows = [] if args.rows is None else [f"read.rows=[{args.rows[0]}, {args.rows[1]}]"]
    return [*args.overrides, *rows]


def positive(text: str) -> int:
    """Return `text` as a whole number above 0, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def address(text: str) -> str:
    """Return `text` as the address of a scheduler, for argparse."""
    if text != HERE and "://" not in text:
        raise argparse.ArgumentTypeError(
            f"expected an address such as tcp://head:8786, got {text!r}; put --cluster alone after recipe and scan"
        )
    return text


def cluster_of(args: argparse.Namespace, recipe: Recipe) -> ClusterOptions | None:
    """Return what `--cluster`, `--workers` and the recipe say of a cluster, None where none is asked for.

    Raises
    ------
    DataError : where they contradict each other
    """
    if args.cluster is None:
        if args.workers is not None:
            raise DataError("--workers: of no use without --cluster")
        return None
    try:
        found = recipe.cluster or ClusterOptions()
        if args.cluster != HERE:
            found = ClusterOptions(
                kind="running", address=args.cluster, cores=found.cores, rows=found.rows, patience=found.patience
            )
        given = {"workers": args.workers, "cores": args.ncore}
        return replace(found, **{name: number for name, number in given.items() if number is not None})
    except ValueError as error:
        raise DataError(f"--cluster: {error}") from None


def run_and_tell(args: argparse.Namespace, recipe: Recipe, scan: Path | ScanFile, catalogue: Catalogue) -> int:
    """Run a recipe on a scan as the flags of `add_output_flags` say; print what was done and where it lies."""
    done = run(
        recipe,
        scan,
        args.output,
        overwrite=args.overwrite,
        ncore=args.ncore,
        nchunk=args.nchunk,
        resume=args.resume,
        strict=args.strict,
        cluster=cluster_of(args, recipe),
        catalogue=catalogue,
    )
    lines = [*done.report.lines(), f"slices: {done.output}", f"contact sheet: {done.output / 'contact_sheet.png'}"]
    if (page := done.output / PAGE).is_file():
        lines.append(f"report: {page}")
    print("\n".join(lines))  # noqa: T201 - this is what the command is for
    return exit_code(done.report)


def exit_code(report: Report) -> int:
    """Return the exit code of a run that made its output: slices that failed weigh more than those to look at."""
    word = "OK" if report.trust is None else report.trust["verdict"]
    return SOME_FAILED if report.failed and word != "STOP" else VERDICTS[word]
