"""The Fine-Tune network, and the pairs it learns from: what the quantized denoiser answered, and the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.job import Job
from tomopy_edge.networks.manifest import Model
from tomopy_edge.networks.slices import Account, open_network
from tomopy_edge.progress import track
from tomopy_edge.simulation.files import new_hdf5
from tomopy_edge.training.samples import open_pairs

PARAMETERS = 305
REACH = 2
"""Pixels on each side of an output pixel that can change it."""

MULTIPLE = 1
WIDTH = 16


def build_fine_tune(y: int | None = None, x: int | None = None, channels: int = 1, batch: int | None = None) -> Any:
    """Return an untrained Fine-Tune network, a Keras model from denoised slices to better ones, in network units.

    Two 3x3 convolutions, 1 -> 16 (ReLU) -> 1, whose answer is added to their input. The addition is ours: a network
    that starts by changing nothing has only the quantizer's errors to learn.

    Parameters
    ----------
    y, x : rows and columns for a network of fixed size; None leaves them open
    channels : always 1; there as the other architectures have it
    batch : slices at once, for a network whose shape must be known in full; None leaves them open

    Returns
    -------
    keras.Model, (batch, y, x, 1) -> (batch, y, x, 1)

    References
    ----------
    V. Abeykoon et al., Scientific image restoration anywhere, 2019, section II-D and Fig. 6; the number of
    operations given there, 621 million for 1024 x 1024 pixels, is that of these two convolutions.
    """
    import keras
    from keras import layers

    denoised = layers.Input((y, x, channels), batch_size=batch, name="denoised")
    tensor = layers.Conv2D(WIDTH, 3, padding="same", activation="relu", name="look")(denoised)
    correction = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="correct")(
        tensor
    )
    return keras.Model(denoised, layers.Add(dtype="float32", name="add")([denoised, correction]), name="fine_tune")


def write_answers(model: Model, pairs: Path, answers: Path, *, most: int, job: Job) -> None:
    """Put the noisy side of pairs through a model's int8 denoiser, and write a file of pairs for the Fine-Tune network.

    Parameters
    ----------
    model : whose denoiser answers; slices go through it whole, or in tiles that leave no seam
    pairs : see `simulation.files.write_pairs`
    answers : file to write: `train_ns` (pair, y, x, 1) and so on, float32, in network units
    most : pairs for training to use of all there are
    job : its threads

    Raises
    ------
    DataError : where `pairs` holds other slices than the denoiser takes
    OutputError : where `answers` exists or cannot be written
    """
    networks = model.manifest.denoise
    with open_pairs(pairs, networks.channels) as file, new_hdf5(answers) as made:
        _, y, x = file["train_gt"].shape
        chosen = networks.choose("int8", None, (y, x))
        account = Account("fine_tune", job.tally)
        network = open_network(model, networks, chosen, shape=(y, x), threads=job.ncore, account=account)
        for part in ("test", "train"):
            count = min(len(file[f"{part}_ns"]), most)
            noisy = made.create_dataset(f"{part}_ns", (count, y, x, 1), "f4", chunks=(1, min(y, 128), min(x, 128), 1))
            truth = made.create_dataset(f"{part}_gt", (count, y, x), "f2", chunks=(1, min(y, 128), min(x, 128)))
            for i in track(range(count), total=count, what=f"answers to {part}"):
                noisy[i, ..., 0] = network(np.moveaxis(file[f"{part}_ns"][i].astype(np.float32), 2, 0))[0]
                truth[i] = file[f"{part}_gt"][i]
        network.close()
