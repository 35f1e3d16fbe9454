"""What works on a machine, put together: real children, folders in place of systems, scripted runtimes."""

import json
import os
import sys
from dataclasses import asdict

import pytest

from tomopy_edge.backend import Probe
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.errors import ModelError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.installed import Installed
from tomopy_edge.machine import checkup
from tomopy_edge.machine.checkup import check_up
from tomopy_edge.networks import litert


def works():
    return Probe(works=True, told="a device", version="1.0", devices=("usb:0",))


def aborts():
    os.abort()


def entry(name, probe, **more):
    return BackendEntry(name, "A thing", **{"reads": "tflite", "open": None, "probe": probe} | more)


def runtimes(*entries):
    return Catalogue({}, {}, {}, {one.name: one for one in entries})


def distribution(folder, name, version):
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def nothing(folder):
    return Installed((str(folder / "site-packages"),))


def test_a_machine_with_nothing_is_checked_up_all_the_same(tmp_path):
    found = check_up(runtimes(), tmp_path, nothing(tmp_path))
    assert not found.works
    assert (found.runtimes, found.keras, found.notes, dict(found.versions)) == ((), "", (), {})
    assert {package.state for package in found.packages} == {"absent"}
    assert [backend.version for backend in found.keras_backends] == ["", "", ""]


def test_a_runtime_that_crashes_is_a_sentence_beside_those_that_work(tmp_path):
    # Not `risky`: its author did not think it could happen.
    found = check_up(runtimes(entry("good", works), entry("bad", aborts)), tmp_path, nothing(tmp_path))
    good, bad = found.runtimes
    assert (good.works, good.version, good.devices) == (True, "1.0", ("usb:0",))
    assert (bad.works, bad.told) == (False, "the process that tried it was ended by SIGABRT")
    assert found.works


def test_a_probe_that_no_child_could_find_is_asked_here(tmp_path):
    lonely = entry("lonely", lambda: Probe(works=True, told=str(os.getpid())))
    (found,) = check_up(runtimes(lonely), tmp_path, nothing(tmp_path)).runtimes
    assert found.told == str(os.getpid())


def test_numpy_1_26_with_tflite_runtime_is_fine_and_numpy_2_is_not(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    distribution(old, "tflite-runtime", "2.14.0")
    distribution(old, "numpy", "1.26.4")
    distribution(new, "tflite-runtime", "2.14.0")
    distribution(new, "numpy", "2.4.1")
    found = check_up(runtimes(), tmp_path, Installed((str(old),)))
    assert (found.notes, found.versions["tflite-runtime"], found.versions["numpy"]) == ((), "2.14.0", "1.26.4")
    (note,) = check_up(runtimes(), tmp_path, Installed((str(new),))).notes
    assert note == "tflite-runtime 2.14.0 needs numpy below 2, found 2.4.1: it cannot run; pip install ai-edge-litert"


def test_where_litert_is_there_nothing_is_to_be_mended_about_its_forerunner(tmp_path):
    for name, version in {"tflite-runtime": "2.14.0", "numpy": "2.4.1", "ai-edge-litert": "2.3.0"}.items():
        distribution(tmp_path, name, version)
    assert check_up(runtimes(), tmp_path, Installed((str(tmp_path),))).notes == ()


def test_the_wrong_pycoral_is_to_be_mended(tmp_path):
    folder = tmp_path / "site-packages/pycoral"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('this must not be imported')")
    distribution(folder.parent, "pycoral", "0.2.0")
    found = check_up(runtimes(), tmp_path, nothing(tmp_path))
    assert found.package("pycoral").state == "other"
    (note,) = found.notes
    assert "the package pycoral 0.2.0" in note
    assert "libedgetpu" in note


def test_a_package_that_stands_in_nobodys_way_need_not_be_mended(tmp_path):
    (tmp_path / "site-packages/tflite").mkdir(parents=True)
    (tmp_path / "site-packages/tflite/__init__.py").touch()
    found = check_up(runtimes(), tmp_path, nothing(tmp_path))
    assert found.package("tflite").state == "other"
    assert "nothing here uses it" in found.package("tflite").told
    assert found.notes == ()


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("raise ImportError('libtomo.so: not found')", "cannot be imported: ImportError: libtomo.so: not found"),
        ("import os; os.abort()", "ended the process that tried it (SIGABRT)"),
    ],
)
def test_a_real_tomopy_that_does_not_import_is_broken(tmp_path, monkeypatch, first, told):
    folder = tmp_path / "tomopy"
    folder.mkdir()
    functions = "".join(f"\ndef {name}(): ...\n" for name in ("recon", "remove_outlier", "remove_stripe_fw"))
    (folder / "__init__.py").write_text(first + functions)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = check_up(runtimes(), tmp_path).package("tomopy")
    assert found.state == "broken"
    assert told in found.told
    assert "tomopy" not in sys.modules


def test_training_uses_what_keras_is_told_to(tmp_path, monkeypatch):
    distribution(tmp_path, "keras", "3.9")
    distribution(tmp_path, "tensorflow-cpu", "2.21.0")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    found = check_up(runtimes(), tmp_path, Installed((str(tmp_path),)))
    assert found.keras == "3.9"
    told = {backend.name: (backend.version, backend.chosen) for backend in found.keras_backends}
    assert told == {"tensorflow": ("2.21.0", False), "torch": ("", True), "jax": ("", False)}


def test_models_tell_what_they_hold_for_each_runtime(tmp_path):
    found = check_up(
        runtimes(litert.ENTRY, entry("compiled", works, reads="edgetpu")), tmp_path, nothing(tmp_path)
    ).models
    part = next(part for part in found if (part.model, part.part) == ("tomogan", "denoise"))
    assert set(part.precisions["litert"]) >= {"int8", "float"}
    assert part.precisions["compiled"] == ()


def test_a_model_that_cannot_be_read_is_told_and_stops_nobody(tmp_path, monkeypatch):
    def refuse(name):
        raise ModelError(f"{name}: not JSON")

    monkeypatch.setattr(checkup, "open_model", refuse)
    assert check_up(runtimes(), tmp_path, nothing(tmp_path)).models[0].fault == "tomogan: not JSON"


def test_this_machine_passes_and_all_of_it_goes_into_json(catalogue):
    found = check_up(catalogue)
    assert found.works
    assert json.loads(json.dumps(asdict(found)))["machine"]["cores"] >= 1
