"""`tomopy-edge status`: what a file or folder is, and how far it has come.

With `--json` it prints one object, or a list of them where several paths are given: `path`, `kind` (see
`tomopy_edge.contents.Contents`), and the facts of that kind, lengths in micrometres and sizes in bytes. `format` is 1;
it changes when a field goes or changes its meaning, not when one is added.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tomopy_edge.cli import FAULT, VERBS
from tomopy_edge.errors import EdgeError

if TYPE_CHECKING:
    from tomopy_edge.contents import Contents

FORMAT = 1


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "status",
        help=VERBS["status"],
        description="Tell what is in files or folders: scans, outputs (finished or not, and what to type to go on), "
        "folders of scans, models, recipes, training pairs, slices as HDF5, OME-Zarr or TIFF. Nothing is changed.",
    )
    parser.add_argument("path", type=Path, nargs="+", metavar="PATH", help="file or folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object, or a list of them, for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what the paths hold."""
    # It knows every format, which `--help` has no need of.
    from tomopy_edge.contents import contents_of

    if len(args.path) == 1:
        found, faults = [contents_of(args.path[0])], list[str]()
    else:
        looked = [_looked(path) for path in args.path]
        found = [one for one in looked if not isinstance(one, str)]
        faults = [one for one in looked if isinstance(one, str)]
    if args.json:
        plain = [{"format": FORMAT, **one.to_plain()} for one in found]
        told = json.dumps(plain[0] if len(args.path) == 1 else plain, indent=2)
    else:
        told = "\n\n".join(
            "\n".join([f"{one.path}: {one.told[0]}", *(f"  {line}" for line in one.told[1:])]) for one in found
        )
    print(told)  # noqa: T201 - this is what the command is for
    sys.stderr.writelines(f"tomopy-edge: error: {fault}\n" for fault in faults)
    return FAULT if faults else 0


def _looked(path: Path) -> Contents | str:
    """Return what a path holds, or what is wrong with it: it is one of several."""
    from tomopy_edge.contents import contents_of

    try:
        return contents_of(path)
    except EdgeError as error:
        return str(error)
