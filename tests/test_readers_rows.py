"""Rows of compressed frames: whatever the chunks, the memory and the order, they are what numpy would slice."""

import errno
import os
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tomopy_edge.errors import DataError
from tomopy_edge.readers import open_scan, row_reader, scratch, stack
from tomopy_edge.readers.frames import Frames

ANGLES, ROWS, COLUMNS = 9, 24, 6
COUNTS = np.random.default_rng(1).integers(0, 4000, (ANGLES, ROWS, COLUMNS)).astype(np.uint16)
FRAMEWISE = {"chunks": (1, ROWS, COLUMNS), "compression": "gzip"}


def write(path, counts=COUNTS, frames=4, **stored):
    with h5py.File(path, "w") as file:
        file.create_dataset("exchange/data", data=counts, **stored)
        for name in ("data_white", "data_dark"):
            flats = np.broadcast_to(counts[:1], (frames, *counts.shape[1:]))
            file.create_dataset(f"exchange/{name}", data=flats, chunks=(1, *counts.shape[1:]), compression="gzip")
        file["exchange/theta"] = np.arange(len(counts)) * 180 / len(counts)
    return path


def write_nxtomo(path, counts, keys, **stored):
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/instrument/detector/data", data=counts, **stored)
        file["entry/instrument/detector/image_key"] = keys
        file["entry/sample/rotation_angle"] = np.arange(len(counts)) * 180.0 / len(counts)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of scratch files."""
    made = tmp_path / "scratch"
    made.mkdir()
    monkeypatch.setattr(row_reader, "scratch_folder", lambda: made)
    return made


@pytest.fixture
def memory(monkeypatch):
    """Sets how many rows fit into memory, and whether a scratch file is quick."""

    def allow(rows, counts=COUNTS, frames=8, *, disk="slow"):
        row = (len(counts) + frames) * counts.shape[2] * 2
        monkeypatch.setattr(row_reader, "free_memory", lambda: rows * row / row_reader.MEMORY_SHARE)
        monkeypatch.setattr(row_reader, "SCRATCH_RATE", np.inf if disk == "quick" else 1e-9)

    return allow


@pytest.fixture
def unpacked(monkeypatch):
    """The stretches of rows of the projections that were read from the file."""
    found = []
    into, parts = Frames.read_into, Frames.parts

    def read_into(self, rows, first, last, at):
        if self.dataset.name.endswith("data"):
            found.append((first, last))
        into(self, rows, first, last, at)

    def read_parts(self, first, last, size):
        if self.dataset.name.endswith("data"):
            found.append((first, last))
        return parts(self, first, last, size)

    monkeypatch.setattr(Frames, "read_into", read_into)
    monkeypatch.setattr(Frames, "parts", read_parts)
    return found


def read_in_order(scan, at_once):
    parts = [scan.read(first, min(first + at_once, scan.rows)).projections for first in range(0, scan.rows, at_once)]
    return np.concatenate(parts, axis=1)


spans = st.tuples(st.integers(0, 30), st.integers(1, 12))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    shape=st.tuples(st.integers(2, 9), st.integers(1, 20), st.integers(1, 4)),
    fit=st.integers(0, 24),
    disk=st.sampled_from(["slow", "quick", "full"]),
    orders=st.lists(spans, max_size=6),
    at_once=st.integers(1, 7),
)
def test_rows_are_what_numpy_slices_in_any_order(  # noqa: PLR0913, PLR0917 - what a read depends on
    tmp_path, memory, folder, monkeypatch, data, shape, fit, disk, orders, at_once
):
    stored = data.draw(st.sampled_from([{}, {"compression": "gzip"}, {"shuffle": True, "compression": "lzf"}]))
    if stored or data.draw(st.booleans()):
        stored["chunks"] = tuple(data.draw(st.integers(1, length)) for length in shape)
    kind = data.draw(st.sampled_from(["uint8", ">u2", "int16", "float32"]))
    keys = np.array([0, 0, *data.draw(st.lists(st.integers(0, 3), min_size=shape[0] - 2, max_size=shape[0] - 2))])
    counts = np.random.default_rng(shape[0]).integers(0, 99, shape).astype(kind)
    write_nxtomo(tmp_path / "scan.h5", counts, keys, **stored)
    memory(fit, counts, 0, disk=disk)
    monkeypatch.setattr(row_reader, "has_room", lambda *_: disk == "quick")
    monkeypatch.setattr(stack, "PIECE_BYTES", data.draw(st.integers(1, 300)))
    monkeypatch.setattr(row_reader, "PART_BYTES", data.draw(st.integers(1, 300)))
    with open_scan(tmp_path / "scan.h5") as scan:
        asked = [(min(first, scan.rows - 1), min(first + width, scan.rows)) for first, width in orders]
        asked += [(first, min(first + at_once, scan.rows)) for first in range(0, scan.rows, at_once)]
        for first, last in [(first, max(last, first + 1)) for first, last in asked]:
            part = scan.read(first, last)
            for key, rows in enumerate((part.projections, part.flats, part.darks)):
                assert rows.flags.c_contiguous
                np.testing.assert_array_equal(rows, counts[keys == key, first:last])


def test_frames_that_are_packed_together_are_read_together(tmp_path, monkeypatch):
    asked, read = [], h5py.Dataset.read_direct
    monkeypatch.setattr(stack, "PIECE_BYTES", 1)
    monkeypatch.setattr(
        h5py.Dataset, "read_direct", lambda self, *where: (asked.append(where[1][0]), read(self, *where))
    )
    keys = np.array([1, 0, 0, 0, 0, 0, 2, 0, 0])
    path = write_nxtomo(tmp_path / "scan.h5", COUNTS, keys, chunks=(4, 1, COLUMNS), compression="gzip")
    with open_scan(path) as scan:
        scan.read(0, 2)
    assert asked[:4] == [slice(1, 4), slice(4, 6), slice(7, 8), slice(8, 9)]


@pytest.mark.parametrize("chunks", [None, (1, ROWS, COLUMNS), (ANGLES, 1, COLUMNS)])
def test_what_can_be_read_alone_is_read_alone(tmp_path, memory, unpacked, chunks):
    memory(ROWS)
    packed = {"compression": "gzip"} if chunks == (ANGLES, 1, COLUMNS) else {}
    with open_scan(write(tmp_path / "scan.h5", chunks=chunks, **packed)) as scan:
        read_in_order(scan, 8)
    assert unpacked == [(0, 8), (8, 16), (16, 24)]


def test_a_scan_that_fits_is_unpacked_once(tmp_path, memory, unpacked):
    memory(ROWS)
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        scan.read(10, 14)
        scan.read(0, 1)
        np.testing.assert_array_equal(read_in_order(scan, 4), COUNTS)
    assert unpacked == [(0, ROWS)]


def test_a_band_of_chunks_is_unpacked_once_though_reads_cut_it(tmp_path, memory, unpacked):
    memory(12)
    with open_scan(write(tmp_path / "scan.h5", chunks=(4, 8, COLUMNS), compression="gzip")) as scan:
        np.testing.assert_array_equal(read_in_order(scan, 3), COUNTS)
    assert unpacked == [(0, 8), (8, 16), (16, 24)]


def test_as_many_rows_as_fit_are_read_ahead_and_none_is_unpacked_twice(tmp_path, memory, unpacked):
    memory(7)
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        np.testing.assert_array_equal(read_in_order(scan, 3), COUNTS)
        assert scan.notes[1:] == ()
    assert unpacked == [(first, first + 6) for first in range(0, ROWS, 6)]


def test_no_more_is_held_than_memory_allows(tmp_path, memory):
    memory(7)
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        for first in range(0, ROWS, 3):
            scan.read(first, first + 3)
            assert scan._projections._block.rows.shape[1] <= 7


def test_a_quick_scratch_file_is_filled_once_and_the_notes_say_so(tmp_path, memory, folder, unpacked):
    memory(7, disk="quick")
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        np.testing.assert_array_equal(read_in_order(scan, 3), COUNTS)
        (note,) = [note for note in scan.notes if "/exchange/data " in note]
        assert "rows 6 to 23 were moved to a scratch file of 1.94e-06 GB" in note
        assert "compressed in pieces of 24 rows" in note
    assert unpacked == [(0, 6), (6, 24)]


def test_a_scratch_file_has_no_name_and_goes_with_the_scan(tmp_path, memory, folder):
    memory(7, disk="quick")
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        read_in_order(scan, 3)
        assert scan._projections._scratch.size == 18 * ANGLES * COLUMNS * 2
        number = scan._projections._scratch._file.fileno()
        assert not list(folder.iterdir())
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_single_look_into_a_scan_makes_no_scratch_file(tmp_path, memory, folder, unpacked):
    memory(7, disk="quick")
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        scan.read(10, 14)
        scan.read(0, 1)
        assert scan._projections._scratch is None
    assert unpacked == [(10, 14), (0, 7)]


def test_without_room_for_a_scratch_file_the_scan_is_unpacked_again_and_that_is_said(
    tmp_path, memory, folder, monkeypatch
):
    memory(7, disk="quick")
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: shutil_usage(3000))
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        np.testing.assert_array_equal(read_in_order(scan, 3), COUNTS)
        assert [note for note in scan.notes if "has no room for a scratch file" in note and "Set TMPDIR" in note]


def shutil_usage(free):
    return type("usage", (), {"free": free})


@pytest.mark.parametrize("fault", ["full", "half"])
def test_a_disk_that_fills_up_costs_no_row(tmp_path, memory, folder, monkeypatch, fault):
    memory(7, disk="quick")

    def pwrite(number, line, offset):
        if fault == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        return line.nbytes // 2

    monkeypatch.setattr(scratch.os, "pwrite", pwrite)
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        np.testing.assert_array_equal(read_in_order(scan, 3), COUNTS)
        assert [note for note in scan.notes if "has no room for a scratch file" in note]


def test_a_scratch_file_that_loses_its_end_is_no_silent_zero(tmp_path, memory, folder):
    memory(7, disk="quick")
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        for first in range(0, 12, 3):
            scan.read(first, first + 3)
        os.ftruncate(scan._projections._scratch._file.fileno(), 100)
        with pytest.raises(DataError, match="scratch file there has lost its end"):
            scan.read(18, 21)


def test_scratch_files_go_where_tmpdir_says_and_else_not_into_memory(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    assert str(scratch.scratch_folder()) == "/var/tmp" or not os.access("/var/tmp", os.W_OK)  # noqa: S108 - expected
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)
    assert scratch.scratch_folder() == tmp_path


@pytest.mark.parametrize("disk", ["slow", "quick"])
def test_threads_share_a_scan(tmp_path, memory, folder, disk):
    memory(7, disk=disk)
    faults = []
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:

        def read(at_once):
            right = [np.array_equal(read_in_order(scan, at_once), COUNTS) for _ in range(5)]
            faults.extend([at_once] * right.count(False))

        threads = [threading.Thread(target=read, args=(at_once,)) for at_once in (1, 2, 3, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not faults


def test_what_is_read_belongs_to_the_caller(tmp_path, memory):
    memory(ROWS)
    with open_scan(write(tmp_path / "scan.h5", **FRAMEWISE)) as scan:
        scan.read(0, 4).projections[:] = 0
        np.testing.assert_array_equal(scan.read(0, 4).projections, COUNTS[:, :4])


def test_a_virtual_scan_is_read_as_its_sources_are_stored(tmp_path, memory, unpacked):
    memory(ROWS)
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file.create_dataset("counts", data=COUNTS, **FRAMEWISE)
    path = write(tmp_path / "scan.h5")
    layout = h5py.VirtualLayout(COUNTS.shape, COUNTS.dtype)
    layout[:] = h5py.VirtualSource("frames.h5", "counts", COUNTS.shape)
    with h5py.File(path, "a") as file:
        del file["exchange/data"]
        file.create_virtual_dataset("exchange/data", layout)
    with open_scan(path) as scan:
        np.testing.assert_array_equal(read_in_order(scan, 4), COUNTS)
    assert unpacked == [(0, ROWS)]


@pytest.mark.parametrize("packed", ["Blosc()", "Bitshuffle()", "Bitshuffle(cname='zstd')", "Zstd()", "LZ4()"])
def test_the_filters_of_hdf5plugin_are_found_where_they_are_needed(tmp_path, packed):
    hdf5plugin = pytest.importorskip("hdf5plugin", reason="hdf5plugin is not installed")
    path = write(tmp_path / "scan.h5", chunks=(1, ROWS, COLUMNS), **eval(packed, vars(hdf5plugin)))  # noqa: S307 - ours
    # In a process of its own: here the filters are known already.
    reading = (
        "import sys; from pathlib import Path; from tomopy_edge.readers import open_scan; "
        "assert 'hdf5plugin' not in sys.modules; "
        f"sys.stdout.buffer.write(open_scan(Path({str(path)!r})).read(5, 8).projections.tobytes())"
    )
    read = subprocess.run([sys.executable, "-c", reading], check=True, capture_output=True)  # noqa: S603 - ours
    assert read.stdout == COUNTS[:, 5:8].tobytes()
