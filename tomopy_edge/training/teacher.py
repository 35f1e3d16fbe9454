"""What a student learns from besides the truth: a teacher's answers to the training pairs, computed once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.networks.manifest import Model, open_model
from tomopy_edge.networks.slices import Account, open_network
from tomopy_edge.progress import track
from tomopy_edge.simulation.hdf5_files import add_dataset, new_hdf5, opened
from tomopy_edge.training.generator import MULTIPLE
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.origin import is_kept, origin_of
from tomopy_edge.training.pairs_file import open_pairs

KEPT_EVERY = 16
"""Answers after which the file is brought up to date on disk."""

Answer = Callable[[Float32], Float32]
"""(y, x, channel) noisy -> (y, x) denoised, network units."""


def write_answers(teacher: Teacher, pairs: Path, answers: Path, *, job: Job) -> None:
    """Put the noisy side of the training pairs through a float network, and keep what it answers.

    What an earlier call left in `answers` is kept and gone on from, where it is of the same teacher and pairs.

    Parameters
    ----------
    teacher : see `find_teacher`
    pairs : see `pairs_file.open_pairs`
    answers : HDF5 file to write: `answers` (pair, y, x), float16, network units, and `done`, how many there are
    job : its threads

    Raises
    ------
    DataError : where `pairs` holds other slices than it takes
    OutputError : where `answers` is of another teacher or other pairs, or cannot be written
    """
    with open_pairs(pairs, teacher.channels) as file:
        noisy, shape = file["train_ns"], file["train_gt"].shape
        origin = origin_of(pairs, teacher=teacher.sha256)

        def lay_out(made: Any) -> None:
            add_dataset(made, "answers", shape, "f2", chunks=(1, *(min(edge, 128) for edge in shape[1:])))
            made.attrs.update({**origin, "done": 0})

        if not is_kept(answers, origin):
            with new_hdf5(answers, lay_out):
                pass
        with opened(answers) as made:
            first = int(made.attrs["done"])
            if first == len(noisy):
                return
            answer = teacher.open(shape[1:], job)
            rest = range(first, len(noisy))
            for i in track(rest, total=len(rest), what="answers of the teacher"):
                made["answers"][i] = answer(noisy[i].astype(np.float32)).astype(np.float16)
                # In its place: a new one would need room.
                made.attrs.modify("done", i + 1)
                if i % KEPT_EVERY == 0:
                    made.flush()


@contextmanager
def open_answers(path: Path | None, shape: tuple[int, ...]) -> Iterator[Any]:
    """Yield the open answers of a teacher to training pairs of `shape` (pair, y, x); None for no `path`.

    Raises
    ------
    DataError : where they cannot be read, are of other pairs, or not complete
    """
    import h5py

    if path is None:
        yield None
        return
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: a teacher's answers cannot be read from it ({error})") from None
    with file:
        if "answers" not in file or file["answers"].shape != shape or file.attrs.get("done") != shape[0]:
            raise DataError(
                f"{path}: does not hold a teacher's answers to all {shape[0]} training pairs; finish it, and of stacks "
                "let teacher and student see equally many adjacent slices"
            )
        yield file["answers"]


@dataclass(frozen=True)
class Teacher:
    """A float network that answers.

    Attributes
    ----------
    channels : adjacent slices it takes
    sha256 : of its file
    open : (shape (y, x) of the slices, job) -> what answers
    """

    channels: int
    sha256: str
    open: Callable[[tuple[int, int], Job], Answer]


def find_teacher(name: str) -> Teacher:
    """Return the teacher that a user calls `name`: a .keras file, or a model folder or its name.

    Of a folder the .keras file is taken where it holds one, for slices go through that whole; else its float tiles.

    Raises
    ------
    ModelError : where there is none
    """
    if name.endswith(".keras"):
        return _keras_teacher(Path(name))
    model = open_model(name)
    for file, sha256 in model.manifest.files.items():
        if file.endswith(".keras") and file != "fine_tune.keras":
            return _keras_teacher(model.path(file, sha256))
    return _tiled_teacher(model)


def _keras_teacher(path: Path) -> Teacher:
    network = load_network(path)

    def answer(noisy: Float32) -> Float32:
        # Mirrored at the far edges, as tilings are, for the poolings to fit.
        y, x = noisy.shape[:2]
        whole = np.pad(noisy, ((0, -y % MULTIPLE), (0, -x % MULTIPLE), (0, 0)), "reflect")
        answered: Float32 = network.predict_on_batch(whole[None])[0, :y, :x, 0]
        return answered

    return Teacher(network.input_shape[-1], hashlib.sha256(path.read_bytes()).hexdigest(), lambda _shape, _job: answer)


def _tiled_teacher(model: Model) -> Teacher:
    networks = model.manifest.denoise

    def opened(shape: tuple[int, int], job: Job) -> Answer:
        chosen = networks.choose("float", None, shape)
        account = Account("teacher", job.tally)
        network = open_network(model, networks, chosen, shape=shape, threads=job.ncore, account=account)
        return lambda noisy: network(np.moveaxis(noisy, 2, 0))[0]

    chosen = networks.choose("float", None, (1, 1))
    return Teacher(networks.channels, chosen.sha256, opened)
