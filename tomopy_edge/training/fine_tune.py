"""The Fine-Tune network, and the pairs it learns from: what the quantized denoiser answered, and the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.job import Job
from tomopy_edge.networks.manifest import PARTNERS, Model
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.networks.quantize import dequantize, quantize
from tomopy_edge.networks.slices import Account, SliceNetwork, open_network
from tomopy_edge.progress import track
from tomopy_edge.simulation.hdf5_files import add_dataset, new_hdf5
from tomopy_edge.training.origin import Origin, is_kept, origin_of
from tomopy_edge.training.pairs_file import open_pairs

PARAMETERS = 305
REACH = 2
"""Pixels on each side of an output pixel that can change it."""

MULTIPLE = 1
WIDTH = 16

CHUNK = 128
"""Edge of the pieces of answers that are stored together, pixels."""


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

    A model that holds a plain int8 network beside its trained one ("int8-ptq" and "int8") answers with the two in turn,
    so that one Fine-Tune network serves both.

    Parameters
    ----------
    model : whose denoiser answers; slices go through it whole, or in tiles that leave no seam
    pairs : see `simulation.files.write_pairs`
    answers : file to write: `train_ns` (pair, y, x, 1) and so on, float32, in network units; its attribute `pairs` says
        what was denoised. One that an earlier call left is kept, where it is of the same networks, pairs and `most`.
    most : pairs for training to use of all there are
    job : its threads

    Raises
    ------
    DataError : where `pairs` holds other slices than the denoiser takes
    OutputError : where `answers` is of other networks or pairs, or cannot be written
    """
    networks = model.manifest.denoise
    precisions: list[Precision] = [name for name in PARTNERS if name in networks.held] or ["int8"]
    with open_pairs(pairs, networks.channels) as file:
        _, y, x = file["train_gt"].shape
        files = [networks.choose(name, None, (y, x)) for name in precisions]
        origin = origin_of(pairs, denoisers=" ".join(one.sha256 for one in files), most=most)
        if is_kept(answers, origin):
            return
        account = Account("fine_tune", job.tally)
        denoisers = [
            open_network(model, networks, one, shape=(y, x), threads=job.ncore, account=account) for one in files
        ]
        try:
            _write(file, answers, origin, denoisers, most)
        finally:
            for denoiser in denoisers:
                denoiser.close()


def _write(file: Any, answers: Path, origin: Origin, denoisers: list[SliceNetwork], most: int) -> None:
    """Write what denoisers in turn answer to the open pairs of `file`; see `write_answers`."""
    _, y, x = file["train_gt"].shape
    counts = {part: min(len(file[f"{part}_ns"]), most) for part in ("test", "train")}

    def lay_out(made: Any) -> None:
        made.attrs.update(origin)
        for part, count in counts.items():
            chunk = 1, min(y, CHUNK), min(x, CHUNK)
            add_dataset(made, f"{part}_ns", (count, y, x, 1), "f4", chunks=(*chunk, 1))
            add_dataset(made, f"{part}_gt", (count, y, x), "f2", chunks=chunk)

    with new_hdf5(answers, lay_out) as made:
        for part, count in counts.items():
            for i in track(range(count), total=count, what=f"answers to {part}"):
                stack = np.moveaxis(file[f"{part}_ns"][i].astype(np.float32), 2, 0)
                made[f"{part}_ns"][i, ..., 0] = _codes(denoisers[i % len(denoisers)], stack)
                # Rounded by numpy: HDF5's own conversion, once it met a tiny value, makes 0.25 of 0.4999987.
                made[f"{part}_gt"][i] = file[f"{part}_gt"][i].astype(np.float16)


def _codes(denoiser: SliceNetwork, stack: Float32) -> Float32:
    """Return a slice (y, x) as the denoiser's codes alone tell it, which is all that the Fine-Tune network will see."""
    answer: Float32 = denoiser(stack)[0]
    params = denoiser.output_params
    return answer if params is None else dequantize(quantize(answer, params)[0], params)
