"""`tomopy-edge simulate`: a scan of a phantom, or pairs to train on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tomopy_edge.cli.scan_options import positive
from tomopy_edge.job import available_cores
from tomopy_edge.simulation.phantoms import KINDS


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "simulate",
        help="simulate a scan, or pairs to train on",
        description="Simulate low-dose scans of random phantoms, whose truth is known.",
    )
    what = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    scan = what.add_parser(
        "scan",
        help="one scan as a DataExchange file",
        description="Write one scan as a DataExchange file, with its truth in /simulated/truth.",
    )
    _add_shared_flags(scan, columns=1024)
    scan.add_argument("--rows", type=positive, default=3, help="detector rows (default: 3)")
    scan.add_argument("--angles", type=positive, default=180, help="projections over 180 degrees (default: 180)")
    scan.add_argument("--counts", type=float, default=2000, help="counts where nothing absorbs (default: 2000)")
    scan.add_argument("--absorption", type=float, default=1.5, help="largest line integral (default: 1.5)")
    scan.add_argument(
        "--offset", type=float, default=0.0, help="pixels from column COLUMNS / 2 to the rotation axis (default: 0)"
    )
    scan.add_argument("--kind", choices=KINDS, default="mixed", help="what the phantom resembles (default: mixed)")
    scan.set_defaults(run=run_scan)
    pairs = what.add_parser(
        "pairs",
        help="noisy and clean slices to train on",
        description="Write noisy and clean slices of many scans, in network units, for `tomopy-edge train`.",
    )
    _add_shared_flags(pairs, columns=512)
    pairs.add_argument("--count", type=positive, default=1000, help="pairs to train on (default: 1000)")
    pairs.add_argument("--held-out", type=positive, default=40, help="further pairs to judge by (default: 40)")
    pairs.add_argument("--ncore", type=positive, help="threads (default: all there are)")
    pairs.set_defaults(run=run_pairs)


def _add_shared_flags(parser: argparse.ArgumentParser, columns: int) -> None:
    parser.add_argument("output", type=Path, help="HDF5 file to write")
    parser.add_argument("--columns", type=positive, default=columns, help=f"detector columns (default: {columns})")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same file (default: 1)")
    parser.add_argument("--overwrite", action="store_true", help="replace an older file")


def run_scan(args: argparse.Namespace) -> int:
    """Simulate one scan and write it."""
    import numpy as np

    from tomopy_edge.errors import DataError
    from tomopy_edge.simulation.files import write_scan
    from tomopy_edge.simulation.phantoms import draw_phantom
    from tomopy_edge.simulation.scans import Exposure, expose

    rng = np.random.default_rng(args.seed)
    try:
        exposure = Exposure(angles=args.angles, counts=args.counts, absorption=args.absorption, offset=args.offset)
        phantom = draw_phantom(rng, args.kind, args.columns)
    except ValueError as error:
        raise DataError(f"simulate scan: {error}") from None
    simulated = expose(phantom, exposure, args.rows, args.columns, rng)
    write_scan(args.output, simulated, command=command_line(), overwrite=args.overwrite)
    print(f"scan: {args.output}; rotation axis at column {simulated.center:g}")  # noqa: T201 - what the command is for
    return 0


def run_pairs(args: argparse.Namespace) -> int:
    """Simulate pairs and write them."""
    from tomopy_edge.simulation.files import write_pairs

    write_pairs(
        args.output,
        count=args.count,
        held_out=args.held_out,
        columns=args.columns,
        seed=args.seed,
        ncore=args.ncore or available_cores(),
        overwrite=args.overwrite,
    )
    print(f"pairs: {args.output}")  # noqa: T201 - what the command is for
    return 0


def command_line() -> str:
    """Return the command as the user gave it, for the files that it makes."""
    return " ".join(["tomopy-edge", *sys.argv[1:]])
