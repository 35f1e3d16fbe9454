"""The last layer of a network is changed so that its answers keep the mean grey value, loud or quiet."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

from tomopy_edge.errors import DataError, ModelError  # noqa: E402 - after the skips
from tomopy_edge.fbp.axis import radii  # noqa: E402
from tomopy_edge.training import levelling  # noqa: E402
from tomopy_edge.training.compact import build_compact  # noqa: E402
from tomopy_edge.training.generator import build_generator  # noqa: E402
from tomopy_edge.training.levelling import level  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

EDGE = 64
INSIDE = radii((EDGE, EDGE)) <= 0.95 * EDGE / 2


def noisy_slices(loudness, count=2):
    """A disc of 0.5 in noise, and around it, where no pixel counts, values that would mislead; (slice, y, x, 3)."""
    rng = np.random.default_rng(int(10 * loudness))
    disc = np.where(INSIDE, 0.5 * (radii((EDGE, EDGE)) < EDGE / 4), 3.0)
    return (disc[..., None] + rng.normal(0, loudness, (count, EDGE, EDGE, 3))).astype(np.float16)


@pytest.fixture
def pairs(tmp_path):
    """One part alone is twice as loud as three parts and a bit together."""
    with h5py.File(tmp_path / "pairs.h5", "w") as file:
        file["level_ns"] = np.stack([noisy_slices(1.6), noisy_slices(0.8)], axis=1)
    return tmp_path / "pairs.h5"


@pytest.fixture(params=[build_generator, build_compact])
def trained(request, tmp_path):
    """The .keras file of a network that knows nothing; its answers are large, and depend on the noise."""
    keras.utils.set_random_seed(1)
    network = request.param()
    network.layers[-1].set_weights([10 * one for one in network.layers[-1].get_weights()])
    network.save(tmp_path / "trained.keras")
    return tmp_path / "trained.keras"


def lacking(path, noisy):
    network = keras.models.load_model(path, compile=False)
    noisy = noisy.astype(np.float32)
    return float((noisy[..., 1] - network.predict_on_batch(noisy)[..., 0])[:, INSIDE].mean())


def test_levelled_answers_keep_the_mean_at_either_loudness_and_at_a_lower_one(trained, pairs, tmp_path):
    before = level(trained, pairs, tmp_path / "level.keras")
    assert before == pytest.approx([lacking(trained, noisy_slices(one)) for one in (1.6, 0.8)], rel=1e-3)
    assert abs(before[0] - before[1]) > 0.02
    for loudness in (1.6, 0.8):
        assert lacking(tmp_path / "level.keras", noisy_slices(loudness)) == pytest.approx(0, abs=0.01)
    quieter = noisy_slices(0.7)
    assert abs(lacking(tmp_path / "level.keras", quieter)) < 0.1 * max(map(abs, before))


@pytest.mark.parametrize("trained", [build_compact], indirect=True)
def test_a_levelled_network_is_left_nearly_alone(trained, pairs, tmp_path):
    level(trained, pairs, tmp_path / "level.keras")
    assert level(tmp_path / "level.keras", pairs, tmp_path / "again.keras") == pytest.approx((0, 0), abs=5e-3)
    once, twice = (keras.models.load_model(tmp_path / name, compile=False) for name in ("level.keras", "again.keras"))
    noisy = noisy_slices(0.8).astype(np.float32)
    np.testing.assert_allclose(once.predict_on_batch(noisy), twice.predict_on_batch(noisy), atol=0.02)


@pytest.mark.parametrize("trained", [build_compact], indirect=True)
def test_only_the_last_layer_is_changed(trained, pairs, tmp_path):
    level(trained, pairs, tmp_path / "level.keras")
    old, new = (keras.models.load_model(path, compile=False) for path in (trained, tmp_path / "level.keras"))
    changed = [
        not all(map(np.array_equal, before.get_weights(), after.get_weights()))
        for before, after in zip(old.layers, new.layers, strict=True)
    ]
    assert changed == [False] * (len(old.layers) - 1) + [True]


def test_windows_count_each_pixel_of_the_circle_once(pairs, monkeypatch):
    monkeypatch.setattr(levelling, "CORE", 24)
    monkeypatch.setattr(levelling, "HALO", 8)
    with h5py.File(pairs) as file:
        whole = file["level_ns"][()][:, :, INSIDE].astype(np.float64)
    total, pixels = np.zeros(2), 0
    for both, inside in levelling._windows(pairs):
        assert both.shape == (2, 40, 40, 3)
        total += both[..., 1][:, inside].sum(axis=1)
        pixels += inside.sum()
    assert pixels == 2 * INSIDE.sum()
    np.testing.assert_allclose(total, whole[..., 1].sum(axis=(0, 2)), rtol=1e-4)


@pytest.mark.parametrize("trained", [build_compact], indirect=True)
def test_pairs_without_whole_slices_are_refused(trained, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["train_ns"] = np.zeros((2, EDGE, EDGE, 3))
    with pytest.raises(DataError, match=r"other\.h5: no views were held out"):
        level(trained, tmp_path / "other.h5", tmp_path / "level.keras")


def test_a_network_without_a_single_last_bias_is_refused(pairs, tmp_path):
    noisy = keras.Input((None, None, 3))
    keras.Model(noisy, keras.layers.Conv2D(2, 1, name="two")(noisy)).save(tmp_path / "two.keras")
    with pytest.raises(ModelError, match=r"two\.keras: its last layer, 'two', has no single bias"):
        level(tmp_path / "two.keras", pairs, tmp_path / "level.keras")
