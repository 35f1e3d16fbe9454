"""`tomopy-edge recon`: one scan without a recipe, with the flags that APS users know."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tomopy_edge.cli.scan_options import add_output_flags, run_and_tell
from tomopy_edge.plugins import make_manager
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import parse_recipe

FORMATS = {"tiff": ["tiff"], "h5": ["hdf5"], "both": ["tiff", "hdf5"]}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "recon",
        help="reconstruct and denoise one scan without a recipe",
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
    parser.add_argument("--denoiser", default="tomogan", help="see `tomopy-edge plugins` (default: tomogan)")
    parser.add_argument("--model", help="name or folder, for tomogan (default: tomogan)")
    parser.add_argument("--no-fine-tune", action="store_true", help="leave the Fine-Tune network out")
    parser.add_argument("--save-format", choices=FORMATS, default="tiff", help="(default: tiff)")
    add_output_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the recipe that the flags describe and run it; print what was done."""
    manager = make_manager()
    with open_scan(args.file_name) as scan:
        recipe = parse_recipe(stages_of(args, scan.rows), manager, source="the flags of recon")
        return run_and_tell(args, recipe, scan, manager)


def stages_of(args: argparse.Namespace, rows: int) -> list[dict[str, Any]]:
    """Return the recipe that `args` describe for a scan of `rows`, as plain data."""
    first = args.start_row if args.start_row is not None else 0
    last = args.end_row if args.end_row is not None else rows
    if args.reconstruction_type == "slice":
        first = (first + last) // 2
        last = first + 1
    center: dict[str, Any] = {"center": args.rotation_axis}
    if args.rotation_axis is None:
        center = {"method": args.rotation_axis_auto}
    reconstruct: dict[str, Any] = {"algorithm": args.reconstruction_algorithm}
    if args.filter_name is not None:
        reconstruct["options"] = {"filter_name": args.filter_name}
    network = {} if args.model is None else {"model": args.model}
    stages: list[dict[str, Any]] = [
        {"read": {"rows": [first, last]}},
        {"normalize": {}},
        {"minus_log": {}},
        {"remove_stripes": {"method": args.remove_stripe_method}},
        {"find_center": center},
        {"reconstruct": reconstruct},
        {"denoise": {"denoiser": args.denoiser, "options": network}},
    ]
    if args.denoiser == "tomogan" and not args.no_fine_tune:
        stages.append({"fine_tune": network})
    return [*stages, {"write": {"formats": FORMATS[args.save_format]}}]
