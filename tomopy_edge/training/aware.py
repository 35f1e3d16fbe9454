"""Quantization-aware training: a float network computes as its int8 export will, and learns to live with it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.errors import ModelError
from tomopy_edge.training.generator import MULTIPLE
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.learners import Batch, Supervised
from tomopy_edge.training.loop import DivergedError, Loop, judged_error
from tomopy_edge.training.origin import origin_of
from tomopy_edge.training.pairs_file import open_pairs
from tomopy_edge.training.plan import TrainOptions
from tomopy_edge.training.ranges import Span, inputs_of, nudged, stored_layers
from tomopy_edge.training.samples import Crops
from tomopy_edge.training.scores import judge
from tomopy_edge.training.train import held_out_pairs

log = logging.getLogger(__name__)

HELD_OUT = 12
"""Held-out pairs that the int8 network is looked at."""


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


def train_aware(network: Any, ranges: dict[str, Span], pairs: Path, chosen: TrainOptions) -> Any:
    """Return a copy of a trained float network whose weights suit int8, or None where it suits int8 best as it is.

    It learns the answers of `network` itself, and so becomes neither more nor less than what was trained: whatever loss
    that was trained by, and where no truth is at hand. The truth of the pairs has no part in it. The best weights on
    held-out pairs are kept, of a training that diverges, too, where they are better than those it began with.

    Parameters
    ----------
    network : (batch, y, x, channel) -> (batch, y, x, 1), its size open
    ranges : see `ranges.activation_ranges`; they stay as they are
    pairs : see `simulation.files.write_pairs`
    chosen : how long, and how
    """
    # Copies: Keras traces a network that met two sizes anew for any size, and upsampling fails in that.
    teacher, examiner = (copy_of(network, network.get_weights()) for _ in range(2))
    span = nudged(ranges[stored_layers(network)[network.layers[-1].name]])
    learner = _Aware(simulate(network, ranges), teacher, span, chosen)
    with open_pairs(pairs, network.input_shape[-1]) as file, tempfile.TemporaryDirectory() as place:
        least = min(chosen.crop, *file["train_gt"].shape[1:])
        crops = Crops(
            *(file["train_ns"], file["train_gt"], least - least % MULTIPLE, chosen.batch, chosen.seed, chosen.vary)
        )
        noisy = held_out_pairs(file, HELD_OUT)[0].astype(np.float32)
        wanted = np.stack([examiner.predict_on_batch(one[None])[0, ..., 0] for one in noisy])
        first = judge(learner.network, noisy, wanted)
        log.info("int8 against float on held-out pairs before training: PSNR %.2f, SSIM %.4f", first.psnr, first.ssim)
        best = Path(place) / "best.keras"
        build = partial(copy_of, network, network.get_weights())
        loop = Loop(learner, build, best, Path(place), chosen, origin_of(pairs), resume=False)
        try:
            loop.go(crops, (noisy, wanted))
        except DivergedError as error:
            log.warning("%s", error)
        finally:
            loop.close()
        if best.exists() and loop.best < judged_error(first, chosen):
            return copy_of(network, load_network(best).get_weights())
    log.warning("quantization-aware training gained nothing: the network stays as it is")
    return None


def copy_of(network: Any, weights: list[Any]) -> Any:
    """Return a copy of a Keras model with other weights, and with nothing of what Keras compiled for it."""
    import keras

    copy = keras.models.clone_model(network)
    copy.set_weights(weights)
    return copy


class _Aware(Supervised):
    """A network that computes in codes, and is told which code each answer of its float teacher is nearest to.

    Told the answers themselves it would find no rest: whichever code it gives, the answer is above or below that, and
    the sign of the difference is all that the absolute error pulls by. Calm air then flickers between two codes. For
    the same reason the nearest code is found by the very rounding that the network ends with: computed in another way,
    it is the same number but for its last bit, and that bit has a sign too.
    """

    def __init__(self, network: Any, teacher: Any, span: Span, chosen: TrainOptions) -> None:
        super().__init__(network, chosen)
        self._teacher, self._codes = teacher, _rounding()["activation"](span, "nearest_codes")

    def handed(self, batches: Sequence[Batch]) -> Batch:
        """Return the batch as it is: the teacher answers in the thread that trains."""
        (batch,) = batches
        return batch

    def fit(self, handed: Batch, rate: float) -> dict[str, float]:
        """Make one step on one batch."""
        from keras import ops

        noisy, _ = handed
        told = ops.convert_to_numpy(self._codes(self._teacher.predict_on_batch(noisy)))
        return super().fit(super().handed([(noisy, told)]), rate)
