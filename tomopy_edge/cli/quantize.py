"""`tomopy-edge quantize`: a trained network becomes a model folder for the edge."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

from tomopy_edge.cli import STOPPED, VERBS
from tomopy_edge.cli.command_line import command_line
from tomopy_edge.cli.network_flags import add_aware_minutes, add_samples, add_tiles
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.cli.training_extra import require_tensorflow
from tomopy_edge.errors import ModelError
from tomopy_edge.networks.network_file import Precision

NAMED = ("samples", "seed", "batch", "io", "aware_minutes", "aware_steps", "summary", "trained_seed", "advise")
"""Options of a quantization that have a flag of the same name."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "quantize",
        help=VERBS["quantize"],
        description="Export a trained network into a model folder: full int8 and float .tflite files for several tile "
        "sizes, and the manifest. With --aware-minutes the network is first trained on as an int8 network, and the "
        "plain one is kept beside it as int8-ptq. A Fine-Tune network is added to the folder of its denoiser, and both "
        "are joined in chained files. Needs the extra `train`.",
    )
    parser.add_argument("network", type=Path, help=".keras file that `tomopy-edge train` wrote")
    parser.add_argument("pairs", type=Path, help="pairs that it was trained on, to measure ranges and to train on")
    parser.add_argument("folder", type=Path, help="model folder to make, or to add a Fine-Tune network to")
    aware = parser.add_mutually_exclusive_group()
    add_aware_minutes(aware)
    aware.add_argument("--aware-steps", type=positive, metavar="BATCHES", help="the same, counted in batches")
    add_tiles(
        parser,
        None,
        told="64 to 512, and larger ones for slices of 1024 and 1280 columns and twice as many",
        of="the int8 tiles",
    )
    parser.add_argument(
        "--float-tiles",
        type=positive,
        nargs="*",
        help="edges of the float tiles (default: 256); with no number after it there is no float .tflite, nor then "
        "anything for the runtime `float`",
    )
    parser.add_argument(
        "--batch",
        type=positive,
        default=1,
        help="write int8 networks for so many tiles of up to 256 pixels at once too; chained files take one",
    )
    parser.add_argument(
        "--io",
        choices=["int8", "uint8"],
        default="int8",
        help="what int8 and chained networks take and give (default: int8)",
    )
    add_samples(parser, 128)
    parser.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        metavar="PAIRS",
        help="further pairs, such as those of a real scan, for a third of these tiles; may be repeated",
    )
    parser.add_argument(
        "--advise",
        choices=get_args(Precision),
        metavar="PRECISION",
        help=f"network that recipes run where they name no precision: {', '.join(get_args(Precision))} (default: what "
        "the folder says, else int8)",
    )
    parser.add_argument("--summary", help="one line about the model (default: which architecture it is)")
    parser.add_argument(
        "--trained-seed", type=int, metavar="SEED", help="seed of the training, for the manifest (default: --seed)"
    )
    parser.add_argument(
        "--made-by", action="append", default=[], metavar="COMMAND", help="a command for the manifest; may be repeated"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, and print how the int8 networks compare with the float one on the held-out pairs."""
    require_tensorflow("quantize")
    from tomopy_edge.training.comparison import compare_model
    from tomopy_edge.training.quantize import QuantizeOptions, quantize_model

    sizes: dict[str, Any] = {"tiles": args.tiles, "float_tiles": args.float_tiles}
    sizes = {name: tuple(edges) for name, edges in sizes.items() if edges is not None}
    same = {name: getattr(args, name) for name in NAMED}
    commands = (*args.made_by, command_line(without="--made-by"))
    try:
        chosen = QuantizeOptions(name=args.folder.resolve().name, **same, **sizes)
    except ValueError as error:
        raise ModelError(f"quantize: {error}") from None
    left = f"{'is as it was' if args.folder.exists() else 'was not made'}; start again with the same command"
    try:
        quantize_model(args.network, args.pairs, args.folder, chosen, commands, tuple(args.also))
        left = "is whole; only its comparison with the float network is missing"
        print(f"model: {args.folder}")  # noqa: T201 - what the command is for
        for name, scores in compare_model(args.folder, args.network, args.pairs).items():
            print(f"{name:>9}: PSNR {scores.psnr:.2f} dB, SSIM {scores.ssim:.4f}")  # noqa: T201
    except KeyboardInterrupt:
        # What was trained so far is not kept: the command in the manifest could not make it again.
        sys.stderr.write(f"tomopy-edge: stopped; {args.folder} {left}\n")
        return STOPPED
    return 0
