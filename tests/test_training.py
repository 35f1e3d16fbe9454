"""The networks, the samples they learn from, and the training loop."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import csv
import json
import re

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.errors import DataError, OutputError  # noqa: E402 - after the skip
from tomopy_edge.training import fine_tune, generator, samples, train  # noqa: E402
from tomopy_edge.training.architectures import multiply_adds  # noqa: E402
from tomopy_edge.training.scores import score  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return generator.build_generator()


@pytest.fixture
def pairs(tmp_path):
    """Noisy steps, 32 x 32 pixels: enough to learn something from in three batches."""
    rng = np.random.default_rng(1)
    path = tmp_path / "pairs.h5"
    with h5py.File(path, "w") as file:
        for part, count in (("train", 4), ("test", 2)):
            truth = np.zeros((count, 32, 32), np.float32)
            truth[:, 8:24, 8:24] = 1
            noisy = truth[..., None] + rng.normal(0, 0.3, (count, 32, 32, 3))
            file[f"{part}_ns"], file[f"{part}_gt"] = noisy.astype(np.float32), truth
    return path


def small(y=None, x=None):
    """A network of the generator's form that trains in no time."""
    noisy = keras.layers.Input((y, x, 3))
    tensor = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(noisy)
    return keras.Model(noisy, keras.layers.Conv2D(1, 1, dtype="float32")(tensor), name="small")


def chosen(**changed):
    return train.TrainOptions(**{"steps": 3, "crop": 16, "batch": 2, "warm_up": 1, "check_every": 3} | changed)


def test_the_generator_has_the_published_number_of_parameters(network):
    assert network.count_params() == generator.PARAMETERS == 694_913


def test_the_generator_takes_97_gmac_for_a_megapixel():
    assert multiply_adds(generator.build_generator(1024, 1024)) == pytest.approx(97.2e9, rel=1e-3)


def test_the_fine_tune_network_takes_the_operations_of_the_paper():
    network = fine_tune.build_fine_tune(1024, 1024)
    assert network.count_params() == fine_tune.PARAMETERS
    # 621 million: two operations for each multiply-addition, and one for each ReLU.
    assert 2 * multiply_adds(network) + 16 * 1024**2 == pytest.approx(621e6, rel=1e-3)


def test_an_untrained_fine_tune_network_changes_nothing():
    slices = np.random.default_rng(1).normal(size=(1, 24, 24, 1)).astype(np.float32)
    assert np.array_equal(fine_tune.build_fine_tune().predict_on_batch(slices), slices)


@pytest.mark.parametrize(
    ("build", "channels", "reach", "multiple"),
    [
        (generator.build_generator, 3, generator.REACH, generator.MULTIPLE),
        (fine_tune.build_fine_tune, 1, fine_tune.REACH, fine_tune.MULTIPLE),
    ],
)
def test_a_network_reaches_no_farther_than_it_says(build, channels, reach, multiple):
    """Change one pixel after the other on one pooling cell; see how far the answer changes."""
    keras.utils.set_random_seed(2)
    network = build()
    for layer in network.layers:
        # Positive weights let everything through: no ReLU can hide a path.
        layer.set_weights([np.abs(weights) + 0.01 for weights in layer.get_weights()])
    size = 144
    flat = np.zeros((1, size, size, channels), np.float32)
    calm = network.predict_on_batch(flat)
    farthest = 0
    for place in range(size // 2, size // 2 + multiple):
        struck = flat.copy()
        struck[0, place, place] = 1e3
        changed = np.argwhere(np.abs(network.predict_on_batch(struck) - calm)[0, ..., 0] > 0)
        farthest = max(farthest, int(np.abs(changed - place).max()))
    assert farthest == reach


def test_operations_of_a_network_of_open_size_are_not_counted(network):
    with pytest.raises(ValueError, match="must be fixed"):
        multiply_adds(network)


def test_a_step_always_draws_the_same_crops(pairs):
    with h5py.File(pairs) as file:
        crops = samples.Crops(file["train_ns"], file["train_gt"], 16, 4, seed=3)
        first, again, other = crops.draw(5), crops.draw(5), crops.draw(6)
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == (4, 16, 16, 3)
    assert first[1].shape == (4, 16, 16, 1)


def test_noisy_and_truth_are_turned_and_scaled_together(monkeypatch):
    monkeypatch.setattr(samples, "LIFTED", 0)
    truth = np.random.default_rng(1).random((1, 40, 40)).astype(np.float32)
    noisy = np.stack([truth * factor for factor in (2, 1, 3)], axis=3)
    crops = samples.Crops(noisy, truth, 16, 8, seed=1)
    drawn, clean = crops.draw(0)
    np.testing.assert_allclose(drawn[..., 1:2], clean, rtol=1e-6)
    factors = {tuple(np.round((one / true).mean(axis=(0, 1)), 3)) for one, true in zip(drawn, clean, strict=True)}
    assert factors == {(2, 1, 3), (3, 1, 2)}
    assert len({float(one.max()) for one in clean}) > 4


def test_noisy_and_truth_are_lifted_together(monkeypatch):
    monkeypatch.setattr(samples, "LIFTED", 1)
    truth = np.random.default_rng(1).random((1, 40, 40)).astype(np.float32)
    drawn, clean = samples.Crops(np.repeat(truth[..., None], 3, 3), truth, 16, 8, seed=1).draw(0)
    np.testing.assert_allclose(drawn, np.repeat(clean, 3, 3), atol=1e-6)
    lifts = clean.min(axis=(1, 2, 3))
    assert lifts.min() >= samples.LIFT[0]
    assert lifts.max() > 0.2


def test_three_batches_lower_the_loss(pairs, tmp_path):
    model = tmp_path / "small.keras"
    train.train(small, pairs, model, chosen(steps=30, rate=1e-2, check_every=10))
    with (tmp_path / "small.keras.training" / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 3
    assert losses[-1] < 0.7 * losses[0]
    assert keras.models.load_model(model).dtype_policy.name == "float32"


def interrupt_at(step, monkeypatch):
    draw = samples.Crops.draw

    def interrupted(self, now):
        if now == step:
            raise KeyboardInterrupt
        return draw(self, now)

    monkeypatch.setattr(samples.Crops, "draw", interrupted)


def test_a_training_broken_off_by_ctrl_c_and_resumed_ends_where_an_unbroken_one_ends(pairs, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole.keras", tmp_path / "broken.keras"
    progress = tmp_path / "broken.keras.training" / "progress.json"
    train.train(small, pairs, whole, chosen(steps=6))
    interrupt_at(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train.train(small, pairs, broken, chosen(steps=6))
    monkeypatch.undo()
    assert json.loads(progress.read_text())["step"] == 4
    train.train(small, pairs, broken, chosen(steps=6), resume=True)
    assert json.loads(progress.read_text())["step"] == 6
    ends = (keras.models.load_model(tmp_path / f"{name}.keras.training" / "last.keras") for name in ("whole", "broken"))
    for one, other in zip(*(network.get_weights() for network in ends), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_good_network(pairs, tmp_path, monkeypatch):
    draw = samples.Crops.draw

    def poisoned(self, step):
        noisy, truth = draw(self, step)
        return noisy, truth * (np.nan if step == 4 else 1)

    monkeypatch.setattr(samples.Crops, "draw", poisoned)
    model = tmp_path / "small.keras"
    with pytest.raises(train.DivergedError, match=f"step 5 is nan; the best network so far is {re.escape(str(model))}"):
        train.train(small, pairs, model, chosen(steps=9))
    assert np.isfinite(keras.models.load_model(model).get_weights()[0]).all()


def test_a_trained_model_is_not_overwritten(pairs, tmp_path):
    (tmp_path / "small.keras").write_text("precious")
    with pytest.raises(OutputError, match="exists; choose another name"):
        train.train(small, pairs, tmp_path / "small.keras", chosen())


def test_there_must_be_something_to_resume(pairs, tmp_path):
    with pytest.raises(OutputError, match="holds no checkpoint to resume from"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(), resume=True)


def _poison(name, value):
    def change(file):
        file[name][1, 3, 3] = value

    return change


def _replace(name, values):
    def change(file):
        del file[name]
        if values is not None:
            file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_poison("train_ns", np.nan), "train pair 1: its noisy slices hold values that are not finite"),
        (_poison("test_gt", np.inf), "test pair 1: its truth hold values that are not finite"),
        (_replace("train_ns", np.ones((4, 32, 32, 3))), "train pair 0: its noisy slices are 1 everywhere"),
        (_replace("train_gt", np.ones((3, 32, 32))), r"train_ns must have the shape \(pair, y, x, 3\)"),
        (_replace("train_ns", np.ones((4, 32, 32, 5))), r"got \(4, 32, 32, 5\) and \(4, 32, 32\)"),
        (_replace("test_ns", None), "holds no dataset 'test_ns'"),
    ],
)
def test_pairs_that_teach_nothing_are_refused_before_training(pairs, tmp_path, change, message):
    with h5py.File(pairs, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=message):
        train.train(small, pairs, tmp_path / "small.keras", chosen())
    assert not list(tmp_path.glob("small.keras*"))


def test_a_crop_larger_than_the_slices_is_refused(pairs, tmp_path):
    with pytest.raises(DataError, match=r"at least as large as a crop \(64\)"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(crop=64))


def test_a_file_that_is_not_hdf5_is_refused(tmp_path):
    path = tmp_path / "pairs.h5"
    path.write_text("no")
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        train.train(small, path, tmp_path / "small.keras", chosen())


def test_the_learning_rate_rises_and_falls():
    plan = chosen(steps=1000, warm_up=100, rate=1e-3)
    rates = [train.learning_rate(train.Progress(step=step), plan) for step in (0, 99, 500, 1000)]
    assert rates == pytest.approx([1e-5, 1e-3, 5e-4, 1e-5], rel=0.03)


def test_a_budget_is_minutes_or_steps():
    with pytest.raises(ValueError, match="minutes: give either"):
        train.TrainOptions()
    with pytest.raises(ValueError, match="minutes: give either"):
        train.TrainOptions(minutes=1, steps=1)


def test_a_perfect_slice_scores_one():
    truth = np.random.default_rng(1).random((32, 32))
    perfect, spoilt = score(truth, truth), score(truth + 0.1, truth)
    assert perfect.ssim == pytest.approx(1)
    assert spoilt.psnr == pytest.approx(20 * np.log10(np.ptp(truth) / 0.1))
    assert spoilt.error == pytest.approx(0.1)
