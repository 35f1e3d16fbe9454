"""Changing .tflite bytes leaves the codes alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

from ai_edge_litert.tools import flatbuffer_utils  # noqa: E402 - after the skips

from tomopy_edge.networks.litert import LiteRT  # noqa: E402
from tomopy_edge.training.architectures import architecture  # noqa: E402
from tomopy_edge.training.export import export_int8, operators  # noqa: E402
from tomopy_edge.training.ranges import activation_ranges  # noqa: E402
from tomopy_edge.training.surgery import output_span, with_int8, with_tile, with_uint8  # noqa: E402

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


@pytest.fixture
def opened(tmp_path):
    def open_network(tflite):
        path = tmp_path / "network.tflite"
        path.write_bytes(tflite)
        return LiteRT(path, 1)

    return open_network


def codes(batch, y, x, seed=1):
    return np.random.default_rng(seed).integers(-128, 128, (batch, y, x, 1), np.int8)


def test_tiles_of_another_size_give_the_same_codes_beyond_the_reach(made, opened):
    part, tflite = made
    halo = -(-part.reach // part.multiple) * part.multiple
    large, small = opened(with_tile(tflite, 2 * halo + 48)), opened(with_tile(tflite, 2 * halo + 16))
    whole = codes(1, 2 * halo + 48, 2 * halo + 48)
    inner = np.ascontiguousarray(whole[:, 16:-16, 16:-16])
    answer = large.infer(whole)[:, halo + 16 : -halo - 16, halo + 16 : -halo - 16]
    np.testing.assert_array_equal(answer, small.infer(inner)[:, halo:-halo, halo:-halo])


def test_slices_need_not_be_square(made, opened):
    _, tflite = made
    assert opened(with_tile(tflite, (40, 72))).infer(codes(1, 40, 72)).shape == (1, 40, 72)


def test_a_batch_of_tiles_gives_the_codes_of_its_tiles(made, opened):
    _, tflite = made
    together, alone = opened(with_tile(tflite, 32, batch=3)), opened(with_tile(tflite, 32))
    tiles = codes(3, 32, 32)
    np.testing.assert_array_equal(together.infer(tiles), np.concatenate([alone.infer(one[None]) for one in tiles]))


def test_no_tensor_has_an_open_shape(made):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(with_tile(made[1], 64, batch=2)))
    for tensor in model.subgraphs[0].tensors:
        assert all(edge > 0 for edge in tensor.shape)
        assert tensor.shapeSignature is None


def test_a_tile_that_a_level_of_the_network_does_not_divide_is_refused(made):
    with pytest.raises(ValueError, match="tile: a network for 32 pixels has a level of"):
        with_tile(made[1], 30)


def test_uint8_ends_are_hidden_and_give_the_same_codes(made, opened):
    _, tflite = made
    plain, hidden = opened(tflite), opened(with_uint8(tflite))
    assert hidden.ends.io == "uint8"
    assert plain.ends.io == "int8"
    assert (hidden.ends.input_params, hidden.ends.output_params) == (plain.ends.input_params, plain.ends.output_params)
    tiles = codes(1, 32, 32)
    answer = hidden.infer(tiles)
    assert answer.dtype == np.int8
    np.testing.assert_array_equal(answer, plain.infer(tiles))


def test_uint8_ends_come_off_again(made, opened):
    _, tflite = made
    again = with_int8(with_uint8(tflite))
    assert operators(again) == operators(tflite)
    assert with_int8(tflite) == tflite
    tiles = codes(1, 32, 32)
    np.testing.assert_array_equal(opened(again).infer(tiles), opened(tflite).infer(tiles))


def test_the_output_span_is_that_of_its_codes(made, opened):
    params = opened(made[1]).ends.output_params
    assert output_span(made[1]) == (params.lowest, params.highest)
