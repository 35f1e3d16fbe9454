"""`tomopy-edge bench`: how long the parts of a slice take on this machine, for every runtime and model."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any, get_args

from tomopy_edge.cli import STOPPED, VERBS
from tomopy_edge.cli.command_line import command_line
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.errors import DataError, OutputError
from tomopy_edge.networks.network_file import Precision

NAMED = ("columns", "angles", "slices", "turns", "ncore")
"""Numbers that are given as they are; left out, the library's own hold."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "bench",
        help=VERBS["bench"],
        description="Time filtered back projection, quantization, tiling, inference, stitching, Fine-Tune and writing "
        "on slices of a simulated scan, for every model and every runtime that works here, beside what the paper "
        "measured on its devices. All take turns, so that other programs disturb them alike.",
    )
    parser.add_argument("--model", nargs="+", metavar="MODEL", help="names or folders (default: all shipped models)")
    parser.add_argument("--runtime", nargs="+", metavar="NAME", help="default: all that work here")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=get_args(Precision),
        help="networks of the models (default: the one that each runtime takes where a recipe names none)",
    )
    parser.add_argument(
        "--tile",
        type=positive,
        nargs="+",
        metavar="PIXELS",
        help="edges of their tiles; the paper's are 64 (default: the one that a recipe would be given)",
    )
    parser.add_argument("--columns", type=positive, help="edge of the slices, pixels (default: 1024)")
    parser.add_argument("--angles", type=positive, help="projections they are made of (default: 180)")
    parser.add_argument("--slices", type=positive, help="in each turn (default: 2)")
    parser.add_argument("--turns", type=positive, help="after the first, which opens and compiles (default: 5)")
    parser.add_argument("--ncore", type=positive, help="threads (default: all there are)")
    parser.add_argument(
        "--scratch", type=Path, metavar="FOLDER", help="where slices are written and removed (default: temporary files)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every turn and what follows from it")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the bars of the paper's Fig. 7")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Time, print the tables, and write what was asked for, after ctrl-C too."""
    from tomopy_edge.machine.rounds import RoundsOptions, time_runtimes
    from tomopy_edge.machine.timing_picture import draw_bars
    from tomopy_edge.machine.timing_table import WIDTH, lines, write_json
    from tomopy_edge.plugins import load_catalogue

    for path in (args.json, args.png):
        if path is not None and not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.absolute().parent}; make it, or name another")
    given: dict[str, Any] = {name: getattr(args, name) for name in NAMED if getattr(args, name) is not None}
    lists = {"models": args.model, "runtimes": args.runtime, "precisions": args.precision, "tiles": args.tile}
    given |= {name: tuple(names) for name, names in lists.items() if names}
    try:
        chosen = RoundsOptions(**given)
    except ValueError as error:
        raise DataError(f"bench: {error}") from None
    timing = time_runtimes(chosen, load_catalogue(), scratch=args.scratch)
    try:
        width = min(shutil.get_terminal_size().columns, WIDTH)
        print("\n".join(lines(timing, width)))  # noqa: T201 - what the command is for
    finally:
        # Minutes of timing are kept, whether or not someone reads the tables to their end.
        if args.json is not None:
            write_json(timing, args.json, command_line())
        if args.png is not None:
            draw_bars(timing, args.png)
    return STOPPED if timing.stopped else 0
