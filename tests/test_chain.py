"""A denoiser and its Fine-Tune network in one file."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

from tomopy_edge.errors import ModelError  # noqa: E402 - after the skips
from tomopy_edge.networks.litert import LiteRT  # noqa: E402
from tomopy_edge.networks.resizing import with_tile  # noqa: E402
from tomopy_edge.training.architectures import architecture  # noqa: E402
from tomopy_edge.training.chain import chain  # noqa: E402
from tomopy_edge.training.export import export_int8, operators  # noqa: E402
from tomopy_edge.training.ranges import activation_ranges  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TILE = 32
ANSWERS = (-1.0, 2.0)


def export(name, channels, **spans):
    keras.utils.set_random_seed(1)
    network = architecture(name).build(channels=channels)
    rng = np.random.default_rng(2)
    network.set_weights(
        [one if one.ndim > 1 and one.any() else rng.normal(0, 0.3, one.shape) for one in network.get_weights()]
    )
    tiles = rng.normal(0.5, 0.4, (2, TILE, TILE, channels)).astype(np.float32)
    return export_int8(network, activation_ranges(network, tiles) | spans, TILE)


def opened(tflite, folder, name):
    path = folder / f"{name}.tflite"
    path.write_bytes(tflite)
    return LiteRT(path, 1)


@pytest.fixture(scope="module")
def fine_tune():
    return export("fine-tune", 1, denoised=ANSWERS, add=ANSWERS)


@pytest.fixture(scope="module", params=["tomogan", "tomogan-compact"])
def denoiser(request):
    return export(request.param, 3, denoised=ANSWERS)


@pytest.mark.parametrize(("edge", "batch"), [(TILE, 1), (64, 2)])
def test_the_chain_gives_the_very_codes_of_one_network_after_the_other(denoiser, fine_tune, tmp_path, edge, batch):
    first, second = (with_tile(part, edge, batch) for part in (denoiser, fine_tune))
    codes = np.random.default_rng(3).integers(-128, 128, (batch, edge, edge, 3), np.int8)
    between = opened(first, tmp_path, "first").infer(codes)
    apart = opened(second, tmp_path, "second").infer(between[..., None])
    at_once = opened(chain(first, second), tmp_path, "chained").infer(codes)
    np.testing.assert_array_equal(at_once, apart)
    assert not np.array_equal(at_once, between)


def test_the_chain_has_the_operations_of_both_and_none_between(denoiser, fine_tune):
    assert operators(chain(denoiser, fine_tune)) == operators(denoiser) + operators(fine_tune)


def test_a_chain_takes_other_tiles_like_any_network(denoiser, fine_tune):
    resized = with_tile(chain(denoiser, fine_tune), 64)
    assert operators(resized) == operators(denoiser) + operators(fine_tune)


def test_a_fine_tune_network_for_other_codes_is_refused(denoiser, fine_tune):
    other = export("fine-tune", 1, denoised=(-1.0, 1.0), add=ANSWERS)
    with pytest.raises(ModelError, match="it was made for another denoiser; make it anew"):
        chain(denoiser, other)
    with pytest.raises(ModelError, match=r"answers tiles of \[1, 64, 64, 1\]"):
        chain(with_tile(denoiser, 64), fine_tune)
