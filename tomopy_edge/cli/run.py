"""`tomopy-edge run`: a recipe on a scan."""

from __future__ import annotations

import argparse
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import add_output_flags, run_and_tell
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.recipe import read_recipe


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser("run", help=VERBS["run"], description="Run a recipe on a scan.")
    parser.add_argument("recipe", type=Path, help="YAML file, or the name of a shipped recipe: quickstart")
    parser.add_argument("scan", type=Path, help="scan file: DataExchange or NXtomo HDF5, or a format of dxchange")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="STAGE.OPTION=VALUE",
        help="change one option of the recipe; may be given several times",
    )
    add_output_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the recipe; print what was done."""
    catalogue = load_catalogue()
    recipe = read_recipe(args.recipe, catalogue, args.overrides)
    return run_and_tell(args, recipe, args.scan, catalogue)
