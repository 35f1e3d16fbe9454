"""A network that computes as its int8 export will, and training it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import logging
import tempfile

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

from tomopy_edge.errors import ModelError  # noqa: E402 - after the skips
from tomopy_edge.networks.litert import LiteRT  # noqa: E402
from tomopy_edge.networks.quantize import quantize  # noqa: E402
from tomopy_edge.training import aware, loop  # noqa: E402
from tomopy_edge.training.architectures import ARCHITECTURES, architecture  # noqa: E402
from tomopy_edge.training.export import export_int8, float_tensors, operators  # noqa: E402
from tomopy_edge.training.plan import TrainOptions  # noqa: E402
from tomopy_edge.training.ranges import activation_ranges, nudged, quant_params  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TILE = 32
CASES = [(one.name, channels) for one in ARCHITECTURES for channels in one.channels]


def noise(count, channels, seed=1):
    return np.random.default_rng(seed).normal(0.5, 0.4, (count, TILE, TILE, channels)).astype(np.float32)


def lively(name, channels):
    """A network whose answers have the size of a slice, and biases that are not 0."""
    keras.utils.set_random_seed(1)
    network = architecture(name).build(channels=channels)
    rng = np.random.default_rng(2)
    weights = [one if one.ndim > 1 and one.any() else rng.normal(0, 0.05, one.shape) for one in network.get_weights()]
    network.set_weights(weights)
    if name != "fine-tune":
        last = network.layers[-1]
        kernel, bias = last.get_weights()
        last.set_weights([kernel / np.abs(network.predict_on_batch(noise(2, channels))).max(), bias])
    return network


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def exported(request, tmp_path_factory):
    """A network, its ranges, its int8 export, and that export open."""
    network = lively(*request.param)
    ranges = activation_ranges(network, noise(3, request.param[1]))
    made = export_int8(network, ranges, TILE)
    path = tmp_path_factory.mktemp("aware") / "network.tflite"
    path.write_bytes(made)
    return network, ranges, made, LiteRT(path, 1)


def test_the_export_is_int8_from_end_to_end_and_rescales_nowhere(exported):
    _, _, made, _ = exported
    assert float_tensors(made) == []
    assert "QUANTIZE" not in operators(made)
    assert "DEQUANTIZE" not in operators(made)


def test_the_export_has_the_ranges_that_it_was_given(exported):
    network, ranges, _, backend = exported
    for params, layer in (
        (backend.ends.input_params, network.layers[0]),
        (backend.ends.output_params, network.layers[-1]),
    ):
        assert (params.lowest, params.highest) == pytest.approx(nudged(ranges[layer.name]), rel=1e-6)


def test_the_simulation_gives_the_codes_of_the_export(exported):
    network, ranges, _, backend = exported
    tiles = noise(1, network.input_shape[-1], seed=9)
    codes = backend.infer(quantize(tiles, backend.ends.input_params)[0])
    simulated = aware.simulate(network, ranges, (1, TILE, TILE)).predict_on_batch(tiles)[..., 0]
    expected = quantize(simulated, backend.ends.output_params)[0]
    off = np.abs(codes.astype(int) - expected)
    # Each of its up to 18 roundings may fall to the other side, where LiteRT computes in integers.
    assert np.percentile(off, 99) <= 3
    assert np.ptp(expected.astype(int)) > 60


def test_the_simulation_without_kernels_rounds_activations_alone(exported):
    network, ranges, _, _ = exported
    tiles = noise(1, network.input_shape[-1])
    plain, partly, wholly = (
        made.predict_on_batch(tiles)
        for made in (
            network,
            aware.simulate(network, ranges, (1, TILE, TILE), kernels=False),
            aware.simulate(network, ranges, (1, TILE, TILE)),
        )
    )
    assert np.abs(partly - plain).mean() > 0
    assert np.abs(wholly - partly).mean() > 0


def test_a_layer_without_an_int8_counterpart_is_refused():
    given = keras.layers.Input((8, 8, 1), name="given")
    network = keras.Model(given, keras.layers.Softmax(name="odd")(given))
    with pytest.raises(ModelError, match="layer 'odd': a Softmax cannot be made int8"):
        aware.simulate(network, {"given": (0.0, 1.0)})


@pytest.fixture(scope="module")
def compact():
    network = lively("tomogan-compact", 1)
    # Kernels that are the same everywhere, for crops are turned and the truth below has to turn along.
    flat = [one.mean(axis=(0, 1), keepdims=True) + 0 * one if one.ndim > 1 else one for one in network.get_weights()]
    network.set_weights(flat)
    # Steps so coarse that training has something to mend.
    ranges = {name: (8 * low, 8 * high) for name, (low, high) in activation_ranges(network, noise(3, 1)).items()}
    return network, ranges


@pytest.fixture(scope="module")
def pairs(compact, tmp_path_factory):
    """Pairs whose truth is what the float network answers."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.h5"
    with h5py.File(path, "w") as file:
        for part, seed in (("train", 3), ("test", 4)):
            noisy = noise(6, 1, seed)
            file[f"{part}_ns"] = noisy
            file[f"{part}_gt"] = compact[0].predict_on_batch(noisy)[..., 0]
    return path


def error(network, ranges, pairs):
    """How far the int8 network is from the truth on held-out pairs."""
    with h5py.File(pairs) as file:
        made = aware.simulate(network, ranges, (1, TILE, TILE))
        answers = np.concatenate([made.predict_on_batch(one[None])[..., 0] for one in file["test_ns"]])
        return float(np.abs(answers - file["test_gt"]).mean())


def budget(**given):
    """Learning from crops as they are."""
    return TrainOptions(**({"loss": "mae", "even": True, "crop": TILE, "warm_up": 5, "vary": False} | given))


def test_training_brings_int8_nearer_to_float_and_leaves_the_float_network_alone(compact, pairs):
    network, ranges = compact
    before = [one.copy() for one in network.get_weights()]
    chosen = budget(steps=60, rate=2e-4, batch=2, check_every=20)
    trained = aware.train_aware(network, ranges, pairs, chosen)
    assert error(trained, ranges, pairs) < 0.9 * error(network, ranges, pairs)
    for old, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_network_that_upsamples_learns_from_crops_smaller_than_the_slices(pairs, caplog):
    network = lively("tomogan", 1)
    ranges = activation_ranges(network, noise(1, 1))
    with caplog.at_level(logging.INFO):
        aware.train_aware(network, ranges, pairs, budget(steps=1, batch=1, crop=16, check_every=1))
    assert "step 1," in caplog.text


def test_slices_of_any_size_are_judged_on_what_the_poolings_divide(pairs, tmp_path, monkeypatch):
    with h5py.File(pairs) as whole, h5py.File(tmp_path / "odd.h5", "w") as file:
        for name in whole:
            file[name] = whole[name][:, :29, :30]
    network, judged = lively("tomogan", 1), []
    monkeypatch.setattr(loop, "judge", lambda _, *sides: judged.append(sides) or loop.Scores(0.1, 20.0, 0.5))
    ranges = activation_ranges(network, noise(1, 1))
    aware.train_aware(network, ranges, tmp_path / "odd.h5", budget(steps=1, batch=1))
    assert [side.shape for side in judged[0]] == [(6, 24, 24, 1), (6, 24, 24)]


def test_what_is_taught_is_the_code_nearest_to_the_float_answer(compact, pairs, monkeypatch):
    network, ranges = compact
    taught, fit = [], aware.Supervised.fit

    def watched(self, handed, rate):
        taught.append([np.asarray(one) for one in handed])
        return fit(self, handed, rate)

    monkeypatch.setattr(aware.Supervised, "fit", watched)
    aware.train_aware(network, ranges, pairs, budget(steps=1, batch=2))
    ((noisy, told),) = taught
    told = told[..., :1]
    params = quant_params(ranges["denoised"])
    codes = told / params.scale + params.zero_point
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert np.abs(told - network.predict_on_batch(noisy)).max() <= 0.501 * params.scale


@pytest.mark.parametrize("span", [(-1.5, 3.0), (-1.0, 3.0), (-0.7, 2.1), (-2.3, 4.9)])
def test_a_network_that_gives_the_right_codes_is_told_exactly_its_own_answers(compact, pairs, monkeypatch, span):
    """Of a difference in the last bit the absolute error would learn as much as of any other."""
    network, ranges = compact
    ranges, taught, fit = ranges | {"denoised": span}, [], aware.Supervised.fit

    def watched(self, handed, rate):
        taught.append(np.asarray(handed[1])[..., :1])
        return fit(self, handed, rate)

    monkeypatch.setattr(aware.Supervised, "fit", watched)
    aware.train_aware(network, ranges, pairs, budget(steps=1, batch=2))
    (told,) = taught
    params = quant_params(span)
    student = keras.Sequential([keras.Input((None, None, 1)), aware._rounding()["activation"](nudged(span), "codes")])
    answers = student.predict_on_batch(told + np.float32(0.3 * params.scale))
    inside = (told > params.lowest + params.scale) & (told < params.highest - params.scale)
    assert inside.mean() > 0.5
    np.testing.assert_array_equal(answers[inside], told[inside])


def test_a_diverging_training_stops_and_leaves_the_network_as_it_is(compact, pairs, caplog):
    network, ranges = compact
    chosen = budget(steps=12, rate=10.0, batch=1, check_every=2)
    with caplog.at_level(logging.WARNING):
        assert aware.train_aware(network, ranges, pairs, chosen) is None
    assert "gained nothing: the network stays as it is" in caplog.text


def test_ctrl_c_stops_the_training_and_leaves_no_file(compact, pairs, tmp_path, monkeypatch):
    network, ranges = compact
    draw, held = aware.Crops.draw, []

    def interrupted(crops, step):
        if step == 3:
            held.extend(path.name for path in tmp_path.rglob("*") if path.is_file())
            raise KeyboardInterrupt
        return draw(crops, step)

    monkeypatch.setattr(aware.Crops, "draw", interrupted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        aware.train_aware(network, ranges, pairs, budget(steps=9, batch=1, check_every=1))
    assert "last.npz" in held
    assert list(tmp_path.iterdir()) == []


def test_a_budget_in_minutes_ends(compact, pairs, caplog):
    network, ranges = compact
    with caplog.at_level(logging.INFO):
        aware.train_aware(network, ranges, pairs, budget(minutes=0.001, crop=16, batch=1, check_every=1))
    assert "step 1," in caplog.text
