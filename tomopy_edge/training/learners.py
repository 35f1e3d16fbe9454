"""What the training loop trains: something that learns from batches, and whose state can be kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.training.losses import loss_function
from tomopy_edge.training.plan import Precision, TrainOptions

Batch = tuple[Float32, Float32]
"""(batch, y, x, channel) noisy and (batch, y, x, 1) truth, network units."""


class Learner(Protocol):
    """One way to train a network.

    Attributes
    ----------
    network : Keras model that is judged and written
    batches : batches that a step takes
    """

    network: Any
    batches: int

    def handed(self, batches: Sequence[Batch]) -> Any:
        """Return the batches of a step as `fit` takes them; called ahead, by threads of their own."""
        ...

    def fit(self, handed: Any, rate: float) -> dict[str, float]:
        """Make one step, at a learning rate; return what is logged of it, under "loss" what must fall."""
        ...

    def variables(self) -> list[Any]:
        """Return all that changes with a step, in an order that stays."""
        ...


class Supervised:
    """A network that is told the truth.

    Parameters
    ----------
    network : Keras model, (batch, y, x, channel) -> (batch, y, x, 1)
    chosen : loss, rate and precision
    """

    batches = 1

    def __init__(self, network: Any, chosen: TrainOptions) -> None:
        self.network = network
        loss = loss_function(chosen.loss, details=chosen.details, contrast=chosen.contrast, even=chosen.even)
        compile_model(network, loss, chosen)

    def handed(self, batches: Sequence[Batch]) -> tuple[Any, Any]:
        """Return what the network sees and what it is told, where it computes: on a GPU, in the GPU's memory."""
        from keras import ops

        ((noisy, truth),) = batches
        middle = noisy.shape[-1] // 2
        told = np.concatenate([truth, noisy[..., middle : middle + 1]], axis=-1)
        return ops.convert_to_tensor(noisy), ops.convert_to_tensor(told)

    def fit(self, handed: tuple[Any, Any], rate: float) -> dict[str, float]:
        """Make one step on one batch."""
        self.network.optimizer.learning_rate = rate
        return {"loss": float(self.network.train_on_batch(*handed))}

    def variables(self) -> list[Any]:
        """Return the network's weights and Adam's moments."""
        return [*self.network.variables, *self.network.optimizer.variables]


def compile_model(model: Any, loss: Any, chosen: TrainOptions, **more: Any) -> None:
    """Give a Keras model its loss and an Adam of its own that has all its variables already."""
    import keras

    model.compile(keras.optimizers.Adam(chosen.rate, clipnorm=1.0), loss=loss, jit_compile=False, **more)
    model.optimizer.build(model.trainable_variables)


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Let the networks that are built inside compute in a precision; their weights stay in float32."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def fastest_kernels() -> Iterator[None]:
    """Let cuDNN try which of its kernels is the fastest for crops, all of one size, where torch computes on a GPU.

    Those it takes untried keep a GPU busy for several times as long with convolutions of so few channels.
    """
    import keras

    if keras.config.backend() != "torch":
        yield
        return
    import torch

    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
