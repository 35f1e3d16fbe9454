"""Network files that are damaged, cut, exchanged or no networks: told before any slice is made, and nothing left."""

import hashlib
import json
import shutil

import pytest
from PIL import Image

from tomopy_edge.networks.slices import SliceNetwork
from tomopy_edge.shipped import shipped

SHIPPED = shipped("models")
NAME = "tomogan-compact_int8_64.tflite"


@pytest.fixture
def model(tmp_path):
    """A model of one network, a test's own."""
    folder = tmp_path / "model"
    folder.mkdir()
    manifest = json.loads((SHIPPED / "tomogan-compact" / "manifest.json").read_text())
    manifest["denoise"]["networks"] = [one for one in manifest["denoise"]["networks"] if one["file"] == NAME]
    manifest["denoise"]["onnx"] = []
    manifest |= {"files": {}, "fine_tune": None}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(SHIPPED / "tomogan-compact" / NAME, folder)
    return folder


@pytest.fixture
def denoise(model):
    return {"denoiser": "tomogan", "options": {"model": str(model), "runtime": "litert"}}


def flip(path, where=0.6):
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_picture(path):
    Image.new("L", (64, 64)).save(path, format="PNG")


def a_page(path):
    path.write_text("<html><body>502 Bad Gateway</body></html>")


def another_models(path):
    shutil.copy(SHIPPED / "tomogan" / "tomogan_int8_64.tflite", path)


def of_other_tiles(path):
    shutil.copy(SHIPPED / "tomogan-compact" / "tomogan-compact_int8_128.tflite", path)


def of_floats(path):
    shutil.copy(SHIPPED / "tomogan-compact" / "tomogan-compact_float_256.tflite", path)


def the_fine_tune_network(path):
    shutil.copy(SHIPPED / "tomogan-compact" / "fine_tune_int8_64.tflite", path)


CHANGES = [flip, cut, empty, remove, a_folder, a_picture, a_page, another_models, of_other_tiles, of_floats]


def put_back(model):
    path = model / NAME
    if path.is_dir():
        path.rmdir()
    shutil.copy(SHIPPED / "tomogan-compact" / NAME, path)


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_what_the_manifest_says_is_refused_at_once(
    run, made_whole, model, denoise, tmp_path, change
):
    change(model / NAME)
    ended = run(tmp_path / "out", denoise=denoise)
    assert ended.code == 2
    assert str(model / NAME) in ended.said
    assert ("the file is damaged or was exchanged" in ended.said) != ("cannot be read" in ended.said)
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    put_back(model)
    made_whole(tmp_path / "out", denoise=denoise)


@pytest.mark.parametrize("change", [*CHANGES[1:3], *CHANGES[5:], the_fine_tune_network])
def test_a_foreign_file_that_the_manifest_vouches_for_is_refused_all_the_same(
    run, made_whole, model, denoise, tmp_path, change
):
    manifest = (model / "manifest.json").read_text()
    right = hashlib.sha256((model / NAME).read_bytes()).hexdigest()
    change(model / NAME)
    wrong = hashlib.sha256((model / NAME).read_bytes()).hexdigest()
    (model / "manifest.json").write_text(manifest.replace(right, wrong))
    ended = run(tmp_path / "out", denoise=denoise)
    if change is another_models:
        # It takes and gives the same: only its maker can tell them apart.
        assert ended.code == 0
        return
    assert ended.code == 2
    assert str(model / NAME) in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    (model / "manifest.json").write_text(manifest)
    put_back(model)
    made_whole(tmp_path / "out", denoise=denoise)


@pytest.mark.parametrize("change", [flip, a_folder, another_models])
def test_a_file_that_changes_between_a_run_and_the_next_is_not_gone_on_with(  # noqa: PLR0913, PLR0917 - fixtures
    run, plugin, made_whole, kept, model, denoise, tmp_path, breaks, change
):
    real, calls = SliceNetwork.__call__, []

    def stops(network, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(network, *arguments)

    breaks.setattr(SliceNetwork, "__call__", stops)
    assert run(tmp_path / "out", denoise=denoise).code == 130
    breaks.setattr(SliceNetwork, "__call__", real)
    done = kept(tmp_path / "out")
    change(model / NAME)
    ended = run(tmp_path / "out", "--resume", denoise=denoise)
    assert ended.code == 2
    assert str(model / NAME) in ended.said
    assert kept(tmp_path / "out") == done > 0
    put_back(model)
    made_whole(tmp_path / "out", denoise=denoise)


def test_a_file_that_is_exchanged_while_it_runs_changes_nothing(run, made_whole, model, denoise, tmp_path, breaks):
    real = SliceNetwork.__call__

    def exchanges(network, *arguments):
        empty(model / NAME)
        return real(network, *arguments)

    breaks.setattr(SliceNetwork, "__call__", exchanges)
    assert run(tmp_path / "out", denoise=denoise).code == 0
    breaks.setattr(SliceNetwork, "__call__", real)
    put_back(model)
    made_whole(tmp_path / "out", denoise=denoise)


@pytest.mark.parametrize("change", [cut, a_picture, remove])
def test_a_manifest_that_is_damaged_is_named(run, made_whole, model, denoise, tmp_path, change):
    manifest = (model / "manifest.json").read_text()
    change(model / "manifest.json")
    ended = run(tmp_path / "out", denoise=denoise)
    assert ended.code == 2
    assert str(model) in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    if (model / "manifest.json").is_dir():
        (model / "manifest.json").rmdir()
    (model / "manifest.json").write_text(manifest)
    made_whole(tmp_path / "out", denoise=denoise)
