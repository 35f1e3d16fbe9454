"""Files that are damaged, unfinished, packed by a filter that is not here, or change while they are read."""

import os
import sys
import types

import h5py
import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.readers import open_scan, row_reader
from tomopy_edge.readers.frames import Frames

COUNTS = np.random.default_rng(1).integers(0, 4000, (9, 24, 6)).astype(np.uint16)


def write(path, counts=COUNTS, **stored):
    with h5py.File(path, "w") as file:
        file.create_dataset("exchange/data", data=counts, **stored)
        file["exchange/theta"] = np.arange(len(counts)) * 180 / len(counts)
    return path


def damage(path, corner):
    """Overwrite the middle of the chunk that begins at `corner`."""
    with h5py.File(path, "r") as file:
        chunk = file["exchange/data"].id.get_chunk_info_by_coord(corner)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset + 8)
        file.write(b"\xff" * (chunk.size - 16))


@pytest.mark.parametrize("chunks", [(1, 24, 6), (1, 8, 6), (4, 24, 6)])
def test_a_bad_sector_is_told_with_dataset_and_frame(tmp_path, chunks):
    path = write(tmp_path / "scan.h5", chunks=chunks, compression="gzip", fletcher32=True)
    damage(path, (4, 0, 0))
    with open_scan(path) as scan, pytest.raises(DataError, match=r"scan\.h5:/exchange/data: frame 4 cannot be read"):
        scan.read(0, 2)


def test_a_bad_sector_costs_only_the_rows_beside_it(tmp_path):
    path = write(tmp_path / "scan.h5", chunks=(1, 8, 6), compression="gzip")
    damage(path, (4, 8, 0))
    with open_scan(path) as scan:
        for first in range(0, 24, 4):
            if 8 <= first < 16:
                with pytest.raises(DataError, match="frame 4 cannot be read"):
                    scan.read(first, first + 4)
            else:
                np.testing.assert_array_equal(scan.read(first, first + 4).projections, COUNTS[:, first : first + 4])


def test_a_band_that_is_damaged_is_not_unpacked_again_for_each_row(tmp_path, monkeypatch):
    path = write(tmp_path / "scan.h5", chunks=(1, 24, 6), compression="gzip")
    damage(path, (7, 0, 0))
    tries = []
    into = Frames.read_into
    monkeypatch.setattr(Frames, "read_into", lambda self, *where: (tries.append(where[1:]), into(self, *where)))
    with open_scan(path) as scan:
        for row in range(24):
            with pytest.raises(DataError, match="frame 7 cannot be read"):
                scan.read(row, row + 1)
    assert len(tries) == 1


def test_a_bad_sector_met_on_the_way_to_a_scratch_file_is_told_too(tmp_path, monkeypatch):
    path = write(tmp_path / "scan.h5", chunks=(1, 24, 6), compression="gzip")
    row = COUNTS[:, 0].nbytes
    monkeypatch.setattr(row_reader, "free_memory", lambda: 4 * row / row_reader.MEMORY_SHARE)
    monkeypatch.setattr(row_reader, "SCRATCH_RATE", np.inf)
    with open_scan(path) as scan:
        scan.read(0, 4)
        damage(path, (5, 0, 0))
        with pytest.raises(DataError, match="frame 5 cannot be read"):
            scan.read(4, 8)
        assert scan._projections._scratch is None


def test_what_fails_but_once_is_read_again(tmp_path, monkeypatch):
    path = write(tmp_path / "scan.h5")
    read, calls = h5py.Dataset.read_direct, []

    def read_direct(self, *where):
        calls.append(where)
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        read(self, *where)

    monkeypatch.setattr(h5py.Dataset, "read_direct", read_direct)
    with open_scan(path) as scan:
        np.testing.assert_array_equal(scan.read(3, 6).projections, COUNTS[:, 3:6])
    assert len(calls) == 1 + len(COUNTS)


@pytest.mark.parametrize("stored", [{}, {"chunks": (1, 24, 6)}, {"chunks": (1, 24, 6), "compression": "gzip"}])
def test_a_file_that_is_cut_short_while_it_is_read_gives_no_zeros(tmp_path, stored):
    path = write(tmp_path / "scan.h5", **stored)
    with open_scan(path) as scan:
        scan._projections.close()
        os.truncate(path, path.stat().st_size - 600)
        with pytest.raises(DataError, match=r"cannot be read|something is writing to it"):
            scan.read(12, 16)


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path):
    path = write(tmp_path / "scan.h5")
    with open_scan(path) as scan:
        scan.read(0, 4)
        with path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(DataError, match=r"was \d+ bytes long when it was opened, and is \d+ now"):
            scan.read(4, 8)


def test_a_file_that_is_written_to_while_it_is_read_is_noted(tmp_path):
    path = write(tmp_path / "scan.h5")
    with open_scan(path) as scan:
        scan.read(0, 4)
        before = scan.notes
        os.utime(path, (1, 1))
        assert not any("written to" in note for note in before)
        assert any("was written to while it was read" in note for note in scan.notes)
    assert not any("written to" in note for note in scan.notes)


def test_a_file_that_vanishes_from_its_folder_is_read_to_its_end(tmp_path):
    path = write(tmp_path / "scan.h5")
    with open_scan(path) as scan:
        path.unlink()
        np.testing.assert_array_equal(scan.read(0, 24).projections, COUNTS)


def test_a_share_that_is_lost_is_said(tmp_path, monkeypatch):
    def now(number):
        raise OSError(116, "Stale file handle")

    with open_scan(write(tmp_path / "scan.h5")) as scan, monkeypatch.context() as patch:
        patch.setattr("tomopy_edge.readers.frames.os", types.SimpleNamespace(fstat=now))
        with pytest.raises(DataError, match=r"the file is gone .*Stale file handle"):
            scan.read(0, 4)


@pytest.mark.parametrize(("written", "first"), [(6, 6), (0, 0)])
@pytest.mark.parametrize("chunks", [(1, 24, 6), (2, 24, 3)])
def test_frames_that_were_never_written_are_no_zeros(tmp_path, written, first, chunks):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        frames = file.create_dataset("exchange/data", COUNTS.shape, np.uint16, chunks=chunks)
        frames[:written] = COUNTS[:written]
        file["exchange/theta"] = np.arange(9) * 20.0
    told = f"{9 - written} of 9 frames were never written, the first of them frame {first}"
    with open_scan(path) as scan:
        assert any(told in note for note in scan.notes)
        with pytest.raises(DataError, match=told) as refused:
            scan.read(0, 2)
        assert ("--set read.angles=[0,6,1]" in str(refused.value)) == (written > 0)
        if written:
            some = scan.narrowed(0, written)
            assert (some.angles, len(some.theta)) == (written, written)
            np.testing.assert_array_equal(some.read(3, 7).projections, COUNTS[:written, 3:7])


@pytest.mark.parametrize("stored", [{}, {"chunks": (1, 24, 6), "compression": "gzip"}])
def test_projections_that_are_not_asked_for_are_not_read(tmp_path, monkeypatch, stored):
    read, real = [], h5py.Dataset.read_direct

    def read_direct(dataset, rows, source, target):
        read.extend(range(9)[source[0]])
        real(dataset, rows, source, target)

    monkeypatch.setattr(h5py.Dataset, "read_direct", read_direct)
    with open_scan(write(tmp_path / "scan.h5", **stored)) as scan:
        some = scan.narrowed(2, 7)
        np.testing.assert_array_equal(some.read(5, 9).projections, COUNTS[2:7, 5:9])
        np.testing.assert_array_equal(some.theta, scan.theta[2:7])
        assert scan.narrowed(2, 7) is some
    assert set(read) == set(range(2, 7))


@pytest.mark.parametrize("name", ["data_white", "data_dark"])
def test_flats_and_darks_that_were_never_written_are_refused(tmp_path, name):
    path = write(tmp_path / "scan.h5")
    with h5py.File(path, "a") as file:
        file.create_dataset(f"exchange/{name}", (3, *COUNTS.shape[1:]), np.uint16, chunks=(1, 24, 6))
    with pytest.raises(DataError, match=f"{name}: 3 of 3 frames were never written.*copy what is there"):
        open_scan(path)


def test_frames_that_are_marked_invalid_need_not_be_written(tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        frames = file.create_dataset("entry/instrument/detector/data", COUNTS.shape, np.uint16, chunks=(1, 24, 6))
        frames[:7] = COUNTS[:7]
        file["entry/instrument/detector/image_key"] = [0] * 7 + [3] * 2
        file["entry/sample/rotation_angle"] = np.arange(9) * 20.0
    with open_scan(path) as scan:
        np.testing.assert_array_equal(scan.read(0, 24).projections, COUNTS[:7])


def write_with_filter(path, number):
    """Write a scan that names a filter which is not applied."""
    write(path)
    with h5py.File(path, "a") as file:
        del file["exchange/data"]
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((1, 24, 6))
        settings.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        kind, space = h5py.h5t.NATIVE_UINT16, h5py.h5s.create_simple(COUNTS.shape)
        h5py.h5d.create(file["exchange"].id, b"data", kind, space, settings)
        file["exchange/data"][:] = COUNTS
    return path


def test_a_filter_that_is_missing_is_named_with_what_to_install(tmp_path, monkeypatch):
    path = write_with_filter(tmp_path / "scan.h5", 32008)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda number: number != 32008)
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with pytest.raises(DataError, match=r"/exchange/data: .*the filter bitshuffle \(32008\).*`pip install hdf5plugin`"):
        open_scan(path)


def test_a_filter_that_hdf5plugin_does_not_have_is_named(tmp_path, monkeypatch):
    path = write_with_filter(tmp_path / "scan.h5", 40001)
    plugin = types.ModuleType("hdf5plugin")
    plugin.version = "7.1.0"
    monkeypatch.setitem(sys.modules, "hdf5plugin", plugin)
    with pytest.raises(DataError, match=r"the filter without a name \(40001\), which hdf5plugin 7\.1\.0 does not have"):
        open_scan(path)


def test_hdf5plugin_is_left_alone_where_no_filter_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with open_scan(write(tmp_path / "scan.h5", chunks=(1, 24, 6), compression="gzip", shuffle=True)) as scan:
        np.testing.assert_array_equal(scan.read(0, 24).projections, COUNTS)


def test_a_damaged_list_of_what_is_in_a_file_is_told_as_damage(tmp_path):
    path = write(tmp_path / "scan.h5")
    whole = path.read_bytes()
    # Names are kept in heaps, which begin so.
    path.write_bytes(whole.replace(b"HEAP", b"HELP"))
    with pytest.raises(DataError, match="this HDF5 file is damaged"):
        open_scan(path)


def test_a_type_where_a_dataset_should_be_is_told(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["exchange/data"] = np.dtype(np.uint16)
    with pytest.raises(DataError, match="/exchange/data is a type, and should be a dataset"):
        open_scan(tmp_path / "scan.h5")
