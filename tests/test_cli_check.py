"""`tomopy-edge check` takes its arguments in any order, as `run` does, and says what a run would say."""

import errno
import shutil
import sys
import tempfile
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tomopy_edge import forecast
from tomopy_edge.cli import main, make_parser
from tomopy_edge.forecast import pace

RECIPE = ["read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct", "write"]


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return str(path)


@pytest.mark.parametrize("option", [["--set", "a.b=1"], ["--set=a.b=1"]])
def test_options_may_stand_before_between_and_after_recipe_and_scan(option):
    for order in permutations((["R"], option, ["S"])):
        words = [word for part in order for word in part]
        args = make_parser().parse_args(["check", *words])
        first, second = (word for word in words if word in {"R", "S"})
        assert (str(args.recipe), str(args.scan), args.overrides) == (first, second, ["a.b=1"])


@pytest.mark.parametrize("words", [["R"], ["R", "--set", "a.b=1"], ["--set", "a.b=1", "R"]])
def test_the_scan_may_be_left_out(words):
    assert make_parser().parse_args(["check", *words]).scan is None


@pytest.mark.parametrize(("words", "said"), [([], "required: recipe"), (["R", "S", "T"], "unrecognized arguments: T")])
def test_the_recipe_may_not_be_left_out_and_a_second_scan_is_refused(words, said, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["check", *words])
    assert said in capsys.readouterr().err


def test_the_scan_is_shown_as_optional(capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["check", "--help"])
    assert "recipe [scan]" in " ".join(capsys.readouterr().out.split())


def test_an_option_set_before_the_scan_is_in_what_would_be_made(recipe_file, scan_file, capsys):
    assert main(["check", recipe_file, "--set", "read.rows=[2, 4]", str(scan_file), "--no-time"]) == 0
    assert "would make 2 slices of 96 x 96 pixels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stage", "place"),
    [
        ({"remove_outliers": {"library": "tomopy"}}, "remove_outliers"),
        ({"remove_stripes": {"library": "tomopy"}}, "remove_stripes"),
        ({"reconstruct": {"algorithm": "gridrec"}}, "reconstruct.options"),
        ({"reconstruct": {"algorithm": "tomopy", "options": {"algorithm": "sirt"}}}, "reconstruct.options"),
    ],
    ids=["outliers", "stripes", "gridrec", "sirt"],
)
@pytest.mark.parametrize("verb", [["check"], ["run", "scan.h5"]], ids=["check", "run"])
def test_a_recipe_for_tomopy_says_where_to_get_it_before_anything_is_read(
    tmp_path, monkeypatch, capsys, verb, stage, place
):
    monkeypatch.setitem(sys.modules, "tomopy", None)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump([stage]))
    name, *scan = verb
    assert main([name, str(path), *scan]) == 2
    assert f"{place}: TomoPy was asked for and is not installed; it is on conda-forge" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["check"], ["run", "scan.h5"]], ids=["check", "run"])
def test_a_device_that_is_not_there_is_told_before_anything_is_read(tmp_path, capsys, verb):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump([{"denoise": {"options": {"runtime": "litert", "device": "gpu"}}}]))
    name, *scan = verb
    assert main([name, str(path), *scan]) == 2
    assert "denoise.options: runtime litert: has no device 'gpu' (there are: cpu)" in capsys.readouterr().err


def test_without_a_scan_the_recipe_alone_is_checked(recipe_file, capsys):
    assert main(["check", recipe_file]) == 0
    said = capsys.readouterr().out
    assert "6 stages, no faults" in said
    assert "would make" not in said


@pytest.fixture
def checked(recipe_file, scan_file, tmp_path, capsys):
    """What checks the recipe and the scan, and returns the exit code and what was said."""

    def check(*words):
        code = main(["check", recipe_file, str(scan_file), "--output", str(tmp_path / "slices"), *words])
        return code, *capsys.readouterr()

    return check


def test_memory_disk_and_time_are_told_and_nothing_is_left(checked, tmp_path):
    code, said, _ = checked("--ncore", "1", "--nsino-per-chunk", "4")
    told = [line.split(":")[0] for line in said.splitlines()[-4:]]
    assert (code, told) == (0, ["output", "memory", "disk", "time"])
    assert "4 rows at once" in said
    assert "report and contact sheet 8.39 MB); " in said
    assert not (tmp_path / "slices").exists()
    assert not [*tmp_path.glob(".tomopy*")]


def test_the_time_can_be_left_out(checked, monkeypatch):
    monkeypatch.setattr(pace, "foretell_time", None)
    code, said, _ = checked("--no-time")
    assert code == 0
    assert "time:" not in said
    assert "\nnot tried on the scan: " in said


def test_what_was_told_stays_when_the_time_is_not_waited_for(checked, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pace, "foretell_time", stop)
    code, said, warned = checked()
    assert code == 130
    assert "memory: at most" in said
    assert "stopped" in warned


def test_a_disk_that_is_too_small_is_an_error_as_in_a_run(checked, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    code, said, warned = checked()
    assert code == 2
    assert "has 1 MB free: it does NOT fit" in said
    assert "slices: needs 8.68 MB, and the disk has 1 MB free; make room" in warned
    assert "time:" not in said


def test_too_little_memory_is_an_error_too(checked, monkeypatch):
    monkeypatch.setattr(forecast, "free_memory", lambda: 0)
    monkeypatch.setattr(forecast, "resident", lambda: 2**30)
    monkeypatch.setattr(forecast, "memory_limit", lambda: 2**30)
    code, said, warned = checked()
    assert code == 2
    assert "there are 1.07 GB: it does NOT fit" in said
    assert "memory may run out, and the system then ends the run without a word" in warned
    assert "Python and its libraries alone take more than there is" in warned
    # To try it would take as much.
    assert "time:" not in said


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("thesis", "holds files that are no output of tomopy-edge"),
        ("thesis/a.tex", "is a file; the output is a folder"),
        ("thesis/a.tex/slices", "a.tex is a file; choose another folder"),
    ],
    ids=["a folder of the user's", "a file", "in a file"],
)
def test_an_output_that_no_run_could_make_is_an_error(recipe_file, scan_file, tmp_path, capsys, place, told):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").touch()
    assert main(["check", recipe_file, str(scan_file), "--no-time", "-o", str(tmp_path / place)]) == 2
    assert told in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["a.tex"]


def test_a_place_where_nothing_can_be_written_is_an_error(checked, tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refused)
    code, said, warned = checked("--no-time")
    assert code == 2
    assert "slices: cannot be written: the file system is read-only" in warned
    assert "would make" not in said


def test_of_a_scan_that_is_not_there_only_that_is_said(recipe_file, tmp_path, capsys):
    assert main(["check", recipe_file, str(tmp_path / "scan.h5")]) == 2
    said, warned = capsys.readouterr()
    assert (said, "no such file" in warned) == ("", True)


def test_the_recipe_for_a_cluster_is_told_of_on_this_machine_alone(recipe_file, scan_file, tmp_path, capsys):
    words = ["check", recipe_file, str(scan_file), "--no-time", "-o", str(tmp_path / "slices")]
    assert main(words) == 0
    assert "--cluster" not in capsys.readouterr().out
    Path(recipe_file).write_text(yaml.safe_dump([{"cluster": {"workers": 2}}, *RECIPE]))
    assert main(words) == 0
    assert "memory and time are those of a run on this machine, without --cluster" in capsys.readouterr().out


def test_one_slice_of_one_row_is_told_in_the_singular(checked):
    said = checked("--set", "read.rows=[2, 3]", "--nsino-per-chunk", "1", "--no-time")[1]
    assert "would make 1 slice of" in said
    assert "1 row at once" in said


def test_an_output_that_is_there_is_told(checked, tmp_path):
    (tmp_path / "slices").mkdir()
    assert "slices, which is there already\n" in checked("--no-time")[1]
