"""`tomopy-edge adapt`: a model learns from one scan's own views."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tomopy_edge.cli import STOPPED, VERBS
from tomopy_edge.cli.command_line import command_line
from tomopy_edge.cli.network_flags import add_aware_minutes, add_seed, add_tiles
from tomopy_edge.cli.scan_options import positive
from tomopy_edge.cli.training_extra import require_tensorflow
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job, at_least_one, available_cores
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from tomopy_edge.adapt import Adapted

NO_BETTER = 1
"""Exit code: all went well, and the new model is no better than the old one."""

LEARNING = ("minutes", "steps", "rate", "batch", "precision", "aware_minutes", "tiles")
"""Flags of a training and of what is made of it, None where they are not given."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "adapt",
        help=VERBS["adapt"],
        description="Adapt a model to one scan: its views are dealt into parts, and the model learns to predict each "
        "part's slices from the others' (Noise2Inverse). One part is held out, and judges both the old and the new "
        "model. A model that comes no nearer to it is not written (exit code 1). What is interrupted can be resumed. "
        "Needs the extra `train`.",
    )
    parser.add_argument("scan", type=Path, help="scan file")
    parser.add_argument("output", type=Path, help="model folder to make; with --pairs-only the HDF5 file to write")
    parser.add_argument("--model", default="tomogan", help="name or folder of the model to start from")
    parser.add_argument("--keep", action="store_true", help="write the new model even where it is no better")
    parser.add_argument("--resume", action="store_true", help="go on with what an interrupted run left")
    parser.add_argument(
        "--pairs-only",
        action="store_true",
        help="hold nothing out, and write the pairs, for `tomopy-edge train PAIRS NETWORK --loss mse`",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="with --pairs-only: replace a file that is there already"
    )
    _add_learning(parser.add_argument_group("learning"))
    _add_reading(parser.add_argument_group("scan"))
    parser.add_argument("--ncore", type=positive, help="threads (default: all there are)")
    parser.set_defaults(run=run)


def _add_learning(group: argparse._ArgumentGroup) -> None:
    budget = group.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="time to train for")
    budget.add_argument("--steps", type=positive, help="steps to train for (default: 200)")
    group.add_argument("--parts", type=positive, default=4, help="parts that the views are dealt into (default: 4)")
    group.add_argument("--slices", type=positive, default=8, help="slices to learn from (default: 8)")
    group.add_argument("--rate", type=float, help="highest learning rate (default: 0.0001)")
    group.add_argument("--batch", type=positive, help="crops in a batch (default: 4)")
    add_aware_minutes(group)
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        help="what training computes in (default: bfloat16)",
    )
    add_tiles(group, None, told="as quantize has", of="the int8 tiles")
    add_seed(group, "crops and tiles")


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--recipe", type=Path, default=Path("quickstart"), help="what leads to slices (default: quickstart)"
    )
    group.add_argument("--rows", type=int, nargs=2, metavar=("A", "B"), help="rows A to B - 1 (default: all)")
    group.add_argument("--angles-step", type=positive, metavar="N", help="use one view in N")
    group.add_argument("--center", type=float, metavar="COLUMN", help="rotation axis (default: as the recipe finds it)")
    group.add_argument("--stripes", metavar="METHOD", help="how rings are removed (default: as in the recipe)")
    group.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="STAGE.OPTION=VALUE",
        help="change another option of the recipe; may be given several times",
    )


def run(args: argparse.Namespace) -> int:
    """Adapt, and print how near both models come to the held-out views."""
    catalogue = load_catalogue()
    job = Job(ncore=at_least_one("ncore", args.ncore, available_cores()), catalogue=catalogue)
    recipe = read_recipe(args.recipe, catalogue, overrides_of(args))
    return _write_pairs(args, recipe, job) if args.pairs_only else _adapt(args, recipe, job)


def _write_pairs(args: argparse.Namespace, recipe: Recipe, job: Job) -> int:
    from tomopy_edge.networks.manifest import open_model
    from tomopy_edge.training.noise2inverse import HalvesOptions, write_halves

    given = [*(name for name in LEARNING if getattr(args, name) is not None)]
    given += [name for name in ("keep", "resume") if getattr(args, name)]
    idle = [f"--{name.replace('_', '-')}" for name in given]
    if idle:
        raise DataError(f"adapt: {' and '.join(idle)} with --pairs-only, which trains nothing; leave one of them out")
    channels = open_model(args.model).manifest.denoise.channels
    try:
        chosen = HalvesOptions(parts=args.parts, held_out=False, slices=args.slices, channels=channels, seed=args.seed)
    except ValueError as error:
        raise DataError(f"adapt: {error}") from None
    write_halves(args.scan, args.output, chosen, recipe=recipe, job=job, overwrite=args.overwrite)
    _tell([*_notes(job), f"pairs: {args.output}"])
    return 0


def _adapt(args: argparse.Namespace, recipe: Recipe, job: Job) -> int:
    if args.overwrite:
        raise DataError("adapt: --overwrite without --pairs-only; a model is never replaced, so choose another folder")
    require_tensorflow("adapt")
    from tomopy_edge.adapt import adapt
    from tomopy_edge.training.adaptation import AdaptOptions

    given = {name: getattr(args, name) for name in ("model", "parts", "slices", "seed")}
    learning = {name: getattr(args, name) for name in LEARNING if getattr(args, name) is not None}
    if args.tiles is not None:
        learning["tiles"] = tuple(args.tiles)
    try:
        chosen = AdaptOptions(**given, **learning)
    except ValueError as error:
        raise DataError(f"adapt: {error}") from None
    ways = {"command": command_line(), "keep": args.keep, "resume": args.resume}
    try:
        adapted = adapt(args.scan, args.output, chosen, recipe=recipe, job=job, **ways)
    except KeyboardInterrupt:
        sys.stderr.write("tomopy-edge: stopped; go on with the same command and --resume\n")
        return STOPPED
    _tell([*_notes(job), *lines_of(adapted)])
    return 0 if adapted.better else NO_BETTER


def overrides_of(args: argparse.Namespace) -> list[str]:
    """Return what the flags change in the recipe, as `read_recipe` takes it."""
    changes = list(args.overrides)
    if args.rows is not None:
        changes.append(f"read.rows=[{args.rows[0]}, {args.rows[1]}]")
    if args.angles_step is not None:
        with open_scan(args.scan) as scan:
            changes.append(f"read.angles=[0, {scan.angles}, {args.angles_step}]")
    if args.center is not None:
        changes.append(f"find_center.center={args.center}")
    if args.stripes is not None:
        changes.append(f"remove_stripes.method={args.stripes}")
    return changes


def lines_of(adapted: Adapted) -> list[str]:
    """Return what became of the model, for people."""
    raw = next(iter(adapted.before.values()))
    lines = [
        "distance to the raw slices of the held-out views, root mean square, attenuation per pixel:",
        f"{'raw':>18} {raw.raw:.4e}{'':>13}mean grey value {raw.raw_mean:.5e}",
    ]
    for name, distances in (("before", adapted.before), ("after", adapted.after)):
        for precision, one in distances.items():
            lines.append(
                f"{f'{name}, {precision}':>18} {one.denoised:.4e}{one.gain:>8.3f} dB  mean grey value "
                f"{one.denoised_mean:.5e} ({one.shift:+.2%})"
            )
    old, new = ([*distances][-1] for distances in (adapted.before, adapted.after))
    against = "" if old == new else f" than the old {old} one"
    if adapted.better:
        lines.append(f"the new {new} network comes {adapted.gained:.3f} dB nearer{against}")
    else:
        told = f"the new {new} network comes no nearer{against} ({adapted.gained:.3f} dB)"
        lines.append(f"{told}: keep the model it started from")
    lines.append("model: not written" if adapted.folder is None else f"model: {adapted.folder}")
    return lines


def _notes(job: Job) -> list[str]:
    return [f"{stage}: {sentence}" for stage, sentences in job.tally.notes.items() for sentence in sentences]


def _tell(lines: list[str]) -> None:
    print("\n".join(lines))  # noqa: T201 - what the command is for
