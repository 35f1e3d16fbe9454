"""Plugins that raise, end the process, crash, or answer nonsense; that hang, see test_interrupted.py."""

import signal
import sys
import time

import h5py
import numpy as np
import pytest

from tomopy_edge.writers.tiff import TiffStackWriter


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("raises", "denoise: RuntimeError: a bug of a plugin"),
        ("exits", "denoise: it ended itself (exit code 0)"),
        ("nothing", "denoise: the denoiser made values of type object"),
        ("words", "denoise: the denoiser made values of type"),
        ("one slice less", "denoise: the denoiser made slices of shape (0, 48, 48) out of (1, 48, 48)"),
        ("transposed", "denoise: the denoiser made slices of shape (48, 48, 1) out of (1, 48, 48)"),
        ("complex", "denoise: the denoiser made values of type complex"),
        ("integers", "denoise: the denoiser made values of type uint8"),
        ("nan", "denoise: the denoiser made values that are not finite"),
        ("infinite", "denoise: the denoiser made values that are not finite"),
        ("huge", "denoise: the denoiser made values that are not finite"),
    ],
)
def test_a_slice_that_a_denoiser_makes_nonsense_of_fails_alone(
    run, at_fault, made_whole, undisturbed, tmp_path, fault, told
):
    # The third chunk, and the second of its rows when they are tried one by one.
    at_fault(fault, 3, 5)
    ended = run(tmp_path / "out", formats=["tiff", "hdf5"])
    assert ended.code == 3
    assert "1 of 12 slices FAILED: rows 5" in ended.said
    assert f"row 5: {told}" in ended.said
    right = undisturbed(formats=["tiff", "hdf5"])
    there = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tiff")}
    assert there == {name: right[name] for name in right if name.endswith(".tiff") and name != "recon_00005.tiff"}
    with h5py.File(tmp_path / "out" / "recon.h5") as file:
        assert np.isnan(file["exchange/data"]).all(axis=(1, 2)).tolist() == [row == 5 for row in range(12)]
    made_whole(tmp_path / "out", formats=["tiff", "hdf5"])


@pytest.mark.parametrize("fault", ["raises", "exits", "nan", "one slice less", "at once"])
def test_where_no_slice_can_be_made_nothing_is_left(run, at_fault, made_whole, tmp_path, fault):
    at_fault(fault)
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert "tomopy-edge: error: " in ended.said
    assert "denoise" in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    made_whole(tmp_path / "out")


@pytest.mark.parametrize("fault", ["raises", "nan"])
def test_where_strictness_is_asked_for_the_first_failure_ends_the_run(run, at_fault, made_whole, kept, tmp_path, fault):
    at_fault(fault, 3)
    ended = run(tmp_path / "out", "--strict")
    assert ended.code == 2
    assert "tomopy-edge: error: " in ended.said
    assert "out.part: holds 4 slices; --resume goes on with it" in ended.said
    assert kept(tmp_path / "out") == 4
    made_whole(tmp_path / "out", "--resume", "--strict")


@pytest.mark.parametrize("fault", ["double", "read-only", "answers again", "answers again in part"])
@pytest.mark.parametrize("neighbours", [0, 1])
def test_an_answer_in_memory_of_the_denoisers_own_is_written_as_it_was_given(
    run, at_fault, undisturbed, contents_of, tmp_path, breaks, fault, neighbours
):
    # The slices of one chunk are written while the denoiser is at the next one.
    slow_writing(breaks)
    denoise = {"denoiser": "at_fault", "options": {"neighbours": neighbours}}
    at_fault(fault)
    assert run(tmp_path / "out", denoise=denoise).code == 0
    assert contents_of(tmp_path / "out") == undisturbed(denoise=denoise)


def slow_writing(breaks):
    real = TiffStackWriter.write

    def late(writer, volume):
        time.sleep(0.05)
        real(writer, volume)

    breaks.setattr(TiffStackWriter, "write", late)


@pytest.mark.parametrize("neighbours", [0, 1])
def test_what_a_denoiser_writes_into_its_input_reaches_no_other_slice(
    run, at_fault, undisturbed, contents_of, tmp_path, neighbours
):
    denoise = {"denoiser": "at_fault", "options": {"neighbours": neighbours}}
    at_fault("writes into its input")
    assert run(tmp_path / "out", denoise=denoise).code == 0
    assert contents_of(tmp_path / "out") == undisturbed(denoise=denoise)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("moves rows", "at_fault: the stage made the rows 2 to 2 of 0 to 0"),
        ("drops rows", "at_fault: the stage made the rows"),
        ("doubles", "at_fault: the stage made slices of type float64; they must be float32"),
    ],
)
def test_a_stage_that_makes_other_slices_than_it_was_given_is_found_out(
    run, at_fault, made_whole, tmp_path, fault, told
):
    at_fault(fault)
    ended = run(tmp_path / "out", after=["at_fault"])
    assert ended.code == 2
    assert f"tomopy-edge: error: {told}" in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    made_whole(tmp_path / "out", after=["at_fault"])


def test_a_runtime_that_crashes_in_the_run_itself_leaves_what_was_made(start, ended, made_whole, kept, tmp_path):
    process = ended(start(tmp_path / "out", fault="crashes@3"))
    assert process.code == -signal.SIGSEGV
    # What is written while the third call crashes may be on the disk, or not.
    assert kept(tmp_path / "out") in {2, 4}
    assert not (tmp_path / "out").exists()
    made_whole(tmp_path / "out")


def test_a_runtime_that_crashes_where_it_is_tried_is_a_sentence(run, plugin, made_whole, network, tmp_path):
    crashing = {**network, "options": {**network["options"], "runtime": "crashing"}}
    ended = run(tmp_path / "out", denoise=crashing)
    assert ended.code == 2
    assert "runtime crashing: the process that tried it was ended by SIGSEGV" in ended.said
    assert "leave the option runtime at auto" in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    fallback = {**network, "options": {**crashing["options"], "fallback": True}}
    done = run(tmp_path / "out", denoise=fallback)
    assert done.code == 0
    assert "the recipe allows another runtime" in done.said
    made_whole(tmp_path / "other", "--ncore", "1", denoise=network)
    slices = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tiff")}
    assert slices == {path.name: path.read_bytes() for path in (tmp_path / "other").glob("*.tiff")}


def test_a_plugin_that_cannot_be_loaded_stops_no_run_that_does_not_name_it(run, made_whole, site, tmp_path):
    info = site / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tomopy_edge]\nbroken = broken_module\n")
    (site / "broken_module.py").write_text("import sys\nsys.exit('no licence')\n")
    try:
        ended = run(tmp_path / "out")
        assert ended.code == 0
        assert "plugin broken is left out: SystemExit: no licence" in ended.said
    finally:
        for path in info.iterdir():
            path.unlink()
        info.rmdir()
        sys.modules.pop("broken_module", None)
    made_whole(tmp_path / "out")
