"""Which methods are compared, and that each does what a run of the pipeline does."""

import hashlib
import json

import numpy as np
import pytest

import tomopy_edge
from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError, ModelError
from tomopy_edge.evaluation.methods import NAMES, denoise, methods_of, with_bm3d
from tomopy_edge.recipe import parse_recipe


@pytest.fixture(scope="module")
def noisy():
    """Three slices of a disc."""
    v, u = np.ogrid[:72, :72]
    disc = np.where(np.hypot(v - 36, u - 36) < 24, 0.01, 0)
    return Volume((disc + np.random.default_rng(0).normal(0, 0.003, (3, 72, 72))).astype(np.float32))


def model_folder(folder, name="mine", *, fine_tune=True, precisions=("int8", "int8-ptq", "chained", "float")):
    """A model folder whose files are there, though no runtime could open them."""
    folder.mkdir()

    def network(file, precision):
        (folder / file).write_bytes(file.encode())
        sha256 = hashlib.sha256(file.encode()).hexdigest()
        return {"file": file, "sha256": sha256, "precision": precision, "tile": 64, "halo": 8, "stride": 40}

    networks = [network(f"{name}_{precision}_64.tflite", precision) for precision in precisions]
    described = {"channels": 3, "reach": 8, "multiple": 8}
    manifest = {
        "format": 1, "name": name, "summary": "", "licence": "", "commands": [], "seed": 1,
        "denoise": {**described, "networks": networks},
    }  # fmt: skip
    if fine_tune:
        mended = [network("fine_tune_int8_64.tflite", "int8")]
        manifest["fine_tune"] = {**described, "channels": 1, "networks": mended}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


def options_of(method):
    return [block.options for block in method.recipes[0].blocks]


def test_every_network_of_a_model_gets_its_row(tmp_path, catalogue):
    methods, left_out = methods_of([model_folder(tmp_path / "m")], catalogue, NAMES[:6])
    assert [method.title for method in methods] == [
        "noisy FBP", "mine float", "mine int8", "mine int8-ptq", "mine int8-ptq + Fine-Tune", "mine chained",
    ]  # fmt: skip
    assert left_out == ()
    for method, precision in zip(methods[1:], ["float", "int8", "int8-ptq", "int8-ptq", "chained"], strict=True):
        assert options_of(method)[0].options.precision == precision
    assert options_of(methods[4])[1].precision == "int8"


def test_fine_tune_follows_the_int8_network_where_there_is_no_other(tmp_path, catalogue):
    folder = model_folder(tmp_path / "m", precisions=("int8", "float"))
    methods, left_out = methods_of([folder], catalogue, ["fine-tune", "chained", "int8-ptq"])
    assert [method.title for method in methods] == ["mine int8 + Fine-Tune"]
    assert left_out == tuple(
        f"mine {name}: left out, because the model has no such network" for name in ("chained", "int8-ptq")
    )


def test_a_model_without_fine_tune_is_told(tmp_path, catalogue):
    with pytest.raises(DataError, match=r"no method is left.*mine int8-ptq \+ Fine-Tune: left out"):
        methods_of([model_folder(tmp_path / "m", fine_tune=False)], catalogue, ["fine-tune"])


def test_two_models_of_one_name_are_told_apart_by_their_folders(tmp_path, catalogue):
    folders = [model_folder(tmp_path / "a"), model_folder(tmp_path / "b")]
    methods, _ = methods_of(folders, catalogue, ["int8"])
    assert [method.title for method in methods] == [f"{folder} int8" for folder in folders]


def test_a_damaged_network_is_refused_before_anything_runs(tmp_path, catalogue):
    folder = model_folder(tmp_path / "m")
    (tmp_path / "m" / "mine_int8_64.tflite").write_bytes(b"other")
    with pytest.raises(tomopy_edge.EdgeError, match="damaged"):
        methods_of([folder], catalogue, ["int8"])
    with pytest.raises(ModelError, match="did you mean 'tomogan'"):
        methods_of(["tomogam"], catalogue, ["int8"])


def test_a_misspelt_method_is_told_the_nearest(catalogue):
    with pytest.raises(DataError, match="--methods chaned: there is no such method; did you mean 'chained'"):
        methods_of(["tomogan"], catalogue, ["chaned"])


def test_any_denoiser_of_a_plugin_may_be_compared(catalogue, noisy):
    (method,), _ = methods_of([], catalogue, ["none"])
    np.testing.assert_array_equal(denoise(method.recipes[0], noisy, catalogue, 1).slice, noisy.slices[1])


def test_bm3d_is_told_to_be_absent_and_runs_where_it_is_installed(tmp_path, catalogue, noisy, monkeypatch):
    monkeypatch.setattr("tomopy_edge.evaluation.methods.BM3D_PACKAGE", "bm3d_of_this_test")
    (_,), left_out = methods_of([], with_bm3d(catalogue), ["noisy", "bm3d"])
    assert left_out == ("BM3D: left out, because the package bm3d is not installed",)
    (tmp_path / "bm3d_of_this_test.py").write_text("def bm3d(image, sigma_psd):\n    return image / 2 * sigma_psd\n")
    monkeypatch.syspath_prepend(tmp_path)
    offered = with_bm3d(catalogue)
    (_, method), _ = methods_of([], offered, ["noisy", "bm3d"])
    denoised = denoise(method.recipes[0], noisy, offered, 1)
    np.testing.assert_allclose(denoised.slice, noisy.slices[1] / 2, rtol=1e-5)


@pytest.mark.parametrize("fine_tune", [False, True])
def test_a_method_makes_the_slice_that_the_pipeline_makes(catalogue, fine_tune):
    rng = np.random.default_rng(0)
    theta = np.linspace(0, np.pi, 60, endpoint=False)
    chord = 0.02 * np.sqrt(np.maximum(0, 20.0**2 - (np.arange(64) - 31.5) ** 2))
    tomo = np.tile(chord, (60, 3, 1)) + rng.normal(0, 0.05, (60, 3, 64))
    # Fine-Tune works behind the network that it was trained on, which neither call needs to be told.
    settings = {"precision": None if fine_tune else "int8", "fine_tune": fine_tune, "catalogue": catalogue, "ncore": 1}
    expected = tomopy_edge.recon_and_denoise(tomo, theta, 31.5, **settings)[1]
    raw = Volume(tomopy_edge.recon_and_denoise(tomo, theta, 31.5, denoiser="none", catalogue=catalogue))
    (method,), _ = methods_of(["tomogan"], catalogue, ["fine-tune" if fine_tune else "int8"])
    made = denoise(method.recipes[0], raw, catalogue, 1)
    np.testing.assert_array_equal(made.slice, expected)
    assert made.seconds > 0


def test_saturated_pixels_are_counted(catalogue, noisy):
    bright = Volume(noisy.slices.copy())
    bright.slices[1, 30, 30] = 1.0
    recipe = parse_recipe([{"denoise": {"denoiser": "tomogan", "options": {"model": "tomogan"}}}], catalogue)
    assert sum(denoise(recipe, bright, catalogue, 1).counts.values()) > 0
