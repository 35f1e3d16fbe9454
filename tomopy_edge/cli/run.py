"""`tomopy-edge run`: a recipe on a scan."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import add_output_flags, overrides_of, run_and_tell
from tomopy_edge.cli.sweeping import make_sweep, tell_sweep
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.sweeps.variants import read_variants


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "run",
        help=VERBS["run"],
        description="Run a recipe on a scan. Where !Sweep [a, b, c] or !SweepRange {start: a, stop: b, step: c} stands "
        "for the value of one or two options, the middle slice is made with each value, for you to choose.",
    )
    parser.add_argument("recipe", type=Path, help="YAML file, or the name of a shipped recipe: quickstart")
    parser.add_argument(
        "scan", type=Path, help="scan: HDF5 of DataExchange or NXtomo, a folder of TIFF files, Zarr, numpy, scan.yaml"
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="STAGE.OPTION=VALUE",
        help="change one option of the recipe; may be given several times",
    )
    parser.add_argument(
        "--rows",
        nargs=2,
        type=int,
        metavar=("FIRST", "LAST"),
        help="first row, and the one after the last (default: the recipe's; of a sweep else the middle one)",
    )
    add_output_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the recipe, or make the sweep that stands in it; print what was done."""
    catalogue = load_catalogue()
    variants = read_variants(args.recipe, catalogue, overrides_of(args))
    if not variants.axes:
        return run_and_tell(args, variants.each[0].recipe, args.scan, catalogue)
    swept = make_sweep(args, variants, args.scan, catalogue)
    recipe = swept.output / (swept.best.recipe if swept.best else "recipes/NAME.yaml")
    return tell_sweep(swept, variants, [f"to go on: {shlex.join(['tomopy-edge', 'run', str(recipe), str(args.scan)])}"])
