"""The architectures: their sizes, their reach, their names, and what of a small tile they leave exact."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.errors import ModelError  # noqa: E402 - after the skip
from tomopy_edge.networks.tiling import TileGrid  # noqa: E402
from tomopy_edge.training import compact  # noqa: E402
from tomopy_edge.training.architectures import (  # noqa: E402
    ARCHITECTURES,
    architecture,
    architecture_of,
    multiply_adds,
)

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

COMPACT = architecture("tomogan-compact")


def positive(network):
    """A network that lets everything through: no ReLU can hide a path."""
    for layer in network.layers:
        layer.set_weights([np.abs(weights) + 0.01 for weights in layer.get_weights()])
    return network


def test_the_compact_network_takes_less_than_10_gmac_for_a_megapixel():
    network = COMPACT.build(1024, 1024)
    assert network.count_params() == compact.PARAMETERS
    assert multiply_adds(network) < 10e9


def test_the_compact_network_reaches_exactly_15_pixels():
    """Change one pixel after the other of one block of the quarter grid; see how far the answer changes."""
    keras.utils.set_random_seed(2)
    network, size = positive(COMPACT.build()), 64
    flat = np.zeros((1, size, size, 3), np.float32)
    calm = network.predict_on_batch(flat)
    farthest = 0
    for v in range(size // 2, size // 2 + COMPACT.multiple):
        for u in range(size // 2, size // 2 + COMPACT.multiple):
            struck = flat.copy()
            struck[0, v, u] = 1e3
            changed = np.argwhere(np.abs(network.predict_on_batch(struck) - calm)[0, ..., 0] > 0)
            farthest = max(farthest, int(np.abs(changed - (v, u)).max()))
    assert farthest == COMPACT.reach == 15


def test_a_tile_of_64_pixels_keeps_an_exact_core_of_32_with_the_compact_network():
    assert COMPACT.layout(64) == (16, 32)
    network = COMPACT.build()
    slices = np.random.default_rng(1).normal(size=(1, 192, 192, 3)).astype(np.float32)
    whole = network.predict_on_batch(slices)[0, 64:128, 64:128, 0]
    tile = network.predict_on_batch(slices[:, 64:128, 64:128])[0, ..., 0]
    assert np.allclose(tile[16:48, 16:48], whole[16:48, 16:48], atol=1e-6)
    assert not np.allclose(tile[12:52, 12:52], whole[12:52, 12:52], atol=1e-6)


@pytest.mark.parametrize("one", ARCHITECTURES, ids=lambda one: one.name)
def test_an_architecture_is_built_for_each_number_of_slices_it_names(one):
    for channels in one.channels:
        network = one.build(48, 40, channels, 2)
        assert network.input_shape == (2, 48, 40, channels)
        assert network.output_shape == (2, 48, 40, 1)
        assert architecture_of(network, "here") is one


@pytest.mark.parametrize("one", ARCHITECTURES, ids=lambda one: one.name)
def test_tiles_are_multiples_of_the_poolings_and_large_ones_are_exact(one):
    for tile in (64, 128, 256, 512):
        halo, stride = one.layout(tile)
        assert halo % one.multiple == stride % one.multiple == 0
        if tile >= 256:
            assert halo >= one.reach
            assert stride == tile - 2 * halo


def test_a_tile_that_the_poolings_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple of 8, got 100"):
        architecture("tomogan").layout(100)


@pytest.mark.parametrize("one", ARCHITECTURES, ids=lambda one: one.name)
def test_every_layout_is_one_that_a_manifest_may_hold_and_small_tiles_are_refused(one):
    fitting = []
    for tile in range(one.multiple, 300, one.multiple):
        try:
            halo, stride = one.layout(tile)
        except ValueError:
            continue
        TileGrid((1, 1), tile, halo, stride)
        fitting.append(tile)
    assert fitting[0] == (5 if one.name == "fine-tune" else 32)
    assert fitting == list(range(fitting[0], 300, one.multiple))


def test_a_mistyped_architecture_is_named_with_the_nearest_one():
    with pytest.raises(ModelError, match="did you mean 'tomogan-compact'"):
        architecture("tomogan-compct")


def test_a_network_of_another_make_is_refused_with_its_name():
    other = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(1, 1)], name="other")
    with pytest.raises(ModelError, match=r"net.keras: holds a network 'other' of 3 channels"):
        architecture_of(other, "net.keras")
