"""Scans that are cut, grow, vanish or are exchanged while they are read, have bad sectors, and hold nonsense."""

import errno
import os
import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

ROWS, COLUMNS = 12, 48
BAD = 10
"""A row that the recipe is not settled on."""


pytestmark = pytest.mark.usefixtures("in_turn")
"""Otherwise a scan this small is read ahead to its end."""


def test_a_scan_that_is_cut_short_on_the_way_ends_the_run(run, at_fault, made_whole, kept, scan, tmp_path):
    whole = scan.read_bytes()
    at_fault(lambda: os.truncate(scan, len(whole) - 5000), 2)
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert f"the file was {len(whole)} bytes long when it was opened, and is {len(whole) - 5000} now" in ended.said
    assert "--resume goes on with it" in ended.said
    assert kept(tmp_path / "out") == 4
    assert not (tmp_path / "out").exists()
    scan.write_bytes(whole)
    made_whole(tmp_path / "out")


def test_a_scan_that_grows_on_the_way_ends_the_run_which_is_begun_anew(
    run, at_fault, made_whole, undisturbed, kept, scan, tmp_path
):
    def grow():
        with scan.open("ab") as file:
            file.write(bytes(5000))

    at_fault(grow, 2)
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert "something is writing to it. Begin again when it is whole" in ended.said
    assert kept(tmp_path / "out") == 4
    # It is another scan now, and two are never mixed.
    again = run(tmp_path / "out", "--resume")
    assert (again.code, "another scan, or this one has changed" in again.said) == (2, True)
    made_whole(tmp_path / "out", "--overwrite", scan=scan)


@pytest.mark.parametrize("what", ["vanishes", "is exchanged"])
def test_a_scan_that_vanishes_or_is_exchanged_on_the_way_is_read_to_its_end_as_it_was(
    run, at_fault, undisturbed, made_whole, scan, tmp_path, what
):
    def change():
        scan.unlink()
        if what == "is exchanged":
            scan.write_bytes(b"another file")

    whole = scan.read_bytes()
    at_fault(change, 2)
    ended = run(tmp_path / "out")
    assert ended.code == 0
    assert "was removed, or replaced by another file, while it was read; the slices are of what it was" in ended.said
    scan.write_bytes(whole)
    made_whole(tmp_path / "out")


def test_another_file_in_place_of_the_scan_is_not_gone_on_with(run, at_fault, made_whole, kept, scan, tmp_path):
    whole = scan.read_bytes()
    at_fault("is interrupted", 3)
    assert run(tmp_path / "out").code == 130
    with h5py.File(scan, "r+") as file:
        file["exchange/data"][3, 4] += 1
    at_fault(None)
    ended = run(tmp_path / "out", "--resume")
    assert ended.code == 2
    assert "another scan, or this one has changed, so going on would mix two results" in ended.said
    assert kept(tmp_path / "out") == 4
    scan.write_bytes(whole)
    made_whole(tmp_path / "out")


def test_a_bad_sector_costs_the_rows_that_lie_on_it(run, made_whole, undisturbed, tmp_path, breaks):
    real = h5py.Dataset.read_direct

    def reads(dataset, rows, source, target):
        frames, wanted = source
        if dataset.name == "/exchange/data" and wanted.start <= BAD < wanted.stop and frames.start <= 17 < frames.stop:
            raise OSError(errno.EIO, "Input/output error")
        real(dataset, rows, source, target)

    breaks.setattr(h5py.Dataset, "read_direct", reads)
    ended = run(tmp_path / "out", formats=["tiff", "hdf5"])
    breaks.undo()
    assert ended.code == 3
    assert "1 of 12 slices FAILED: rows 10" in ended.said
    assert "row 10: read: " in ended.said
    assert "frame 17 cannot be read" in ended.said
    right = undisturbed(formats=["tiff", "hdf5"])
    there = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tiff")}
    assert there == {name: right[name] for name in right if name.endswith(".tiff") and name != "recon_00010.tiff"}
    with h5py.File(tmp_path / "out" / "recon.h5") as file:
        assert np.isnan(file["exchange/data"]).all(axis=(1, 2)).tolist() == [row == BAD for row in range(ROWS)]
    made_whole(tmp_path / "out", formats=["tiff", "hdf5"])


def test_a_disk_that_is_lost_with_the_scan_on_it_ends_the_run(run, at_fault, made_whole, kept, tmp_path, breaks):
    def lost(*_arguments):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def loses():
        breaks.setattr(h5py.Dataset, "read_direct", lost)
        breaks.setattr("tomopy_edge.readers.frames.os", SimpleNamespace(fstat=lost))

    at_fault(loses, 2)
    ended = run(tmp_path / "out")
    breaks.undo()
    assert ended.code == 2
    assert "the file is gone" in ended.said
    assert "was its disk or network share lost?" in ended.said
    assert "--resume goes on with it" in ended.said
    assert kept(tmp_path / "out") == 4
    made_whole(tmp_path / "out")


def damaged(scan, name, where, value):
    """Write a value into a stack of the scan, as float32, so that it can be NaN."""
    with h5py.File(scan, "r+") as file:
        stack = file[f"exchange/{name}"][...].astype(np.float32)
        stack[where] = value
        del file[f"exchange/{name}"]
        file[f"exchange/{name}"] = stack


@pytest.mark.parametrize(
    ("name", "value"),
    [("data_white", np.nan), ("data_white", 0), ("data_white", -5), ("data_white", np.inf), ("data", np.nan)],
    ids=["NaN flats", "zero flats", "negative flats", "infinite flats", "NaN projections"],
)
def test_a_row_of_nonsense_fails_alone(run, made_whole, undisturbed, scan, tmp_path, name, value):
    whole = scan.read_bytes()
    damaged(scan, name, np.s_[:, BAD], value)
    ended = run(tmp_path / "out")
    assert ended.code == 3
    assert "1 of 12 slices FAILED: rows 10" in ended.said
    why = "48 of 48 pixels saw no beam" if name == "data_white" else "1920 of 1920 counts are NaN or infinite"
    assert f"normalize: in row 10, {why}" in ended.said
    right = undisturbed()
    there = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tiff")}
    assert there == {key: right[key] for key in right if key.endswith(".tiff") and key != "recon_00010.tiff"}
    scan.write_bytes(whole)
    # A scan that was mended is another one.
    again = run(tmp_path / "out", "--resume")
    assert (again.code, "another scan, or this one has changed" in again.said) == (2, True)
    made_whole(tmp_path / "out", "--overwrite")


@pytest.mark.parametrize("name", ["data_white", "data"])
def test_a_scan_of_nothing_but_nonsense_is_refused_and_leaves_nothing(run, made_whole, scan, tmp_path, name):
    whole = scan.read_bytes()
    damaged(scan, name, np.s_[:], np.nan)
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert "normalize: in row 2" in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    scan.write_bytes(whole)
    made_whole(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "where", "value", "told"),
    [
        ("data_white", np.s_[:, :, 9:12], 0, "36 pixels without beam replaced by their neighbour"),
        ("data", np.s_[3:5, 2, 20:30], np.nan, "20 counts not finite replaced by their neighbour"),
        ("data", np.s_[7], np.inf, f"{ROWS * COLUMNS} counts not finite replaced by their neighbour"),
    ],
    ids=["dead columns", "some NaN", "a lost view"],
)
def test_what_is_dead_is_replaced_and_counted(  # noqa: PLR0913, PLR0917 - fixtures
    run, at_fault, made_whole, undisturbed, scan, tmp_path, name, where, value, told
):
    damaged(scan, name, where, value)
    at_fault("is interrupted", 3)
    assert run(tmp_path / "out").code == 130
    at_fault(None)
    ended = run(tmp_path / "other")
    assert ended.code == 0
    assert f"normalize: {told}" in ended.said
    made_whole(tmp_path / "out", scan=scan)


@pytest.fixture
def broken_off(scan, tmp_path):
    """The scan as its acquisition left it when it was stopped after 30 of 40 projections."""
    path = tmp_path / "broken_off" / "scan.h5"
    path.parent.mkdir()
    shutil.copy(scan, path)
    with h5py.File(path, "r+") as file:
        counts = file["exchange/data"][...]
        del file["exchange/data"]
        stack = file.create_dataset("exchange/data", counts.shape, counts.dtype, chunks=(1, *counts.shape[1:]))
        for angle in range(30):
            stack[angle] = counts[angle]
    return path


def test_a_scan_that_was_broken_off_tells_how_to_go_on_with_what_is_there(
    run, words, undisturbed, scan, broken_off, tmp_path
):
    whole = scan.read_bytes()
    shutil.copy(broken_off, scan)
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert "10 of 40 frames were never written, the first of them frame 30" in ended.said
    assert "--set read.angles=[0,30,1]" in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    some = run(tmp_path / "out", "--set", "read.angles=[0,30,1]")
    assert some.code == 0
    # As though those were all that there ever were.
    scan.write_bytes(whole)
    assert run(tmp_path / "other", "--set", "read.angles=[0,30,1]").code == 0
    for path in (tmp_path / "out").glob("*.tiff"):
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_a_bad_row_among_those_that_a_recipe_is_settled_on_keeps_no_other_from_being_made(run, scan, tmp_path):
    with h5py.File(scan, "r+") as file:
        for name in ("data", "data_white", "data_dark"):
            counts = np.concatenate([file[f"exchange/{name}"]] * 2, axis=1).astype(np.float32)
            del file[f"exchange/{name}"]
            file[f"exchange/{name}"] = counts
    damaged(scan, "data_white", np.s_[:, 12], 0)
    ended = run(tmp_path / "out")
    assert ended.code == 3
    assert "the recipe cannot be settled on rows 8 to 15: normalize: in row 12" in ended.said
    assert "1 of 24 slices FAILED: rows 12" in ended.said
    assert len([*(tmp_path / "out").glob("*.tiff")]) == 23
