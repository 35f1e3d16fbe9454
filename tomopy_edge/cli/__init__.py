"""The command `tomopy-edge`: one module for each verb, thin over the library."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from tomopy_edge.errors import EdgeError
from tomopy_edge.version import __version__

VERBS = (
    *("run", "check", "recon"),
    *("simulate", "train", "quantize", "export", "compile", "evaluate", "adapt"),
    *("doctor", "bench", "models", "plugins"),
)
"""Modules of this package, in the order of `--help`."""

FAULT, STOPPED = 2, 130
"""Exit codes: something the user can mend; ctrl-C."""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="tomopy-edge",
        description="From X-ray projections to denoised slices, at the instrument.",
        epilog="Every verb has its own --help.",
    )
    parser.add_argument("--version", action="version", version=f"tomopy-edge {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what each stage does")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        import_module(f"tomopy_edge.cli.{verb}").add(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    Faults that the user can mend are printed without a traceback (exit code 2). Anything else is a bug and comes with
    its traceback.
    """
    args = make_parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(asctime)s %(name)s: %(message)s" if args.verbose else "%(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    if not args.verbose:
        # Other people's libraries talk about themselves on this level.
        for name in ("numba", "h5py", "PIL", "tensorflow", "absl"):
            logging.getLogger(name).setLevel(logging.WARNING)
    try:
        code: int = args.run(args)
    except EdgeError as error:
        sys.stderr.write(f"tomopy-edge: error: {error}\n")
        return FAULT
    except KeyboardInterrupt:
        sys.stderr.write("tomopy-edge: stopped\n")
        return STOPPED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        sys.stderr.close()
        return STOPPED
    return code
