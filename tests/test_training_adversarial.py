"""Training against a discriminator, and the networks that features are compared by."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import csv

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.errors import ModelError  # noqa: E402 - after the skip
from tomopy_edge.training import adversarial, learners, perceptual, plan, samples, train  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(1)
TRUTH = np.zeros((2, 32, 32, 1), np.float32)
TRUTH[:, 8:24, 8:24] = 1
NOISY = (TRUTH + RNG.normal(0, 0.3, (2, 32, 32, 3))).astype(np.float32)


def small():
    noisy = keras.layers.Input((None, None, 3))
    tensor = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(noisy)
    return keras.Model(noisy, keras.layers.Conv2D(1, 1, dtype="float32")(tensor), name="small")


def chosen(**changed):
    return plan.TrainOptions(
        **{"steps": 4, "crop": 32, "batch": 2, "warm_up": 1, "check_every": 2, "loss": "gan"} | changed
    )


def weights(model):
    return [array.copy() for array in model.get_weights()]


def same(ones, others):
    return all(np.array_equal(one, other) for one, other in zip(ones, others, strict=True))


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(1)
    return adversarial.Adversarial(small(), chosen())


def test_the_discriminator_has_six_convolutions_and_two_dense_layers():
    discriminator = adversarial.build_discriminator(64)
    kinds = [type(layer).__name__ for layer in discriminator.layers if layer.weights]
    assert kinds == ["Conv2D"] * 6 + ["Dense"] * 2
    kernels = [layer.kernel.shape for layer in discriminator.layers if layer.weights]
    assert {kernel[:2] for kernel in kernels[:6]} == {(3, 3)}
    assert kernels[-2:] == [(8 * 8 * 256, 64), (64, 1)]


def test_both_networks_learn_in_a_step_and_the_perceptual_one_does_not(learner):
    models = (learner.network, learner._critic, learner._perceptual)
    before = [weights(model) for model in models]
    told = learner.fit([(NOISY, TRUTH)] * learner.batches, 1e-3)
    assert [same(old, weights(model)) for old, model in zip(before, models, strict=True)] == [False, False, True]
    assert sorted(told) == ["adversarial", "discriminator", "loss", "perceptual", "squares"]
    assert told["loss"] == pytest.approx(0.5 * 255**2 * told["squares"] + 2 * told["perceptual"], rel=1e-4)


def test_each_network_stands_still_while_the_other_learns(learner):
    critic, generator = weights(learner._critic), weights(learner.network)
    learner._critic.trainable = True
    learner._tell_apart(NOISY, TRUTH)
    assert same(generator, weights(learner.network))
    assert not same(critic, weights(learner._critic))
    critic = weights(learner._critic)
    learner._critic.trainable = False
    learner._judged.train_on_batch(NOISY, [TRUTH, np.ones((2, 1), np.float32), *learner._see(TRUTH)])
    assert same(critic, weights(learner._critic))
    assert not same(generator, weights(learner.network))


@pytest.mark.parametrize("weight", ["ADVERSARIAL", "PERCEPTUAL"])
def test_each_loss_alone_reaches_the_generator(monkeypatch, weight):
    for name in {"SQUARES", "ADVERSARIAL", "PERCEPTUAL"} - {weight}:
        monkeypatch.setattr(adversarial, name, 0.0)
    keras.utils.set_random_seed(1)
    learner = adversarial.Adversarial(small(), chosen())
    before = weights(learner.network)
    told = [learner.fit([(NOISY, TRUTH)] * 3, 1e-2) for _ in range(8)]
    assert not same(before, weights(learner.network))
    if weight == "PERCEPTUAL":
        assert told[-1]["perceptual"] < 0.9 * told[0]["perceptual"]


def test_a_broken_off_adversarial_training_resumes_to_the_same_figures(tmp_path, monkeypatch):
    pairs = tmp_path / "pairs.h5"
    with h5py.File(pairs, "w") as file:
        for part in ("train", "test"):
            file[f"{part}_ns"], file[f"{part}_gt"] = NOISY, TRUTH[..., 0]
    draw = samples.Crops.draw

    def broken_off(self, number):
        if number == 3 * 3:
            raise KeyboardInterrupt
        return draw(self, number)

    whole, broken = tmp_path / "whole.keras", tmp_path / "broken.keras"
    scores = train.train(small, pairs, whole, chosen())
    monkeypatch.setattr(samples.Crops, "draw", broken_off)
    with pytest.raises(KeyboardInterrupt):
        train.train(small, pairs, broken, chosen())
    monkeypatch.undo()
    assert train.train(small, pairs, broken, chosen(), resume=True) == scores
    ends = [np.load(tmp_path / f"{name}.keras.training" / "last.npz") for name in ("whole", "broken")]
    assert sorted(ends[0].files) == sorted(ends[1].files)
    for name in set(ends[0].files) - {"state"}:
        np.testing.assert_allclose(ends[0][name], ends[1][name], rtol=1e-6, atol=1e-9)
    with (tmp_path / "whole.keras.training" / "log.csv").open() as file:
        assert {"perceptual", "adversarial", "discriminator"} <= set(next(csv.DictReader(file)))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_keeps_weights_in_float32_and_scales_losses_for_float16(precision):
    keras.utils.set_random_seed(1)
    with learners.computing_in(precision):
        learner = learners.Supervised(small(), chosen(loss="mae", precision=precision))
    assert learner.network.layers[1].compute_dtype == precision
    assert {weight.dtype for weight in learner.network.weights} == {"float32"}
    assert ("LossScale" in type(learner.network.optimizer).__name__) == (precision == "float16")
    before = weights(learner.network)
    assert np.isfinite(learner.fit(learner.handed([(NOISY, TRUTH)]), 1e-3)["loss"])
    assert not same(before, weights(learner.network))
    assert keras.config.dtype_policy().name == "float32"


def test_the_bank_has_filters_of_no_mean_and_unit_length():
    filters = perceptual.gabor_filters()
    assert filters.shape == (7, 7, 1, 24)
    np.testing.assert_allclose(filters.sum(axis=(0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose((filters**2).sum(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_the_bank_feels_blurred_edges_and_hardly_an_error_of_grey():
    bank = perceptual.build_perceptual(None)

    def distance(slices):
        # The two finest scales, without the margin where slices end.
        pairs = zip(bank.predict_on_batch(slices), bank.predict_on_batch(TRUTH), strict=True)
        return np.mean([np.mean((one - other)[:, 2:-2, 2:-2] ** 2) for one, other in list(pairs)[:2]])

    blurred = (TRUTH + np.roll(TRUTH, 1, 1) + np.roll(TRUTH, -1, 1)) / 3
    # Each has the same mean squared error.
    brighter = TRUTH + np.sqrt(np.mean((blurred - TRUTH) ** 2)).astype(np.float32)
    assert distance(blurred) > 20 * distance(brighter)


def test_vgg19_is_read_where_the_user_has_its_weights(tmp_path):
    keras.applications.VGG19(include_top=False, weights=None).save_weights(tmp_path / "vgg19.weights.h5")
    features = perceptual.build_perceptual(tmp_path / "vgg19.weights.h5")
    (found,) = keras.tree.flatten(features.predict_on_batch(TRUTH))
    assert found.shape == (2, 2, 2, 512)
    assert not features.trainable_variables


def test_weights_that_are_not_those_of_vgg19_are_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(ModelError, match=r"other.h5: Keras cannot read VGG19's weights without top"):
        perceptual.build_perceptual(tmp_path / "other.h5")
