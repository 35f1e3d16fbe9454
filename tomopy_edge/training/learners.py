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

    def fit(self, batches: Sequence[Batch], rate: float) -> dict[str, float]:
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

    def fit(self, batches: Sequence[Batch], rate: float) -> dict[str, float]:
        """Make one step on one batch."""
        ((noisy, truth),) = batches
        self.network.optimizer.learning_rate = rate
        middle = noisy.shape[-1] // 2
        told = np.concatenate([truth, noisy[..., middle : middle + 1]], axis=-1)
        return {"loss": float(self.network.train_on_batch(noisy, told))}

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
