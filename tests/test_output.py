import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tomopy_edge import output
from tomopy_edge.errors import OutputError
from tomopy_edge.output import LOCK, default_output, expect_room, output_folder


def finished(folder):
    """Make an output as an earlier run left it."""
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"slices": 1}))
    (folder / "recon_00000.tiff").write_text("old")
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_outputs_are_named_as_the_aps_tools_name_them():
    assert default_output(Path("/data/2024-03/tooth.h5")) == Path("/data/2024-03_rec/tooth_rec")
    assert default_output(Path("tooth.h5")) == Path.cwd().with_name(f"{Path.cwd().name}_rec") / "tooth_rec"


@pytest.mark.parametrize(("folder", "name"), [("bone_1.5um", "bone_1.5um_rec"), ("bone.zarr", "bone_rec")])
def test_the_output_of_a_folder_has_its_whole_name(tmp_path, folder, name):
    scan = tmp_path / "night" / folder
    scan.mkdir(parents=True)
    assert default_output(scan) == tmp_path / "night_rec" / name


def test_what_is_written_appears_at_once_at_the_end(tmp_path):
    with output_folder(tmp_path / "deep" / "out") as folder:
        (folder / "recon_00000.tiff").write_text("slice")
        assert names(folder.parent) == ["out.part"]
    assert names(tmp_path / "deep") == ["out"]
    assert names(tmp_path / "deep" / "out") == ["recon_00000.tiff"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_a_failure_nothing_remains_and_the_old_output_is_untouched(tmp_path, failure):
    def run(path):
        with output_folder(path, overwrite=True) as folder:
            (folder / "recon_00000.tiff").write_text("half")
            raise failure

    finished(tmp_path / "out")
    for path in (tmp_path / "out", tmp_path / "new" / "deep" / "out"):
        with pytest.raises(failure):
            run(path)
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "recon_00000.tiff").read_text() == "old"


def test_what_a_writer_that_was_killed_left_is_not_in_the_output(tmp_path):
    with output_folder(tmp_path / "out") as folder:
        (folder / "recon.zarr").mkdir()
        for name in ("recon_00000.tiff", "recon_00001.tiff.0123.new", "recon.zarr/0", "recon.zarr/1.0123.new"):
            (folder / name).write_text("slice")
    assert names(tmp_path / "out") == ["recon.zarr", "recon_00000.tiff"]
    assert names(tmp_path / "out" / "recon.zarr") == ["0"]


def test_errors_inside_the_run_keep_their_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match="a model"), output_folder(tmp_path / "out"):
        raise FileNotFoundError("a model")


def test_an_output_is_replaced_only_when_asked(tmp_path):
    out = finished(tmp_path / "out")
    with pytest.raises(OutputError, match="or replace it with --overwrite"), output_folder(out):
        pass
    with output_folder(out, overwrite=True) as folder:
        (folder / "recon_00000.tiff").write_text("new")
    assert names(tmp_path) == ["out"]
    assert names(out) == ["recon_00000.tiff"]
    assert (out / "recon_00000.tiff").read_text() == "new"


def test_an_empty_folder_may_become_the_output(tmp_path):
    (tmp_path / "out").mkdir()
    with output_folder(tmp_path / "out") as folder:
        (folder / "x").write_text("")
    assert names(tmp_path / "out") == ["x"]


def test_a_folder_of_someone_elses_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter_1.tex").write_text("")
    with (
        pytest.raises(OutputError, match=r"no output of tomopy-edge"),
        output_folder(tmp_path / "thesis", overwrite=True),
    ):
        pass
    assert names(tmp_path / "thesis") == ["chapter_1.tex"]


@pytest.mark.parametrize("kept", ["home", "working"])
def test_home_and_working_directory_are_never_replaced(tmp_path, monkeypatch, kept):
    out = finished(tmp_path / "out")
    (out / "inside").mkdir()
    if kept == "home":
        monkeypatch.setenv("HOME", str(out / "inside"))
    else:
        monkeypatch.chdir(out / "inside")
    with (
        pytest.raises(OutputError, match="holds the working or the home directory"),
        output_folder(out, overwrite=True),
    ):
        pass


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="is a file"), output_folder(tmp_path / "out", overwrite=True):
        pass


def test_what_a_killed_run_left_is_removed(tmp_path):
    script = f"""
import os
from tomopy_edge.output import expect_room, output_folder
with output_folder({str(tmp_path / "out")!r}) as folder:
    (folder / "half").write_text("")
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[1])  # noqa: S603 - our script
    assert names(tmp_path / "out.part") == [LOCK, "half"]
    with output_folder(tmp_path / "out") as folder:
        assert names(folder) == [LOCK]
        (folder / "whole").write_text("")
    assert names(tmp_path / "out") == ["whole"]


def test_a_run_that_still_writes_is_not_disturbed(tmp_path):
    with output_folder(tmp_path / "out") as folder:
        (folder / "half").write_text("")
        with pytest.raises(OutputError, match="another run is writing there"), output_folder(tmp_path / "out"):
            pass
        assert names(folder) == [LOCK, "half"]
    assert names(tmp_path / "out") == ["half"]


def test_a_part_folder_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "download").write_text("")
    with pytest.raises(OutputError, match="is in the way, and not from tomopy-edge"), output_folder(tmp_path / "out"):
        pass
    assert names(tmp_path / "out.part") == ["download"]


@pytest.mark.parametrize("kind", ["file", "link", "link to nowhere"])
def test_a_file_or_link_where_the_part_folder_goes_is_left_alone(tmp_path, kind):
    part = tmp_path / "out.part"
    if kind == "file":
        part.write_text("kept")
    else:
        part.symlink_to(tmp_path / "elsewhere")
        if kind == "link":
            (tmp_path / "elsewhere").mkdir()
    before = names(tmp_path)
    with pytest.raises(OutputError, match=r"is in the way|cannot be written"), output_folder(tmp_path / "out"):
        pass
    assert names(tmp_path) == before


def test_a_full_disk_is_told_before_anything_is_computed(tmp_path):
    def run():
        with output_folder(tmp_path / "deep" / "out") as folder:
            expect_room(folder, 10**18)

    with pytest.raises(OutputError, match=r"needs 1e\+06 TB, and the disk has"):
        run()
    assert not names(tmp_path)


def test_an_output_where_nothing_can_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), output_folder(tmp_path / "file" / "out"):
        pass


def test_an_output_that_appears_meanwhile_is_not_replaced(tmp_path):
    def run():
        with output_folder(tmp_path / "out") as folder:
            (folder / "new").write_text("")
            finished(tmp_path / "out")

    with pytest.raises(OutputError, match="there is an output already"):
        run()
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["recon_00000.tiff", "report.json"]


def fill(path, text="new", *, overwrite=False):
    """Make an output with one slice in it."""
    with output_folder(path, overwrite=overwrite) as folder:
        (folder / "recon_00000.tiff").write_text(text)


def raising(function, *errors):
    """Return `function`, but each of its first calls does its work and then raises one of `errors`, unless None."""
    left = list(errors)

    def done_and_raised(*args, **kwargs):
        result = function(*args, **kwargs)
        error = left.pop(0) if left else None
        if error is None:
            return result
        if hasattr(result, "close"):
            result.close()
        raise error

    return done_and_raised


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_files_cannot_be_locked_a_run_goes_on_and_says_so_once(tmp_path, monkeypatch, caplog, number):
    def flock(_file, _operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / LOCK).write_text("1")
    (tmp_path / "out.part" / "half").write_text("")
    fill(tmp_path / "out")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["recon_00000.tiff"]
    assert caplog.text.count("two runs on one output are not told apart") == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, PermissionError])
@pytest.mark.parametrize("where", ["mkdir", "open", "flock", "write"])
def test_a_run_stopped_before_it_holds_its_lock_blocks_no_later_one(tmp_path, monkeypatch, where, stop):
    with monkeypatch.context() as broken:
        if where == "flock":
            broken.setattr(fcntl, "flock", raising(fcntl.flock, KeyboardInterrupt()))
        elif where == "write":
            broken.setattr(output, "_empty", raising(output._empty, stop()))
        elif where == "mkdir":
            # The first call is for the parent.
            broken.setattr(Path, "mkdir", raising(Path.mkdir, None, stop()))
        else:
            broken.setattr(Path, "open", raising(Path.open, stop()))
        with pytest.raises((KeyboardInterrupt, OutputError)):
            fill(tmp_path / "out")
    fill(tmp_path / "out")
    assert names(tmp_path) == ["out"]


def test_a_lock_file_whose_run_ended_since_it_was_opened_locks_nothing(tmp_path, monkeypatch):
    # As the last step before this run locks the file, the run that held it ends and a third begins.
    others = []

    def late_flock(file, operation):
        monkeypatch.setattr(fcntl, "flock", lock)
        shutil.rmtree(tmp_path / "out.part")
        others.append(output_folder(tmp_path / "out"))
        (others[0].__enter__() / "half").write_text("")
        lock(file, operation)

    lock = fcntl.flock
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / LOCK).write_text("1")
    monkeypatch.setattr(fcntl, "flock", late_flock)
    with pytest.raises(OutputError, match="another run is writing there"):
        fill(tmp_path / "out")
    assert names(tmp_path / "out.part") == [LOCK, "half"]
    others[0].__exit__(None, None, None)
    assert names(tmp_path / "out") == ["half"]


def test_a_dead_runs_lock_file_is_kept_so_that_two_who_find_it_cannot_both_hold_it(tmp_path):
    (tmp_path / "out.part").mkdir()
    left = tmp_path / "out.part" / LOCK
    left.write_text("1")
    with left.open("a") as opened_earlier, output_folder(tmp_path / "out"), pytest.raises(BlockingIOError):
        fcntl.flock(opened_earlier, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_failed_run_removes_only_what_is_its_own(tmp_path):
    def run():
        with output_folder(tmp_path / "out") as folder:
            # Someone removes the folder of this run, and another run begins.
            shutil.rmtree(folder)
            other.__enter__()
            raise KeyboardInterrupt

    other = output_folder(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run()
    assert names(tmp_path / "out.part") == [LOCK]
    other.__exit__(None, None, None)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, PermissionError])
def test_what_stops_the_removal_of_the_old_output_does_not_harm_the_new(tmp_path, monkeypatch, caplog, stop):
    def rmtree(folder, *args, **kwargs):
        monkeypatch.setattr(shutil, "rmtree", removal)
        (folder / "report.json").unlink()
        raise stop

    removal = shutil.rmtree
    out = finished(tmp_path / "out")
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    fill(out, overwrite=True)
    assert names(tmp_path) == ["out"]
    assert names(out) == ["recon_00000.tiff"]
    assert (out / "recon_00000.tiff").read_text() == "new"
    assert "whole" in caplog.text


@pytest.mark.parametrize("stop", [KeyboardInterrupt, PermissionError])
def test_an_old_output_that_cannot_be_removed_is_named_and_harms_no_later_run(tmp_path, monkeypatch, caplog, stop):
    def rmtree(*_args, **_kwargs):
        raise stop

    out = finished(tmp_path / "out")
    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", rmtree)
        fill(out, overwrite=True)
    (old,) = tmp_path.glob("out.replaced-*")
    assert f"{old}: is what remains of the output that was replaced" in caplog.text
    assert names(out) == ["recon_00000.tiff"]
    (out / "report.json").write_text("{}")
    fill(out, "newer", overwrite=True)
    assert (out / "recon_00000.tiff").read_text() == "newer"
    assert names(tmp_path) == ["out", old.name]


def test_an_interrupt_after_the_old_output_was_moved_away_brings_it_back(tmp_path, monkeypatch):
    out = finished(tmp_path / "out")
    monkeypatch.setattr(Path, "rename", raising(Path.rename, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fill(out, overwrite=True)
    assert names(tmp_path) == ["out"]
    assert (out / "recon_00000.tiff").read_text() == "old"


def test_an_interrupt_after_the_new_output_was_moved_in_changes_nothing(tmp_path, monkeypatch):
    out = finished(tmp_path / "out")
    monkeypatch.setattr(Path, "rename", raising(Path.rename, None, KeyboardInterrupt()))
    fill(out, overwrite=True)
    assert names(tmp_path) == ["out"]
    assert names(out) == ["recon_00000.tiff"]
    assert (out / "recon_00000.tiff").read_text() == "new"
