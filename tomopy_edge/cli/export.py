"""`tomopy-edge export`: a model folder's networks for other runtimes."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.cli.command_line import command_line
from tomopy_edge.cli.network_flags import add_samples, add_tiles
from tomopy_edge.cli.training_extra import require_tensorflow
from tomopy_edge.errors import EdgeError, ModelError


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "export",
        help=VERBS["export"],
        description="Write the networks of a model folder as float and int8 ONNX files, for TensorRT and others, "
        "compare them with the folder's .tflite files on the same tiles, and name them in the manifest. "
        "Needs the extras `train` and `onnx`.",
    )
    parser.add_argument("folder", type=Path, help="model folder that `tomopy-edge quantize` made")
    parser.add_argument("--format", choices=("onnx",), default="onnx", help="of the files (default: onnx)")
    add_tiles(parser, (128, 256), told="128 256")
    parser.add_argument(
        "--pairs", type=Path, help="pairs that the denoiser was trained on, for int8 (without them: float files only)"
    )
    add_samples(parser, 32)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, and print how each file compares."""
    require_tensorflow("export")
    require_onnx()
    from tomopy_edge.training.onnx_comparison import Compared
    from tomopy_edge.training.onnx_export import OnnxOptions, export_onnx

    try:
        chosen = OnnxOptions(tiles=tuple(dict.fromkeys(args.tiles)), samples=args.samples, seed=args.seed)
    except ValueError as error:
        raise ModelError(f"export: {error}") from None
    compared = export_onnx(args.folder, args.pairs, chosen, (command_line(),))

    def row_of(one: Compared) -> tuple[str, ...]:
        size = (args.folder / one.file).stat().st_size / 1e6
        return one.file, f"{size:.2f}", one.against, f"{one.most:.2e}", f"{one.mean:.2e}", f"{one.psnr:.1f}"

    rows = [("file", "MB", "against", "largest", "mean", "PSNR/dB"), *map(row_of, compared)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    told = [*table, "differences in network units; the peak of a PSNR is the range of the other network's answers"]
    if args.pairs is None:
        told.append("no int8 files: they need --pairs to measure ranges on; compared on noise")
    print("\n".join(told))  # noqa: T201 - what the command is for
    return 0


def require_onnx() -> None:
    """Raise an `EdgeError` where onnx or onnxruntime is missing."""
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise EdgeError(
            f"{' and '.join(missing)} cannot be imported; install them with: pip install 'tomopy-edge[train,onnx]'"
        )
