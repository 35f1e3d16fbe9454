"""`tomopy-edge report`: the page of an output, made anew from what lies there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.errors import DataError


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "report",
        help=VERBS["report"],
        description="Make report.html of an output anew, from its report.json, pictures and recipe: one file, which "
        "every browser opens, without a network. Outputs of older versions get one, too; what they lack is told.",
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder of a finished run")
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the page, and print where it lies."""
    # They know what all stages find, which `--help` has no need of.
    from tomopy_edge.page import PAGE, write_page
    from tomopy_edge.page.reading import read_report

    folder: Path = args.output.resolve()
    if not folder.is_dir():
        raise DataError(f"{args.output}: is no folder; name that of a finished run")
    report, missing = read_report(folder)
    write_page(folder, report)
    sys.stderr.writelines(f"tomopy-edge: {sentence}\n" for sentence in missing)
    page = folder / PAGE
    print(f"report: {page}")  # noqa: T201 - this is what the command is for
    if args.open:
        import webbrowser

        if not webbrowser.open(page.as_uri()):
            sys.stderr.write("tomopy-edge: no browser could be opened here; copy the file to where there is one\n")
    return 0
