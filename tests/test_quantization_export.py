"""Networks as .tflite files, and the model folder made of them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import hashlib
import json
import pathlib
import shutil

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

from tomopy_edge.backend import Placement  # noqa: E402 - after the skips
from tomopy_edge.cli import quantize as quantize_command  # noqa: E402
from tomopy_edge.cli import train  # noqa: E402
from tomopy_edge.errors import EdgeError, ModelError, OutputError  # noqa: E402
from tomopy_edge.job import Job  # noqa: E402
from tomopy_edge.networks import whole  # noqa: E402
from tomopy_edge.networks.litert import LiteRT  # noqa: E402
from tomopy_edge.networks.manifest import open_model  # noqa: E402
from tomopy_edge.networks.quantize import dequantize, quantize  # noqa: E402
from tomopy_edge.networks.runtimes import choose_file  # noqa: E402
from tomopy_edge.training import calibration, comparison, export  # noqa: E402
from tomopy_edge.training import quantize as making  # noqa: E402
from tomopy_edge.training.architectures import architecture  # noqa: E402
from tomopy_edge.training.aware import copy_of  # noqa: E402
from tomopy_edge.training.comparison import compare_model  # noqa: E402
from tomopy_edge.training.fine_tune import build_fine_tune, write_answers  # noqa: E402
from tomopy_edge.training.folder import _is_made_of  # noqa: E402
from tomopy_edge.training.samples import Crops  # noqa: E402
from tomopy_edge.training.surgery import with_uint8  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZES = {"tiles": (64,), "float_tiles": (64,), "samples": 4, "name": "toy"}


def noise(count, size, channels, seed=1):
    values = np.random.default_rng(seed).normal(0.5, 0.4, (count, size, size, channels))
    return np.clip(values, -1, 2).astype(np.float32)


def write_pairs(path, channels=3):
    with h5py.File(path, "w") as file:
        for part in ("train", "test"):
            file[f"{part}_ns"] = noise(2, 64, channels)
            file[f"{part}_gt"] = noise(2, 64, 1, seed=2)[..., 0] / 4
    return path


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return architecture("tomogan-compact").build()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.h5")


def moved(network, *_):
    """What stands for quantization-aware training here: of untrained networks a step gains something by chance only."""
    return copy_of(network, [1.02 * each for each in network.get_weights()])


@pytest.fixture(scope="module")
def folder(network, pairs, tmp_path_factory):
    """A model folder with both networks, untrained, one of them as if quantization-aware training had moved it."""
    made = tmp_path_factory.mktemp("models") / "toy"
    trained = made.parent / "toy.keras"
    network.save(trained)
    chosen = making.QuantizeOptions(**SIZES | {"tiles": (64, 320), "aware_steps": 1, "batch": 2})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "train_aware", moved)
        making.quantize_model(trained, pairs, made, chosen, ("tomopy-edge train",))
    answers, shallow = made.parent / "answers.h5", made.parent / "fine_tune.keras"
    write_answers(open_model(str(made)), pairs, answers, most=2, job=Job(ncore=1))
    build_fine_tune().save(shallow)
    chosen = making.QuantizeOptions(**SIZES | {"float_tiles": ()})
    making.quantize_model(shallow, answers, made, chosen, ("tomopy-edge train --fine-tune",))
    return made


@pytest.fixture
def copied(folder, tmp_path):
    """The same folder, to be changed."""
    shutil.copytree(folder, tmp_path / "toy")
    return tmp_path / "toy"


def held(folder):
    """(precision, tile, batch) of every network for noisy slices."""
    return {(one.precision, one.tile, one.batch) for one in open_model(str(folder)).manifest.denoise.networks}


def test_float_agrees_with_keras(network, tmp_path):
    path = tmp_path / "float.tflite"
    path.write_bytes(export.export_float(export.fixed(architecture("tomogan-compact").build, network, 64)))
    given = noise(1, 64, 3)
    np.testing.assert_allclose(LiteRT(path, 1).infer(given), network.predict_on_batch(given)[..., 0], atol=1e-5)


def test_a_network_of_open_size_is_not_exported(network):
    with pytest.raises(ValueError, match="must be fixed"):
        export.export_float(network)


def test_calibration_clips_the_tails_and_fixes_the_ranges_of_both_ends(network, pairs):
    found = calibration.calibrate(network, pairs, count=4, tile=64, seed=1)
    assert found.clipped == pytest.approx(2 * calibration.TAIL / 100, rel=0.1)
    assert (found.tiles.min(), found.tiles.max()) == pytest.approx(found.span)
    assert found.ranges["noisy"] == found.span
    assert found.ranges["denoised"] == calibration.ANSWERS


def test_a_third_of_the_tiles_comes_from_further_pairs(network, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "NONSENSE", 1.0)
    with h5py.File(tmp_path / "real.h5", "w") as file:
        for part in ("train", "test"):
            file[f"{part}_ns"], file[f"{part}_gt"] = noise(2, 40, 3) + 50, noise(2, 40, 1)[..., 0]
    span = (-100.0, 100.0)
    found = calibration.calibrate(network, pairs, count=6, tile=64, seed=1, span=span, also=(tmp_path / "real.h5",))
    assert found.tiles.shape == (6, 40, 40, 3)
    assert (found.tiles.mean(axis=(1, 2, 3)) > 40).tolist() == [False] * 4 + [True] * 2


def test_a_network_whose_answers_are_beyond_the_output_is_refused(network, pairs):
    loud = architecture("tomogan-compact").build()
    loud.set_weights(network.get_weights())
    kernel, _ = loud.get_layer("denoised").get_weights()
    loud.get_layer("denoised").set_weights([kernel, np.full(1, calibration.ANSWERS[1] + 1)])
    with pytest.raises(ModelError, match=r"100 % of the network's answers .* the pairs are in another unit"):
        calibration.calibrate(loud, pairs, count=4, tile=64, seed=1)


def test_a_model_folder_reads_back_and_its_files_are_what_the_manifest_says(folder):
    model = open_model(str(folder))
    for networks in (model.manifest.denoise, model.manifest.fine_tune):
        for network in networks.networks:
            backend = LiteRT(model.path(network.file, network.sha256), 1)
            assert backend.ends.shape == (network.batch, network.tile, network.tile, networks.channels)
            assert (backend.ends.input_params is None) == (network.precision == "float")
    assert set(model.manifest.files) == {"toy.keras", "toy_aware.keras", "fine_tune.keras"}
    for file, digest in model.manifest.files.items():
        model.path(file, digest)
    assert model.manifest.commands == ("tomopy-edge train", "tomopy-edge train --fine-tune")


def test_aware_training_adds_a_network_and_keeps_the_plain_one_beside_it(folder):
    assert held(folder) == {
        ("float", 64, 1),
        *(("int8", tile, 1) for tile in (64, 320)),
        ("int8", 64, 2),
        *(("int8-ptq", tile, 1) for tile in (64, 320)),
        *(("chained", tile, 1) for tile in (64, 128, 256, 512, 680, 1064)),
    }
    assert (folder / "toy_int8_64_b2.tflite").exists()


def test_without_aware_training_there_is_one_int8_network_and_it_is_the_plain_one(folder, copied, pairs):
    making.quantize_model(copied / "toy.keras", pairs, copied, making.QuantizeOptions(**SIZES))
    assert held(copied) >= {("int8", 64, 1), ("float", 64, 1)}
    assert not any(precision == "int8-ptq" for precision, _, _ in held(copied))
    assert (copied / "toy_int8_64.tflite").read_bytes() == (folder / "toy_int8-ptq_64.tflite").read_bytes()


def test_where_aware_training_gains_nothing_there_is_one_int8_network(network, pairs, tmp_path, monkeypatch):
    network.save(tmp_path / "toy.keras")
    monkeypatch.setattr(making, "train_aware", lambda *_: None)
    chosen = making.QuantizeOptions(**SIZES, aware_steps=1, advise="int8-ptq")
    making.quantize_model(tmp_path / "toy.keras", pairs, tmp_path / "toy", chosen)
    assert held(tmp_path / "toy") == {("float", 64, 1), ("int8", 64, 1)}
    assert open_model(str(tmp_path / "toy")).manifest.denoise.usual == "int8"
    assert not list((tmp_path / "toy").glob("*aware*"))


def test_a_fine_tune_network_leaves_the_plain_denoiser_advised_that_was_asked_for(folder, copied):
    chosen = making.QuantizeOptions(**SIZES | {"float_tiles": ()}, advise="int8-ptq")
    making.quantize_model(copied / "fine_tune.keras", folder.parent / "answers.h5", copied, chosen)
    assert open_model(str(copied)).manifest.denoise.advised == "int8-ptq"


def test_all_int8_networks_of_a_model_share_scales(folder):
    opened = [LiteRT(path, 1) for path in sorted(folder.glob("toy_*int8*64*.tflite"))]
    assert len(opened) == 3
    assert len({(one.ends.input_params, one.ends.output_params) for one in opened}) == 1


def test_a_chained_network_looks_further_than_its_denoiser(folder):
    denoise = open_model(str(folder)).manifest.denoise
    for one in denoise.networks:
        assert one.reach == (17 if one.precision == "chained" else None)
        assert denoise.is_exact(one)
    chained = denoise.choose("chained", 64, (100, 100))
    assert (chained.halo, chained.stride) == (20, 24)


def test_the_chain_is_the_plain_denoiser_and_fine_tune_one_after_the_other(folder):
    first, second, chained = (
        LiteRT(folder / f"{name}_64.tflite", 1) for name in ("toy_int8-ptq", "fine_tune_int8", "toy_chained")
    )
    codes = np.random.default_rng(1).integers(-128, 128, (1, 64, 64, 3), np.int8)
    np.testing.assert_array_equal(chained.infer(codes), second.infer(first.infer(codes)[..., None]))


def test_fine_tune_learns_from_the_plain_and_the_trained_network_in_turn(folder, pairs):
    plain, trained = (LiteRT(folder / f"toy_{name}_64.tflite", 1) for name in ("int8-ptq", "int8"))
    with h5py.File(pairs) as file, h5py.File(folder.parent / "answers.h5") as answers:
        for i, backend in enumerate((plain, trained)):
            codes = quantize(file["train_ns"][i : i + 1], backend.ends.input_params)[0]
            expected = dequantize(backend.infer(codes), backend.ends.output_params)[0]
            # Beyond the reach of the rim, which is a slice's own there and another in a tile.
            np.testing.assert_array_equal(answers["train_ns"][i, 16:-16, 16:-16, 0], expected[16:-16, 16:-16])
        assert answers.attrs["pairs"] == str(pairs)


def test_the_fine_tune_network_takes_the_denoisers_codes_as_they_are(folder):
    given, taken = LiteRT(folder / "toy_int8_64.tflite", 1), LiteRT(folder / "fine_tune_int8_64.tflite", 1)
    assert taken.ends.input_params.scale == pytest.approx(given.ends.output_params.scale, rel=1e-5)
    assert taken.ends.input_params.zero_point == given.ends.output_params.zero_point


def test_the_fine_tune_network_is_there_in_float_for_whole_slices_of_any_size(folder, copied):
    network = build_fine_tune()
    network.set_weights([noise(1, 1, weights.size).reshape(weights.shape) / 4 for weights in network.get_weights()])
    network.save(copied / "fine_tune.keras")
    answers = folder.parent / "answers.h5"
    making.quantize_model(copied / "fine_tune.keras", answers, copied, making.QuantizeOptions(tiles=(64,), samples=4))
    model = open_model(str(copied))
    assert [one.precision for one in model.manifest.fine_tune.networks] == ["float", "int8"]
    file = choose_file(whole.ENTRY, model.manifest.fine_tune, "float", None, (53, 40))
    backend = whole.ENTRY.open(model.path(file.file, file.sha256), Placement(tile=file.tile))
    given = noise(1, 57, 1)
    found = backend.infer(given)
    backend.close()
    np.testing.assert_allclose(found, network.predict_on_batch(given)[..., 0], atol=1e-5)
    assert np.abs(found - given[..., 0]).max() > 0.1


def test_the_comparison_scores_all_networks_of_a_model(folder, pairs):
    scores = compare_model(folder, folder / "toy.keras", pairs)
    assert list(scores) == ["input", "float", "int8", "int8-ptq", "chained"]
    assert scores["int8"].error == pytest.approx(scores["float"].error, rel=0.1)


def test_the_comparison_of_a_fine_tune_network_is_of_what_was_denoised_for_it(folder, tmp_path):
    answers = folder.parent / "answers.h5"
    assert "chained" in compare_model(folder, folder / "fine_tune.keras", answers)
    shutil.copy(answers, tmp_path / "answers.h5")
    with h5py.File(tmp_path / "answers.h5", "a") as file:
        file.attrs["pairs"] = "gone.h5"
    assert list(compare_model(folder, folder / "fine_tune.keras", tmp_path / "answers.h5")) == [
        "input",
        "float",
        "int8",
    ]


def add_onnx(folder):
    """A folder to whose manifest somebody added an ONNX file."""
    (folder / "toy_float_64.onnx").write_bytes(b"onnx")
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256(b"onnx").hexdigest()
    entry = {"file": "toy_float_64.onnx", "sha256": digest, "precision": "float", "tile": 64, "halo": 16, "stride": 32}
    manifest["denoise"]["onnx"] = [entry]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def advise_the_chain(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["denoise"]["advised"] = "chained"
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_quantizing_the_same_network_again_keeps_what_was_made_from_it(copied, pairs):
    add_onnx(copied)
    advise_the_chain(copied)
    making.quantize_model(copied / "toy.keras", pairs, copied, making.QuantizeOptions(**SIZES), ("again",))
    manifest = open_model(str(copied)).manifest
    assert manifest.denoise.advised == "chained"
    assert [one.file for one in manifest.denoise.onnx] == ["toy_float_64.onnx"]
    assert manifest.fine_tune is not None
    assert ("chained", 64, 1) in held(copied)
    assert manifest.commands[-1] == "again"
    assert not (copied / "toy_int8_320.tflite").exists()


def test_the_same_network_for_other_tiles_keeps_its_fine_tune_network(copied, pairs, caplog):
    chosen = making.QuantizeOptions(**SIZES | {"tiles": (128,)})
    making.quantize_model(copied / "toy.keras", pairs, copied, chosen)
    manifest = open_model(str(copied)).manifest
    assert {one.tile for one in manifest.denoise.networks if one.precision == "int8"} == {128}
    assert ("chained", 64, 1) in held(copied)
    assert [one.file for one in manifest.fine_tune.networks] == ["fine_tune_int8_64.tflite"]
    assert "fine_tune.keras" in manifest.files
    assert "Fine-Tune" not in caplog.text


def test_a_partner_is_known_by_its_network_whatever_its_tiles_and_ends(folder):
    small, large = ((folder / f"toy_int8-ptq_{edge}.tflite").read_bytes() for edge in (64, 320))
    aware = (folder / "toy_int8_64.tflite").read_bytes()
    for made, io in ((small, "int8"), (with_uint8(small), "uint8")):
        partner = {"tile": 64, "io": io, "sha256": hashlib.sha256(made).hexdigest()}
        assert _is_made_of(partner, {"int8-ptq": large, "int8": aware}, 4)
        assert _is_made_of(partner, {"int8": large}, 4)
        assert not _is_made_of(partner, {"int8-ptq": aware, "int8": large}, 4)
        assert not _is_made_of(partner | {"tile": 68}, {"int8": large}, 8)


def test_another_network_drops_what_was_made_from_the_old_one_and_says_so(copied, pairs, tmp_path, caplog):
    add_onnx(copied)
    advise_the_chain(copied)
    other = architecture("tomogan-compact").build()
    other.save(tmp_path / "other.keras")
    (copied / "notes.txt").write_text("mine")
    (copied / "fine_tune_int8_64.tflite").write_bytes(b"mine too")
    making.quantize_model(tmp_path / "other.keras", pairs, copied, making.QuantizeOptions(**SIZES))
    manifest = open_model(str(copied)).manifest
    assert (manifest.fine_tune, manifest.denoise.onnx, manifest.denoise.advised) == (None, (), "int8")
    assert "advised its chained network, which is gone; it advises int8 now" in caplog.text
    assert "its Fine-Tune network mended another int8 network and is dropped, chained files and all" in caplog.text
    assert "fine_tune.keras: removed" in caplog.text
    assert "toy_float_64.onnx: removed" in caplog.text
    left = {path.name for path in copied.iterdir()}
    assert left == {
        *("manifest.json", "notes.txt", "toy.keras", "toy_float_64.tflite", "toy_int8_64.tflite"),
        "fine_tune_int8_64.tflite",
    }


def test_a_new_folder_advises_int8(folder):
    assert open_model(str(folder)).manifest.denoise.advised == "int8"


def test_advice_that_cannot_be_followed_is_refused_before_anything_is_done(copied, pairs, monkeypatch):
    before = contents(copied)
    monkeypatch.setattr(making, "calibrate", None)
    for wrong, words in (
        ({"advise": "int8-ptq"}, r"no int8-ptq network .* \(but chained, float, int8\)"),
        ({"advise": "float", "float_tiles": ()}, r"no float network .* \(but chained, int8\)"),
    ):
        with pytest.raises(ModelError, match=words):
            making.quantize_model(copied / "toy.keras", pairs, copied, making.QuantizeOptions(**SIZES | wrong))
    chosen = making.QuantizeOptions(**SIZES | {"advise": "chained"})
    with pytest.raises(ModelError, match="no chained network"):
        making.quantize_model(copied / "toy.keras", pairs, copied.parent / "new", chosen)
    assert contents(copied) == before


def test_a_denoiser_with_other_ends_does_not_take_the_fine_tune_network_away(copied, pairs, monkeypatch):
    before = contents(copied)
    monkeypatch.setattr(making, "calibrate", None)
    words = "Fine-Tune network works behind int8 files and would be dropped for uint8 ones; .* into another folder"
    with pytest.raises(ModelError, match=words):
        making.quantize_model(copied / "toy.keras", pairs, copied, making.QuantizeOptions(**SIZES | {"io": "uint8"}))
    assert contents(copied) == before


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_is_interrupted_midway_leaves_the_folder_as_it_was(copied, pairs, monkeypatch, fault):
    written, before = [], contents(copied)

    def failing(path, content):
        written.append(path.name)
        if len(written) == 2:
            raise fault
        path.write_text(content.decode("latin-1"))

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "write_bytes", failing)
        with pytest.raises(KeyboardInterrupt if fault is KeyboardInterrupt else OutputError):
            making.quantize_model(copied / "toy.keras", pairs, copied, making.QuantizeOptions(**SIZES))
    assert len(written) == 2
    assert contents(copied) == before


def test_a_renamed_folders_new_denoiser_brings_its_own_name_and_takes_the_old_one_away(copied, pairs, tmp_path):
    renamed = copied.rename(tmp_path / "my_net")
    architecture("tomogan-compact").build().save(tmp_path / "new.keras")
    said = {"name": "my_net", "summary": "mine", "trained_seed": 7, "licence": "MIT", "tiles": (128,)}
    making.quantize_model(tmp_path / "new.keras", pairs, renamed, making.QuantizeOptions(**SIZES | said))
    manifest = open_model(str(renamed)).manifest
    assert (manifest.name, manifest.summary, manifest.seed, manifest.licence) == ("my_net", "mine", 7, "MIT")
    assert list(manifest.files) == ["my_net.keras"]
    assert sorted(path.name for path in renamed.iterdir()) == [
        *("manifest.json", "my_net.keras", "my_net_float_64.tflite", "my_net_int8_128.tflite")
    ]


def test_chained_files_are_called_as_their_denoiser_whatever_its_name(folder, copied, tmp_path):
    renamed = copied.rename(tmp_path / "an_int8_net")
    for path in renamed.glob("toy_*.tflite"):
        path.rename(renamed / path.name.replace("toy_", "an_int8_net_"))
    text = (renamed / "manifest.json").read_text().replace('"toy_', '"an_int8_net_')
    (renamed / "manifest.json").write_text(text.replace("an_int8_net_aware", "toy_aware"))
    chosen = making.QuantizeOptions(**SIZES | {"float_tiles": (), "io": "uint8"})
    making.quantize_model(folder / "fine_tune.keras", folder.parent / "answers.h5", renamed, chosen)
    chained = [one for one in open_model(str(renamed)).manifest.denoise.networks if one.precision == "chained"]
    assert {one.io for one in chained} == {"uint8"}
    assert chained[0].file == "an_int8_net_chained_64_uint8.tflite"
    assert LiteRT(renamed / chained[0].file, 1).ends.io == "uint8"


def test_a_wrong_manifest_is_named_with_its_field(copied, pairs):
    manifest = json.loads((copied / "manifest.json").read_text())
    del manifest["denoise"]["networks"][0]["sha256"]
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"manifest\.json:\n.*denoise\.networks\.0\.sha256"):
        making.quantize_model(copied / "toy.keras", pairs, copied, making.QuantizeOptions(**SIZES))


def test_uint8_networks_say_so_in_their_name_and_in_the_manifest(network, tmp_path):
    one = architecture("tomogan-compact").build(channels=1)
    one.save(tmp_path / "one.keras")
    pairs = write_pairs(tmp_path / "pairs.h5", channels=1)
    chosen = making.QuantizeOptions(**SIZES | {"io": "uint8", "float_tiles": ()})
    making.quantize_model(tmp_path / "one.keras", pairs, tmp_path / "toy", chosen)
    (file,) = open_model(str(tmp_path / "toy")).manifest.denoise.networks
    assert (file.file, file.io) == ("toy_int8_64_uint8.tflite", "uint8")
    assert LiteRT(tmp_path / "toy" / file.file, 1).ends.io == "uint8"


def test_a_tile_that_does_not_suit_the_network_is_refused_before_anything_is_done(network, pairs, tmp_path):
    network.save(tmp_path / "toy.keras")
    for edge, words in ((66, "a multiple of 4, got 66"), (24, "at least 32, to have room within its halo, got 24")):
        chosen = making.QuantizeOptions(**SIZES | {"tiles": (64, edge)})
        with pytest.raises(ModelError, match=f"tomogan-compact: tile: must be {words}"):
            making.quantize_model(tmp_path / "toy.keras", pairs, tmp_path / "m", chosen)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"aware_minutes": 1, "aware_steps": 1}, "aware_minutes: give either"),
        ({"batch": 0}, "batch: must be at least 1"),
        ({"tiles": ()}, "tiles: give at least one"),
        ({"seed": -1}, "seed: must not be negative"),
        ({"aware_minutes": 0.0}, "aware_minutes: must be above 0"),
        ({"name": "fine_tune"}, "name: 'fine_tune' is what files of Fine-Tune networks are called"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        making.QuantizeOptions(**wrong)


def test_a_fine_tune_network_needs_the_folder_of_its_denoiser(folder, pairs, tmp_path):
    with pytest.raises(ModelError, match="needs the folder of its denoiser"):
        making.quantize_model(folder / "fine_tune.keras", pairs, tmp_path / "none", making.QuantizeOptions())
    assert not (tmp_path / "none").exists()


def test_a_network_of_another_kind_is_refused(pairs, tmp_path):
    keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(1, 1)], name="other").save(
        tmp_path / "o.keras"
    )
    with pytest.raises(ModelError, match="holds a network 'other' of 3 channels; expected one of tomogan_generator"):
        making.quantize_model(tmp_path / "o.keras", pairs, tmp_path / "m", making.QuantizeOptions())


@pytest.mark.parametrize(
    "ruin", [lambda raw: b"{}", lambda raw: raw[: len(raw) // 2], lambda raw: raw[:900] + raw[2000:]]
)
def test_a_ruined_keras_file_is_named(folder, pairs, tmp_path, ruin):
    (tmp_path / "o.keras").write_bytes(ruin((folder / "toy.keras").read_bytes()))
    with pytest.raises(ModelError, match=r"o\.keras: Keras cannot load it"):
        making.quantize_model(tmp_path / "o.keras", pairs, tmp_path / "m", making.QuantizeOptions())


def command(module, *words):
    parser = argparse.ArgumentParser()
    module.add(parser.add_subparsers())
    args = parser.parse_args([module.__name__.rpartition(".")[2], *map(str, words)])
    return args.run(args)


def test_four_commands_make_a_model_folder(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(making, "train_aware", moved)
    network, shallow, made = tmp_path / "toy.keras", tmp_path / "fine_tune.keras", tmp_path / "toy"
    budget = ("--steps", 1, "--crop", 32, "--batch", 1)
    assert command(train, pairs, network, *budget, "--architecture", "tomogan-compact") == 0
    assert "held out: error" in capsys.readouterr().out
    sizes = ("--samples", 4, "--tiles", 64)
    aware = ("--float-tiles", 64, "--made-by", "first", "--aware-steps", 1)
    assert command(quantize_command, network, pairs, made, *sizes, *aware) == 0
    told = capsys.readouterr().out
    assert "float: PSNR" in told
    assert "int8: PSNR" in told
    assert "int8-ptq: PSNR" in told
    assert command(train, pairs, shallow, *budget, "--fine-tune", made, "--fine-tune-pairs", 2) == 0
    chain = ("--float-tiles", "--advise", "chained")
    assert command(quantize_command, shallow, tmp_path / "fine_tune.pairs.h5", made, *sizes, *chain) == 0
    assert open_model(str(made)).manifest.denoise.advised == "chained"
    assert "chained: PSNR" in capsys.readouterr().out
    manifest = open_model(str(made)).manifest
    assert manifest.commands[0] == "first"
    assert [network.file for network in manifest.fine_tune.networks] == ["fine_tune_int8_64.tflite"]


def interrupted(*_):
    raise KeyboardInterrupt


def test_ctrl_c_in_training_says_how_to_go_on(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Crops, "draw", interrupted)
    assert command(train, pairs, tmp_path / "toy.keras", "--steps", 1, "--crop", 32) == 130
    assert "go on with the same command and --resume" in capsys.readouterr().err
    assert (tmp_path / "toy.keras.training" / "last.npz").exists()


PLAIN = ("--samples", 4, "--tiles", 64, "--float-tiles", 64)


def test_ctrl_c_in_quantization_aware_training_leaves_things_as_they_were_and_says_so(
    copied, pairs, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(making, "train_aware", interrupted)
    before, new = contents(copied), tmp_path / "new"
    for made, words in ((new, "was not made"), (copied, "is as it was")):
        assert command(quantize_command, copied / "toy.keras", pairs, made, *PLAIN, "--aware-steps", 9) == 130
        assert f"stopped; {made} {words}; start again with the same command" in capsys.readouterr().err
    assert not new.exists()
    assert contents(copied) == before


def test_ctrl_c_in_the_comparison_says_that_the_model_is_whole(folder, pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(comparison, "compare_model", interrupted)
    assert command(quantize_command, folder / "toy.keras", pairs, tmp_path / "new", *PLAIN) == 130
    assert "stopped; " + str(tmp_path / "new") + " is whole; only its comparison" in capsys.readouterr().err
    assert held(tmp_path / "new") == {("int8", 64, 1), ("float", 64, 1)}


def test_a_missing_backend_is_told_with_its_remedy(pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    with pytest.raises(EdgeError, match=r"abacus cannot be imported; install .* pip install 'tomopy-edge\[train\]'"):
        command(train, pairs, tmp_path / "toy.keras", "--steps", 1)
