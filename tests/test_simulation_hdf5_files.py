"""An HDF5 file that is filled bit by bit has all its room on the disk before, so that no full disk ends the process."""

import ctypes
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from tomopy_edge.errors import OutputError
from tomopy_edge.simulation import hdf5_files, pair_files
from tomopy_edge.simulation.hdf5_files import add_dataset, new_hdf5, opened

FILLS = """
import shutil, sys
from pathlib import Path
from tomopy_edge.cli import main
from tomopy_edge.simulation import pair_files
track = pair_files.track

def filling(pairs, **how):
    disk = Path(sys.argv[1]).parent
    for pair in track(pairs, **how):
        with (disk / "of others").open("ab") as file:
            file.write(bytes(shutil.disk_usage(disk).free))
        yield pair

pair_files.track = filling
words = ["simulate", "pairs", sys.argv[1], "--columns", "128", "--count", "12", "--held-out", "2", "--ncore", "1"]
sys.exit(main(words))
"""
"""Simulates pairs while others fill up the disk."""


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, in memory, of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(b"none", bytes(place), b"tmpfs", 0, b"size=4m"):
        pytest.skip(f"no disk can be mounted here: {os.strerror(ctypes.get_errno())}")
    yield place
    library.umount2(bytes(place), 2)


def lay_out(file):
    file.attrs["unit"] = 0.5
    add_dataset(file.create_group("some"), "plain", (40, 30), "f4")
    add_dataset(file, "chunked", (3, 40, 30), "f2", chunks=(1, 16, 16))


def test_what_is_filled_is_read_again(tmp_path):
    values = np.random.default_rng(1).random((3, 40, 30)).astype(np.float16)
    with new_hdf5(tmp_path / "new" / "made.h5", lay_out) as file:
        file["chunked"][:] = values
        file["some/plain"][7] = 2
    with opened(tmp_path / "new" / "made.h5") as file:
        file["some/plain"][8] = 3
    with h5py.File(tmp_path / "new" / "made.h5") as file:
        np.testing.assert_array_equal(file["chunked"], values)
        assert (file.attrs["unit"], file["some/plain"][7, 29], file["some/plain"][8, 0]) == (0.5, 2, 3)


def test_all_room_is_taken_before_a_pair_is_drawn(tmp_path, monkeypatch):
    def taken():
        (path,) = tmp_path.iterdir()
        return path.stat().st_size, 512 * path.stat().st_blocks

    begun = []
    track = pair_files.track
    monkeypatch.setattr(pair_files, "track", lambda given, **how: begun.append(taken()) or track(given, **how))
    pair_files.write_pairs(tmp_path / "pairs.h5", count=3, held_out=1, columns=136, seed=1, ncore=1)
    assert begun == 2 * [taken()]
    assert begun[0][1] >= begun[0][0]


def test_pairs_are_written_to_their_end_on_a_disk_that_others_fill_up(disk):
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", FILLS, disk / "pairs.h5"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"pairs: {disk / 'pairs.h5'}\n")
    assert shutil.disk_usage(disk).free == 0
    with h5py.File(disk / "pairs.h5") as file:
        assert all(file["train_gt"][:].std(axis=(1, 2)) > 0)
        assert b"" not in file["train_kind"][:]


def test_a_disk_without_room_is_told_with_both_sizes_and_nothing_is_left(disk):
    def fill():
        with new_hdf5(disk / "new" / "made.h5", lambda file: add_dataset(file, "a", (2 * 10**6,), "f4"), hint=", alas"):
            pytest.fail("it began")

    with pytest.raises(OutputError, match=r"made\.h5: needs 8 MB, alas, and the disk has 4\.19 MB free; make room"):
        fill()
    assert list(disk.iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_is_told(disk, monkeypatch):
    monkeypatch.setattr(hdf5_files, "expect_room", lambda *_: None)
    with (
        pytest.raises(OutputError, match="the disk is full; make room"),
        new_hdf5(disk / "made.h5", lambda file: add_dataset(file, "a", (2 * 10**6,), "f4")),
    ):
        pytest.fail("it began")
    assert list(disk.iterdir()) == []
