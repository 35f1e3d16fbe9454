"""The networks, and the loop that trains them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import csv
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.errors import DataError, ModelError, OutputError  # noqa: E402 - after the skip
from tomopy_edge.training import checkpoint, compact, fine_tune, generator, logbook, loop, plan, samples, train  # noqa: E402
from tomopy_edge.training.architectures import multiply_adds  # noqa: E402
from tomopy_edge.training.logbook import Logbook  # noqa: E402
from tomopy_edge.training.scores import Scores, score  # noqa: E402

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
    return plan.TrainOptions(**{"steps": 3, "crop": 16, "batch": 2, "warm_up": 1, "check_every": 3} | changed)


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


def test_three_batches_lower_the_loss(pairs, tmp_path):
    model = tmp_path / "small.keras"
    train.train(small, pairs, model, chosen(steps=30, rate=1e-2, check_every=10))
    losses = [float(row["loss"]) for row in rows(tmp_path)]
    assert len(losses) == 3
    assert losses[-1] < 0.8 * losses[0]
    assert keras.models.load_model(model).dtype_policy.name == "float32"


def rows(tmp_path):
    with (tmp_path / "small.keras.training" / "log.csv").open() as file:
        return list(csv.DictReader(file))


def interrupt_at(step, monkeypatch):
    draw = samples.Crops.draw

    def interrupted(self, now):
        if now == step:
            raise KeyboardInterrupt
        return draw(self, now)

    monkeypatch.setattr(samples.Crops, "draw", interrupted)


def test_a_training_broken_off_by_ctrl_c_and_resumed_ends_where_an_unbroken_one_ends(pairs, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole.keras", tmp_path / "broken.keras"

    def step():
        state = np.load(tmp_path / "broken.keras.training" / "last.npz")["state"]
        return json.loads(str(state))["progress"]["step"]

    train.train(small, pairs, whole, chosen(steps=6))
    interrupt_at(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train.train(small, pairs, broken, chosen(steps=6))
    monkeypatch.undo()
    assert step() == 4
    train.train(small, pairs, broken, chosen(steps=6), resume=True)
    assert step() == 6
    ends = [np.load(tmp_path / f"{name}.keras.training" / "last.npz") for name in ("whole", "broken")]
    for name in set(ends[0].files) - {"state"}:
        np.testing.assert_allclose(ends[0][name], ends[1][name], rtol=1e-6, atol=1e-9)


def test_pairs_in_memory_and_several_workers_change_no_figure(pairs, tmp_path):
    one, other = tmp_path / "one.keras", tmp_path / "other.keras"
    scores = train.train(small, pairs, one, chosen(steps=7, check_every=2))
    assert train.train(small, pairs, other, chosen(steps=7, check_every=2, in_memory=True, workers=3)) == scores


def test_looks_are_part_of_the_minutes_asked_for(pairs, tmp_path, monkeypatch):
    now, judge = [0.0], loop.judge

    def slow(*slices):
        now[0] += 60
        return judge(*slices)

    monkeypatch.setattr(loop, "judge", slow)
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=None, minutes=2.5, check_every=1))
    assert len(rows(tmp_path)) == 3


@pytest.mark.parametrize("look", [1, 2], ids=["first", "last"])
def test_a_look_broken_off_by_ctrl_c_is_made_up_for(pairs, tmp_path, monkeypatch, look):
    judge, looks = loop.judge, iter(range(1, 9))

    def broken_off(*slices):
        if next(looks) == look:
            raise KeyboardInterrupt
        return judge(*slices)

    unbroken = train.train(small, pairs, tmp_path / "whole.keras", chosen(steps=6))
    monkeypatch.setattr(loop, "judge", broken_off)
    with pytest.raises(KeyboardInterrupt):
        train.train(small, pairs, tmp_path / "small.keras", chosen(steps=6))
    monkeypatch.undo()
    resumed = train.train(small, pairs, tmp_path / "small.keras", chosen(steps=6), resume=True)
    assert resumed.error == pytest.approx(unbroken.error, rel=1e-5)
    with (tmp_path / "whole.keras.training" / "log.csv").open() as file:
        expected = [(row["step"], pytest.approx(float(row["loss"]), rel=1e-5)) for row in csv.DictReader(file)]
    assert [(row["step"], float(row["loss"])) for row in rows(tmp_path)] == expected


def test_a_finished_training_whose_network_is_gone_writes_it_again(pairs, tmp_path, caplog):
    model = tmp_path / "small.keras"
    train.train(small, pairs, model, chosen())
    model.unlink()
    train.train(small, pairs, model, chosen(), resume=True)
    assert "the best network so far is gone" in caplog.text
    assert model.exists()
    assert [row["step"] for row in rows(tmp_path)] == ["3"]


@pytest.mark.parametrize(
    ("how", "kept"), [({"loss": "mae"}, 2), ({"loss": "mae", "even": True}, 1), ({"loss": "mse"}, 1)]
)
def test_the_network_that_is_kept_is_judged_as_it_was_taught(how, kept, pairs, tmp_path, monkeypatch):
    looks = iter([Scores(0.5, 20.0, 0.9), Scores(0.4, 19.0, 0.9), Scores(0.5, 18.0, 0.9)])
    network = {}

    def judged(one, *_):
        network[len(network) + 1] = [weights.copy() for weights in one.get_weights()]
        return next(looks, Scores(0.0, 0.0, 0.0))

    monkeypatch.setattr(loop, "judge", judged)
    train.train(small, pairs, tmp_path / "small.keras", chosen(check_every=1, **how))
    written = keras.models.load_model(tmp_path / "small.keras", compile=False).get_weights()
    for one, expected in zip(written, network[kept], strict=True):
        np.testing.assert_array_equal(one, expected)


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_good_network(pairs, tmp_path, monkeypatch):
    draw = samples.Crops.draw

    def poisoned(self, step):
        noisy, truth = draw(self, step)
        return noisy, truth * (np.nan if step == 4 else 1)

    monkeypatch.setattr(samples.Crops, "draw", poisoned)
    model = tmp_path / "small.keras"
    with pytest.raises(loop.DivergedError, match=f"step 5 is nan; the best network so far is {re.escape(str(model))}"):
        train.train(small, pairs, model, chosen(steps=9))
    assert np.isfinite(keras.models.load_model(model).get_weights()[0]).all()


def test_a_loss_that_rises_tenfold_stops_the_training(pairs, tmp_path, monkeypatch):
    draw = samples.Crops.draw

    def risen(self, step):
        noisy, truth = draw(self, step)
        return noisy, truth * (100 if step > 3 else 1)

    monkeypatch.setattr(samples.Crops, "draw", risen)
    with pytest.raises(loop.DivergedError, match=r"the loss rose from 0\.\d+ to \d+"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(steps=9, loss="mae"))


def test_a_bad_batch_alone_in_the_last_look_ends_no_training(pairs, tmp_path, monkeypatch):
    draw = samples.Crops.draw

    def risen(self, step):
        noisy, truth = draw(self, step)
        return noisy, truth * (100 if step == 3 else 1)

    monkeypatch.setattr(samples.Crops, "draw", risen)
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=4, loss="mae"))
    losses = [float(row["loss"]) for row in rows(tmp_path)]
    assert losses[1] > loop.WORSE * losses[0]


def test_answers_that_are_not_finite_are_never_kept(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "judge", lambda *_: Scores(np.nan, 0.0, 0.0))
    with pytest.raises(loop.DivergedError, match="answers after step 3 are not finite; no network was kept"):
        train.train(small, pairs, tmp_path / "small.keras", chosen())
    assert not list(tmp_path.glob("small.keras*/last.npz"))


def test_a_training_without_gain_stops_early(pairs, tmp_path, monkeypatch):
    errors = iter([0.3, 0.2, 0.25, 0.2, 0.1])
    monkeypatch.setattr(loop, "judge", lambda *_: Scores(next(errors), 0.0, 0.0))
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=50, check_every=2, patience=2))
    assert [row["step"] for row in rows(tmp_path)] == ["2", "4", "6", "8"]


def test_rows_of_steps_that_a_killed_training_lost_are_dropped(tmp_path):
    killed = Logbook(tmp_path)
    for step in (2, 4, 6):
        killed.write({"step": step, "loss": 0.5})
    Logbook(tmp_path, step=4).write({"step": 6, "loss": 0.25})
    with (tmp_path / "log.csv").open() as file:
        found = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    assert found == [(2, 0.5), (4, 0.5), (6, 0.25)]


def test_a_training_can_start_from_a_trained_network(pairs, tmp_path):
    keras.utils.set_random_seed(5)
    begun = small()
    begun.save(tmp_path / "begun.keras")
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=1, rate=1e-12), start=tmp_path / "begun.keras")
    ended = keras.models.load_model(tmp_path / "small.keras")
    for one, other in zip(ended.get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_training_cannot_start_from_another_architecture(pairs, tmp_path):
    fine_tune.build_fine_tune().save(tmp_path / "begun.keras")
    with pytest.raises(ModelError, match="holds 'fine_tune' for 1 adjacent slices, which cannot be the start"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(), start=tmp_path / "begun.keras")
    assert not list(tmp_path.glob("small.keras*"))


def test_a_damaged_network_cannot_be_started_from(pairs, tmp_path):
    begun = tmp_path / "begun.keras"
    small().save(begun)
    begun.write_bytes(begun.read_bytes()[:-2000])
    with pytest.raises(ModelError, match=re.escape(f"{begun}: Keras cannot load it")):
        train.train(small, pairs, tmp_path / "small.keras", chosen(), start=begun)


def test_pictures_are_drawn_at_each_look(pairs, tmp_path):
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=2, check_every=1, pictures=True))
    drawn = sorted((tmp_path / "small.keras.training").glob("*.png"))
    assert [path.name for path in drawn] == ["step_000001.png", "step_000002.png"]
    # Two held-out pairs below each other; noisy, answer and truth beside each other.
    with Image.open(drawn[0]) as picture:
        assert picture.size == (3 * 40 + 8, 2 * 40 + 28)


def test_a_log_for_tensorboard_is_refused_before_training_where_there_is_none(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(logbook, "find_spec", lambda name: None)
    with pytest.raises(OutputError, match="pip install tensorboard"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(tensorboard=tmp_path / "board"))
    assert not list(tmp_path.glob("small.keras*"))


def test_a_log_for_tensorboard_has_all_the_rows(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    kept = Logbook(tmp_path, tensorboard=tmp_path / "board")
    kept.write({"step": 2, "loss": 0.5})
    kept.write({"step": 4, "loss": 0.25})
    kept.close()
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [(one.step, one.tensor_proto.float_val[0]) for one in events.Tensors("loss")] == [(2, 0.5), (4, 0.25)]


def test_slices_of_any_size_are_judged_on_what_the_poolings_divide(pairs, tmp_path):
    with h5py.File(pairs, "r+") as file:
        for name in ("test_ns", "test_gt"):
            odd = file[name][:, :29, :30]
            del file[name]
            file[name] = odd
    assert train.train(compact.build_compact, pairs, tmp_path / "deep.keras", chosen(steps=1)).error > 0


def test_bad_pairs_are_refused_before_anything_is_written(pairs, tmp_path):
    with h5py.File(pairs, "r+") as file:
        file["train_ns"][1, 3, 3] = np.nan
    with pytest.raises(DataError, match="train pair 1"):
        train.train(small, pairs, tmp_path / "small.keras", chosen())
    assert not list(tmp_path.glob("small.keras*"))


def test_other_options_at_a_resumption_are_told(pairs, tmp_path, caplog):
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=1))
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=2, rate=1e-4), resume=True)
    assert "steps: 1 before, 2 now" in caplog.text
    assert "rate: 0.001 before, 0.0001 now" in caplog.text
    assert "seed" not in caplog.text


def test_a_training_is_not_resumed_with_other_pairs(pairs, tmp_path):
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=1))
    other = pairs.rename(tmp_path / "other.h5")
    with pytest.raises(OutputError, match=r"other pairs or another teacher \(pairs: .*pairs.h5 then, .*other.h5 now\)"):
        train.train(small, other, tmp_path / "small.keras", chosen(steps=2), resume=True)


def test_a_training_is_not_resumed_without_its_teacher(pairs, tmp_path):
    answers = tmp_path / "answers.h5"
    with h5py.File(answers, "w") as file:
        file["answers"] = np.zeros((4, 32, 32), np.float16)
        file.attrs.update({"done": 4, "teacher": "0" * 64})
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=1), teacher=answers)
    with pytest.raises(OutputError, match=r"teacher: 0+ then, none now"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(steps=2), resume=True)
    assert train.train(small, pairs, tmp_path / "small.keras", chosen(steps=2), resume=True, teacher=answers)


def test_another_network_cannot_be_resumed(pairs, tmp_path):
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=1))
    with pytest.raises(OutputError, match="is of another network, precision or loss"):
        train.train(generator.build_generator, pairs, tmp_path / "small.keras", chosen(steps=2), resume=True)


def test_a_trained_model_is_not_overwritten(pairs, tmp_path):
    (tmp_path / "small.keras").write_text("precious")
    with pytest.raises(OutputError, match="exists; choose another name"):
        train.train(small, pairs, tmp_path / "small.keras", chosen())


@pytest.mark.parametrize("name", ["mine", "mine.h5"])
def test_a_network_is_written_as_a_keras_file_only(pairs, tmp_path, name):
    with pytest.raises(OutputError, match=r"call it mine\.keras"):
        train.train(small, pairs, tmp_path / name, chosen())
    assert not list(tmp_path.glob("mine*"))


def test_a_training_killed_before_its_first_checkpoint_can_begin_anew(pairs, tmp_path):
    (tmp_path / "small.keras.training").mkdir()
    train.train(small, pairs, tmp_path / "small.keras", chosen(steps=1))
    with pytest.raises(OutputError, match="exists; choose another name"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(steps=1))


def test_there_must_be_something_to_resume(pairs, tmp_path):
    with pytest.raises(OutputError, match="holds no checkpoint to resume from"):
        train.train(small, pairs, tmp_path / "small.keras", chosen(), resume=True)


def test_the_learning_rate_rises_and_falls():
    options = chosen(steps=1000, warm_up=100, rate=1e-3)
    rates = [loop.learning_rate(checkpoint.Progress(step=step), options) for step in (0, 99, 500, 1000)]
    assert rates == pytest.approx([1e-5, 1e-3, 5e-4, 1e-5], rel=0.03)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"minutes": 1}, "minutes: give either"),
        ({"steps": None}, "minutes: give either"),
        ({"steps": 0}, "steps: must be above 0, got 0"),
        ({"patience": 0}, "patience: must be above 0"),
        ({"rate": 0}, "rate: must be above 0, got 0"),
        ({"seed": -1}, "seed: must be at least 0"),
        ({"seed": 2**32}, "seed: must be at least 0 and below 4294967296"),
        ({"crop": 20}, "crop: must be a multiple of 8 pixels, got 20"),
        ({"details": -1}, "details: must not be negative"),
        ({"contrast": -1}, "contrast: must not be negative"),
        ({"loss": "gan", "contrast": 1}, "contrast and even belong to the other losses"),
        ({"teacher_share": 1.5}, "teacher_share: must be between 0 and 1"),
        ({"vgg19": Path("weights.h5")}, 'vgg19: belongs to the loss "gan"'),
    ],
)
def test_options_that_make_no_sense_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        chosen(**changed)


def test_a_perfect_slice_scores_one():
    truth = np.random.default_rng(1).random((32, 32))
    perfect, spoilt = score(truth, truth), score(truth + 0.1, truth)
    assert perfect.ssim == pytest.approx(1)
    assert spoilt.psnr == pytest.approx(20 * np.log10(np.ptp(truth) / 0.1))
    assert spoilt.error == pytest.approx(0.1)
