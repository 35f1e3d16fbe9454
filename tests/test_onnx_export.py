"""Networks as ONNX files: the same answers as Keras and TensorFlow Lite, and quantizers as TensorRT wants them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import hashlib
import json

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

from tomopy_edge.cli import export as command  # noqa: E402 - after the skips
from tomopy_edge.errors import EdgeError, ModelError  # noqa: E402
from tomopy_edge.training.architectures import ARCHITECTURES, architecture  # noqa: E402
from tomopy_edge.training.export import export_float, fixed  # noqa: E402
from tomopy_edge.training.onnx_comparison import difference, run_onnx  # noqa: E402
from tomopy_edge.training.onnx_export import OnnxOptions, export_onnx  # noqa: E402
from tomopy_edge.training.onnx_graph import onnx_graph  # noqa: E402
from tomopy_edge.training.ranges import activation_ranges  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TILE = 32
OPTIONS = OnnxOptions(tiles=(TILE,), samples=4)


def noise(count, size, channels, seed=1):
    return np.random.default_rng(seed).normal(0.5, 0.3, (count, size, size, channels)).astype(np.float32)


def untrained(name, size=None):
    """A network with no weight at zero, so that none can be lost unseen."""
    keras.utils.set_random_seed(1)
    design = architecture(name)
    network = design.build(size, size, design.channels[0], 1 if size else None)
    rng = np.random.default_rng(2)
    network.set_weights([one if one.any() else rng.normal(0, 0.1, one.shape) for one in network.get_weights()])
    return network


def predicted(network, tiles):
    return np.concatenate([network.predict_on_batch(one[None])[..., 0] for one in tiles])


def parts(graph):
    """The nodes of a graph by the tensor they make, and its constants by name."""
    model = onnx.load_from_string(graph)
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    return {node.output[0]: node for node in model.graph.node}, constants


@pytest.fixture(scope="module", params=[one.name for one in ARCHITECTURES])
def network(request):
    return untrained(request.param, TILE)


@pytest.fixture(scope="module")
def tiles(network):
    return noise(4, TILE, network.input_shape[-1])


@pytest.fixture(scope="module")
def quantized(network, tiles):
    return onnx_graph(network, activation_ranges(network, tiles))


def test_a_float_graph_answers_as_keras_does(network, tiles):
    assert np.abs(run_onnx(onnx_graph(network), tiles) - predicted(network, tiles)).max() < 1e-5


def test_an_int8_graph_answers_nearly_so(network, tiles, quantized):
    expected = predicted(network, tiles)
    found = difference("int8", "float", run_onnx(quantized, tiles), expected)
    assert 25 < found.psnr < 80


def test_shapes_are_fixed_and_channels_last_at_both_ends(network):
    model = onnx.load_from_string(onnx_graph(network))
    ends = [
        [edge.dim_value for edge in end.type.tensor_type.shape.dim] for end in (*model.graph.input, *model.graph.output)
    ]
    assert ends == [[1, TILE, TILE, network.input_shape[-1]], [1, TILE, TILE, 1]]
    assert [one.version for one in model.opset_import] == [13]


def test_codes_are_symmetric_int8(quantized):
    nodes, constants = parts(quantized)
    quantizers = [node for node in nodes.values() if node.op_type.endswith("QuantizeLinear")]
    assert quantizers
    for node in quantizers:
        zero_points = constants[node.input[2]]
        assert zero_points.dtype == np.int8
        # A tensor's own is a scalar: a list of one would be taken for one of a channel.
        assert zero_points.ndim == ("kernel" in node.input[0])
        assert not zero_points.any()


def test_what_a_convolution_takes_is_quantized_but_its_bias(quantized):
    nodes, constants = parts(quantized)
    convolutions = [node for node in nodes.values() if node.op_type in ("Conv", "ConvTranspose")]
    assert convolutions
    for node in convolutions:
        taken, kernel, bias = node.input
        assert nodes[taken].op_type == nodes[kernel].op_type == "DequantizeLinear"
        assert nodes[nodes[kernel].input[0]].op_type == "QuantizeLinear"
        assert constants[bias].dtype == np.float32


def test_kernels_have_a_scale_for_each_output_channel(quantized):
    nodes, constants = parts(quantized)
    for node in nodes.values():
        if node.op_type in ("Conv", "ConvTranspose"):
            rounding = nodes[nodes[node.input[1]].input[0]]
            kernel, scales = constants[rounding.input[0]], constants[rounding.input[1]]
            channel = {"Conv": 0, "ConvTranspose": 1}[node.op_type]
            assert next(one.i for one in rounding.attribute if one.name == "axis") == channel
            largest = np.abs(np.moveaxis(kernel, channel, 0)).reshape(len(scales), -1).max(axis=1)
            assert scales * 127 == pytest.approx(largest)


def test_nothing_stands_between_a_convolution_and_its_relu(quantized):
    nodes, _ = parts(quantized)
    for node in nodes.values():
        if node.op_type == "Relu":
            assert nodes[node.input[0]].op_type in ("Conv", "Add")


def test_pooling_upsampling_and_concatenation_hand_on_one_scale():
    network = untrained("tomogan", TILE)
    nodes, constants = parts(onnx_graph(network, activation_ranges(network, noise(2, TILE, 3))))
    takers = {node.input[0]: node for node in nodes.values() if node.op_type == "QuantizeLinear"}
    found = 0
    for node in nodes.values():
        if node.op_type in ("MaxPool", "Resize", "Concat"):
            scales = [constants[nodes[taken].input[1]] for taken in node.input if taken in nodes]
            assert {float(one) for one in scales} == {float(constants[takers[node.output[0]].input[1]])}
            found += 1
    assert found == 9


def test_uneven_padding_is_as_in_keras():
    noisy = keras.layers.Input((8, 8, 2), batch_size=1)
    network = keras.Model(noisy, keras.layers.Conv2D(1, 3, strides=2, padding="same")(noisy))
    tiles = noise(2, 8, 2)
    assert run_onnx(onnx_graph(network), tiles) == pytest.approx(predicted(network, tiles), abs=1e-6)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (lambda: keras.layers.AveragePooling2D(2), "AveragePooling2D has no counterpart in ONNX here"),
        (lambda: keras.layers.UpSampling2D(2), "nearest upsampling is not written"),
        (lambda: keras.layers.Conv2D(1, 3, activation="gelu"), "its activation 'gelu' is not written"),
        (lambda: keras.layers.Conv2D(1, 3, dilation_rate=2), "groups and dilations are not written"),
        (lambda: keras.layers.Conv2DTranspose(1, 3, strides=2), "transposed convolutions that overlap are not"),
        (lambda: keras.layers.MaxPooling2D(3), "is not pooled evenly"),
    ],
    ids=["pooling", "nearest", "gelu", "dilation", "overlap", "uneven"],
)
def test_a_layer_without_counterpart_is_named(layer, said):
    noisy = keras.layers.Input((8, 8, 2), batch_size=1)
    with pytest.raises(ModelError, match=f"layer '.*': .*{said}"):
        onnx_graph(keras.Model(noisy, layer()(noisy)))


def test_a_network_of_open_size_is_refused():
    with pytest.raises(ValueError, match="its batch, rows and columns must be fixed"):
        onnx_graph(untrained("fine-tune"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.h5"
    with h5py.File(path, "w") as file:
        for part in ("train", "test"):
            file[f"{part}_ns"] = noise(2, 64, 3)
            file[f"{part}_gt"] = noise(2, 64, 1, seed=2)[..., 0] / 4
    return path


@pytest.fixture(scope="module")
def exports():
    """A compact denoiser's .keras network and its float .tflite file."""
    network = untrained("tomogan-compact")
    return network, export_float(fixed(architecture("tomogan-compact").build, network, TILE))


@pytest.fixture
def folder(exports, tmp_path):
    """A model folder with a denoiser, its float .tflite for one tile size, and a Fine-Tune network."""
    network, tflite = exports
    made = tmp_path / "toy"
    made.mkdir()
    network.save(made / "toy.keras")
    untrained("fine-tune").save(made / "fine_tune.keras")
    (made / "toy_float_32.tflite").write_bytes(tflite)
    digest = hashlib.sha256(tflite).hexdigest()
    entry = {"file": "toy_float_32.tflite", "sha256": digest, "precision": "float", "tile": 32, "halo": 8, "stride": 8}
    manifest = {
        "format": 1,
        "name": "toy",
        "summary": "a toy",
        "licence": "MIT",
        "commands": ["made"],
        "seed": 1,
        "denoise": {"channels": 3, "reach": 15, "multiple": 4, "networks": [entry]},
        "fine_tune": {"channels": 1, "reach": 2, "multiple": 1, "networks": []},
    }
    (made / "manifest.json").write_text(json.dumps(manifest))
    return made


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_a_folders_networks_are_written_compared_and_named(folder, pairs):
    compared = export_onnx(folder, pairs, OPTIONS, ("tomopy-edge export toy",))
    assert [(one.file, one.against) for one in compared] == [
        ("toy_float_32.onnx", "toy_float_32.tflite"),
        ("toy_int8_32.onnx", "toy_float_32.onnx"),
        ("fine_tune_float_32.onnx", "a fresh .tflite"),
        ("fine_tune_int8_32.onnx", "fine_tune_float_32.onnx"),
    ]
    assert compared[0].most < 1e-5 < compared[1].most
    manifest = manifest_of(folder)
    assert manifest["commands"] == ["made", "tomopy-edge export toy"]
    for block in ("denoise", "fine_tune"):
        for entry in manifest[block]["onnx"]:
            assert entry["sha256"] == hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest()
    assert {key: value for key, value in manifest["denoise"]["onnx"][1].items() if key != "sha256"} == {
        "file": "toy_int8_32.onnx", "precision": "int8", "tile": 32, "batch": 1, "halo": 8, "stride": 8,
    }  # fmt: skip
    assert sorted(one.name for one in folder.iterdir() if one.is_dir()) == []


def test_without_pairs_there_are_float_files_only(folder):
    compared = export_onnx(folder, None, OPTIONS)
    assert [one.file for one in compared] == ["toy_float_32.onnx", "fine_tune_float_32.onnx"]
    assert sorted(folder.glob("*int8*")) == []


def test_an_export_again_replaces_its_own_entries_and_keeps_the_others(folder):
    manifest = manifest_of(folder)
    older = {"sha256": "0", "precision": "float", "tile": 32, "halo": 8, "stride": 8}
    manifest["denoise"]["onnx"] = [{"file": f"toy_float_{edge}.onnx"} | older for edge in (64, 32)]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    export_onnx(folder, None, OPTIONS)
    entries = manifest_of(folder)["denoise"]["onnx"]
    assert [entry["file"] for entry in entries] == ["toy_float_64.onnx", "toy_float_32.onnx"]
    assert [len(entry["sha256"]) for entry in entries] == [1, 64]


def test_another_network_than_the_tflite_one_is_refused_and_nothing_left(folder, exports):
    network = keras.models.clone_model(exports[0])
    network.set_weights([1.01 * one for one in exports[0].get_weights()])
    network.save(folder / "toy.keras")
    before = (folder / "manifest.json").read_text()
    with pytest.raises(ModelError, match=r"toy_float_32\.onnx: differs from toy_float_32\.tflite by up to .*not kept"):
        export_onnx(folder, None, OPTIONS)
    assert sorted(folder.glob("**/*.onnx")) == []
    assert (folder / "manifest.json").read_text() == before


def test_int8_files_have_the_weights_that_were_trained_for_int8(folder, exports, pairs):
    network = exports[0]
    aware = keras.models.clone_model(network)
    aware.set_weights([1.1 * one for one in network.get_weights()])
    aware.save(folder / "toy_aware.keras")
    manifest = manifest_of(folder)
    manifest["files"] = {"toy_aware.keras": "0"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    export_onnx(folder, pairs, OPTIONS)
    tiles = noise(2, TILE, 3)
    found = run_onnx((folder / "toy_int8_32.onnx").read_bytes(), tiles)
    off = {name: np.abs(found - predicted(one, tiles)).mean() for name, one in (("float", network), ("aware", aware))}
    assert off["aware"] < off["float"] / 2
    assert np.abs(run_onnx((folder / "toy_float_32.onnx").read_bytes(), tiles) - predicted(network, tiles)).max() < 1e-5


def test_a_manifest_that_lacks_a_field_is_named_with_it(folder):
    manifest = manifest_of(folder)
    del manifest["name"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"manifest\.json:\n.*name"):
        export_onnx(folder, None, OPTIONS)


def test_a_folder_without_manifest_or_network_is_refused(folder, tmp_path):
    with pytest.raises(ModelError, match="so this is no model folder"):
        export_onnx(tmp_path, None, OPTIONS)
    (folder / "toy.keras").unlink()
    with pytest.raises(ModelError, match=r"toy\.keras: Keras cannot load it"):
        export_onnx(folder, None, OPTIONS)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"tiles": ()}, "tiles: "), ({"samples": 0}, "samples: "), ({"seed": -1}, "seed: ")]
)
def test_options_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        OnnxOptions(**wrong)


def parsed(*argv):
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    return parser.parse_args([str(word) for word in argv])


def test_the_command_prints_a_table(folder, capsys):
    args = parsed("export", folder, "--tiles", TILE)
    assert args.run(args) == 0
    said = capsys.readouterr().out
    assert "toy_float_32.onnx        0.32  toy_float_32.tflite" in said
    assert "no int8 files: they need --pairs" in said


def test_a_tile_that_does_not_suit_the_network_is_a_clear_error(folder):
    args = parsed("export", folder, "--tiles", 30)
    with pytest.raises(ModelError, match="tomogan-compact: tile: must be a multiple of 4, got 30"):
        args.run(args)


def test_another_backend_is_refused_before_anything_is_done(folder, monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    args = parsed("export", folder, "--tiles", TILE)
    with pytest.raises(EdgeError, match=r"export: Keras computes in torch, .* set KERAS_BACKEND=tensorflow"):
        args.run(args)


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "onnx" else object())
    with pytest.raises(EdgeError, match=r"^onnx cannot be imported; .*tomopy-edge\[train,onnx\]"):
        command.require_onnx()
