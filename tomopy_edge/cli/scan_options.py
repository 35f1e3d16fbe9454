"""The flags that every verb which works on a scan shares."""

from __future__ import annotations

import argparse
from pathlib import Path

from tomopy_edge.run_scan import Run


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add where to write, how many threads, how many rows at once."""
    parser.add_argument(
        "-o", "--output", type=Path, help="folder to make (default: <parent>_rec/<stem>_rec beside the scan's folder)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output of an earlier run")
    parser.add_argument("--ncore", type=positive, help="threads (default: all there are)")
    parser.add_argument(
        "--nsino-per-chunk", dest="nchunk", type=positive, help="rows worked on at once (default: by memory)"
    )


def positive(text: str) -> int:
    """Return `text` as a whole number above 0, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def tell(done: Run) -> None:
    """Print what a run did and where its output lies."""
    for line in done.report.lines():
        print(line)  # noqa: T201 - this is what the command is for
    print(f"slices: {done.output}")  # noqa: T201
    print(f"contact sheet: {done.output / 'contact_sheet.png'}")  # noqa: T201
