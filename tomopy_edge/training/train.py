"""From a file of pairs to a trained network: what is checked before, what is trained how, what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tomopy_edge.errors import ModelError, OutputError
from tomopy_edge.training.adversarial import Adversarial
from tomopy_edge.training.checkpoint import has_checkpoint, training_folder
from tomopy_edge.training.generator import MULTIPLE
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.learners import Learner, Supervised, computing_in, fastest_kernels
from tomopy_edge.training.logbook import check_tensorboard
from tomopy_edge.training.loop import Loop
from tomopy_edge.training.origin import origin_of
from tomopy_edge.training.pairs_file import PARTS, check_values, open_pairs
from tomopy_edge.training.plan import TrainOptions
from tomopy_edge.training.samples import Crops
from tomopy_edge.training.scores import Scores, judge
from tomopy_edge.training.stacks import in_memory
from tomopy_edge.training.teacher import open_answers


def train(
    build: Callable[[], Any],
    pairs: Path,
    model: Path,
    chosen: TrainOptions,
    *,
    resume: bool = False,
    start: Path | None = None,
    teacher: Path | None = None,
) -> Scores:
    """Train a network on a file of pairs and write it to `model`, a .keras file in float32.

    Beside it a folder `<model>.training` keeps the last checkpoint, with Adam's state, and the log, `log.csv`. A
    training that was killed and is resumed ends with the same figures as one that was not.

    Parameters
    ----------
    build : makes the untrained network, (batch, y, x, channel) -> (batch, y, x, 1)
    pairs : see `pairs_file.open_pairs`
    model : file to write; its network is the best one on the held-out pairs
    chosen : how
    resume : go on from the checkpoint that an earlier training of `model` left
    start : .keras file of the same architecture, whose weights training starts from
    teacher : answers to the training pairs that `teacher.write_answers` wrote; what is learned is then the mean of
        them and the truth. The held-out pairs are judged by the truth alone.

    Returns
    -------
    the scores of the written network on the held-out pairs

    Raises
    ------
    DataError : where nothing can be learned from the pairs
    ModelError : where `start` is of another architecture
    OutputError : where `model` is no .keras file or exists, or there is nothing to resume from, or only a training on
        other pairs or with another teacher
    DivergedError : where the loss grows instead of falling, or is not a number
    """
    import keras

    check_model(model, resume=resume)
    folder = training_folder(model)
    if chosen.tensorboard is not None:
        check_tensorboard(chosen.tensorboard)
    keras.utils.set_random_seed(chosen.seed)
    with computing_in(chosen.precision):
        network = build()
        if start is not None and not resume:
            _start_from(start, network)
        learner = _learner(network, chosen)
    with (
        open_pairs(pairs, network.input_shape[-1], crop=chosen.crop) as file,
        open_answers(teacher, file["train_gt"].shape) as answers,
        fastest_kernels(),
    ):
        held = in_memory if chosen.in_memory else _as_it_is
        sides = {f"{part}_{side}": held(file[f"{part}_{side}"]) for part in PARTS for side in ("ns", "gt")}
        check_values(pairs, sides)
        if not resume:
            folder.mkdir(parents=True, exist_ok=True)
        crops = Crops(
            *(sides["train_ns"], sides["train_gt"], chosen.crop, chosen.batch, chosen.seed, chosen.vary),
            teacher=None if answers is None else held(answers),
            share=chosen.teacher_share,
        )
        held_out = held_out_pairs(sides, chosen.check_pairs)
        taught_by = "none" if answers is None else str(answers.file.attrs["teacher"])
        loop = Loop(learner, build, model, folder, chosen, origin_of(pairs, teacher=taught_by), resume=resume)
        try:
            loop.go(crops, held_out)
        except KeyboardInterrupt:
            loop.checkpoint()
            raise
        finally:
            loop.close()
        return judge(load_network(model), *held_out)


def check_model(model: Path, *, resume: bool) -> None:
    """Check that a training may write `model`, before any time is spent.

    Raises
    ------
    OutputError : where it does not end in .keras, or exists and is not to be resumed
    """
    if model.suffix != ".keras":
        raise OutputError(f"{model}: a network is written as a .keras file; call it {model.stem}.keras")
    if not resume and (model.exists() or has_checkpoint(model)):
        raise OutputError(
            f"{model}: exists; choose another name, remove it and {training_folder(model).name}, or resume it"
        )


def held_out_pairs(sides: Any, most: int) -> tuple[Any, Any]:
    """Return the first held-out pairs, as many pixels of them as any of our networks takes.

    Parameters
    ----------
    sides : what `pairs_file.open_pairs` yields
    most : how many pairs

    Returns
    -------
    (pair, y, x, channel) noisy and (pair, y, x) truth; y and x are multiples of 8, which the deepest poolings need
    """
    y, x = (edge // MULTIPLE * MULTIPLE for edge in sides["test_gt"].shape[1:])
    return sides["test_ns"][:most, :y, :x], sides["test_gt"][:most, :y, :x]


def _learner(network: Any, chosen: TrainOptions) -> Learner:
    return Adversarial(network, chosen) if chosen.loss == "gan" else Supervised(network, chosen)


def _start_from(path: Path, network: Any) -> None:
    """Give `network` the weights of a .keras file."""
    trained = load_network(path)
    theirs, ours = ([weights.shape for weights in one.get_weights()] for one in (trained, network))
    if theirs != ours:
        raise ModelError(
            f"{path}: holds {trained.name!r} for {trained.input_shape[-1]} adjacent slices, which cannot be the start "
            f"of {network.name!r} for {network.input_shape[-1]}"
        )
    network.set_weights(trained.get_weights())


def _as_it_is(side: Any) -> Any:
    return side
