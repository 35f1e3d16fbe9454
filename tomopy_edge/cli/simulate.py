"""`tomopy-edge simulate`: a scan of a phantom, or pairs to train on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.command_line import command_line
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.job import available_cores
from tomopy_edge.simulation.phantoms import KINDS, VOLUME

if TYPE_CHECKING:
    from tomopy_edge.simulation.anatomy import VoxelVolume

FAULTS = {
    "offset": "pixels from column COLUMNS / 2 to the rotation axis, by which a recipe that takes it there is wrong",
    "blur": "standard deviation of the detector's blur, pixels",
    "spread": "standard deviation of the spread of single photons, pixels: it blurs image and noise",
    "fringes": "strength of phase contrast, pixels^2",
    "rings": "relative change of the pixels' gain after the flats, which leaves rings, such as 0.01",
    "zingers": "share of pixels hit by something else than the beam, such as 1e-5",
    "irregular": "standard deviation of the angles from even ones, steps",
    "wedge-deg": "degrees of the half turn that are missing",
}
"""Flags of what is wrong with a scan, named as in `Exposure`, each 0 by default."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "simulate",
        help=VERBS["simulate"],
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
    for name, meaning in FAULTS.items():
        scan.add_argument(f"--{name}", type=float, default=0.0, help=f"{meaning} (default: 0)")
    scan.add_argument(
        "--kind",
        choices=(*KINDS, VOLUME),
        help=f"what the phantom resembles (default: mixed, or {VOLUME} with --volumes)",
    )
    scan.add_argument(
        "--width", type=float, help="of the object, in widths of the detector; above 1 it sticks out (default: any)"
    )
    scan.add_argument(
        "--flawed", action="store_true", help="thin cracks and small pores all over the object, whatever its kind"
    )
    scan.add_argument(
        "--no-truth", dest="truth", action="store_false", help="leave out the truth, 4 COLUMNS^2 bytes a row"
    )
    scan.set_defaults(run=run_scan)
    pairs = what.add_parser(
        "pairs",
        help="noisy and clean slices to train on",
        description="Write noisy and clean slices of many scans, in network units, for `tomopy-edge train`.",
    )
    _add_shared_flags(pairs, columns=512)
    pairs.add_argument("--count", type=positive, default=1000, help="pairs to train on (default: 1000)")
    pairs.add_argument("--held-out", type=positive, default=40, help="further pairs to judge by (default: 40)")
    pairs.set_defaults(run=run_pairs)


def _add_shared_flags(parser: argparse.ArgumentParser, columns: int) -> None:
    parser.add_argument("output", type=Path, help="HDF5 file to write")
    parser.add_argument("--columns", type=positive, default=columns, help=f"detector columns (default: {columns})")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same file (default: 1)")
    parser.add_argument(
        "--volumes", type=Path, metavar="FOLDER", help="cut objects from the .tif stacks (z, y, x) in a folder"
    )
    parser.add_argument("--ncore", type=positive, help="threads (default: all there are)")
    parser.add_argument("--overwrite", action="store_true", help="replace an older file")


def run_scan(args: argparse.Namespace) -> int:
    """Simulate one scan and write it."""
    import numpy as np

    from tomopy_edge.errors import DataError
    from tomopy_edge.simulation.files import stream_scan
    from tomopy_edge.simulation.pairs import NARROW
    from tomopy_edge.simulation.phantoms import draw_phantom
    from tomopy_edge.simulation.scans import Exposure, prepare

    fill = (args.width, args.width) if args.width is not None else NARROW
    faults = {name.replace("-", "_") for name in FAULTS}
    chosen = {name: getattr(args, name) for name in ("angles", "counts", "absorption", *sorted(faults))}
    volumes = volumes_of(args)
    kind = args.kind or (VOLUME if volumes else "mixed")
    try:
        rng = np.random.default_rng(args.seed)
        exposure = Exposure(**chosen)
        phantom = draw_phantom(
            rng, kind, args.columns, fill=fill, rows=args.rows, flawed=float(args.flawed), volumes=volumes
        )
    except ValueError as error:
        raise DataError(f"simulate scan: {error}") from None
    acquisition = prepare(phantom, exposure, args.rows, args.columns, rng)
    stream_scan(
        args.output,
        acquisition,
        ncore=args.ncore or available_cores(),
        truth=args.truth,
        command=command_line(),
        overwrite=args.overwrite,
    )
    told = [f"scan: {args.output}; rotation axis at column {acquisition.center:g}"]
    if exposure.offset:
        middle = acquisition.center - exposure.offset
        told.append(f"{abs(exposure.offset):g} pixels off for a recipe with --set find_center.center={middle:g}")
    print("\n".join(told))  # noqa: T201 - what the command is for
    return 0


def run_pairs(args: argparse.Namespace) -> int:
    """Simulate pairs and write them."""
    from tomopy_edge.simulation.pair_files import write_pairs

    write_pairs(
        args.output,
        count=args.count,
        held_out=args.held_out,
        columns=args.columns,
        seed=args.seed,
        ncore=args.ncore or available_cores(),
        volumes=volumes_of(args),
        overwrite=args.overwrite,
    )
    print(f"pairs: {args.output}")  # noqa: T201 - what the command is for
    return 0


def volumes_of(args: argparse.Namespace) -> tuple[VoxelVolume, ...]:
    """Return the volumes of the folder that was given, if any."""
    from tomopy_edge.simulation.anatomy import read_volumes

    return () if args.volumes is None else read_volumes(args.volumes)
