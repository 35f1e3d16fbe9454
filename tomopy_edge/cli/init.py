"""`tomopy-edge init`: a recipe made for a scan, with a comment on every choice."""

from __future__ import annotations

import argparse
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.errors import OutputError
from tomopy_edge.output import default_output
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.failures import told

DEFAULT = Path("recipe.yaml")


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "init",
        help=VERBS["init"],
        description="Write a recipe made for a scan: angles, flats, counts, stripes, the rotation axis and the speed "
        "of this machine are measured, and a comment on every stage says what was found and why it is set so. What to "
        "know before trusting the slices stands on top.",
    )
    parser.add_argument(
        "scan", type=Path, help="scan: HDF5 of DataExchange or NXtomo, a folder of TIFF files, Zarr, numpy, scan.yaml"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=DEFAULT, help=f"YAML file to write (default: {DEFAULT})", metavar="RECIPE"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an older file")
    parser.add_argument("--center", type=float, help="column of the rotation axis, where you know it (default: found)")
    parser.add_argument(
        "--model", help="name or folder of a model (default: tomogan, or tomogan-compact where that takes too long)"
    )
    parser.add_argument("--denoiser", default="tomogan", help="see `tomopy-edge plugins` (default: tomogan)")
    time = parser.add_mutually_exclusive_group()
    time.add_argument(
        "--within", type=_minutes, default=60.0, metavar="MINUTES", help="how long a run may take (default: 60)"
    )
    time.add_argument(
        "--no-time", action="store_true", help="do not try on rows of the scan how long a run takes, and take tomogan"
    )
    parser.add_argument("--ncore", type=positive, help="threads (default: all there are)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the recipe; print what was found, and what to type next."""
    # It takes what the whole pipeline does, which `--help` has no need of.
    from tomopy_edge.propose import propose

    recipe: Path = args.output
    _expect_free(recipe, overwrite=args.overwrite)
    with open_scan(args.scan) as scan:
        proposal = propose(
            scan,
            model=args.model,
            denoiser=args.denoiser,
            center=args.center,
            within=None if args.no_time else args.within,
            beside=recipe,
            ncore=args.ncore,
            catalogue=load_catalogue(),
        )
    with told(recipe):
        recipe.parent.mkdir(parents=True, exist_ok=True)
        put_text(recipe, proposal.to_yaml(recipe))
    lines = [*proposal.lines(), f"recipe: {recipe}", "next:", *(f"  {line}" for line in proposal.commands(recipe))]
    lines.append(f"slices will lie in {default_output(Path(proposal.seen.source))}, or where --output of run says")
    print("\n".join(lines))  # noqa: T201 - this is what the command is for
    return 0


def _expect_free(recipe: Path, *, overwrite: bool) -> None:
    if recipe.is_dir():
        raise OutputError(f"{recipe}: is a folder; name a YAML file with --output")
    if recipe.exists() and not overwrite:
        raise OutputError(
            f"{recipe}: is there already; name another file with --output, or replace it with --overwrite"
        )


def _minutes(text: str) -> float:
    """Return `text` as a number above 0, for argparse."""
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be above 0 minutes, got {text}")
    return number
