"""`run` makes the sweep that stands in a recipe, `check` foretells it, and flags without a use are refused."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest
import tifffile
import yaml

from tomopy_edge import forecast, sweep
from tomopy_edge.cli import main
from tomopy_edge.cli.scan_options import VERDICTS
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.readers import open_scan
from tomopy_edge.sweeps.pace import foretell_sweep_time
from tomopy_edge.sweeps.plan import rows_swept
from tomopy_edge.sweeps.variants import read_variants

RECIPE = """
- read
- normalize
- minus_log
- find_center: {center: !SweepRange {start: 44.7, stop: 46, step: 0.5}}
- reconstruct
- denoise: {denoiser: total_variation}
- write
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def command(recipe_file, scan_file, tmp_path, capsys):
    """What runs a verb on the recipe and the scan, and returns the exit code and what was said."""

    def run(verb, *words):
        code = main([verb, str(recipe_file), str(scan_file), "-o", str(tmp_path / "out"), *map(str, words)])
        return code, *capsys.readouterr()

    return run


def test_run_makes_the_sweep_and_says_how_to_go_on(command, scan_file, tmp_path):
    code, said, _ = command("run", "--ncore", 1)
    lines, out = said.splitlines(), tmp_path / "out"
    assert code == 0
    assert lines[0].split() == ["center", "row", "sharpness", "noise", "difference", "NAME"]
    assert [line.split()[:2] for line in lines[1:4]] == [["44.7", "3"], ["45.2", "3"], ["45.7", "3"]]
    assert lines[2].split()[-1] == "2_center_45.2", "of its files, and of the recipe to go on with"
    assert "sharpest raw slice: centre 45.2" in lines
    assert f"contact sheet: {out}/contact_sheet.png" in lines
    assert lines[-1] == f"to go on: tomopy-edge run {out}/recipes/2_center_45.2.yaml {scan_file}"
    assert yaml.safe_load((out / "recipes" / "2_center_45.2.yaml").read_text())[3]["find_center"]["center"] == 45.2


def test_a_sweep_is_set_and_its_rows_chosen_on_the_command_line(command, tmp_path):
    words = ["--set", "find_center.center=45.2", "--set", "denoise.options.weight=!Sweep [0.5, 2]", "--rows", 2, 4]
    code, said, _ = command("run", *words)
    assert code == 0
    assert "4 slices in" in said
    assert "sharpest" not in said
    names = sorted(path.name for path in (tmp_path / "out" / "denoised").iterdir())
    assert names == [f"{name}_row_0000{row}.tiff" for name in ("1_weight_0.5", "2_weight_2.0") for row in (2, 3)]


def test_rows_are_those_of_a_run_without_a_sweep_too(command, tmp_path):
    assert command("run", "--set", "find_center.center=45.2", "--rows", 2, 4)[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tiff")) == ["recon_00002.tiff", "recon_00003.tiff"]


def test_faults_of_a_sweep_are_told_with_those_of_the_recipe_before_anything_is_read(command, tmp_path):
    words = ["--set", "find_center.center=!Sweep []", "--set", "denoise.options.weight=-1"]
    code, _, told = command("run", *words)
    assert code == 2
    assert "recipe.yaml: 2 faults" in told
    assert "find_center.center: the list of !Sweep is empty" in told
    assert "denoise.options.weight: must be above 0" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", [["--resume"], ["--cluster"], ["--workers", 2]])
def test_flags_of_no_use_with_a_sweep_are_refused(command, flag):
    code, _, told = command("run", *flag)
    assert code == 2
    assert f"{flag[0]}: of no use with a sweep" in told


def test_a_value_that_fails_is_named_in_the_end(command, caplog):
    code, said, _ = command("run", "--set", "find_center.center=!Sweep [45.2, 900]")
    assert code == 3
    assert "1 of 2 values FAILED: 900.0" in said
    assert "2_center_900.0: find_center.center: 900 lies outside" in caplog.text


def test_check_says_what_a_sweep_would_make(command, recipe_file, capsys):
    code, said, _ = command("check", "--set", "read.rows=[1, 3]")
    assert code == 0
    assert "recipe.yaml: 7 stages, no faults with any value" in said
    assert "sweep over find_center.center: 3 values: 44.7, 45.2, 45.7" in said
    assert "would make 12 slices of rows 1 to 2, raw ones included" in said
    assert main(["check", str(recipe_file)]) == 0
    assert "would make" not in capsys.readouterr().out


def test_check_says_what_a_sweep_takes_and_leaves_nothing(command, tmp_path):
    before = {path.name for path in tmp_path.iterdir()}
    code, said, _ = command("check", "--rows", 2, 4, "--ncore", 1)
    memory, disk, took = said.splitlines()[-3:]
    assert code == 0
    assert "would make 12 slices of rows 2 to 3" in said
    assert memory.startswith("memory: at most ")
    assert "2 rows at once" in memory
    assert disk.startswith("disk: at most ")
    assert "sheets" in disk
    assert re.match(r"time: about .* for the first value, .* for each of the others", took)
    assert {path.name for path in tmp_path.iterdir()} == before
    assert "time:" not in command("check", "--no-time")[1]


def test_check_refuses_a_sweep_for_which_there_is_no_memory_or_no_disk(command, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
        code, said, told = command("check")
    assert (code, "it does NOT fit" in said, "make room" in told, "time:" in said) == (2, True, True, False)
    monkeypatch.setattr(forecast, "free_memory", lambda: 0)
    monkeypatch.setattr(forecast, "memory_limit", lambda: 2**20)
    code, said, told = command("check")
    assert (code, "memory may run out" in told, "time:" in said) == (2, True, False)


def test_check_names_the_values_that_would_fail_as_a_run_does(command):
    words = ["--set", "find_center.center=!Sweep [45.2, 900]"]
    code, said, _ = command("check", *words)
    assert code == 3
    assert "1 of the 2 values that were tried would FAIL:\n  2_center_900.0: find_center.center: 900 lies" in said
    code, said, told = command("check", "--set", "find_center.center=!Sweep [800, 900]")
    assert (code, "lies outside the detector" in told, "time:" in said) == (2, True, False)


@pytest.mark.parametrize("budget", [0, 60])
def test_the_time_of_all_values_is_told_of_those_that_were_tried(recipe_file, scan_file, tmp_path, budget):
    catalogue = load_catalogue(installed=False)
    values = "find_center.center=!SweepRange {start: 40, stop: 50, step: 0.5}"
    weights = "denoise.options.weight=!Sweep [1, 2]"
    variants = read_variants(recipe_file, catalogue, [values, weights])
    with open_scan(scan_file) as scan:
        how = {"catalogue": catalogue, "ncore": 1}
        span = rows_swept(variants, scan)
        took = foretell_sweep_time(variants, scan, span, tmp_path / "out", budget=budget, **how)
        swept = sweep(variants, scan, tmp_path / "swept", **how)
    assert took.values == 40
    assert took.tried == (2 if not budget else 21), "one of the weights with each axis, and one axis with both"
    assert took.least < took.seconds < took.most
    assert swept.seconds / 4 < took.seconds < 6 * swept.seconds


def test_check_refuses_a_sweep_of_a_whole_scan_as_a_run_does(command, monkeypatch):
    monkeypatch.setattr("tomopy_edge.sweeps.plan.MOST_SLICES", 20)
    for verb in ("check", "run"):
        code, _, told = command(verb, "--set", "read.rows=[0, 7]")
        assert code == 2
        assert "3 values on 7 rows would make 21 slices" in told


def test_many_values_are_listed_in_short(command):
    said = command("check", "--set", "find_center.center=!SweepRange {start: 40, stop: 50, step: 0.5}")[1]
    assert "20 values: 40.0, 40.5, 41.0, ... 49.5" in said


def try_centers(scan_file, tmp_path, *words):
    argv = ["recon", "--file-name", scan_file, "--reconstruction-type", "try", "--denoiser", "total_variation"]
    return main([*map(str, argv), "--ncore", "1", "-o", str(tmp_path / "out"), *map(str, words)])


def test_try_makes_a_slice_with_axes_around_the_one_given(scan_file, tmp_path, capsys):
    words = ["--rotation-axis", 44.2, "--center-search-width", 2, "--center-search-step", 1, "--row", 1]
    assert try_centers(scan_file, tmp_path, *words) == 0
    said = capsys.readouterr().out
    names = [f"{n}_center_{center}.tiff" for n, center in enumerate(("42.2", "43.2", "44.2", "45.2", "46.2"), start=1)]
    for kind in ("raw", "denoised"):
        assert sorted(path.name for path in (tmp_path / "out" / kind).iterdir()) == names
    assert "sharpest raw slice: centre 45.2" in said
    assert f"to go on: tomopy-edge run {tmp_path}/out/recipes/4_center_45.2.yaml {scan_file}" in said
    assert "type this command again with --reconstruction-type full --rotation-axis 45.2" in said
    lines = (tmp_path / "out" / "scores.csv").read_text().splitlines()
    assert lines[0].startswith("find_center.center,row,sharpness_raw")
    assert {line.split(",")[1] for line in lines[1:]} == {"1"}


def test_what_try_says_to_go_on_with_makes_all_rows_and_the_same_slice(scan_file, tmp_path):
    words = ["--rotation-axis", 45.2, "--center-search-width", 0.5, "--end-row", 4]
    assert try_centers(scan_file, tmp_path, *words) == 0
    chosen = tmp_path / "out" / "recipes" / "2_center_45.2.yaml"
    assert main(["run", str(chosen), str(scan_file), "-o", str(tmp_path / "full")]) in VERDICTS.values()
    assert len([*(tmp_path / "full").glob("*.tiff")]) == 4
    assert json.loads((tmp_path / "full" / "report.json").read_text())["trust"]["examined"]
    assert not [*(tmp_path / "out").rglob("trust")]
    tried = tifffile.imread(tmp_path / "out" / "denoised" / "2_center_45.2.tiff")
    assert (tried == tifffile.imread(tmp_path / "full" / "recon_00002.tiff")).all()


def test_try_finds_the_axis_first_where_none_is_given(scan_file, tmp_path, capsys):
    assert try_centers(scan_file, tmp_path, "--center-search-width", 1) == 0
    said = capsys.readouterr().out
    assert said.startswith("vo found the axis at column 45.")
    assert [line.split(",")[0] for line in (tmp_path / "out" / "scores.csv").read_text().splitlines()[1:]] == [
        "44.0", "44.5", "45.0", "45.5", "46.0",
    ]  # fmt: skip


def test_try_lies_beside_the_slices_where_no_folder_is_named(scan_file, capsys):
    argv = ["recon", "--file-name", scan_file, "--reconstruction-type", "try", "--denoiser", "none"]
    assert main([*map(str, argv), "--rotation-axis", "45.2", "--center-search-width", "0.5"]) == 0
    beside = scan_file.parent.parent / "raw_rec"
    assert [path.name for path in beside.iterdir()] == ["disc_try"]
    assert f"{beside}/disc_try" in capsys.readouterr().out
