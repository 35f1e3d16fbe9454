"""`tomopy-edge evaluate`: how good models are, beside methods that were never trained."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.errors import DataError, OutputError
from tomopy_edge.evaluation.methods import NAMES
from tomopy_edge.output import output_folder


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "evaluate",
        help=VERBS["evaluate"],
        description="Compare models with each other and with methods that were never trained: on the project's own "
        "test set, on a file of simulated scans, or on a real scan, part of which is judged by all the rest of it.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="name or folder of a model (default: tomogan)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--phantoms", type=Path, metavar="FILE", help="HDF5 file of simulated scans and their truth")
    source.add_argument("--scan", type=Path, metavar="FILE", help="a real scan, whose truth nobody knows")
    parser.add_argument(
        "--every",
        type=positive,
        nargs="*",
        metavar="N",
        help="with --scan: denoise every Nth view and judge by all others (default without --thin: 2, 4, 8 and 16, as "
        "far as the views go)",
    )
    parser.add_argument(
        "--thin",
        type=float,
        nargs="+",
        metavar="SHARE",
        help="with --scan: denoise a random share of the counts, each taken for one photon, and judge by all others",
    )
    parser.add_argument("--center", type=float, help="with --scan: column of the rotation axis (default: found)")
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        default=NAMES,
        help=f"which to compare: {', '.join(NAMES)}, or any denoiser of `tomopy-edge plugins` (default: all these)",
    )
    parser.add_argument("-o", "--output", type=Path, help="folder to make: table, all numbers, pictures")
    parser.add_argument("--overwrite", action="store_true", help="replace an older output")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers into this file too")
    parser.add_argument("--ncore", type=positive, help="threads (default: all there are)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, and write what was asked for."""
    from tomopy_edge.cli.command_line import command_line
    from tomopy_edge.evaluation.bench import Bench
    from tomopy_edge.evaluation.cases import own_test_set, phantom_file
    from tomopy_edge.evaluation.halves import halves_of
    from tomopy_edge.evaluation.judge import evaluate
    from tomopy_edge.evaluation.methods import methods_of, with_bm3d
    from tomopy_edge.evaluation.nearness import compare
    from tomopy_edge.evaluation.record import Result, tables, write_files, write_json
    from tomopy_edge.job import available_cores
    from tomopy_edge.plugins import load_catalogue

    _expect_sense(args)
    catalogue = with_bm3d(load_catalogue())
    methods, left_out = methods_of(args.models or ["tomogan"], catalogue, args.methods)
    bench = Bench(methods, catalogue, args.ncore or available_cores())
    with ExitStack() as stack:
        folder = stack.enter_context(output_folder(args.output, overwrite=args.overwrite)) if args.output else None
        result: Result
        if args.scan is None:
            source = own_test_set() if args.phantoms is None else phantom_file(args.phantoms)
            result = evaluate(source, bench)
        else:
            parts = halves_of(args.scan, catalogue, bench.ncore, every=args.every, thin=args.thin, center=args.center)
            result = compare(parts, bench)
        result = replace(result, notes=(*left_out, *result.notes))
        if args.json is not None:
            write_json(result, args.json, command_line())
        if folder is not None:
            write_files(result, folder, command_line())
    print("\n".join(tables(result)))  # noqa: T201 - what the command is for
    return 0


def _expect_sense(args: argparse.Namespace) -> None:
    """Raise an `EdgeError` where flags contradict each other, or a file could not be written in the end."""
    for name in ("every", "thin", "center"):
        if args.scan is None and getattr(args, name) is not None:
            raise DataError(f"--{name}: belongs to --scan; give a real scan, or leave it out")
    if args.overwrite and args.output is None:
        raise DataError("--overwrite: belongs to --output; give a folder, or leave it out")
    if args.json is not None and not args.json.absolute().parent.is_dir():
        raise OutputError(f"{args.json}: there is no folder {args.json.absolute().parent}; make it, or name another")
