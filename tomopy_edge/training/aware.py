"""Quantization-aware training: a float network computes as its int8 export will, and learns to live with it."""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import ModelError
from tomopy_edge.options import options
from tomopy_edge.training.architectures import architecture_of
from tomopy_edge.training.emphasis import evened
from tomopy_edge.training.pairs_file import open_pairs
from tomopy_edge.training.ranges import Span, inputs_of, nudged, stored_layers
from tomopy_edge.training.samples import Crops

log = logging.getLogger(__name__)

WARM_UP = 0.1
"""Share of the budget over which the learning rate rises: Adam's first steps are as large as the rate allows."""

WORSE = 3.0
"""A training whose error is so many times what it began with has diverged."""

LOOKS = 4
"""Batches of held-out crops that a look takes."""


@options
class AwareOptions:
    """How a float network is trained further for int8."""

    minutes: float | None = None
    """Time to train for; the learning rate falls along with it. This or `steps`."""
    steps: int | None = None
    """Batches to train for. This or `minutes`."""
    rate: float = 1e-4
    """Highest learning rate of Adam; it falls to 0."""
    crop: int = 192
    """Rows and columns of a crop, pixels; less where the slices are smaller."""
    batch: int = 6
    """Crops in a batch."""
    check_every: int = 50
    """Batches between two looks at held-out crops."""
    vary: bool = True
    """Multiply and lift crops at random; not for a network that mends int8 codes."""
    seed: int = 1
    """Of the crops."""

    def __post_init__(self) -> None:
        """Check that the training has an end."""
        if (self.minutes is None) == (self.steps is None):
            raise ValueError("minutes: give either minutes or steps")
        for name in ("minutes", "steps", "rate", "crop", "batch", "check_every"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}: must be above 0, got {value}")


def simulate(
    network: Any, ranges: dict[str, Span], shape: tuple[int | None, ...] = (None, None, None), *, kernels: bool = True
) -> Any:
    """Return a copy of a float network that rounds its activations, and its kernels, as its int8 export will.

    Parameters
    ----------
    network : functional Keras model of Conv2D, Conv2DTranspose, Add, Concatenate, MaxPooling2D, UpSampling2D and ReLU
        layers, each used once
    ranges : for each group of `ranges.stored_layers`, the values that its 256 codes cover
    shape : (batch, y, x) of the copy; None leaves them open
    kernels : whether kernels are rounded too, to the 255 codes of each output channel; a converter does that itself

    Raises
    ------
    ModelError : where a layer is none of these

    References
    ----------
    B. Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference,
    CVPR 2018, section 3.
    """
    import keras
    from keras import layers

    rounding = _rounding()
    handing_on = (layers.Add, layers.Concatenate, layers.MaxPooling2D, layers.UpSampling2D, layers.ReLU)
    stored = stored_layers(network)
    made: dict[int, Any] = {}
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer):
            tensor = given = layers.Input((*shape[1:], network.input_shape[-1]), batch_size=shape[0], name=layer.name)
        elif type(layer) in rounding or type(layer) in handing_on:
            kind = rounding[type(layer)] if kernels and type(layer) in rounding else type(layer)
            # In float32: the 256 steps of a code do not survive bfloat16, which keeps as many for a whole octave.
            copy = kind.from_config(layer.get_config() | {"dtype": "float32"})
            taken = [made[id(source)] for source in inputs_of(layer)]
            tensor = copy(taken if len(taken) > 1 else taken[0])
            copy.set_weights(layer.get_weights())
        else:
            raise ModelError(f"layer {layer.name!r}: a {type(layer).__name__} cannot be made int8")
        # Pooling and concatenation hand codes on; all else makes values between them.
        if layer.name in stored and not isinstance(layer, layers.MaxPooling2D | layers.Concatenate):
            tensor = rounding["activation"](nudged(ranges[stored[layer.name]]), f"{layer.name}_codes")(tensor)
        made[id(layer.output)] = tensor
    return keras.Model(given, made[id(network.output)], name=network.name)


@cache
def _rounding() -> dict[Any, Any]:
    """Return the layers that round: one for each layer with a kernel, and one for activations."""
    from keras import layers, ops, quantizers

    def rounded(kernel: Any, axis: int) -> Any:
        others = [i for i in range(len(kernel.shape)) if i != axis]
        most = ops.stop_gradient(ops.max(ops.abs(kernel), axis=others))
        # A channel of zeros still needs a step.
        most = ops.maximum(most, 1e-8)
        return quantizers.fake_quant_with_min_max_vars(kernel, -most, most, narrow_range=True, axis=axis)

    class RoundedConv2D(layers.Conv2D):  # type: ignore[misc]  # Keras has no types
        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            return super().convolution_op(inputs, rounded(kernel, 3))

    class RoundedConv2DTranspose(layers.Conv2DTranspose):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            kernel = rounded(self.kernel, 2)
            sums = ops.conv_transpose(inputs, kernel, strides=list(self.strides), padding=self.padding)
            return self.activation(sums + self.bias)

    class Codes(layers.Layer):  # type: ignore[misc]
        def __init__(self, span: Span, name: str) -> None:
            super().__init__(name=name, dtype="float32")
            self.span = span

        def call(self, values: Any) -> Any:
            return quantizers.fake_quant_with_min_max_vars(values, *self.span)

    return {layers.Conv2D: RoundedConv2D, layers.Conv2DTranspose: RoundedConv2DTranspose, "activation": Codes}


def train_aware(network: Any, ranges: dict[str, Span], pairs: Path, chosen: AwareOptions) -> Any:
    """Return a copy of a trained float network whose weights suit int8: to be exported with the same `ranges`.

    It learns the answers of `network` itself, by the mean absolute error of each crop as a share of that error, and so
    becomes neither more nor less than what was trained; the truth of the pairs has no part in it. The best weights on
    held-out crops are kept, which may be those it began with.

    Parameters
    ----------
    network : (batch, y, x, channel) -> (batch, y, x, 1), its size open
    ranges : see `ranges.activation_ranges`; they stay as they are
    pairs : see `simulation.files.write_pairs`
    chosen : how long, and how
    """
    import keras

    multiple = architecture_of(network, network.name).multiple
    with open_pairs(pairs, network.input_shape[-1]) as file:
        least = min(chosen.crop, *file["train_gt"].shape[1:], *file["test_gt"].shape[1:])
        crop = least - least % multiple
        # A copy: Keras traces a network that met two sizes anew for any size, and upsampling fails in that.
        teacher = copy_of(network, network.get_weights())
        taught, held_out = (
            _Lessons(teacher, Crops(file[f"{part}_ns"], file[f"{part}_gt"], crop, chosen.batch, seed, chosen.vary))
            for part, seed in (("train", chosen.seed), ("test", 0))
        )
        looked_at = [held_out.draw(step) for step in range(LOOKS)]
        student = simulate(network, ranges)
        student.compile(keras.optimizers.Adam(chosen.rate, clipnorm=1.0), loss=_by_shares, jit_compile=False)
        best = _go(student, taught, looked_at, chosen)
    return copy_of(network, best)


def copy_of(network: Any, weights: list[Any]) -> Any:
    """Return a copy of a Keras model with other weights, and with nothing of what Keras compiled for it."""
    import keras

    copy = keras.models.clone_model(network)
    copy.set_weights(weights)
    return copy


class _Lessons:
    """Crops, and the teacher's answers to them."""

    def __init__(self, teacher: Any, crops: Crops) -> None:
        self._teacher, self._crops = teacher, crops

    def draw(self, step: int) -> tuple[Float32, Float32]:
        noisy, _ = self._crops.draw(step)
        return noisy, self._teacher.predict_on_batch(noisy)


def _by_shares(wanted: Any, answer: Any) -> Any:
    """Return the mean absolute error of each crop, (batch,), as a share: see `emphasis.evened`."""
    from keras import ops

    return evened(ops.mean(ops.abs(wanted - ops.cast(answer, "float32")), axis=(1, 2, 3)))


def _go(student: Any, taught: _Lessons, held_out: list[tuple[Float32, Float32]], chosen: AwareOptions) -> Any:
    """Train to the end of the budget, or until the error grows; return the best weights."""

    def look() -> float:
        return float(np.mean([student.test_on_batch(noisy, wanted) for noisy, wanted in held_out]))

    start, step, losses = time.monotonic(), 0, []
    first = lowest = look()
    best = student.get_weights()
    log.info("int8 error on held-out crops before training: %.5f", first)
    with ThreadPoolExecutor(1) as ahead:
        lesson = ahead.submit(taught.draw, 0)
        share = 0.0
        while share < 1:
            noisy, wanted = lesson.result()
            lesson = ahead.submit(taught.draw, step + 1)
            falling = 0.5 * (1 + math.cos(math.pi * share))
            student.optimizer.learning_rate = chosen.rate * falling * min(1.0, (share + 1e-3) / WARM_UP)
            losses.append(float(student.train_on_batch(noisy, wanted)))
            step += 1
            seconds = time.monotonic() - start
            share = step / chosen.steps if chosen.steps else seconds / (60 * (chosen.minutes or 1))
            if step % chosen.check_every and share < 1:
                continue
            found = look()
            log.info(
                "step %d, %.1f min: loss %.5f, int8 error on held-out crops %.5f",
                *(step, seconds / 60, float(np.mean(losses)), found),
            )
            if not math.isfinite(found) or found > WORSE * first:
                log.warning("the int8 error rose from %.5f to %.5f: stopped, the best network is kept", first, found)
                break
            losses = []
            if found < lowest:
                lowest, best = found, student.get_weights()
    return best
