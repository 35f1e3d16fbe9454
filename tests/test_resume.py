"""A run that ends before its time is gone on with, to the same bytes; a slice that fails, fails alone."""

import json
import shutil

import h5py
import numpy as np
import pytest
import tifffile

import tomopy_edge
from tomopy_edge.cli import main
from tomopy_edge.errors import BackendError, DataError, DeviceLostError, OutputError, PluginError
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import open_scan
from tomopy_edge.rows_left import gaps
from tomopy_edge.stages import denoise

STAGES = [
    "read",
    "normalize",
    "minus_log",
    {"find_center": {"center": 45.2}},
    "reconstruct",
    {"denoise": {"denoiser": "total_variation"}},
    {"write": {"formats": ["tiff", "hdf5"]}},
]
TOMOGAN = {"denoise": {"denoiser": "tomogan", "options": {"model": "tomogan-compact", "runtime": "litert"}}}
WITH_NETWORK = [*STAGES[:5], TOMOGAN, STAGES[-1]]


@pytest.fixture
def stops(monkeypatch):
    """Have the stage `denoise` raise at one of its calls, or whenever it sees one of some rows."""
    real = denoise.denoise

    def arrange(error, *, call=None, rows=()):
        calls = []

        def stopping(volume, denoiser):
            calls.append(volume)
            seen = range(volume.first_row, volume.first_row + len(volume.slices))
            if len(calls) == call or set(rows) & set(seen):
                raise error
            return real(volume, denoiser)

        monkeypatch.setattr(denoise, "denoise", stopping)

    yield arrange
    monkeypatch.setattr(denoise, "denoise", real)


@pytest.mark.parametrize("stages", [STAGES, WITH_NETWORK], ids=["total variation", "network"])
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_what_a_stopped_run_left_is_gone_on_with_to_the_same_bytes(
    scan_file, contents_of, tmp_path, stops, stages, call
):
    whole = tomopy_edge.run(stages, scan_file, tmp_path / "whole", nchunk=2).output
    stops(KeyboardInterrupt, call=call + (stages is WITH_NETWORK))
    with pytest.raises(KeyboardInterrupt):
        tomopy_edge.run(stages, scan_file, tmp_path / "out", nchunk=2)
    assert not (tmp_path / "out").exists()
    # Nothing is kept that is not worth it.
    some = call > 1 or stages is WITH_NETWORK
    assert (tmp_path / "out.part").exists() == some
    stops(None)
    done = tomopy_edge.run(stages, scan_file, tmp_path / "out", nchunk=4, resume=True)
    assert contents_of(done.output) == contents_of(whole)
    assert not (tmp_path / "out.part").exists()
    assert ("an earlier run's" in str(done.report.notes)) == some


def test_an_unfinished_output_is_not_lost_without_a_word(scan_file, tmp_path, stops):
    stops(KeyboardInterrupt, call=3)
    with pytest.raises(KeyboardInterrupt):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out", nchunk=2)
    stops(None)
    with pytest.raises(OutputError, match=r"out\.part: holds 4 slices of a run that did not end; go on"):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out")
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out", overwrite=True)
    assert "earlier run" not in str(done.report.notes)


@pytest.mark.parametrize("change", ["recipe", "rows", "scan", "version", "model"])
def test_two_results_are_never_mixed(scan_file, tmp_path, stops, change, monkeypatch):
    stages, scan = WITH_NETWORK, tmp_path / "scan.h5"
    shutil.copy(scan_file, scan)
    if change == "model":
        shutil.copytree("models/tomogan-compact", tmp_path / "model")
        own = {"denoiser": "tomogan", "options": {"model": str(tmp_path / "model"), "runtime": "litert"}}
        stages = [*STAGES[:5], {"denoise": own}, STAGES[-1]]
    stops(KeyboardInterrupt, call=4)
    with pytest.raises(KeyboardInterrupt):
        tomopy_edge.run(stages, scan, tmp_path / "out", nchunk=2)
    stops(None)
    unlike = {
        "recipe": "another recipe",
        "rows": "other rows and another recipe",
        "scan": "another scan, or this one has changed",
        "version": "another version of tomopy-edge",
        "model": "another state of its model",
    }[change]
    if change == "recipe":
        stages = [*stages[:4], {"reconstruct": {"mask": None}}, *stages[5:]]
    elif change == "rows":
        stages = [{"read": {"rows": [0, 6]}}, *stages[1:]]
    elif change == "scan":
        with h5py.File(scan, "r+") as file:
            file["more"] = 1
    elif change == "version":
        monkeypatch.setattr("tomopy_edge.begun.__version__", "9")
    else:
        manifest = tmp_path / "model/manifest.json"
        manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(OutputError, match=f"was begun with {unlike}, so going on would mix two results"):
        tomopy_edge.run(stages, scan, tmp_path / "out", resume=True)
    assert (tmp_path / "out.part/slices.jsonl").exists()


def test_a_whole_output_is_gone_over_and_what_is_damaged_is_made_again(scan_file, contents_of, tmp_path, caplog):
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out")
    right = contents_of(done.output)
    (done.output / "recon_00000.tiff").unlink()
    slice_ = tifffile.imread(done.output / "recon_00006.tiff")
    slice_[50, 50] += 1
    tifffile.imwrite(done.output / "recon_00006.tiff", slice_)
    with pytest.raises(OutputError, match="was begun with another recipe"):
        tomopy_edge.run([*STAGES[:-1], "write"], scan_file, tmp_path / "out", resume=True)
    assert (done.output / "report.json").exists()
    again = tomopy_edge.run(STAGES, scan_file, tmp_path / "out", resume=True)
    assert contents_of(again.output) == right
    assert [record.args[0] for record in caplog.records if "is made again" in record.message] == [0, 6]


def test_a_slice_that_fails_fails_alone(scan_file, contents_of, tmp_path, stops, caplog):
    whole = tomopy_edge.run(STAGES, scan_file, tmp_path / "whole", nchunk=2).output
    stops(RuntimeError("a bug of a plugin"), rows=[3])
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out", nchunk=4)
    assert done.report.failed == {"3": "row 3: denoise: RuntimeError: a bug of a plugin"}
    assert "row 3: denoise: RuntimeError: a bug of a plugin" in caplog.text
    right, got = contents_of(whole), contents_of(done.output)
    assert set(right) - set(got) == {"recon_00003.tiff"}
    assert all(got[name] == right[name] for name in got if name.endswith(".tiff"))
    with h5py.File(done.output / "recon.h5") as file:
        assert np.isnan(file["exchange/data"]).any(axis=(1, 2)).tolist() == [n == 3 for n in range(7)]
    assert "1 of 7 slices FAILED: rows 3" in done.report.lines()
    assert json.loads((done.output / "report.json").read_text())["failed"] == done.report.failed
    stops(None)
    mended = tomopy_edge.run(STAGES, scan_file, tmp_path / "out", resume=True)
    assert mended.report.failed == {}
    assert contents_of(mended.output) == right


def test_a_row_that_a_network_looks_at_takes_its_neighbours_along(scan_file, tmp_path, stops):
    stops(RuntimeError("a bad row"), rows=[3])
    done = tomopy_edge.run(WITH_NETWORK, scan_file, tmp_path / "out", nchunk=2)
    assert list(done.report.failed) == ["2", "3", "4"]


def test_where_strictness_is_asked_for_the_first_failure_ends_the_run(scan_file, tmp_path, stops):
    stops(RuntimeError("a bug of a plugin"), rows=[3])
    with pytest.raises(PluginError, match="RuntimeError: a bug of a plugin"):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out", nchunk=2, strict=True)
    assert (tmp_path / "out.part/slices.jsonl").read_text().count("\n") == 2


def test_a_runtime_that_fails_on_one_row_costs_that_one(scan_file, tmp_path, stops):
    stops(BackendError("runtime any: there is not enough memory"), rows=[3])
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out", nchunk=2)
    assert list(done.report.failed) == ["3"]


@pytest.mark.parametrize("nchunk", [1, 2, 3])
def test_a_device_that_is_lost_ends_the_run_at_the_second_row(scan_file, contents_of, tmp_path, stops, nchunk, caplog):
    stops(BackendError("the device any is lost"), rows=range(2, 7))
    with pytest.raises(
        DeviceLostError, match=r"row 3: denoise: the device any is lost \(.*\); what is made stays, and"
    ):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out", nchunk=nchunk)
    assert "out.part: holds 2 slices; --resume goes on with it" in caplog.text
    stops(None)
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out", resume=True)
    assert contents_of(done.output) == contents_of(tomopy_edge.run(STAGES, scan_file, tmp_path / "whole").output)


@pytest.mark.parametrize("nchunk", [1, 2, 4, 100])
def test_where_nothing_can_be_made_the_error_is_told_as_ever(scan_file, tmp_path, stops, nchunk):
    stops(DataError("denoise: no slice of this will do"), rows=range(7))
    with pytest.raises(DataError, match="no slice of this will do"):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out", nchunk=nchunk)
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_a_full_disk_ends_the_run_and_what_is_there_is_kept(scan_file, contents_of, tmp_path, monkeypatch):
    real = tifffile.imwrite

    def full(path, *args, **more):
        if "recon_00004" in str(path):
            raise OSError(28, "No space left on device")
        real(path, *args, **more)

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(OutputError, match="the disk is full; make room"):
        tomopy_edge.run(STAGES, scan_file, tmp_path / "out", nchunk=2)
    monkeypatch.undo()
    whole = tomopy_edge.run(STAGES, scan_file, tmp_path / "whole").output
    done = tomopy_edge.run(STAGES, scan_file, tmp_path / "out", resume=True)
    assert contents_of(done.output) == contents_of(whole)


def test_the_command_resumes_and_says_which_slices_failed(scan_file, tmp_path, stops, capsys, caplog):
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(json.dumps(STAGES))
    words = ["run", str(recipe), str(scan_file), "--output", str(out), "--nsino-per-chunk", "2"]
    stops(RuntimeError("a bug of a plugin"), rows=[3])
    assert main(words) == 3
    assert "1 of 7 slices FAILED: rows 3" in capsys.readouterr().out
    stops(None)
    assert main([*words, "--resume"]) == 0
    assert (out / "recon_00003.tiff").exists()
    stops(KeyboardInterrupt, call=3)
    assert main([*words, "--overwrite"]) == 130
    assert "out.part: holds 4 slices; --resume goes on with it" in caplog.text
    assert (out / "recon_00003.tiff").exists()


def test_rows_that_are_left_are_runs_between_those_that_are_there():
    span = Span(2, 10, 20)
    assert gaps(span, set()) == [span]
    assert gaps(span, {2, 5, 6, 9}) == [Span(3, 5, 20), Span(7, 9, 20)]
    assert gaps(span, set(range(2, 10))) == []


def test_a_scan_that_is_no_file_is_known_by_its_first_row(scan_file, tmp_path, stops):
    class Elsewhere:
        source = "a beamline"

        def __init__(self, scan):
            self.scan = scan

        def __getattr__(self, name):
            return getattr(self.scan, name)

    with open_scan(scan_file) as scan:
        stops(KeyboardInterrupt, call=3)
        with pytest.raises(KeyboardInterrupt):
            tomopy_edge.run(STAGES, Elsewhere(scan), tmp_path / "out", nchunk=2)
        stops(None)
        done = tomopy_edge.run(STAGES, Elsewhere(scan), tmp_path / "out", resume=True)
    whole = tomopy_edge.run(STAGES, scan_file, tmp_path / "whole")
    assert [path.name for path in done.output.glob("*.tiff")] != []
    for path in done.output.glob("*.tiff"):
        assert path.read_bytes() == (whole.output / path.name).read_bytes()
