"""`tomopy-edge train`: a network from a file of pairs."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from tomopy_edge.cli import STOPPED, VERBS
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.job import Job, available_cores

NAMED = (
    *("minutes", "steps", "loss", "crop", "batch", "rate", "check_every", "patience", "precision", "seed"),
    *("details", "contrast", "even", "teacher_share", "vgg19", "pictures", "tensorboard", "in_memory", "workers"),
)
"""Options of a training that have a flag of the same name."""

GAN_RATE = 1e-4
"""Highest learning rate for the loss gan, where none is given."""

DENOISED, TAUGHT = ".pairs.h5", ".teacher.h5"
"""How files of answers are called that are kept beside the network: of a denoiser to be mended, and of a teacher."""

FINE_TUNE_PAIRS = 200
"""Pairs that are denoised for a Fine-Tune network, where no number is given."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "train",
        help=VERBS["train"],
        description="Train a denoiser, or the Fine-Tune network of a model, on pairs that `tomopy-edge simulate pairs` "
        "made or on stacks of your own: datasets train_ns, train_gt, test_ns and test_gt. Ctrl-C leaves a checkpoint. "
        "Needs the extra `train`; KERAS_BACKEND chooses the backend.",
    )
    parser.add_argument("pairs", type=Path, help="HDF5 file of pairs")
    parser.add_argument("model", type=Path, help=".keras file to write")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="time to train for")
    budget.add_argument("--steps", type=positive, help="steps to train for")
    _add_network(parser.add_argument_group("network"))
    _add_learning(parser.add_argument_group("learning"))
    log = parser.add_argument_group("log")
    log.add_argument("--check-every", type=positive, default=200, help="steps between two looks (default: 200)")
    log.add_argument("--pictures", action="store_true", help="draw four held-out pairs at each look")
    log.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="write a log for TensorBoard, too")
    parser.set_defaults(run=run)


def _add_network(group: Any) -> None:
    group.add_argument(
        "--architecture",
        help="tomogan, as published, or tomogan-compact, with a tenth of its operations (default: tomogan)",
    )
    group.add_argument("--channels", type=int, choices=(3, 1), help="adjacent slices that it sees (default: 3)")
    group.add_argument("--start", type=Path, metavar="NETWORK", help=".keras file whose weights it starts from")
    group.add_argument(
        "--fine-tune", type=Path, metavar="FOLDER", help="train the Fine-Tune network for the denoiser of this model"
    )
    group.add_argument("--fine-tune-pairs", type=positive, help="pairs to denoise for it (default: 200)")
    group.add_argument("--resume", action="store_true", help="go on from the last checkpoint")


def _add_learning(group: Any) -> None:
    group.add_argument(
        "--loss",
        choices=("mae+ms-ssim", "mae", "mse", "gan"),
        help="what is made small (default: mae+ms-ssim; mae for a Fine-Tune network)",
    )
    group.add_argument(
        "--details",
        type=float,
        default=0.0,
        metavar="MORE",
        help="how much more errors count on details thinner than 7 pixels (default: 0)",
    )
    group.add_argument(
        "--contrast",
        type=float,
        default=0.0,
        metavar="TIMES",
        help="how much lost contrast of thin details counts where they can be seen (default: 0; the shipped models: "
        "see their manifests)",
    )
    group.add_argument(
        "--even", action="store_true", help="let clean crops weigh as much as noisy ones (the shipped models did)"
    )
    group.add_argument(
        "--teacher", metavar="MODEL", help="model, or .keras file, whose answers are learned beside the truth"
    )
    group.add_argument("--teacher-share", type=float, help="their share (default: 0.5)")
    group.add_argument("--vgg19", type=Path, metavar="WEIGHTS", help="VGG19 weights of Keras, for the loss gan")
    group.add_argument("--crop", type=positive, default=192, help="edge of a crop, pixels (default: 192)")
    group.add_argument("--batch", type=positive, default=6, help="crops in a batch (default: 6)")
    group.add_argument("--rate", type=float, help="highest learning rate (default: 0.001; 0.0001 for the loss gan)")
    group.add_argument("--patience", type=positive, help="looks without gain after which it stops (default: never)")
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="bfloat16 takes half the time on processors with AVX512-BF16 or AMX (default: float32)",
    )
    group.add_argument("--seed", type=int, default=1, help="of weights and crops (default: 1)")
    group.add_argument("--in-memory", action="store_true", help="read all pairs into memory first; for a GPU")
    group.add_argument(
        "--workers", type=positive, default=1, help="threads that draw crops; for a GPU, one per core (default: 1)"
    )


def run(args: argparse.Namespace) -> int:
    """Train, and print the scores on the held-out pairs."""
    from tomopy_edge.cli.training_extra import require_training
    from tomopy_edge.errors import DataError
    from tomopy_edge.training.architectures import architecture
    from tomopy_edge.training.checkpoint import has_checkpoint
    from tomopy_edge.training.plan import TrainOptions
    from tomopy_edge.training.train import check_model, train

    require_training()
    _refuse_idle(args)
    check_model(args.model, resume=args.resume)
    # A Fine-Tune network mends codes one by one: structure is the denoiser's affair.
    loss = args.loss or ("mae" if args.fine_tune else "mae+ms-ssim")
    given = {name: getattr(args, name) for name in NAMED if getattr(args, name) is not None}
    usual = {"rate": GAN_RATE} if loss == "gan" else {}
    try:
        chosen = TrainOptions(**{**usual, **given, "loss": loss, "vary": args.fine_tune is None})
    except ValueError as error:
        raise DataError(f"train: {error}") from None
    name, channels = ("fine-tune", 1) if args.fine_tune else (args.architecture or "tomogan", args.channels or 3)
    build = partial(architecture(name).build, channels=channels)
    pairs = _denoised(args) if args.fine_tune else args.pairs
    try:
        answers = _taught(args, pairs) if args.teacher else None
        scores = train(build, pairs, args.model, chosen, resume=args.resume, start=args.start, teacher=answers)
    except KeyboardInterrupt:
        begun = has_checkpoint(args.model)
        todo = "go on with the same command and --resume" if begun else _kept(args.model)
        sys.stderr.write(f"tomopy-edge: stopped; {todo}\n")
        return STOPPED
    print(f"network: {args.model}")  # noqa: T201 - what the command is for
    print(f"held out: error {scores.error:.4f}, PSNR {scores.psnr:.2f} dB, SSIM {scores.ssim:.4f}")  # noqa: T201
    return 0


def _denoised(args: argparse.Namespace) -> Path:
    """Return the file of what the denoiser to be mended answers to the pairs; written where it is not there yet."""
    from tomopy_edge.networks.manifest import open_model
    from tomopy_edge.training import fine_tune

    answers: Path = args.model.with_suffix(DENOISED)
    most = args.fine_tune_pairs or FINE_TUNE_PAIRS
    model = open_model(str(args.fine_tune))
    fine_tune.write_answers(model, args.pairs, answers, most=most, job=Job(ncore=available_cores()))
    return answers


def _taught(args: argparse.Namespace, pairs: Path) -> Path:
    """Return the file of a teacher's answers to `pairs`, all of them; what an earlier command left is kept."""
    from tomopy_edge.training import teacher

    answers: Path = args.model.with_suffix(TAUGHT)
    teacher.write_answers(teacher.find_teacher(args.teacher), pairs, answers, job=Job(ncore=available_cores()))
    return answers


def _kept(model: Path) -> str:
    """Return what is left of a command that was stopped before its training had a checkpoint."""
    files = [model.with_suffix(end) for end in (DENOISED, TAUGHT)]
    left = " and ".join(file.name for file in files if file.exists())
    kept = f"; what answers there are is kept in {left}" if left else ""
    return f"nothing was trained yet{kept}: start again with the same command"


def _refuse_idle(args: argparse.Namespace) -> None:
    """Raise a `DataError` for a flag that would do nothing beside the others."""
    from tomopy_edge.errors import DataError

    idle = [
        (args.fine_tune and args.architecture, "--architecture", "a Fine-Tune network has its own"),
        (args.fine_tune and args.channels, "--channels", "a Fine-Tune network sees one slice"),
        (not args.fine_tune and args.fine_tune_pairs, "--fine-tune-pairs", "it belongs to --fine-tune"),
        (not args.teacher and args.teacher_share is not None, "--teacher-share", "it belongs to --teacher"),
    ]
    for given, flag, reason in idle:
        if given:
            raise DataError(f"train: {flag} would do nothing, for {reason}; leave it out")
