"""`tomopy-edge check` takes its arguments in any order, as `run` does, and says what a run would say."""

import shutil
import sys
from itertools import permutations
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
    assert not (tmp_path / "slices").exists()
    assert not [*tmp_path.glob(".tomopy*")]


def test_the_time_can_be_left_out(checked, monkeypatch):
    monkeypatch.setattr(pace, "foretell_time", None)
    code, said, _ = checked("--no-time")
    assert code == 0
    assert "time:" not in said


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
    assert "0.00 free: it does NOT fit" in said
    assert "the slices need 0.0 GB, and the disk has 0.0 GB free; make room" in warned
    assert "time:" not in said


def test_too_little_memory_is_a_warning_as_a_run_may_do_with_less(checked, monkeypatch, caplog):
    monkeypatch.setattr(forecast, "free_memory", lambda: 0)
    monkeypatch.setattr(forecast, "resident", lambda: 2**30)
    monkeypatch.setattr(forecast, "memory_limit", lambda: 2**30)
    code, said, _ = checked()
    assert code == 0
    assert "it does NOT fit" in said
    assert "memory may run out" in caplog.text
    # To try it would take as much.
    assert "time:" not in said


def test_an_output_that_is_there_is_told(checked, tmp_path):
    (tmp_path / "slices").mkdir()
    assert "slices, which is there already\n" in checked("--no-time")[1]
