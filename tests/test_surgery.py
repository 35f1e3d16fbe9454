"""Changing .tflite bytes leaves the codes alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

from tomopy_edge.training.architectures import architecture  # noqa: E402
from tomopy_edge.training.export import export_int8, operators  # noqa: E402
from tomopy_edge.training.ranges import activation_ranges  # noqa: E402
from tomopy_edge.training.surgery import output_span, with_int8, with_uint8  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module", params=["tomogan", "tomogan-compact"])
def made(request):
    """An architecture and an int8 export of it for tiles of 32 pixels."""
    keras.utils.set_random_seed(1)
    part = architecture(request.param)
    network = part.build(channels=1)
    tiles = np.random.default_rng(1).normal(0.5, 0.4, (2, 32, 32, 1)).astype(np.float32)
    return part, export_int8(network, activation_ranges(network, tiles), 32)


def codes(batch, y, x):
    return np.random.default_rng(1).integers(-128, 128, (batch, y, x, 1), np.int8)


def test_uint8_ends_are_hidden_and_give_the_same_codes(made, open_tflite):
    _, tflite = made
    plain, hidden = open_tflite(tflite), open_tflite(with_uint8(tflite))
    assert hidden.ends.io == "uint8"
    assert plain.ends.io == "int8"
    assert (hidden.ends.input_params, hidden.ends.output_params) == (plain.ends.input_params, plain.ends.output_params)
    tiles = codes(1, 32, 32)
    answer = hidden.infer(tiles)
    assert answer.dtype == np.int8
    np.testing.assert_array_equal(answer, plain.infer(tiles))


def test_uint8_ends_come_off_again(made, open_tflite):
    _, tflite = made
    again = with_int8(with_uint8(tflite))
    assert operators(again) == operators(tflite)
    assert with_int8(tflite) == tflite
    tiles = codes(1, 32, 32)
    np.testing.assert_array_equal(open_tflite(again).infer(tiles), open_tflite(tflite).infer(tiles))


def test_the_output_span_is_that_of_its_codes(made, open_tflite):
    params = open_tflite(made[1]).ends.output_params
    assert output_span(made[1]) == (params.lowest, params.highest)
