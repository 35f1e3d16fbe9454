"""Networks as .tflite files, and the model folder made of them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import json

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

from tomopy_edge.cli import quantize as quantize_command  # noqa: E402 - after the skips
from tomopy_edge.cli import train  # noqa: E402
from tomopy_edge.errors import EdgeError, ModelError  # noqa: E402
from tomopy_edge.job import Job  # noqa: E402
from tomopy_edge.networks.litert import LiteRT  # noqa: E402
from tomopy_edge.networks.manifest import open_model  # noqa: E402
from tomopy_edge.networks.quantize import dequantize, quantize  # noqa: E402
from tomopy_edge.training import calibration, export  # noqa: E402
from tomopy_edge.training import quantize as making  # noqa: E402
from tomopy_edge.training.comparison import compare  # noqa: E402
from tomopy_edge.training.fine_tune import build_fine_tune, write_answers  # noqa: E402
from tomopy_edge.training.generator import build_generator  # noqa: E402
from tomopy_edge.training.samples import Crops  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SPAN = (-1.0, 2.0)


def noise(count, size, channels, seed=1):
    values = np.random.default_rng(seed).normal(0.5, 0.4, (count, size, size, channels))
    return np.clip(values, *SPAN).astype(np.float32)


def opened(tflite, folder):
    path = folder / "network.tflite"
    path.write_bytes(tflite)
    return LiteRT(path, 1)


@pytest.fixture(scope="module")
def generator():
    keras.utils.set_random_seed(1)
    return build_generator()


@pytest.fixture(scope="module")
def int8(generator):
    return export.export_int8(export.fixed(build_generator, generator, 64), noise(8, 64, 3), SPAN)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.h5"
    with h5py.File(path, "w") as file:
        for part in ("train", "test"):
            file[f"{part}_ns"] = noise(2, 64, 3)
            file[f"{part}_gt"] = noise(2, 64, 1, seed=2)[..., 0] / 4
    return path


@pytest.fixture(scope="module")
def folder(generator, pairs, tmp_path_factory):
    """A model folder with both networks, untrained."""
    made = tmp_path_factory.mktemp("models") / "toy"
    trained = made.parent / "toy.keras"
    generator.save(trained)
    chosen = making.QuantizeOptions(tiles=(64, 128), float_tiles=(64,), samples=6, name="toy")
    making.quantize_model(trained, pairs, made, chosen, ("tomopy-edge train",))
    answers, shallow = made.parent / "answers.h5", made.parent / "fine_tune.keras"
    write_answers(open_model(str(made)), pairs, answers, most=1, job=Job(ncore=1))
    build_fine_tune().save(shallow)
    chosen = making.QuantizeOptions(tiles=(64,), float_tiles=(), samples=4, name="toy")
    making.quantize_model(shallow, answers, made, chosen, ("tomopy-edge train --fine-tune",))
    return made


def test_int8_is_int8_from_end_to_end(int8, tmp_path):
    assert export.float_tensors(int8) == []
    backend = opened(int8, tmp_path)
    assert backend.shape == (1, 64, 64, 3)
    assert backend.input_params is not None
    assert backend.output_params is not None


def test_no_tensor_of_an_export_has_an_open_shape(int8):
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(export.with_tile(int8, 64)))
    for tensor in model.subgraphs[0].tensors:
        assert all(edge > 0 for edge in tensor.shape)
        assert tensor.shapeSignature is None


def test_only_operations_that_the_edge_tpu_maps_are_used(int8):
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(int8))
    used = {flatbuffer_utils.opcode_to_name(model, op.opcodeIndex) for op in model.subgraphs[0].operators}
    assert used == {"CONV_2D", "MAX_POOL_2D", "RESIZE_BILINEAR", "CONCATENATION"}


def test_the_output_range_is_the_one_asked_for(int8, tmp_path):
    params = opened(int8, tmp_path).output_params
    assert params.lowest == pytest.approx(SPAN[0], abs=params.scale)
    assert params.highest == pytest.approx(SPAN[1], abs=params.scale)


def test_int8_agrees_with_keras_within_a_few_codes(generator, tmp_path):
    # Its untrained answers are faint: brought to the size of a slice, they use the codes that a trained network uses.
    strong = export.fixed(build_generator, generator, 64)
    faint = strong.predict_on_batch(noise(4, 64, 3))
    kernel, bias = strong.get_layer("denoised").get_weights()
    strong.get_layer("denoised").set_weights([kernel / np.abs(faint).max(), bias])
    backend = opened(export.export_int8(strong, noise(16, 64, 3), (-1.2, 1.2)), tmp_path)
    given = noise(1, 64, 3, seed=9)
    codes, saturated = quantize(given, backend.input_params)
    answer = dequantize(backend.infer(codes), backend.output_params)
    expected = strong.predict_on_batch(given)[..., 0]
    off = np.abs(answer - expected) / backend.output_params.scale
    assert saturated == 0
    assert np.percentile(off, 99) < 6
    assert off.max() < 20


def test_float_agrees_with_keras(generator, tmp_path):
    backend = opened(export.export_float(export.fixed(build_generator, generator, 64)), tmp_path)
    given = noise(1, 64, 3)
    np.testing.assert_allclose(backend.infer(given), generator.predict_on_batch(given)[..., 0], atol=1e-5)


def test_networks_for_other_tiles_give_the_same_codes(int8, tmp_path):
    large = opened(export.with_tile(int8, 192), tmp_path)
    middle = opened(export.with_tile(int8, 128), tmp_path)
    codes, _ = quantize(noise(1, 192, 3), large.input_params)
    inner = np.ascontiguousarray(codes[:, 32:160, 32:160])
    # The reach of 50 pixels is kept from both edges, on the grid of the pooling.
    assert np.array_equal(large.infer(codes)[:, 88:104, 88:104], middle.infer(inner)[:, 56:72, 56:72])


def test_a_tile_that_the_poolings_do_not_divide_is_refused(int8):
    with pytest.raises(ValueError, match="tile: a network for 64 pixels has a level of"):
        export.with_tile(int8, 100)


def test_a_network_of_open_size_is_not_exported(generator):
    with pytest.raises(ValueError, match="must be fixed"):
        export.export_float(generator)


def test_zero_has_a_code_of_its_own():
    params = export.quant_params((-1.0, 2.0))
    codes, _ = quantize(np.zeros(1, np.float32), params)
    assert dequantize(codes, params)[0] == 0


def test_calibration_clips_the_tails_and_leaves_out_what_answers_beyond_the_output(generator, pairs):
    loud = build_generator()
    loud.set_weights(generator.get_weights())
    loud.get_layer("denoised").set_weights([np.zeros((1, 1, 16, 1)), np.full(1, calibration.ANSWERS[1] + 1)])
    calm = calibration.calibrate(generator, pairs, count=4, tile=64, seed=1)
    assert calm.left_out == 0
    assert calm.clipped == pytest.approx(2 * calibration.TAIL / 100, rel=0.1)
    assert (calm.tiles.min(), calm.tiles.max()) == pytest.approx(calm.span)
    with pytest.raises(ModelError, match="every one of the 4 tiles"):
        calibration.calibrate(loud, pairs, count=4, tile=64, seed=1)


def test_a_model_folder_reads_back_and_its_files_are_what_the_manifest_says(folder):
    model = open_model(str(folder))
    for networks in (model.manifest.denoise, model.manifest.fine_tune):
        for network in networks.networks:
            backend = LiteRT(model.path(network.file, network.sha256), 1)
            assert backend.shape == (1, network.tile, network.tile, networks.channels)
            assert (backend.input_params is None) == (network.precision == "float")
    assert set(model.manifest.files) == {"toy.keras", "fine_tune.keras"}
    for file, digest in model.manifest.files.items():
        model.path(file, digest)
    assert model.manifest.commands == ("tomopy-edge train", "tomopy-edge train --fine-tune")


def test_tiles_are_exact_where_they_have_room_and_blended_where_not(folder):
    manifest = open_model(str(folder)).manifest
    small, large = (making.PARTS["tomogan_generator"].layout(tile) for tile in (64, 256))
    assert large == (56, 144)
    assert 64 - 2 * small[0] > small[1]
    assert manifest.fine_tune.networks[0].stride == 60


def test_the_fine_tune_network_takes_the_denoisers_codes_as_they_are(folder):
    given, taken = LiteRT(folder / "toy_int8_64.tflite", 1), LiteRT(folder / "fine_tune_int8_64.tflite", 1)
    assert taken.input_params.scale == pytest.approx(given.output_params.scale, rel=1e-5)
    assert taken.input_params.zero_point == given.output_params.zero_point


def test_the_comparison_scores_input_float_and_int8(folder, pairs):
    scores = compare(folder / "toy.keras", pairs, folder / "toy_int8_64.tflite")
    assert list(scores) == ["input", "float", "int8"]
    assert scores["int8"].error == pytest.approx(scores["float"].error, rel=0.1)


def test_a_fine_tune_network_needs_the_folder_of_its_denoiser(folder, pairs, tmp_path):
    with pytest.raises(ModelError, match="needs the folder of its denoiser"):
        making.quantize_model(folder / "fine_tune.keras", pairs, tmp_path / "none", making.QuantizeOptions())
    assert not (tmp_path / "none").exists()


def test_a_network_of_another_kind_is_refused(pairs, tmp_path):
    keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(1, 1)], name="other").save(
        tmp_path / "o.keras"
    )
    with pytest.raises(ModelError, match="holds a network 'other', expected one of tomogan_generator, fine_tune"):
        making.quantize_model(tmp_path / "o.keras", pairs, tmp_path / "m", making.QuantizeOptions())


def test_a_file_that_is_no_network_is_refused(pairs, tmp_path):
    (tmp_path / "o.keras").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="Keras cannot load it"):
        making.quantize_model(tmp_path / "o.keras", pairs, tmp_path / "m", making.QuantizeOptions())


def command(module, *words):
    parser = argparse.ArgumentParser()
    module.add(parser.add_subparsers())
    args = parser.parse_args([module.__name__.rpartition(".")[2], *map(str, words)])
    return args.run(args)


def test_four_commands_make_a_model_folder(pairs, tmp_path, capsys):
    network, shallow, made = tmp_path / "toy.keras", tmp_path / "fine_tune.keras", tmp_path / "toy"
    budget = ("--steps", 1, "--crop", 32, "--batch", 1)
    assert command(train, pairs, network, *budget) == 0
    assert "held out: error" in capsys.readouterr().out
    sizes = ("--samples", 4, "--tiles", 64)
    assert command(quantize_command, network, pairs, made, *sizes, "--float-tiles", 64, "--made-by", "first") == 0
    told = capsys.readouterr().out
    assert "float: PSNR" in told
    assert "int8: PSNR" in told
    assert command(train, pairs, shallow, *budget, "--fine-tune", made, "--fine-tune-pairs", 1) == 0
    assert command(quantize_command, shallow, tmp_path / "fine_tune.pairs.h5", made, *sizes, "--float-tiles") == 0
    manifest = open_model(str(made)).manifest
    assert manifest.commands[0] == "first"
    assert [network.file for network in manifest.fine_tune.networks] == ["fine_tune_int8_64.tflite"]


def test_ctrl_c_in_training_says_how_to_go_on(pairs, tmp_path, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Crops, "draw", interrupted)
    assert command(train, pairs, tmp_path / "toy.keras", "--steps", 1, "--crop", 32) == 130
    assert "go on with the same command and --resume" in capsys.readouterr().err
    assert (tmp_path / "toy.keras.training" / "last.keras").exists()


def test_a_missing_backend_is_told_with_its_remedy(pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    with pytest.raises(EdgeError, match=r"abacus cannot be imported; install .* pip install 'tomopy-edge\[train\]'"):
        command(train, pairs, tmp_path / "toy.keras", "--steps", 1)
