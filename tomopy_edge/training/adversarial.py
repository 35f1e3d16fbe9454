"""Training against a discriminator, as the TomoGAN papers do it: what it is, what is weighed how, who learns when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tomopy_edge.training.learners import Batch, compile_model
from tomopy_edge.training.losses import mean_squared
from tomopy_edge.training.perceptual import GREY, build_perceptual
from tomopy_edge.training.plan import TrainOptions

SQUARES, ADVERSARIAL, PERCEPTUAL = 0.5, 20.0, 2.0
"""Weights of the generator's three losses, as published. The squares are of grey values of 8 bits: that the weights
were meant for them is our reading, and makes the three losses alike in size at the end of a training."""

CRITIC_STEPS = 2
"""Steps of the discriminator, each on a batch of its own, before one of the generator, as published."""

CHANNELS = (64, 64, 128, 128, 256, 256)
"""Of the discriminator's convolutions."""

DENSE = 64
"""Units of the discriminator's hidden dense layer."""

LEAK = 0.2
"""Slope of the leaky ReLUs for what is below 0; our choice."""


def build_discriminator(crop: int) -> Any:
    """Return an untrained discriminator, a Keras model from crops to how clean they look (logit, high is clean).

    Six 3x3 convolutions, every second of stride 2, each followed by a leaky ReLU, and two dense layers. The paper says
    so much; channels and strides are our choice after Yang et al., whose discriminator it follows. With their 1024
    hidden units, meant for crops of 64 pixels, crops of 192 would need 150 million weights; here there are 64.

    Parameters
    ----------
    crop : rows and columns of the crops, pixels

    References
    ----------
    Z. Liu et al., TomoGAN: low-dose synchrotron x-ray tomography with generative adversarial networks, J. Opt. Soc. Am.
    A 37 (2020) 422 (arXiv:1902.07582). Q. Yang et al., Low-dose CT image denoising using a generative adversarial
    network with Wasserstein distance and perceptual loss, IEEE Transactions on Medical Imaging 37 (2018) 1348.
    """
    import keras
    from keras import layers, ops

    def leaky(tensor: Any) -> Any:
        # Not layers.LeakyReLU: TensorFlow's graph optimizer stumbles over its gradient, loudly.
        return ops.maximum(tensor, LEAK * tensor)

    tensor = crops = layers.Input((crop, crop, 1), name="crop")
    for i, width in enumerate(CHANNELS):
        tensor = leaky(layers.Conv2D(width, 3, strides=1 + i % 2, padding="same")(tensor))
    tensor = leaky(layers.Dense(DENSE)(layers.Flatten()(tensor)))
    return keras.Model(crops, layers.Dense(1, dtype="float32")(tensor), name="tomogan_discriminator")


class Adversarial:
    """A generator that learns to be taken for the truth by a discriminator, which learns to tell them apart.

    The discriminator's loss, and the generator's adversarial one, are cross-entropies (the generator's is the
    non-saturating one). The gradient of the perceptual loss passes through the perceptual network.

    Parameters
    ----------
    network : Keras model, (batch, y, x, channel) -> (batch, y, x, 1)
    chosen : crop, rate, precision and perceptual network

    References
    ----------
    I. Goodfellow et al., Generative adversarial nets, Advances in Neural Information Processing Systems (2014) 2672.
    """

    batches = CRITIC_STEPS + 1

    def __init__(self, network: Any, chosen: TrainOptions) -> None:
        import keras

        self.network = network
        self._critic = build_discriminator(chosen.crop)
        cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        compile_model(self._critic, cross_entropy, chosen)
        self._critic.trainable = False
        self._perceptual = build_perceptual(chosen.vgg19)
        crops = keras.Input((chosen.crop, chosen.crop, network.input_shape[-1]))
        denoised = network(crops)
        # Each output needs a name of its own, or Keras tells one loss for all of them.
        seen = (keras.layers.Identity(name=f"features_{i}")(one) for i, one in enumerate(self._see(denoised)))
        features = list(seen)
        # Its weights are the generator's alone: discriminator and perceptual network stand still in it.
        self._judged = keras.Model(crops, [denoised, self._critic(denoised), *features])
        compile_model(
            self._judged,
            [mean_squared, cross_entropy, *(mean_squared for _ in features)],
            chosen,
            loss_weights=[SQUARES * GREY**2, ADVERSARIAL, *(PERCEPTUAL / len(features) for _ in features)],
        )

    def handed(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        """Return the batches as they are."""
        return batches

    def fit(self, handed: Sequence[Batch], rate: float) -> dict[str, float]:
        """Make the discriminator's steps and then the generator's.

        Returns
        -------
        "loss" is the weighted squared and perceptual loss; what is adversarial need not fall
        """
        self._critic.trainable = True
        self._critic.optimizer.learning_rate = rate
        told_apart = [self._tell_apart(*batch) for batch in handed[:-1]]
        self._critic.trainable = False
        self._judged.optimizer.learning_rate = rate
        noisy, truth = handed[-1]
        wanted = [truth, np.ones((len(truth), 1), np.float32), *self._see(truth)]
        total, squares, adversarial, *perceptual = self._judged.train_on_batch(noisy, wanted)
        return {
            "loss": float(total - ADVERSARIAL * adversarial),
            "squares": float(squares),
            "perceptual": float(np.mean(perceptual)),
            "adversarial": float(adversarial),
            "discriminator": float(np.mean(told_apart)),
        }

    def variables(self) -> list[Any]:
        """Return the weights of both networks and the moments of both Adams."""
        models = (self.network, self._critic)
        optimizers = (self._judged.optimizer, self._critic.optimizer)
        return [variable for part in (*models, *optimizers) for variable in part.variables]

    def _see(self, slices: Any) -> list[Any]:
        """Return the features of slices: of a batch, or of what stands for one while a model is built."""
        import keras

        batch = isinstance(slices, np.ndarray)
        features = self._perceptual.predict_on_batch(slices) if batch else self._perceptual(slices)
        return list(keras.tree.flatten(features))

    def _tell_apart(self, noisy: Any, truth: Any) -> float:
        crops = np.concatenate([truth, self.network.predict_on_batch(noisy)])
        clean = np.repeat(np.array([[1], [0]], np.float32), len(truth), axis=0)
        return float(self._critic.train_on_batch(crops, clean))
