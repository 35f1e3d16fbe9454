"""`tomopy-edge check`: everything about a recipe and a scan that can be known before computing."""

from __future__ import annotations

import argparse
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.output import default_output
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import read_recipe
from tomopy_edge.run_scan import expect_whole
from tomopy_edge.stages.read import wanted_rows


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "check",
        help=VERBS["check"],
        description="Check a recipe, and with a scan also whether that can be read and what would be made of it.",
    )
    parser.add_argument("recipe", type=Path, help="YAML file")
    # Not nargs="?": where an option comes before the scan, argparse would already have given it nothing.
    scan = parser.add_argument("scan", type=Path, metavar="[scan]", help="scan file")
    scan.required = False
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="STAGE.OPTION=VALUE", help="as for `run`"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the recipe as it was understood, and what it would make of the scan."""
    recipe = read_recipe(args.recipe, load_catalogue(), args.overrides)
    expect_whole(recipe)
    lines = [f"{args.recipe}: {len(recipe.blocks)} stages, no faults", "", recipe.to_yaml().rstrip()]
    if args.scan is not None:
        with open_scan(args.scan) as scan:
            wanted = wanted_rows(scan, recipe.blocks[0].options)
            rows = wanted.last - wanted.first
            gigabytes = rows * scan.columns**2 * 4 / 1e9
            lines += [
                "",
                f"{scan.source}: {scan.angles} projections of {scan.rows} rows and {scan.columns} columns",
                f"would make {rows} slices of {scan.columns} x {scan.columns} pixels ({gigabytes:.2f} GB as float32)",
                f"default output: {default_output(args.scan)}",
            ]
            lines += scan.notes
    print("\n".join(lines))  # noqa: T201 - this is what the command is for
    return 0
