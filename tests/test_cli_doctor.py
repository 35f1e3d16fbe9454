"""The verb doctor: what it prints, and its exit code."""

import argparse
import json
from dataclasses import replace

import pytest

from tomopy_edge.backend import Probe
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.cli import doctor
from tomopy_edge.errors import RecipeError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.installed import Installed
from tomopy_edge.machine.checkup import check_up
from tomopy_edge.machine.telling import told_checkup


def crashes():
    raise SystemExit(7)


BROKEN = BackendEntry("accelerator", "A thing", "edgetpu", None, crashes)


def run(*argv):
    parser = argparse.ArgumentParser()
    doctor.add(parser.add_subparsers())
    args = parser.parse_args(["doctor", *map(str, argv)])
    return args.run(args)


def test_the_table_tells_machine_runtimes_and_models_and_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run() == 0
    told = capsys.readouterr().out
    for heading in ("machine:", "Edge TPU:", "runtimes of networks:", "training:", "packages:", "models, and"):
        assert f"\n{heading}" in f"\n{told}"
    assert "  litert           works" in told
    assert [line for line in told.splitlines() if len(line) > 80 and "/" not in line] == []


@pytest.fixture
def litert_alone(monkeypatch, catalogue):
    """A machine that is asked about one runtime, which is quicker."""
    mine = replace(catalogue, backends={"litert": catalogue.backends["litert"]})
    monkeypatch.setattr(doctor, "load_catalogue", lambda: mine)


def test_without_a_recipe_the_last_line_is_what_it_comes_to(capsys, litert_alone, monkeypatch):
    assert run() == 0
    assert capsys.readouterr().out.endswith("\n\nnetworks can run on this machine, on litert\n")
    monkeypatch.setattr(doctor, "load_catalogue", lambda: Catalogue({}, {}, {}, {}))
    assert run() == 1
    assert capsys.readouterr().out.endswith("\n\nnetworks cannot run on this machine\n")


@pytest.mark.parametrize("source", ["quickstrat", "wrong.yaml"])
def test_a_recipe_that_is_wrong_everywhere_is_refused_before_the_machine_is_looked_at(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text("- denoize\n")
    monkeypatch.setattr(doctor, "check_up", lambda catalogue: pytest.fail("it looked"))
    with pytest.raises(RecipeError, match=r"did you mean '(quickstart|denoise)'"):
        run(source)


def test_packages_that_are_absent_say_who_would_miss_them(tmp_path):
    lines = told_checkup(check_up(Catalogue({}, {}, {}, {}), tmp_path, Installed((str(tmp_path),))), 200)
    told = (
        "not installed; conda install -c conda-forge tomopy (only recipes that name its algorithms or filters need it)"
    )
    assert f"  tomopy           {told}" in lines


def test_json_is_one_object_with_the_fields_that_the_module_names(capsys, litert_alone):
    assert run("--json", "quickstart") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["works"], told["recipe"]["runs"]) == (1, True, True)
    named = {word.strip(",") for line in doctor.__doc__.splitlines()[5:] for word in line.split() if line[:1].isalpha()}
    assert set(told) == named


def test_a_recipe_that_runs_here_says_so(capsys, litert_alone):
    assert run("quickstart") == 0
    assert "quickstart can run on this machine" in capsys.readouterr().out


def test_a_recipe_that_cannot_run_here_is_exit_code_1_with_the_reason(capsys, tmp_path, litert_alone):
    path = tmp_path / "gridrec.yaml"
    path.write_text("- remove_stripes: {library: tomopy}\n- reconstruct\n- denoise: {options: {runtime: nowhere}}\n")
    assert run(path) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "cannot run on this machine: remove_stripes, denoise" in told
    assert "no runtime is named 'nowhere'" in told


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_runtime_that_works_the_exit_code_is_1(capsys, monkeypatch, options):
    monkeypatch.setattr(doctor, "load_catalogue", lambda: Catalogue({}, {}, {}, {"accelerator": BROKEN}))
    assert run(*options) == 1
    assert "ended with exit code 7 before it answered" in " ".join(capsys.readouterr().out.split())


def test_sentences_go_on_below_themselves_and_runtimes_of_the_same_files_stand_together(tmp_path):
    sentence = "it cannot be imported since there is no such thing on this machine, nor will there ever be one"
    probes = {name: Probe(works=False, told=sentence, version="1.0") for name in ("one", "two")}
    offered = {
        name: BackendEntry(name, "", "tflite", None, lambda probe=probe: probe) for name, probe in probes.items()
    }
    found = check_up(Catalogue({}, {}, {}, offered), tmp_path, Installed((str(tmp_path),)))
    told = told_checkup(found, 80)
    start = told.index("  one              no     1.0, it cannot be imported since there is no such")
    assert told[start + 1].startswith(" " * 26 + "thing on this machine")
    models = told[told.index("models, and the runtimes they have files for:") :]
    assert models[1].startswith("  tomogan          denoise    one, two: ")
    assert models[2].startswith(" " * 19 + "fine_tune  one, two: ")


def test_a_machine_with_nothing_is_told_in_whole_sentences(tmp_path):
    nothing = Catalogue({}, {}, {}, {})
    lines = told_checkup(check_up(nothing, tmp_path, Installed((str(tmp_path),))), 80)
    told = "\n".join(lines)
    assert "none             no runtime is offered" in told
    assert "tomogan          denoise    none: no file" in told
    assert "Keras            not installed; pip install 'tomopy-edge[train]'" in told
    assert "libedgetpu.so.1 is not found" in told
    assert "to mend:" not in told


def test_a_crowded_machine_is_told_row_by_row(tmp_path):
    files = {
        "proc/cpuinfo": "model name\t: Xeon\nflags\t: avx2 amx_int8\n",
        "proc/meminfo": "MemTotal: 4194304 kB\n",
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": str(2**30),
        "proc/device-tree/model": "NVIDIA Jetson\0",
        "sys/bus/usb/devices/2-1/idVendor": "1a6e\n",
        "sys/bus/usb/devices/2-1/idProduct": "089a\n",
        "site/pycoral/__init__.py": "raise SystemExit",
        "site/pycoral-0.2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pycoral\nVersion: 0.2.0\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    mine = Catalogue({}, {}, {}, {"accelerator": BROKEN})
    told = "\n".join(told_checkup(check_up(mine, tmp_path, Installed((str(tmp_path / "site"),))), 80))
    assert "processor        Xeon: AVX2, AMX-INT8" in told
    assert "memory           4.0 GiB, of which limits allow 1.0 GiB" in told
    assert "board            NVIDIA Jetson" in told
    assert "usb 2-1          Coral USB Accelerator" in told
    assert "accelerator      no" in told
    assert "pycoral          0.2.0 is something else; see below" in told
    assert "tomogan          denoise    accelerator: no file" in told
    assert "to mend:\n  - the package pycoral 0.2.0" in told
