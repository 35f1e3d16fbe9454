"""A network for tiles of another size gives the same codes."""

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.resizing import with_tile

MODELS = ("tomogan", "tomogan-compact")
"""One with poolings and bilinear upsamplings, one with strides and transposed convolutions."""


@pytest.fixture(scope="module", params=MODELS)
def shipped(request):
    """A shipped network, and its file for tiles of 64 pixels."""
    model = open_model(request.param)
    networks = model.manifest.denoise
    file = networks.choose("int8", 64, (64, 64))
    return networks, model.path(file.file, file.sha256).read_bytes()


def codes(batch, y, x):
    return np.random.default_rng(1).integers(-128, 128, (batch, y, x, 3), np.int8)


def test_tiles_of_another_size_give_the_same_codes_beyond_the_reach(shipped, open_tflite):
    networks, tflite = shipped
    halo = -(-networks.reach // networks.multiple) * networks.multiple
    large, small = open_tflite(with_tile(tflite, 2 * halo + 48)), open_tflite(with_tile(tflite, 2 * halo + 16))
    whole = codes(1, 2 * halo + 48, 2 * halo + 48)
    inner = np.ascontiguousarray(whole[:, 16:-16, 16:-16])
    answer = large.infer(whole)[:, halo + 16 : -halo - 16, halo + 16 : -halo - 16]
    np.testing.assert_array_equal(answer, small.infer(inner)[:, halo:-halo, halo:-halo])


def test_slices_need_not_be_square(shipped, open_tflite):
    assert open_tflite(with_tile(shipped[1], (40, 72))).infer(codes(1, 40, 72)).shape == (1, 40, 72)


def test_a_batch_of_tiles_gives_the_codes_of_its_tiles(shipped, open_tflite):
    together, alone = open_tflite(with_tile(shipped[1], 32, batch=3)), open_tflite(with_tile(shipped[1], 32))
    tiles = codes(3, 32, 32)
    np.testing.assert_array_equal(together.infer(tiles), np.concatenate([alone.infer(one[None]) for one in tiles]))


def test_the_size_a_network_had_gives_its_codes(shipped, open_tflite):
    again = open_tflite(with_tile(with_tile(shipped[1], 96), 64))
    np.testing.assert_array_equal(again.infer(codes(1, 64, 64)), open_tflite(shipped[1]).infer(codes(1, 64, 64)))


def test_no_tensor_has_an_open_shape(shipped):
    opened = flatbuffer_utils.read_model_from_bytearray(bytearray(shipped[1]))
    opened.subgraphs[0].tensors[opened.subgraphs[0].inputs[0]].shapeSignature = [-1, 64, 64, 3]
    tflite = bytes(flatbuffer_utils.convert_object_to_bytearray(opened))
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(with_tile(tflite, 96, batch=2)))
    for tensor in model.subgraphs[0].tensors:
        assert all(edge > 0 for edge in tensor.shape)
        assert tensor.shapeSignature is None


def test_a_tile_that_a_level_of_the_network_does_not_divide_is_refused(shipped):
    with pytest.raises(ValueError, match="tile: a network for 64 pixels has a level of"):
        with_tile(shipped[1], 30)
