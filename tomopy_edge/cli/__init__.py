"""The command `tomopy-edge`: one module for each verb, thin over the library."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Container, Sequence
from importlib import import_module

from tomopy_edge.cli.stopping import exit_code, stoppable
from tomopy_edge.errors import EdgeError
from tomopy_edge.version import __version__

log = logging.getLogger(__name__)

VERBS = {
    "init": "write a recipe made for a scan, with a comment on every choice",
    "run": "run a recipe on a scan",
    "batch": "run a recipe on many scans",
    "check": "check a recipe, and whether it fits a scan, without running it",
    "status": "tell what a file or folder is, and how far it has come",
    "report": "make the page of an output, or open it",
    "recon": "reconstruct and denoise one scan without a recipe",
    "simulate": "simulate a scan, or pairs to train on",
    "train": "train a network on pairs",
    "quantize": "export a trained network as int8 and float .tflite",
    "export": "write a model's networks as ONNX files",
    "compile": "compile a model's networks for the Edge TPU",
    "evaluate": "measure how good models are",
    "adapt": "adapt a model to a scan, without any clean slice",
    "doctor": "tell what this machine has, and what works on it",
    "bench": "time the parts of a slice on this machine",
    "models": "list the trained models, or check one",
    "plugins": "list the stages, algorithms, denoisers and runtimes there are",
    "plugin": "write a plugin of your own",
}
"""Modules of this package, in the order of `--help` -> what it says of each, without importing it."""

FAULT, STOPPED = 2, 130
"""Exit codes: something the user can mend; ctrl-C."""


def make_parser(words: Container[str] = VERBS.keys()) -> argparse.ArgumentParser:
    """Return the parser of the whole command.

    Parameters
    ----------
    words : of the command line. A verb that is not among them is listed without its flags, so that its module, and all
        that this imports, need not be imported.
    """
    parser = argparse.ArgumentParser(
        prog="tomopy-edge",
        description="From X-ray projections to denoised slices, at the instrument.",
        epilog="Every verb has its own --help.",
    )
    parser.add_argument("--version", action="version", version=f"tomopy-edge {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what each stage does")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb, told in VERBS.items():
        if verb in words:
            import_module(f"tomopy_edge.cli.{verb}").add(verbs)
        else:
            verbs.add_parser(verb, help=told)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    Faults that the user can mend are printed without a traceback (exit code 2). Anything else is a bug and comes with
    its traceback.
    """
    try:
        with stoppable():
            return _run(sys.argv[1:] if argv is None else argv)
    except EdgeError as error:
        log.debug("where it came from", exc_info=True)
        sys.stderr.write(f"tomopy-edge: error: {error}\n")
        if error.__cause__ is not None and not log.isEnabledFor(logging.DEBUG):
            sys.stderr.write("tomopy-edge: with -v it says where that came from\n")
        return FAULT
    except KeyboardInterrupt as stop:
        sys.stderr.write("tomopy-edge: stopped\n")
        return exit_code(stop)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        sys.stderr.close()
        return STOPPED


def _run(words: Sequence[str]) -> int:
    args = make_parser(words).parse_args(words)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(asctime)s %(name)s: %(message)s" if args.verbose else "%(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    if not args.verbose:
        # Other people's libraries talk about themselves on this level.
        for name in ("numba", "h5py", "PIL", "tensorflow", "absl"):
            logging.getLogger(name).setLevel(logging.WARNING)
    code: int = args.run(args)
    return code
