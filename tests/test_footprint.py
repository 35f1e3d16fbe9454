"""What cannot be foretold is refused; how well the rest is foretold stands in test_room.py."""

from dataclasses import replace
from pathlib import Path

import pytest

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.footprint import footprint_of
from tomopy_edge.networks.tflite_graph import read_graph

GRAPH = read_graph(Path(__file__).parent / "fuzz/seeds/unet_int8.tflite")


@pytest.mark.parametrize("shape", [(), (8,), (1, 0, 8, 1), (1, -1, 8, 1)])
def test_a_network_that_takes_no_tiles_has_no_footprint_for_them(shape):
    graph = replace(GRAPH, inputs=(replace(GRAPH.inputs[0], shape=shape),))
    with pytest.raises(
        ModelError, match=r"unet_int8\.tflite: takes the shape \(.*\), expected \(tile, y, x, channel\)"
    ):
        footprint_of(graph, 16)


def test_a_network_without_inputs_has_none_either():
    with pytest.raises(ModelError, match=r"takes the shape \(\)"):
        footprint_of(replace(GRAPH, inputs=()), 16)
