"""From a scan file to a finished folder, or to nothing at all."""

import json

import h5py
import numpy as np
import pytest
import tifffile
import yaml

import tomopy_edge
from tomopy_edge.errors import DataError, OutputError, RecipeError
from tomopy_edge.readers import ArrayScan, open_scan

STAGES = [
    "read",
    "normalize",
    "minus_log",
    {"find_center": {"search": 10.0}},
    "reconstruct",
    {"denoise": {"denoiser": "total_variation"}},
    {"write": {"formats": ["tiff", "hdf5"]}},
]


def stack(folder):
    return np.stack([tifffile.imread(path) for path in sorted(folder.glob("*.tiff"))])


def test_a_run_leaves_slices_report_recipe_and_picture(scan_file):
    done = tomopy_edge.run(STAGES, scan_file)
    assert done.output == scan_file.parent.parent / "raw_rec" / "disc_rec"
    slices = stack(done.output)
    assert slices.shape == (7, 96, 96)
    assert slices.dtype == np.float32
    with h5py.File(next(done.output.glob("*.h5"))) as file:
        np.testing.assert_array_equal(file["exchange/data"], slices)
        assert file["measurement/sample/name"][()] == b"disc"
    report = json.loads((done.output / "report.json").read_text())
    assert report["slices"] == [7, 96, 96]
    assert set(report["timings"]) == {
        "read", "normalize", "minus_log", "find_center", "reconstruct", "denoise", "write"
    }  # fmt: skip
    assert (done.output / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")


COMPACT = {"denoiser": "tomogan", "options": {"model": "tomogan-compact"}}
"""Its model advises the network that has the Fine-Tune network in it."""


@pytest.mark.parametrize("denoise", [{"denoiser": "total_variation"}, {"denoiser": "tomogan"}, COMPACT], ids=str)
def test_the_settled_recipe_reproduces_the_run_exactly(scan_file, tmp_path, denoise):
    stages = [*STAGES[:5], {"denoise": denoise}, STAGES[-1]]
    first = tomopy_edge.run(stages, scan_file, tmp_path / "first")
    settled = yaml.safe_load((first.output / "recipe.yaml").read_text())
    (center,) = (stage["find_center"]["center"] for stage in settled if "find_center" in stage)
    assert center == pytest.approx(45.2, abs=0.6)
    again = tomopy_edge.run(first.output / "recipe.yaml", scan_file, tmp_path / "again", nchunk=2, ncore=1)
    np.testing.assert_array_equal(stack(again.output), stack(first.output))


def test_the_settled_recipe_names_the_precision_that_the_model_advises(scan_file, tmp_path):
    done = tomopy_edge.run([*STAGES[:5], {"denoise": COMPACT}, "write"], scan_file, tmp_path / "out")
    settled = yaml.safe_load((done.output / "recipe.yaml").read_text())
    assert settled[5]["denoise"]["options"]["precision"] == "int8"
    assert "no precision was asked for, so the model's usual one runs: int8" in done.report.notes["denoise"]


def test_slices_are_not_mended_twice(scan_file, tmp_path):
    mended = {"fine_tune": {"model": "tomogan-compact"}}
    chained = {**COMPACT, "options": {**COMPACT["options"], "precision": "chained"}}
    with pytest.raises(DataError, match=r"After a chained network, .* leave the stage fine_tune out"):
        tomopy_edge.run([*STAGES[:5], {"denoise": chained}, mended, "write"], scan_file, tmp_path / "twice")
    plain = {**COMPACT, "options": {**COMPACT["options"], "precision": "int8-ptq"}}
    done = tomopy_edge.run([*STAGES[:5], {"denoise": plain}, mended, "write"], scan_file, tmp_path / "once")
    settled = {name: options for stage in done.report.recipe for name, options in stage.items()}
    assert settled["fine_tune"]["unit"] == settled["denoise"]["options"]["unit"]


def test_rows_keep_their_numbers(scan_file, tmp_path):
    some = [{"read": {"rows": [3, 6]}}, *STAGES[1:3], {"find_center": {"center": 45.2}}, *STAGES[4:]]
    done = tomopy_edge.run(some, scan_file, tmp_path / "out")
    assert [path.name for path in sorted(done.output.glob("*.tiff"))] == [f"recon_0000{row}.tiff" for row in (3, 4, 5)]


def test_an_output_that_exists_is_refused_and_untouched_unless_told(scan_file, tmp_path):
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in done.output.iterdir()}
    with pytest.raises(OutputError, match="--overwrite"):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out")
    assert before == {path: path.stat().st_mtime_ns for path in done.output.iterdir()}
    tomopy_edge.run(STAGES, scan_file, tmp_path / "out", overwrite=True)


def test_a_slice_is_the_same_alone_and_with_all_others(scan_file, tmp_path):
    network = {"denoiser": "tomogan", "options": {"unit": 0.02}}
    stages = [*STAGES[1:3], {"find_center": {"center": 45.2}}, "reconstruct", {"denoise": network}, "write"]
    whole = tomopy_edge.run(["read", *stages], scan_file, tmp_path / "whole")
    alone = tomopy_edge.run([{"read": {"rows": [3, 4]}}, *stages], scan_file, tmp_path / "alone")
    (lonely,) = alone.output.glob("*.tiff")
    assert lonely.name == "recon_00003.tiff"
    np.testing.assert_array_equal(tifffile.imread(lonely), stack(whole.output)[3])


def test_a_picture_that_fails_costs_no_slices(scan_file, tmp_path, monkeypatch):
    def failing(*arguments, **settings):
        raise MemoryError("no room for a picture")

    monkeypatch.setattr("tomopy_edge.record.contact_sheet", failing)
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out")
    assert len(stack(done.output)) == 7
    assert "no room for a picture" in (done.output / "report.json").read_text()


def test_a_scan_that_the_caller_opened_stays_open(scan_file, tmp_path):
    with open_scan(scan_file) as scan:
        for name in ("one", "two"):
            tomopy_edge.run(STAGES, scan, tmp_path / name)
        assert scan.read(0, 1).projections.shape == (120, 1, 96)


def test_arrays_run_through_a_recipe_into_a_folder_that_must_be_named(tmp_path):
    frames = np.full((2, 3, 96), 1000.0)
    scan = ArrayScan(np.full((60, 3, 96), 900.0), np.linspace(0, np.pi, 60, endpoint=False), frames, frames * 0)
    stages = ["read", "normalize", "minus_log", {"find_center": {"center": 47.5}}, "reconstruct", "write"]
    with pytest.raises(OutputError, match="must be given for arrays"):
        tomopy_edge.run(stages, scan)
    assert len(stack(tomopy_edge.run(stages, scan, tmp_path / "out").output)) == 3


def test_the_report_tells_what_was_asked_for(scan_file, tmp_path):
    stages = [{"read": {"rows": [1, 6], "angles": [0, 120, 2]}}, *STAGES[1:]]
    report = tomopy_edge.run(stages, scan_file, tmp_path / "out", ncore=1, nchunk=2).report
    assert report.scan["angles"] == 60
    assert report.scan["rows"] == [1, 6]
    assert report.settings == {"ncore": 1, "nchunk": 2}
    assert 0 < report.settling < report.seconds


@pytest.mark.parametrize("name", ["ncore", "nchunk"])
def test_no_threads_and_no_rows_at_once_are_refused(scan_file, tmp_path, name):
    with pytest.raises(DataError, match=f"{name} must be at least 1, got 0"):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out", **{name: 0})


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (STAGES[1:], "begin with 'read'"),
        (STAGES[:4], "end with 'write'"),
        (STAGES[:-1], "end with 'write'"),
        ([*STAGES[:5], "write", *STAGES[5:]], "stands before the end"),
    ],
)
def test_a_recipe_that_leads_nowhere_is_refused(scan_file, stages, words):
    with pytest.raises(RecipeError, match=words):
        tomopy_edge.run(stages, scan_file)


def test_the_rotation_axis_must_be_known_before_reconstructing(scan_file, tmp_path):
    with pytest.raises(DataError, match="find_center"):
        tomopy_edge.run([*STAGES[:3], *STAGES[4:]], scan_file, tmp_path / "out")


def test_the_tooth_runs_through_the_shipped_recipe(scans, tmp_path):
    done = tomopy_edge.run("recipes/quickstart.yaml", scans / "tooth" / "tooth.h5", tmp_path / "tooth")
    slices = stack(done.output)
    assert slices.shape == (2, 640, 640)
    assert np.isfinite(slices).all()
    settled = {name: options for stage in done.report.recipe for name, options in stage.items()}
    assert settled["find_center"]["center"] == pytest.approx(296.0, abs=1.0)
    assert settled["denoise"]["options"]["precision"] == "int8"
    assert "fine_tune" not in settled
    assert set(done.report.timings["denoise"]) == {
        "total", "opening", "quantization", "tiling", "inference", "stitching"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scan", "read", "center", "shape"),
    [
        ("tomobank_00076/tomobank_00076.h5", {"rows": [2, 3], "angles": [0, 2000, 8]}, 1276.5, (1, 2560, 2560)),
        ("k11_nxtomo/k11-18014.nxs", {}, 12.5, (22, 26, 26)),
    ],
)
def test_other_real_scans_run_through(scans, tmp_path, scan, read, center, shape):
    stages = [{"read": read}, "normalize", "remove_outliers", "minus_log", {"find_center": {"center": center}}]
    stages += ["reconstruct", "denoise", "fine_tune", "write"]
    done = tomopy_edge.run(stages, scans / scan, tmp_path / "out")
    slices = stack(done.output)
    assert slices.shape == shape
    assert np.isfinite(slices).all()
    assert done.report.notes["denoise"]
