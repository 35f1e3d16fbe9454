"""`tomopy-edge compile`, with a stand-in for Google's compiler, which is not here."""

import argparse
import json
import shlex
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tomopy_edge.cli import compile as verb
from tomopy_edge.errors import BackendError, ModelError, OutputError
from tomopy_edge.networks.edge_tpu_compiler import VARIABLE
from tomopy_edge.networks.manifest import MANIFEST, open_model
from tomopy_edge.shipped import shipped
from tomopy_edge.training import compiled
from tomopy_edge.training.entries import named_files, without_stale
from tomopy_edge.training.folder import ModelFolder

SCRIPT = Path(__file__).parent / "stand_ins" / "edgetpu_compiler.py"
SHIPPED = shipped("models") / "tomogan-compact"

SAYS = """Edge TPU Compiler version 16.0.384591198
On-chip memory used for caching model parameters: 256.00KiB
Off-chip memory used for streaming uncached model parameters: 0.00B
"""
LOGS = """Edge TPU Compiler version 16.0.384591198

Operator                       Count      Status

CONV_2D                        9          Mapped to Edge TPU
TRANSPOSE_CONV                 1          Mapped to Edge TPU
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Put the stand-in where the verb finds it; what it does can be changed."""
    path = tmp_path / "bin" / "edgetpu_compiler"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\n{SCRIPT.read_text()}")
    path.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(path))

    def ask(**asked):
        monkeypatch.setenv("STAND_IN", json.dumps({"says": SAYS, "logs": LOGS, "keeps": 0, **asked}))

    ask()
    return ask


@pytest.fixture
def model(tmp_path):
    """A model of two int8 networks and a float one that may be written to."""
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "model"))
    manifest = json.loads((folder / MANIFEST).read_text())
    denoise = manifest["denoise"]
    kept = ("tomogan-compact_int8_64.tflite", "tomogan-compact_int8_128.tflite", "tomogan-compact_float_256.tflite")
    denoise["networks"] = [one for one in denoise["networks"] if one["file"] in kept]
    (folder / MANIFEST).write_text(json.dumps(manifest | {"fine_tune": None, "files": {}, "denoise": denoise}))
    return folder


def run(*words, verbose=False):
    parser = argparse.ArgumentParser()
    verb.add(parser.add_subparsers())
    args = parser.parse_args(["compile", *map(str, words)])
    args.verbose = verbose
    return args.run(args)


def compiled_of(folder):
    return open_model(str(folder)).manifest.denoise.compiled


def test_compiled_networks_are_stored_beside_their_sources_and_named_with_where_they_came_from(
    compiler, model, monkeypatch
):
    monkeypatch.setattr(sys, "argv", ["tomopy-edge", "compile", "model"])
    before = (model / MANIFEST).read_text()
    assert run(model, "--tiles", "64") == 0
    opened = open_model(str(model))
    networks = opened.manifest.denoise
    assert [one.file for one in networks.compiled] == [
        one.file.replace(".tflite", "_edgetpu.tflite")
        for one in networks.networks
        if one.tile == 64 and one.precision != "float" and one.batch == 1
    ]
    for one in networks.compiled:
        source = networks.source_of(one)
        assert opened.path(one.file, one.sha256).is_file()
        assert (one.tile, one.halo, one.stride) == (source.tile, source.halo, source.stride)
        assert (one.precision, one.io) == (source.precision, source.io)
        assert (one.compiler, one.on_cpu) == ("Edge TPU Compiler version 16.0.384591198", 0)
    plain = json.loads((model / MANIFEST).read_text())
    assert plain["commands"][-1] == shlex.join(["tomopy-edge", "compile", "model"])
    for block in ("denoise", "fine_tune"):
        (plain.get(block) or {}).pop("compiled", None)
    plain["commands"].pop()
    assert plain == json.loads(before)


def test_the_compilers_table_and_the_memory_are_told(compiler, model, capsys):
    run(model, "--tiles", "64")
    said = capsys.readouterr().out
    assert "tomogan-compact_int8_64.tflite: Edge TPU Compiler version 16.0.384591198\n" in said
    assert "  operator        count  status\n" in said
    assert "  TRANSPOSE_CONV      1  Mapped to Edge TPU\n" in said
    assert "  10 operators on the Edge TPU, 0 on the CPU; parameters: 0.25 MiB on the chip, none sent" in said


def test_parameters_that_have_no_room_are_told(compiler, model, capsys):
    compiler(says=SAYS.replace("0.00B", "1.70MiB"), keeps=1)
    run(model, "--tiles", "64")
    said = capsys.readouterr().out
    assert "10 operators on the Edge TPU, 1 on the CPU; parameters: 0.25 MiB on the chip, 1.70 MiB sent to it" in said


def test_a_copy_holds_all_that_the_model_holds_and_leaves_that_alone(compiler, tmp_path):
    before = (SHIPPED / MANIFEST).read_bytes()
    assert run("tomogan-compact", "--output", tmp_path / "copy", "--tiles", "64") == 0
    assert (SHIPPED / MANIFEST).read_bytes() == before
    assert not list(SHIPPED.glob("*_edgetpu.tflite"))
    copy = open_model(str(tmp_path / "copy"))
    for name, sha256 in named_files(json.loads((tmp_path / "copy" / MANIFEST).read_text())):
        assert copy.path(name, sha256).is_file()
    assert {path.name for path in SHIPPED.iterdir()} < {path.name for path in (tmp_path / "copy").iterdir()}
    with pytest.raises(OutputError, match="copy: is there already"):
        run("tomogan-compact", "--output", tmp_path / "copy")


def test_networks_that_are_refused_do_not_stop_the_others(compiler, model, capsys):
    compiler(refuses="_128")
    assert run(model) == 1
    assert {one.tile for one in compiled_of(model)} == {64}
    assert "_128.tflite: was not compiled: Internal compiler error. Aborting!" in capsys.readouterr().out


def test_where_nothing_is_compiled_the_folder_stays_as_it_was(compiler, model):
    compiler(refuses="")
    before = sorted((path.name, path.read_bytes()) for path in model.iterdir())
    with pytest.raises(ModelError, match=r"none of the networks was compiled:\n  - .*Internal compiler error"):
        run(model)
    assert sorted((path.name, path.read_bytes()) for path in model.iterdir()) == before


def test_tiles_that_the_model_lacks_are_refused_with_those_it_has(compiler, model):
    with pytest.raises(ModelError, match=r"holds no int8 network for tiles of \[72\] pixels, only of \[64, 128\]"):
        run(model, "--tiles", "72")


def test_compiling_again_replaces_what_is_made_anew_and_keeps_the_rest(compiler, model):
    run(model)
    first = {one.file: one for one in compiled_of(model)}
    compiler(says=SAYS.replace("16.0.384591198", "17.0"))
    run(model, "--tiles", "64")
    second = {one.file: one for one in compiled_of(model)}
    assert second.keys() == first.keys()
    assert {one.compiler[-4:] for one in second.values() if one.tile == 64} == {"17.0"}
    assert {name: one for name, one in second.items() if one.tile == 128} == {
        name: one for name, one in first.items() if one.tile == 128
    }


def test_a_folder_that_cannot_be_written_is_told_of_before_anything_is_compiled(compiler, model, monkeypatch):
    monkeypatch.setattr(compiled, "os", SimpleNamespace(access=lambda path, mode: False, W_OK=2))
    monkeypatch.setattr(compiled, "compile_network", None)
    with pytest.raises(OutputError, match="cannot be written; give a folder for a copy of the model with --output"):
        run(model)


@pytest.mark.parametrize("verbose", [False, True])
def test_without_a_compiler_the_table_of_the_static_check_is_told(monkeypatch, capsys, verbose):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BackendError, match="edgetpu_compiler is not on PATH; Google offers it for Linux on x86-64"):
        run("tomogan-compact", verbose=verbose)
    said = capsys.readouterr().out
    assert "tomogan-compact_int8_64.tflite: maps whole" in said
    assert "_256.tflite" not in said
    assert ("INT8  maps" in said) == verbose


def test_compiled_files_stay_only_while_their_source_is_the_same(compiler, model):
    run(model)
    folder = ModelFolder.open(model, {})
    changed = next(
        one for one in folder.manifest["denoise"]["networks"] if one["tile"] == 64 and one["precision"] != "float"
    )
    (model / changed["file"]).write_bytes(b"trained anew")
    old, changed["sha256"] = changed["sha256"], compiled.digest(b"trained anew")
    folder.close(())
    assert old != changed["sha256"]
    left = {one.compiled_from for one in compiled_of(model)}
    assert changed["file"] not in left
    assert left
    assert not (model / changed["file"].replace(".tflite", "_edgetpu.tflite")).exists()


def test_a_manifest_of_which_all_sources_are_gone_names_no_compiled_files():
    entry = {"file": "a_edgetpu.tflite", "sha256": "2", "compiled_from": "a.tflite"}
    manifest = {"denoise": {"networks": [], "compiled": [entry]}, "fine_tune": None}
    without_stale(manifest, {"a.tflite": "1"})
    assert manifest == {"denoise": {"networks": []}, "fine_tune": None}


@pytest.mark.parametrize("source", [None, "gone.tflite"])
def test_a_compiled_file_without_a_source_is_refused_with_its_name(model, source):
    manifest = json.loads((model / MANIFEST).read_text())
    denoise = manifest["denoise"]
    denoise["compiled"] = [denoise["networks"][0] | {"file": "a_edgetpu.tflite", "compiled_from": source}]
    (model / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"denoise\.compiled: a_edgetpu\.tflite must say as compiled_from which of"):
        open_model(str(model))
