"""`tomopy-edge recon`: one scan without a recipe, with the flags that APS users know."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import add_output_flags, run_and_tell
from tomopy_edge.errors import DataError
from tomopy_edge.networks.manifest import Precision
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.recon import TOMOGAN, network_stages

FORMATS = {"tiff": ["tiff"], "h5": ["hdf5"], "both": ["tiff", "hdf5"]}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "recon",
        help=VERBS["recon"],
        description="Reconstruct and denoise one scan without a recipe. The recipe that was run lies in the output.",
    )
    parser.add_argument("--file-name", type=Path, required=True, help="scan file")
    axis = parser.add_mutually_exclusive_group()
    axis.add_argument("--rotation-axis", type=float, help="column of the rotation axis")
    axis.add_argument(
        "--rotation-axis-auto", choices=("vo", "correlation"), default="vo", help="how it is found (default: vo)"
    )
    parser.add_argument(
        "--reconstruction-type", choices=("full", "slice"), default="full", help="all rows, or the middle one"
    )
    parser.add_argument("--start-row", type=int, help="first row (default: the scan's first)")
    parser.add_argument("--end-row", type=int, help="row after the last (default: the scan's end)")
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
    parser.add_argument("--save-format", choices=FORMATS, default="tiff", help="(default: tiff)")
    add_output_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the recipe that the flags describe and run it; print what was done."""
    catalogue = load_catalogue()
    with open_scan(args.file_name) as scan:
        recipe = parse_recipe(stages_of(args, scan.rows), catalogue, source="the flags of recon")
        return run_and_tell(args, recipe, scan, catalogue)


def stages_of(args: argparse.Namespace, rows: int) -> list[dict[str, Any]]:
    """Return the recipe that `args` describe for a scan of `rows`, as plain data.

    Raises
    ------
    DataError : where the scan does not have the rows asked for, or flags contradict each other
    ModelError : where the Fine-Tune network of no such model is asked for
    """
    first, last = _rows(args, rows)
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
    return [*stages, {"write": {"formats": FORMATS[args.save_format]}}]


def _rows(args: argparse.Namespace, rows: int) -> tuple[int, int]:
    """Return the first row and the one after the last."""
    first = args.start_row if args.start_row is not None else 0
    last = args.end_row if args.end_row is not None else rows
    if not 0 <= first < last <= rows:
        raise DataError(
            f"--start-row {first} and --end-row {last}: these are no rows of {args.file_name}, which has the rows 0 to "
            f"{rows - 1}; give 0 <= start-row < end-row <= {rows}"
        )
    if args.reconstruction_type == "slice":
        middle = (first + last) // 2
        return middle, middle + 1
    return first, last


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
