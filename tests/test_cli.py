"""The command: thin, and every fault is one clear sentence with exit code 2."""

import json
import signal
import subprocess
import sys

import pytest
import yaml

from tomopy_edge.cli import VERBS, main, make_parser
from tomopy_edge.networks.manifest import model_names

RECIPE = [
    "read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct",
    {"denoise": {"denoiser": "total_variation"}}, "write",
]  # fmt: skip


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return str(path)


def fault(capsys, *argv):
    """Run the command, expect a fault, and return what it says."""
    assert main([str(word) for word in argv]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_run_prints_where_the_slices_lie(recipe_file, scan_file, tmp_path, capsys):
    assert main(["run", recipe_file, str(scan_file), "-o", str(tmp_path / "out")]) == 0
    assert f"contact sheet: {tmp_path / 'out' / 'contact_sheet.png'}" in capsys.readouterr().out


def test_set_changes_an_option(recipe_file, scan_file, tmp_path):
    out = tmp_path / "out"
    argv = ["run", recipe_file, str(scan_file), "-o", str(out), "--set", "read.rows=[2, 4]", "--ncore", "1"]
    assert main(argv) == 0
    assert json.loads((out / "report.json").read_text())["scan"]["rows"] == [2, 4]


def test_check_shows_the_recipe_and_what_it_would_make(recipe_file, scan_file, capsys):
    assert main(["check", recipe_file, str(scan_file)]) == 0
    said = capsys.readouterr().out
    assert "7 stages, no faults" in said
    assert "would make 7 slices of 96 x 96 pixels" in said


def test_recon_needs_no_recipe_and_leaves_the_one_it_ran(scan_file, tmp_path):
    argv = ["recon", "--file-name", scan_file, "--rotation-axis", 45.2, "--denoiser", "none", "--save-format", "h5",
            "--reconstruction-type", "slice", "-o", tmp_path / "out"]  # fmt: skip
    assert main([str(word) for word in argv]) == 0
    stages = yaml.safe_load((tmp_path / "out" / "recipe.yaml").read_text())
    assert stages[0]["read"]["rows"] == [3, 4]


def test_plugins_lists_what_a_recipe_can_name(capsys):
    assert main(["plugins", "--options"]) == 0
    said = capsys.readouterr().out
    for name in ("remove_stripes", "gridrec", "total_variation", "filter_name: 'shepp'"):
        assert name in said


def test_models_lists_and_checks(capsys):
    assert main(["models"]) == 0
    assert "tomogan: " in capsys.readouterr().out
    for name in model_names():
        assert main(["models", name]) == 0
        assert "every file is what the manifest says" in capsys.readouterr().out


def test_each_fault_is_a_sentence_with_exit_code_2(recipe_file, scan_file, tmp_path, capsys):
    out = ["-o", tmp_path / "out"]
    assert "no such" in fault(capsys, "run", recipe_file, tmp_path / "absent.h5", *out).lower()
    assert "No such file" in fault(capsys, "run", tmp_path / "absent.yaml", scan_file, *out)
    assert "did you mean 'center'" in fault(capsys, "run", recipe_file, scan_file, "--set", "find_center.centre=3")
    assert "outside the detector" in fault(
        capsys, "run", recipe_file, scan_file, *out, "--set", "find_center.center=400"
    )
    assert "rows 5 to 98" in fault(capsys, "run", recipe_file, scan_file, *out, "--set", "read.rows=[5, 99]")
    assert "no denoiser is named" in fault(capsys, "recon", "--file-name", scan_file, "--denoiser", "tomogun")
    assert "no model is named" in fault(capsys, "models", "tomogun")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_halfway_removes_what_was_unfinished(recipe_file, scan_file, tmp_path, wait_until):
    argv = [sys.executable, "-m", "tomopy_edge", "run", recipe_file, str(scan_file), "-o", str(tmp_path / "out")]
    argv += ["--set", "denoise.denoiser=non_local_means", "--set", "denoise.options.search=100"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    wait_until(lambda: list(tmp_path.glob("out*")), 60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in said
    assert "Traceback" not in said
    assert list(tmp_path.glob("out*")) == []


def test_help_does_not_import_what_is_heavy():
    code = (
        "import sys; import tomopy_edge.cli as c; c.make_parser();"
        "print(sorted({'h5py', 'numba', 'scipy', 'skimage', 'tensorflow', 'keras', 'ai_edge_litert', 'rich', "
        "'pydantic', 'algotom', 'tifffile', 'PIL'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert said.strip() == "[]"


def imported(*words):
    """Run the command in a new Python, and return the modules that it imported of ours and of others."""
    code = (
        "import sys; before = set(sys.modules)\nfrom tomopy_edge.cli import main\ntry: main(sys.argv[1:])\n"
        "except SystemExit: pass\nnew = set(sys.modules) - before\n"
        "print('imported', *sorted(name for name in new if name.split('.')[0] not in sys.stdlib_module_names))"
    )
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)  # noqa: S603
    return set(ended.stdout.splitlines()[-1].split()[1:])


def test_help_imports_no_verb_and_no_numpy():
    assert imported("--help") == {
        *(
            "tomopy_edge",
            "tomopy_edge.cli",
            "tomopy_edge.cli.stopping",
            "tomopy_edge.errors",
            "tomopy_edge.options",
            "tomopy_edge.version",
        ),
        "typing_extensions",
    }


@pytest.mark.parametrize("words", [("run", "--help"), ("-v", "run", "--help")])
def test_a_verb_imports_no_other(words):
    verbs = {name.removeprefix("tomopy_edge.cli.") for name in imported(*words)} & set(VERBS)
    assert verbs == {"run"}


def test_help_says_the_same_of_verbs_that_are_imported_and_of_those_that_are_not():
    assert make_parser().format_help() == make_parser([]).format_help()


def test_an_unknown_verb_is_told_with_all_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["reconstruct"])
    said = capsys.readouterr().err
    assert all(f"{verb}" in said for verb in VERBS)
