"""`tomopy-edge train`: a network from a file of pairs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tomopy_edge.cli import STOPPED
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.job import Job, available_cores


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "train",
        help="train a network on pairs",
        description="Train the TomoGAN generator, or the Fine-Tune network of a model, on pairs that `tomopy-edge "
        "simulate pairs` made. Ctrl-C leaves a checkpoint. Needs the extra `train`; KERAS_BACKEND chooses the backend.",
    )
    parser.add_argument("pairs", type=Path, help="HDF5 file of pairs")
    parser.add_argument("model", type=Path, help=".keras file to write")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="time to train for")
    budget.add_argument("--steps", type=positive, help="batches to train for")
    parser.add_argument(
        "--fine-tune", type=Path, metavar="FOLDER", help="train the Fine-Tune network for the denoiser of this model"
    )
    parser.add_argument("--fine-tune-pairs", type=positive, default=200, help="pairs to denoise for it (default: 200)")
    parser.add_argument("--crop", type=positive, default=192, help="edge of a crop, pixels (default: 192)")
    parser.add_argument("--batch", type=positive, default=6, help="crops in a batch (default: 6)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default: 0.001)")
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="bfloat16 takes half the time on processors with AVX512-BF16 or AMX (default: float32)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of weights and crops (default: 1)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, and print the scores on the held-out pairs."""
    from tomopy_edge.cli.quantize import require_training
    from tomopy_edge.errors import DataError
    from tomopy_edge.networks.manifest import open_model
    from tomopy_edge.training.fine_tune import build_fine_tune, write_answers
    from tomopy_edge.training.generator import build_generator
    from tomopy_edge.training.train import TrainOptions, train

    require_training()
    names = ("minutes", "steps", "crop", "batch", "rate", "precision", "seed")
    try:
        chosen = TrainOptions(**{name: getattr(args, name) for name in names}, vary=args.fine_tune is None)
    except ValueError as error:
        raise DataError(f"train: {error}") from None
    pairs, build = args.pairs, build_generator
    if args.fine_tune:
        pairs, build = args.model.with_suffix(".pairs.h5"), build_fine_tune
        if not pairs.exists():
            job = Job(ncore=available_cores())
            write_answers(open_model(str(args.fine_tune)), args.pairs, pairs, most=args.fine_tune_pairs, job=job)
    try:
        scores = train(build, pairs, args.model, chosen, resume=args.resume)
    except KeyboardInterrupt:
        sys.stderr.write("tomopy-edge: stopped; go on with the same command and --resume\n")
        return STOPPED
    print(f"network: {args.model}")  # noqa: T201 - what the command is for
    print(f"held out: error {scores.error:.4f}, PSNR {scores.psnr:.2f} dB, SSIM {scores.ssim:.4f}")  # noqa: T201
    return 0
