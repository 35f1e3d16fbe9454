"""An .onnx network that is given other tiles: it answers like its kind of any other size."""

import sys

import numpy as np
import onnx
import pytest

from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Tally
from tomopy_edge.networks import onnxruntime, whole
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.onnx_half import halved
from tomopy_edge.networks.onnx_tiles import with_tile
from tomopy_edge.networks.runtimes import choose_file
from tomopy_edge.networks.slices import Account, open_network
from tomopy_edge.training.onnx_comparison import noise_tiles, run_onnx

FILES = {
    (name, file.precision): open_model(name).folder / file.file
    for name in ("tomogan", "tomogan-compact")
    for file in open_model(name).manifest.denoise.onnx
}


def ends(content):
    """The shapes at the ends of a network."""
    graph = onnx.load_model_from_string(content).graph
    return [[edge.dim_value for edge in end.type.tensor_type.shape.dim] for end in (*graph.input, *graph.output)]


@pytest.fixture
def whole_onnx(tmp_path):
    """A runtime of whole slices for .onnx networks, on the CPU."""

    def opened(path, placement):
        resized = tmp_path / path.name
        resized.write_bytes(with_tile(path.read_bytes(), placement.tile, path))
        return onnxruntime.OnnxRuntime(resized, "cpu", placement.threads)

    return BackendEntry("whole-onnx", "", "onnx", opened, onnxruntime.ENTRY.probe, whole=True)


@pytest.mark.parametrize("name", ["tomogan", "tomogan-compact"])
def test_a_slice_that_goes_through_whole_is_answered_as_the_tflite_network_answers_it(name, whole_onnx):
    model, shape = open_model(name), (70, 90)
    v, u = np.ogrid[:70, :90]
    disc = np.where(np.hypot(v - 30, u - 50) < 25, 1, 0)
    noisy = (disc + np.random.default_rng(0).normal(scale=0.3, size=(4, *shape))).astype(np.float32)
    answers = []
    for entry in (whole.ENTRY, whole_onnx):
        networks = model.manifest.denoise
        file = choose_file(entry, networks, "float", None, shape)
        network = open_network(
            *(model, networks, file), shape=shape, threads=1, account=Account("denoise", Tally()), entry=entry
        )
        answers.append(network(noisy))
        network.close()
    np.testing.assert_allclose(*answers, atol=1e-5)


@pytest.mark.parametrize("file", FILES.values(), ids=["-".join(key) for key in FILES])
def test_far_enough_inside_a_larger_tile_is_answered_as_a_smaller_one(file):
    networks = open_model(file.parent.name).manifest.denoise
    small, reach = 128, -(-networks.reach // networks.multiple) * networks.multiple
    large = noise_tiles(networks.channels, small + 2 * networks.multiple)[:1]
    edge = networks.multiple
    answers = [
        run_onnx(with_tile(file.read_bytes(), tiles.shape[1], file), tiles)[0]
        for tiles in (large, large[:, edge : edge + small, edge : edge + small])
    ]
    inside, within = slice(reach, small - reach), slice(edge + reach, edge + small - reach)
    np.testing.assert_allclose(answers[0][within, within], answers[1][inside, inside], atol=1e-5)


def test_only_the_sizes_at_the_ends_are_changed():
    file = FILES["tomogan", "int8"]
    given = with_tile(file.read_bytes(), 1136, file)
    assert ends(given) == [[1, 1136, 1136, 3], [1, 1136, 1136, 1]]
    assert with_tile(given, 256, file) == with_tile(file.read_bytes(), 256, file)
    original, changed = (onnx.load_model_from_string(one).graph for one in (file.read_bytes(), given))
    assert original.node == changed.node
    assert original.initializer == changed.initializer


def test_a_network_that_was_given_other_tiles_can_be_cast_to_half_precision():
    file = FILES["tomogan-compact", "float"]
    content = with_tile(file.read_bytes(), 64, file)
    tiles = noise_tiles(3, 64)[:1]
    np.testing.assert_allclose(run_onnx(halved(content, file), tiles), run_onnx(content, tiles), atol=0.01)


@pytest.mark.parametrize(
    ("name", "tile", "cause"),
    [
        ("tomogan", 132, "Concat, node name: join3"),
        ("tomogan", 130, "Concat, node name: join2"),
        ("tomogan-compact", 130, "Add, node name: join"),
    ],
)
def test_a_tile_that_its_levels_do_not_divide_is_refused_with_the_first_that_does_not_fit(name, tile, cause):
    file = FILES[name, "float"]
    told = rf"_float_\d+\.onnx: its levels do not fit tiles of {tile} pixels: \(op_type:{cause}\): "
    with pytest.raises(ModelError, match=told):
        with_tile(file.read_bytes(), tile, file)


def test_a_network_that_holds_a_size_of_its_own_is_refused(tmp_path):
    value, tensor = onnx.helper.make_tensor_value_info, onnx.TensorProto
    sizes = onnx.helper.make_tensor("sizes", tensor.INT64, [4], [1, 8, 8, 1])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["taken", "sizes"], ["given"])],
        "graph",
        *([value(name, tensor.FLOAT, (1, 8, 8, 1))] for name in ("taken", "given")),
        [sizes],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    with pytest.raises(ModelError, match=r"fixed\.onnx: its levels do not fit tiles of 16 pixels: \(op_type:Reshape"):
        with_tile(model.SerializeToString(), 16, tmp_path / "fixed.onnx")


def test_a_network_with_other_ends_is_refused(tmp_path):
    value, tensor = onnx.helper.make_tensor_value_info, onnx.TensorProto
    node = onnx.helper.make_node("Relu", ["taken"], ["given"])
    graph = onnx.helper.make_graph(
        [node], "graph", *([value(name, tensor.FLOAT, (1, 8, 8))] for name in ("taken", "given"))
    )
    with pytest.raises(ModelError, match=r"flat\.onnx: expected ends \(tile, y, x, channel\), got 3 edges at 'taken'"):
        with_tile(onnx.helper.make_model(graph).SerializeToString(), 16, tmp_path / "flat.onnx")


def test_without_the_package_onnx_the_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BackendError, match=r"the package onnx cannot be imported \(.*\); pip install onnx"):
        with_tile(b"", 64, FILES["tomogan", "float"])
