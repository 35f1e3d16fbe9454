"""A batch goes past what fails and past what is done, and for each option says who had the last word."""

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import yaml

from tomopy_edge import batch as batches
from tomopy_edge.batch import Manner, batch, plan
from tomopy_edge.batch.overrides import own_of
from tomopy_edge.batch.scans import outputs_of, scans_of
from tomopy_edge.cli import main, make_parser
from tomopy_edge.errors import DataError, OutputError, RecipeError

RECIPE = [
    "read",
    "normalize",
    "minus_log",
    {"remove_stripes": {"method": "none"}},
    {"find_center": {"center": 23.5}},
    {"reconstruct": {"algorithm": "fbp", "options": {"filter_name": "shepp"}}},
    "write",
]
ROWS, COLUMNS = 3, 48


def write_scan(path):
    theta = np.linspace(0, 180, 40, endpoint=False)
    off = np.arange(COLUMNS) - 23.5 - 6 * np.cos(np.deg2rad(theta))[:, None]
    line_integrals = 0.08 * np.sqrt(np.maximum(12.0**2 - off**2, 0))[:, None].repeat(ROWS, 1)
    with h5py.File(path, "w") as file:
        file["exchange/data"] = (100 + 4000 * np.exp(-line_integrals)).astype(np.uint16)
        file["exchange/data_white"] = np.full((2, ROWS, COLUMNS), 4100, np.uint16)
        file["exchange/data_dark"] = np.full((2, ROWS, COLUMNS), 100, np.uint16)
        file["exchange/theta"] = theta
        file["exchange/theta"].attrs["units"] = "degrees"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "raw"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_scan(folder / f"{name}.h5")
    return folder


@pytest.fixture
def raw(original, tmp_path, monkeypatch):
    """A folder `raw` with three scans, beside a recipe, where commands are typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return Path(shutil.copytree(original, tmp_path / "raw")).relative_to(tmp_path)


@pytest.fixture
def outcomes(raw, catalogue):
    """What plans a batch of `raw` and runs it, and returns what came of each scan, by its name."""

    def run(manner=None, scans=(raw,), **asked):
        tasks = plan(Path("recipe.yaml"), scans, catalogue=catalogue, **asked)
        return {Path(one.scan).stem: one for one in batch(tasks, manner, catalogue)}

    return run


def center_of(name):
    settled = yaml.safe_load(Path(f"raw_rec/{name}_rec/recipe.yaml").read_text())
    return next(stage["find_center"]["center"] for stage in settled if "find_center" in stage)


def test_every_scan_of_a_folder_is_run_in_order(outcomes):
    done = outcomes()
    assert {name: one.state for name, one in done.items()} == {"a": "done", "b": "done", "c": "done"}
    assert (done["b"].slices, done["b"].center, done["b"].failed) == (ROWS, 23.5, 0)
    assert all(len([*Path(one.output).glob("*.tiff")]) == ROWS for one in done.values())


def test_a_scan_that_fails_does_not_end_the_others(raw, outcomes):
    (raw / "b.h5").write_bytes((raw / "b.h5").read_bytes()[:900])
    done = outcomes()
    assert [one.state for one in done.values()] == ["done", "failed", "done"]
    assert done["b"].why.startswith("this HDF5 file cannot be opened")
    assert not Path("raw_rec/b_rec").exists()


def test_a_bug_does_not_end_the_others_either(outcomes, monkeypatch, caplog):
    run = batches.run

    def stumble(recipe, scan, *arguments, **settings):
        if scan.stem == "a":
            raise ZeroDivisionError("a bug")
        return run(recipe, scan, *arguments, **settings)

    monkeypatch.setattr(batches, "run", stumble)
    done = outcomes()
    assert [one.state for one in done.values()] == ["failed", "done", "done"]
    assert done["a"].why == "ZeroDivisionError: a bug"
    assert "Traceback" in caplog.text


def test_scans_that_are_done_are_left_alone(outcomes, monkeypatch):
    first = outcomes(scans=["raw/a.h5"])
    written = Path(first["a"].output, "report.json").stat().st_mtime_ns
    again = outcomes()
    assert [one.state for one in again.values()] == ["done before", "done", "done"]
    assert (again["a"].slices, again["a"].seconds) == (ROWS, 0)
    assert Path(first["a"].output, "report.json").stat().st_mtime_ns == written


def test_an_output_of_another_recipe_is_not_taken_for_done(outcomes):
    outcomes()
    other = outcomes(changes=["find_center.center=24"])
    assert [one.state for one in other.values()] == ["failed"] * 3
    assert "was begun with another recipe" in other["a"].why
    assert "--overwrite" in other["a"].why
    assert outcomes(Manner(overwrite=True), changes=["find_center.center=24"])["c"].center == 24


def unfinished(name):
    """Make an output one that a run left after its first slice."""
    output = Path(f"raw_rec/{name}_rec")
    part = output.with_name(f"{output.name}.part")
    output.rename(part)
    (part / "report.json").unlink()
    (part / ".tomopy_edge.lock").touch()
    lines = (part / "slices.jsonl").read_text().splitlines(keepends=True)
    (part / "slices.jsonl").write_text(lines[0])


def test_what_is_not_finished_is_gone_on_with_where_that_is_asked_for(outcomes):
    outcomes()
    unfinished("b")
    refused = outcomes()
    assert [one.state for one in refused.values()] == ["done before", "failed", "done before"]
    assert "go on with it (--resume)" in refused["b"].why
    resumed = outcomes(Manner(resume=True))
    assert [one.state for one in resumed.values()] == ["done before", "done", "done before"]


def test_slices_that_failed_are_told_each_time_and_tried_again_where_that_is_asked_for(raw, outcomes):
    outcomes(scans=[raw / "a.h5"])
    path = Path("raw_rec/a_rec/report.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"failed": {"1": "read: row 1 is damaged"}}))
    Path("raw_rec/a_rec/recon_00001.tiff").unlink()
    left = outcomes(scans=[raw / "a.h5"])["a"]
    assert (left.state, left.slices, left.failed, left.bad) == ("some slices failed", 2, 1, True)
    assert left.why == "rows 1: read: row 1 is damaged (an earlier run; --resume tries them again)"
    mended = outcomes(Manner(resume=True), scans=[raw / "a.h5"])["a"]
    assert (mended.state, mended.slices) == ("done", 3)
    assert Path("raw_rec/a_rec/recon_00001.tiff").exists()


def test_the_command_wins_over_the_scans_own_file_and_that_over_the_recipe(raw, outcomes, caplog):
    caplog.set_level("INFO")
    (raw / "b.yaml").write_text("find_center: {center: 24.0}\nreconstruct: {options: {filter_name: hann}}\n")
    (raw / "c.yaml").write_text("find_center: {center: 25.0}\n")
    outcomes()
    assert [center_of(name) for name in "abc"] == [23.5, 24.0, 25.0]
    settled = yaml.safe_load(Path("raw_rec/b_rec/recipe.yaml").read_text())
    # What the file leaves out is the recipe's.
    assert settled[5]["reconstruct"] == {
        "algorithm": "fbp",
        "options": {"filter_name": "hann", "size": None},
        "mask": 1.0,
    }
    assert "b.h5: find_center.center=24.0 from raw/b.yaml" in caplog.messages
    outcomes(Manner(overwrite=True), changes=["find_center.center=26"])
    assert [center_of(name) for name in "abc"] == [26.0] * 3
    assert "c.h5: find_center.center=25.0 from raw/c.yaml, but --set says 26" in caplog.messages


def test_one_axis_for_several_scans_is_told_unless_it_was_asked_for(outcomes, caplog):
    told = "all 3 scans get the rotation axis of the recipe, column 23.5; --set find_center.center=null has it found"
    outcomes()
    assert told in caplog.text
    caplog.clear()
    outcomes(changes=["find_center.center=null"])
    outcomes(scans=["raw/a.h5"])
    assert "rotation axis of the recipe" not in caplog.text


def test_a_stage_may_be_left_out_for_one_scan(raw, outcomes):
    (raw / "a.yaml").write_text("remove_stripes:\n")
    outcomes(scans=[raw / "a.h5"])
    assert "remove_stripes" not in Path("raw_rec/a_rec/recipe.yaml").read_text()


def test_files_for_single_scans_may_lie_in_a_folder_of_their_own(raw, outcomes):
    Path("own").mkdir()
    Path("own", "b.yaml").write_text("find_center: {center: 24.0}\n")
    (raw / "c.yaml").write_text("find_center: {center: 25.0}\n")
    done = outcomes(own=Path("own"))
    assert [center_of(name) for name in "abc"] == [23.5, 24.0, 23.5]
    assert (done["b"].own, done["c"].own) == ("own/b.yaml", "")
    with pytest.raises(DataError, match="nowhere: is no folder"):
        outcomes(own=Path("nowhere"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("find_centre: {center: 3}", "find_centre: is no stage of the recipe; did you mean 'find_center'"),
        ("find_center: {centre: 3}", "find_center.centre: no such option; did you mean 'center'"),
        ("find_center: {center: left}", "find_center.center"),
        ("find_center: 3", "find_center: expected its options as a mapping"),
        ("find_center: {center: !Sweep [1, 2]}", "find_center.center: must be one plain value"),
        ("find_center: {a.b: 3}", "find_center: 'a.b' is no name of an option"),
        ("write:", "comes last, but does not write slices"),
        ("{", "not YAML"),
        ("3", "expected stages with their options"),
        ("- read\n", "is a recipe, and stands where what is said for a.h5 alone would"),
    ],
)
def test_a_fault_in_a_scans_own_file_is_told_with_its_path_before_anything_is_run(raw, outcomes, text, said):
    (raw / "a.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        outcomes()
    assert said in str(caught.value)
    assert "--set" not in str(caught.value)
    if "does not write" not in said:
        assert str(caught.value).startswith("raw/a.yaml: ")
    assert not Path("raw_rec").exists()


def test_all_files_with_faults_are_told_at_once(raw, outcomes):
    for name in "ab":
        (raw / f"{name}.yaml").write_text("red: {}")
    with pytest.raises(DataError) as caught:
        outcomes()
    assert str(caught.value).count("red: is no stage of the recipe") == 2


def test_what_describes_a_scan_is_not_taken_for_its_own_file(tmp_path):
    (tmp_path / "scan.yaml").write_text("projections: frames\n")
    assert own_of(tmp_path / "scan.yaml", None, ["read"]).path is None


def test_a_folder_gives_its_scans_and_nothing_else(raw, outcomes, caplog):
    caplog.set_level("INFO")
    outcomes(changes=["write.formats=[hdf5]"], scans=[raw / "a.h5"])
    shutil.copy("raw_rec/a_rec/recon.h5", raw / "recon.h5")
    shutil.copytree("raw_rec/a_rec", raw / "a_rec")
    (raw / "notes.txt").write_text("lunch")
    assert [path.name for path in scans_of([raw])] == ["a.h5", "b.h5", "c.h5"]
    assert "raw/recon.h5 is left out: it holds slices" in caplog.messages
    assert [path.name for path in scans_of([raw], "[bc].h5")] == ["b.h5", "c.h5"]
    with pytest.raises(DataError, match=r"there are no scans in this folder that match 'x\*'"):
        scans_of([raw], "x*")


def test_a_damaged_scan_in_a_folder_is_not_left_out(raw):
    (raw / "b.h5").write_bytes((raw / "b.h5").read_bytes()[:900])
    assert len(scans_of([raw])) == 3


def test_a_folder_of_images_is_a_scan_alone_and_among_others(raw):
    images = raw / "images"
    for part, count in (("projections", 12), ("flats", 2), ("darks", 2)):
        (images / part).mkdir(parents=True)
        for number in range(count):
            tifffile.imwrite(images / part / f"{part}_{number:03d}.tif", np.full((3, 8), 100 + number, np.uint16))
    np.savetxt(images / "theta.txt", np.linspace(0, 180, 12, endpoint=False))
    assert scans_of([images]) == [images]
    assert [path.name for path in scans_of([raw])] == ["a.h5", "b.h5", "c.h5", "images"]


def test_a_list_names_scans_beside_itself_each_once(raw):
    (raw / "night.txt").write_text("# tonight\nb.h5\n\n../raw/b.h5\na.h5\n")
    assert [path.name for path in scans_of([f"@{raw}/night.txt"])] == ["b.h5", "a.h5"]
    (raw / "night.txt").write_text("b.h5\nd.h5\n")
    with pytest.raises(DataError, match=r"night.txt, line 2: raw/d.h5: no such file or folder; did you mean"):
        scans_of([f"@{raw}/night.txt"])
    (raw / "night.txt").write_text("@night.txt\n")
    with pytest.raises(DataError, match="a list within a list is not read"):
        scans_of([f"@{raw}/night.txt"])
    with pytest.raises(DataError, match="this list of scans cannot be read"):
        scans_of(["@nights.txt"])


def test_two_scans_that_would_be_written_to_one_place_are_refused(raw):
    Path("raw/b.nxs").write_bytes(b"")
    with pytest.raises(DataError, match=r"would both be written to raw_rec/b_rec|would both be written to .*/b_rec"):
        outputs_of([raw / "b.h5", raw / "b.nxs"], None)
    assert outputs_of([raw / "a.h5"], Path("night")) == [Path("night/a_rec")]


def test_a_fault_of_the_recipe_or_the_command_is_told_before_any_scan(raw, outcomes):
    with pytest.raises(RecipeError, match=r"--set find_centre.center=3: the stage 'find_centre' is not in the recipe"):
        outcomes(changes=["find_centre.center=3"])
    (raw / "a.yaml").write_text("red: {}")
    Path("recipe.yaml").write_text("- red")
    with pytest.raises(RecipeError, match=r"recipe.yaml: 1 fault\n  - red: no such stage"):
        outcomes()


@pytest.mark.parametrize("name", ["night.csv", "night.json"])
def test_the_verb_prints_a_table_and_writes_it(raw, capsys, name):
    (raw / "b.h5").write_bytes(b"")
    assert main(["batch", "recipe.yaml", "raw", "--table", name]) == 3
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["scan", "slices", "axis", "seconds", "state"]
    assert said[1].split()[:3] == ["a.h5", "3", "23.50"]
    assert said[-2] == "3 scans: 2 done, 1 failed"
    assert said[-1].startswith("FAILED raw/b.h5: ")
    text = Path(name).read_text()
    rows = json.loads(text)["scans"] if name.endswith("json") else [*csv.DictReader(text.splitlines())]
    assert [row["state"] for row in rows] == ["done", "failed", "done"]
    assert [row["scan"] for row in rows] == ["raw/a.h5", "raw/b.h5", "raw/c.h5"]


def test_the_exit_code_is_0_where_all_are_done_now_or_before(raw, capsys):
    words = ["batch", "recipe.yaml", "raw/a.h5", "raw/b.h5", "-o", "night", "--set", "read.rows=[0, 2]"]
    assert [main(words), main(words)] == [0, 0]
    assert "2 scans: 2 done before" in capsys.readouterr().out
    assert sorted(path.name for path in Path("night").iterdir()) == ["a_rec", "b_rec"]


def test_a_verdict_other_than_ok_is_told_below_the_table(raw, capsys, monkeypatch):
    monkeypatch.setattr(batches, "trust_in", lambda _: ("CHECK", "CHECK row 2: seams"))
    # As of `run`.
    assert main(["batch", "recipe.yaml", "raw/a.h5"]) == 4
    said = capsys.readouterr().out.splitlines()
    assert said[1].split()[-1] == "CHECK"
    assert said[-1] == "raw/a.h5: CHECK row 2: seams"


def test_ctrl_c_ends_the_batch_and_what_was_done_is_listed(raw, capsys, monkeypatch):
    run = batches.run

    def interrupted(recipe, scan, *arguments, **settings):
        if scan.stem == "b":
            os.kill(os.getpid(), signal.SIGINT)
        return run(recipe, scan, *arguments, **settings)

    monkeypatch.setattr(batches, "run", interrupted)
    assert main(["batch", "recipe.yaml", "raw", "--table", "night.csv"]) == 130
    said = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1)[-1].split("  ")[-1].strip() for line in said[1:4]] == [
        "done",
        "stopped",
        "not begun",
    ]
    assert [row["state"] for row in csv.DictReader(Path("night.csv").read_text().splitlines())] == [
        "done", "stopped", "not begun"
    ]  # fmt: skip


def test_a_table_that_cannot_be_written_is_told_before_the_night(raw, capsys):
    assert main(["batch", "recipe.yaml", "raw", "--table", "night.xlsx"]) == 2
    assert "written as .csv or .json" in capsys.readouterr().err
    Path("blocked").write_text("")
    assert main(["batch", "recipe.yaml", "raw", "--table", "blocked/night.csv"]) == 2
    assert not Path("raw_rec").exists()


def test_a_table_that_cannot_be_written_later_costs_no_scan(raw, capsys, monkeypatch, caplog):
    from tomopy_edge.batch import table

    def full(path, outcomes):
        if outcomes:
            raise OutputError("night.csv: cannot be written: the disk is full")

    monkeypatch.setattr(table, "write_table", full)
    monkeypatch.setattr(batches, "write_table", full)
    assert main(["batch", "recipe.yaml", "raw", "--table", "night.csv"]) == 0
    assert "3 scans: 3 done" in capsys.readouterr().out
    assert "the disk is full" in caplog.text


def test_scans_may_be_many_and_options_stand_anywhere():
    args = make_parser().parse_args(["batch", "R", "--set", "a.b=1", "S", "T", "--resume", "--cluster"])
    assert (str(args.recipe), args.scans, args.overrides, args.resume) == ("R", ["S", "T"], ["a.b=1"], True)
