"""Disks that fill up, break, or allow no large files, and folders that are taken away, in the middle of a run."""

import ctypes
import errno
import os
import resource
import shutil

import pytest

from tomopy_edge import contact_sheet, report
from tomopy_edge.writers import hdf5_parameters

FORMATS = ["tiff", "hdf5", "zarr"]
SIZE = 8 * 2**20
"""Bytes of the small disk."""


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(b"none", bytes(place), b"tmpfs", 0, f"size={SIZE}".encode()):
        pytest.skip(f"no disk can be mounted here: {os.strerror(ctypes.get_errno())}")
    yield place
    library.umount2(bytes(place), 2)


@pytest.fixture
def filled(disk):
    """What fills that disk up, and what makes room again."""
    other = disk / "of others"

    def fill():
        with other.open("ab") as file:
            file.write(bytes(shutil.disk_usage(disk).free))

    return fill, other.unlink


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("call", "slices"), [(1, {0}), (3, {2, 4})], ids=["at the first slice", "later"])
def test_a_disk_that_fills_up_in_the_middle_ends_the_run(  # noqa: PLR0913, PLR0917 - fixtures
    run, at_fault, made_whole, kept, disk, filled, name, call, slices
):
    fill, make_room = filled
    at_fault(fill, call)
    ended = run(disk / "out", formats=[name])
    assert ended.code == 2
    assert "the disk is full; make room, or write somewhere else" in ended.said
    # Those of the call before may be written yet, or not any more.
    assert kept(disk / "out") in slices
    assert ("--resume goes on with it" in ended.said) == (kept(disk / "out") > 0)
    assert not (disk / "out").exists()
    make_room()
    made_whole(disk / "out", formats=[name])


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (report.Report, "write"),
        (hdf5_parameters, "_put"),
        (contact_sheet.Sheet, "save"),
    ],
    ids=["the report", "what the slices were made with", "the contact sheet"],
)
def test_a_disk_that_fills_up_at_the_end_ends_the_run_with_all_slices_kept(
    run, made_whole, kept, disk, filled, breaks, place, what
):
    real, (fill, make_room) = getattr(place, what), filled

    def full(*arguments, **more):
        fill()
        return real(*arguments, **more)

    breaks.setattr(place, what, full)
    ended = run(disk / "out", formats=FORMATS)
    breaks.undo()
    assert ended.code == 2
    assert "the disk is full; make room, or write somewhere else" in ended.said
    assert "out.part: holds 12 slices; --resume goes on with it" in ended.said
    assert kept(disk / "out") == 12
    assert not (disk / "out").exists()
    make_room()
    made_whole(disk / "out", formats=FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_files_that_may_not_be_that_large_end_the_run(run, at_fault, made_whole, kept, tmp_path, name):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))

    at_fault(limit, 3)
    try:
        ended = run(tmp_path / "out", formats=[name])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ended.code == 2
    assert "(`ulimit -f`" in ended.said
    assert "--resume goes on with it" in ended.said
    assert kept(tmp_path / "out") in {2, 4}
    made_whole(tmp_path / "out", formats=[name])


@pytest.mark.parametrize(
    ("name", "number", "told"),
    [
        ("tiff", errno.ENOSPC, "the disk is full; make room"),
        ("hdf5", errno.EDQUOT, "your quota is used up; make room"),
        ("zarr", errno.EROFS, "the file system is read-only; write somewhere else"),
        ("tiff", errno.EIO, "Input/output error"),
        ("hdf5", errno.EIO, "Input/output error"),
        ("zarr", errno.EIO, "Input/output error"),
    ],
    ids=["full", "quota", "read-only", "broken, tiff", "broken, hdf5", "broken, zarr"],
)
def test_a_disk_that_cannot_take_what_was_written_ends_the_run(  # noqa: PLR0913, PLR0917 - fixtures
    run, at_fault, made_whole, kept, tmp_path, breaks, name, number, told
):
    def fails(_file):
        raise OSError(number, os.strerror(number))

    def break_disk():
        breaks.setattr(os, "fsync", fails)
        breaks.setattr(os, "fdatasync", fails)

    at_fault(break_disk, 3)
    ended = run(tmp_path / "out", formats=[name])
    breaks.undo()
    assert ended.code == 2
    assert told in ended.said
    assert "--resume goes on with it" in ended.said
    assert kept(tmp_path / "out") in {2, 4}
    made_whole(tmp_path / "out", formats=[name])


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_that_is_removed_in_the_middle_ends_the_run_soon(
    run, at_fault, made_whole, plugin, in_turn, tmp_path, name
):
    at_fault(lambda: shutil.rmtree(tmp_path / "out.part"), 2)
    ended = run(tmp_path / "out", formats=[name])
    assert ended.code == 2
    assert "out.part" in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    # Not after a night.
    assert next(plugin.calls) < 5
    made_whole(tmp_path / "out", formats=[name])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_any_more_ends_the_run(run, at_fault, made_whole, kept, tmp_path):
    at_fault(lambda: (tmp_path / "out.part").chmod(0o500), 3)
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert "you may not write there" in ended.said
    assert kept(tmp_path / "out") in {2, 4}
    (tmp_path / "out.part").chmod(0o700)
    made_whole(tmp_path / "out")


def test_the_second_of_two_runs_on_one_output_is_refused_and_the_first_undisturbed(run, at_fault, made_whole, tmp_path):
    told = []

    def again():
        told.append(run(tmp_path / "out", "--resume"))

    at_fault(again, 3)
    first = run(tmp_path / "out")
    assert [(ended.code, "another run is writing there" in ended.said) for ended in told] == [(2, True)]
    assert first.code == 0
    made_whole(tmp_path / "out")


def test_an_output_that_someone_else_makes_meanwhile_is_left_to_them(run, at_fault, kept, made_whole, tmp_path):
    def other():
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.tex").write_text("mine")

    at_fault(other, 3)
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert "is never replaced, so choose another folder" in ended.said
    assert kept(tmp_path / "out") == 12
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"
    shutil.rmtree(tmp_path / "out")
    made_whole(tmp_path / "out")
