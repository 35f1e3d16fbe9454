"""`tomopy-edge recon`: one scan without a recipe, with the flags that APS users know."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import add_output_flags, run_and_tell
from tomopy_edge.cli.sweeping import make_sweep, tell_sweep
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job, available_cores
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import ScanFile, open_scan
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.recon import TOMOGAN, network_stages
from tomopy_edge.stages.trust import ENTRY as TRUST
from tomopy_edge.sweeps.centers import centers_around, found_axis, rounded
from tomopy_edge.sweeps.plan import sweep_output
from tomopy_edge.sweeps.variants import parse_variants
from tomopy_edge.yaml_text import Sweep

WIDTH, STEP = 10.0, 0.5
"""Columns to each side of the first guess that are tried, and between two of them, as in tomocupy and TomoPy's CLI."""

FLAGS = "the flags of recon"
"""What errors call the recipe that the flags describe."""

FORMATS = {"tiff": ["tiff"], "h5": ["hdf5"], "both": ["tiff", "hdf5"]}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "recon",
        help=VERBS["recon"],
        description="Reconstruct and denoise one scan without a recipe. The recipe that was run lies in the output.",
    )
    parser.add_argument("scan", type=Path, nargs="?", help="scan file")
    parser.add_argument("--file-name", type=Path, help="the same, as the APS tools name it")
    axis = parser.add_mutually_exclusive_group()
    axis.add_argument("--rotation-axis", type=float, help="column of the rotation axis")
    axis.add_argument(
        "--rotation-axis-auto", choices=("vo", "correlation"), default="vo", help="how it is found (default: vo)"
    )
    parser.add_argument(
        "--reconstruction-type",
        choices=("full", "slice", "try"),
        default="full",
        help="all rows (full), one of them (slice), or one with many rotation axes, to choose by looking (try)",
    )
    parser.add_argument("--start-row", type=int, help="first row (default: the scan's first)")
    parser.add_argument("--end-row", type=int, help="row after the last (default: the scan's end)")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--row", type=int, help="the one row of slice and try (default: the middle)")
    one.add_argument(
        "--nsino", type=float, help="the same as a share of the rows: 0 the first, 1 the last (default: 0.5)"
    )
    parser.add_argument(
        "--center-search-width", type=float, help=f"columns to each side that try goes (default: {WIDTH:g})"
    )
    parser.add_argument("--center-search-step", type=float, help=f"columns between two of them (default: {STEP:g})")
    parser.add_argument("--remove-stripe-method", default="none", help="how rings are removed (default: none)")
    parser.add_argument("--reconstruction-algorithm", default="fbp", help="see `tomopy-edge plugins` (default: fbp)")
    parser.add_argument("--filter", dest="filter_name", help="filter of fbp (default: shepp)")
    parser.add_argument("--denoiser", default=TOMOGAN, help="see `tomopy-edge plugins` (default: tomogan)")
    parser.add_argument("--model", help="name or folder, for tomogan (default: tomogan)")
    parser.add_argument(
        "--precision", choices=get_args(Precision), help="of the model's network (default: what the model advises)"
    )
    parser.add_argument("--runtime", help="what runs the networks; see `tomopy-edge plugins` (default: auto)")
    parser.add_argument("--fine-tune", action="store_true", help="let the model's Fine-Tune network follow")
    parser.add_argument(
        "--trust-every",
        type=int,
        default=128,
        metavar="N",
        help="one slice in N is examined for what the network took away or made up; 0 examines none (default: 128)",
    )
    parser.add_argument("--save-format", choices=FORMATS, default="tiff", help="(default: tiff)")
    add_output_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the recipe that the flags describe and run it; print what was done."""
    catalogue = load_catalogue()
    with open_scan(named_scan(args)) as scan:
        stages = stages_of(args, scan.rows)
        if args.reconstruction_type == "try":
            return _try(args, stages, scan, catalogue)
        recipe = parse_recipe(stages, catalogue, source=FLAGS)
        return run_and_tell(args, recipe, scan, catalogue)


def named_scan(args: argparse.Namespace) -> Path:
    """Return the scan that is named, as other verbs take it or as the APS tools do.

    Raises
    ------
    DataError : where none is named, or two are
    """
    named: list[Path] = [path for path in (args.scan, args.file_name) if path is not None]
    if len(named) != 1:
        got = f"both {args.scan} and --file-name {args.file_name} were given" if named else "none was given"
        raise DataError(f"recon: takes one scan, and {got}; name it once, as in: tomopy-edge recon scan.h5")
    return named[0]


def _try(args: argparse.Namespace, stages: list[dict[str, Any]], scan: ScanFile, catalogue: Catalogue) -> int:
    """Make one slice with many rotation axes around the one given, or the one found; print what sharpness says."""
    width = WIDTH if args.center_search_width is None else args.center_search_width
    step = STEP if args.center_search_step is None else args.center_search_step
    rows, guess = _rows(args, scan.rows), args.rotation_axis
    if guess is None:
        job = Job(ncore=args.ncore or available_cores(), catalogue=catalogue, scan=scan)
        guess = rounded(found_axis(stages, scan, rows, job), step)
        print("\n".join(job.tally.notes.get("find_center", [])), flush=True)  # noqa: T201 - as in the report of a run
    tried = centers_around(guess, width, step, scan.columns)
    swept_over = {"find_center": {"center": Sweep(tried)}}
    # So many slices with a wrong axis are not worth examining; those of the recipe that it is gone on with are.
    later = [block for block in parse_recipe(stages, catalogue, source=FLAGS).blocks if block.entry.name == TRUST.name]
    run_now = [swept_over if "find_center" in stage else stage for stage in stages if TRUST.name not in stage]
    variants = replace(parse_variants(run_now, catalogue, source=FLAGS), later=tuple(later))
    row = _row(args, scan.rows)
    swept = make_sweep(
        args, variants, scan, catalogue, output=None if args.output else sweep_output(scan, "try"), rows=(row, row + 1)
    )
    on = []
    if swept.best is not None:
        words = ["tomopy-edge", "run", str(swept.output / swept.best.recipe), str(named_scan(args))]
        on = [
            f"to go on: {shlex.join(words)}",
            f"or type this command again with --reconstruction-type full --rotation-axis {swept.best.labels[0]}",
        ]
    return tell_sweep(swept, variants, on)


def stages_of(args: argparse.Namespace, rows: int) -> list[dict[str, Any]]:
    """Return the recipe that `args` describe for a scan of `rows`, as plain data.

    Raises
    ------
    DataError : where the scan does not have the rows asked for, or flags contradict each other
    ModelError : where the Fine-Tune network of no such model is asked for
    """
    _expect_in_use(args)
    first, last = _rows(args, rows)
    if args.reconstruction_type == "slice":
        first = _row(args, rows)
        last = first + 1
    center: dict[str, Any] = {"center": args.rotation_axis}
    if args.rotation_axis is None:
        center = {"method": args.rotation_axis_auto}
    reconstruct: dict[str, Any] = {"algorithm": args.reconstruction_algorithm}
    if args.filter_name is not None:
        reconstruct["options"] = {"filter_name": args.filter_name}
    stages: list[dict[str, Any]] = [
        {"read": {"rows": [first, last]}},
        {"normalize": {}},
        {"minus_log": {}},
        {"remove_stripes": {"method": args.remove_stripe_method}},
        {"find_center": center},
        {"reconstruct": reconstruct},
        *_network_stages(args),
    ]
    if args.trust_every:
        stages.append({"trust": {"every": args.trust_every}})
    return [*stages, {"write": {"formats": FORMATS[args.save_format]}}]


def _rows(args: argparse.Namespace, rows: int) -> tuple[int, int]:
    """Return the first row asked for and the one after the last."""
    first = args.start_row if args.start_row is not None else 0
    last = args.end_row if args.end_row is not None else rows
    if not 0 <= first < last <= rows:
        raise DataError(
            f"--start-row {first} and --end-row {last}: these are no rows of {named_scan(args)}, which has the rows "
            f"0 to {rows - 1}; give 0 <= start-row < end-row <= {rows}"
        )
    return first, last


def _row(args: argparse.Namespace, rows: int) -> int:
    """Return the one row that is asked for: the middle one where nothing is said."""
    first, last = _rows(args, rows)
    if args.nsino is not None and not 0 <= args.nsino <= 1:
        raise DataError(f"--nsino {args.nsino:g}: is a share of the rows, from 0 to 1; --row takes a row's number")
    row = first + min(int((0.5 if args.nsino is None else args.nsino) * (last - first)), last - first - 1)
    row = row if args.row is None else args.row
    if not first <= row < last:
        raise DataError(f"--row {row}: is none of the rows {first} to {last - 1} of {named_scan(args)}")
    return row


def _expect_in_use(args: argparse.Namespace) -> None:
    """Raise a `DataError` for flags that would do nothing with the type of reconstruction."""
    given = {
        "--row": (args.row is not None, ("slice", "try")),
        "--nsino": (args.nsino is not None, ("slice", "try")),
        "--center-search-width": (args.center_search_width is not None, ("try",)),
        "--center-search-step": (args.center_search_step is not None, ("try",)),
    }
    for flag, (is_given, kinds) in given.items():
        if is_given and args.reconstruction_type not in kinds:
            raise DataError(
                f"{flag}: of no use with --reconstruction-type {args.reconstruction_type}, only with "
                f"{' or '.join(kinds)}; leave it out"
            )


def _network_stages(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what denoises, with flags that would do nothing refused by their own names."""
    if args.denoiser != TOMOGAN:
        given = {
            "--model": args.model is not None,
            "--precision": args.precision is not None,
            "--runtime": args.runtime is not None,
            "--fine-tune": args.fine_tune,
        }
        idle = [flag for flag, is_given in given.items() if is_given]
        if idle:
            raise DataError(
                f"{' and '.join(idle)}: of no use without the denoiser {TOMOGAN!r}, and --denoiser is "
                f"{args.denoiser!r}; leave one of them out"
            )
    if args.fine_tune and args.precision == "chained":
        raise DataError("--fine-tune: a chained network has the Fine-Tune network in it; leave one of them out")
    return network_stages(args.denoiser, args.model, args.precision, args.runtime, fine_tune=args.fine_tune)
