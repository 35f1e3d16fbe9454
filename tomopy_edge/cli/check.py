"""`tomopy-edge check`: everything about a recipe and a scan that can be known before the run."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import SOME_FAILED, overrides_of, positive
from tomopy_edge.errors import DataError
from tomopy_edge.output import default_output, expect_free, expect_room
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import ScanFile, open_scan
from tomopy_edge.recipe import Recipe
from tomopy_edge.run_scan import expect_whole
from tomopy_edge.sweeps.plan import rows_swept, sweep_output, told_of_slices, told_of_sweeps
from tomopy_edge.sweeps.variants import Variants, read_variants
from tomopy_edge.writers.sizes import in_words

if TYPE_CHECKING:
    from tomopy_edge.forecast import Forecast

log = logging.getLogger(__name__)

WITHOUT_CLUSTER = "cluster: left out here; memory and time are those of a run on this machine, without --cluster"


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "check",
        help=VERBS["check"],
        description="Check a recipe, and with a scan also whether that can be read, what would be made of it, and how "
        "much memory, disk and time that would take. Where the run would not go through, the exit code is 2; where "
        "some values of a sweep would fail, it is 3.",
    )
    parser.add_argument("recipe", type=Path, help="YAML file, or the name of a shipped recipe")
    # Not nargs="?": where an option comes before the scan, argparse would already have given it nothing.
    scan = parser.add_argument("scan", type=Path, metavar="[scan]", help="scan file")
    scan.required = False
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="STAGE.OPTION=VALUE", help="as for `run`"
    )
    parser.add_argument(
        "--rows",
        nargs=2,
        type=int,
        metavar=("FIRST", "LAST"),
        help="as for `run`: first row, and the one after the last",
    )
    parser.add_argument("-o", "--output", type=Path, help="as for `run`: the disk that this would lie on is looked at")
    parser.add_argument("--ncore", type=positive, help="as for `run`")
    parser.add_argument("--nsino-per-chunk", dest="nchunk", type=positive, help="as for `run`")
    parser.add_argument(
        "--no-time",
        action="store_true",
        help="do not try the recipe on rows of the scan, or a sweep with some values, which tells the time that a run "
        "takes, and takes some itself",
    )
    parser.set_defaults(run=run)


UNTRIED = "not tried on the scan: what does not suit it, such as an axis beside the detector, is told by the run"


def run(args: argparse.Namespace) -> int:
    """Print the recipe as it was understood, what it would make of the scan, and what that would take."""
    catalogue = load_catalogue()
    variants = read_variants(args.recipe, catalogue, overrides_of(args))
    recipe = variants.each[0].recipe
    expect_whole(recipe)
    if variants.axes:
        return _check_sweep(args, variants, catalogue)
    understood = f"{args.recipe}: {len(recipe.blocks)} stages, no faults", "", recipe.to_yaml().rstrip()
    if args.scan is None:
        _say(*understood)
        return 0
    # Before anything is said: of what was typed wrong, nobody should have to look for the error.
    with open_scan(args.scan) as scan:
        _say(*understood)
        _check_scan(args, recipe, scan, catalogue)
    return 0


def _check_sweep(args: argparse.Namespace, variants: Variants, catalogue: Catalogue) -> int:
    """Print what a sweep would make, and what it would take; return the exit code."""
    from tomopy_edge.forecast import there
    from tomopy_edge.forecast.pace import folder_for
    from tomopy_edge.sweeps.forecast import foretell_sweep
    from tomopy_edge.sweeps.pace import foretell_sweep_time

    understood = [f"{args.recipe}: {len(variants.each[0].recipe.blocks)} stages, no faults with any value"]
    understood += told_of_sweeps(variants)
    if args.scan is None:
        _say(*understood)
        return 0
    with open_scan(args.scan) as scan:
        span = rows_swept(variants, scan)
        output = args.output or sweep_output(scan)
        _say(*understood, "", _scan_line(scan), *scan.notes)
        expect_free(output.resolve(), overwrite=True)
        with folder_for(output):
            pass
        how = {"ncore": args.ncore, "nchunk": args.nchunk, "catalogue": catalogue}
        told = foretell_sweep(variants, scan, span, **how)
        _say(told_of_slices(variants, span), _output_line(args, output), *told.lines(there(output)))
        _expect_memory(told)
        expect_room(there(output) / output.name, told.disk)
        if args.no_time:
            return 0
        log.info("trying some values, to tell the time that all take; ctrl-C leaves that out")
        took = foretell_sweep_time(variants, scan, span, output, **how, loading=told.loading)
        _say(*took.lines())
    return SOME_FAILED if took.failed else 0


def _scan_line(scan: ScanFile) -> str:
    rows = f"{scan.rows} row{'s' * (scan.rows != 1)}"
    return f"{scan.source}: {scan.angles} projections of {rows} and {scan.columns} columns"


def _output_line(args: argparse.Namespace, output: Path) -> str:
    return f"{'' if args.output else 'default '}output: {output}" + ", which is there already" * output.exists()


def _expect_memory(told: Forecast) -> None:
    if not told.fits:
        raise DataError(f"memory may run out, and the system then ends the run without a word; {told.mend}")


def _check_scan(args: argparse.Namespace, recipe: Recipe, scan: ScanFile, catalogue: Catalogue) -> None:
    # It takes what the whole pipeline does, which a recipe alone has no need of.
    from tomopy_edge.forecast import forecast, there
    from tomopy_edge.forecast.pace import folder_for, foretell_time

    output = args.output or default_output(args.scan)
    _say("", _scan_line(scan), *scan.notes)
    expect_free(output.resolve(), overwrite=True)
    with folder_for(output):
        pass
    how = {"ncore": args.ncore, "nchunk": args.nchunk, "catalogue": catalogue}
    told = forecast(recipe, scan, **how)
    z, y, x = told.slices
    _say(
        f"would make {z} slice{'s' * (z != 1)} of {y} x {x} pixels ({in_words(4 * z * y * x)} as float32)",
        _output_line(args, output),
        *told.lines(there(output)),
        *[WITHOUT_CLUSTER] * (recipe.cluster is not None),
    )
    _expect_memory(told)
    expect_room(there(output) / output.name, told.disk)
    if args.no_time:
        _say(UNTRIED)
    else:
        log.info("trying the recipe on some rows, to tell the time that a run takes; ctrl-C leaves that out")
        _say(*foretell_time(recipe, scan, output, **how, loading=told.loading).lines())


def _say(*lines: str) -> None:
    # At once: what follows may take a while, or be interrupted.
    print("\n".join(lines), flush=True)  # noqa: T201 - this is what the command is for
