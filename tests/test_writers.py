import errno
from functools import partial
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tomopy_edge import __version__
from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError, OutputError
from tomopy_edge.readers import open_scan
from tomopy_edge.writers import hdf5_undo
from tomopy_edge.writers.durable import put_in_place
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.hdf5 import Hdf5Writer, place_of_slices
from tomopy_edge.writers.hdf5_parameters import write_parameters
from tomopy_edge.writers.hdf5_undo import undoable
from tomopy_edge.writers.ledger import Ledger
from tomopy_edge.writers.tiff import TiffStackWriter

PROCESS = f"process/tomopy_edge-{__version__}"


def slices(count=3, y=6, x=7):
    return np.random.default_rng(count).normal(size=(count, y, x)).astype(np.float32)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5), first_row=st.integers(0, 3000))
def test_chunks_written_one_after_another_are_the_volume(tmp_path, sizes, first_row):
    whole = slices(sum(sizes))
    rows = first_row, first_row + len(whole)
    (tmp_path / "recon.h5").unlink(missing_ok=True)
    with Hdf5Writer(tmp_path, rows) as hdf5, TiffStackWriter(tmp_path) as tiff:
        start = 0
        for size in sizes:
            chunk = Volume(whole[start : start + size], first_row + start)
            hdf5.write(chunk)
            tiff.write(chunk)
            start += size
    with h5py.File(tmp_path / "recon.h5") as file:
        np.testing.assert_array_equal(file["exchange/data"][()], whole)
        assert file["exchange/data"].attrs["first_row"] == first_row
    for number, slice_ in enumerate(whole):
        np.testing.assert_array_equal(tifffile.imread(tmp_path / f"recon_{first_row + number:05d}.tiff"), slice_)


def test_tiff_files_are_float32_and_know_their_pixel_size(tmp_path):
    TiffStackWriter(tmp_path).write(Volume(slices(1), 12, pixel_size=2.2))
    with tifffile.TiffFile(tmp_path / "recon_00012.tiff") as file:
        tags = file.pages[0].tags
        counts, per = tags["XResolution"].value
        assert file.pages[0].dtype == np.float32
        assert counts / per == pytest.approx(1e4 / 2.2)
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
        assert tags["ImageDescription"].value == "row 12, attenuation per pixel"
        assert tags["Software"].value == f"tomopy-edge {__version__}"


def test_hdf5_is_data_exchange_with_units(tmp_path):
    with Hdf5Writer(tmp_path, (4, 7)) as writer:
        writer.write(Volume(slices(), 4, pixel_size=2.2))
    with h5py.File(tmp_path / "recon.h5") as file:
        data = file["exchange/data"]
        assert file["implements"][()] == b"exchange:measurement:process"
        assert data.dtype == np.float32
        assert dict(data.attrs) == {
            "axes": "z:y:x",
            "description": "ReconData",
            "units": "attenuation per pixel",
            "first_row": 4,
        }
        assert file["exchange/pixel_size"][()] == 2.2
        assert file["exchange/pixel_size"].attrs["units"] == "um"


def test_a_reconstruction_is_not_read_as_a_scan(tmp_path):
    with Hdf5Writer(tmp_path, (0, 3)) as writer:
        writer.write(Volume(slices()))
    with pytest.raises(DataError, match="a reconstruction, not a scan"):
        open_scan(tmp_path / "recon.h5")


def test_rows_that_the_file_has_not_are_a_bug(tmp_path):
    with Hdf5Writer(tmp_path, (4, 8)) as writer:
        writer.write(Volume(slices(), 4))
        with pytest.raises(ValueError, match="row 9: the file has the rows 4 to 7"):
            writer.write(Volume(slices(), 9))
        with pytest.raises(ValueError, match=r"slices: expected \(6, 7\), got \(5, 7\)"):
            writer.write(Volume(slices(1, y=5), 7))


def test_every_parameter_becomes_a_dataset_under_process(tmp_path):
    with Hdf5Writer(tmp_path, (0, 3)) as writer:
        writer.write(Volume(slices()))
    recipe = [
        {"normalize": {}},
        {"find_center": {"center": 296.25, "method": "vo", "window": None, "flip": True, "range": [1, 2.5]}},
        {"write": {"formats": ["tiff", "hdf5"]}},
    ]
    write_parameters(tmp_path / "recon.h5", {"recipe": recipe, "scan": "tooth.h5"}, None)
    with h5py.File(tmp_path / "recon.h5") as file:
        process = file[PROCESS]
        assert list(process["recipe"]) == ["00_normalize", "01_find_center", "02_write"]
        centre = process["recipe/01_find_center"]
        assert centre["center"][()] == 296.25
        assert centre["method"][()] == b"vo"
        assert centre["window"].shape is None
        assert centre["flip"][()]
        np.testing.assert_array_equal(centre["range"][()], [1, 2.5])
        assert process["recipe/02_write/formats"][()] == b'["tiff", "hdf5"]'
        assert process["scan"][()] == b"tooth.h5"


def test_the_raw_files_metadata_are_copied_beside_the_slices(tmp_path, scans):
    with Hdf5Writer(tmp_path, (0, 3)) as writer:
        writer.write(Volume(slices()))
    with open_scan(scans / "tomobank_00076" / "tomobank_00076.h5") as scan:
        write_parameters(tmp_path / "recon.h5", {"normalize": {}}, scan)
    with h5py.File(tmp_path / "recon.h5") as file:
        assert file["measurement/sample/name"][()] == b"paraffin-embedded soft tissue"
        assert file["measurement/source"][()].endswith(b"tomobank_00076.h5")
        assert file["exchange_raw/theta"].shape == (2000,)
        assert list(file["exchange"]) == ["data", "title"]
        assert file["exchange/data"].shape == (3, 6, 7)
    assert (tmp_path / "recon.h5").stat().st_size < 2**20


@pytest.mark.parametrize("scan", ["tooth/tooth.h5", "k11_nxtomo/k11-18014.nxs"])
def test_metadata_of_other_scans_are_copied_too(tmp_path, scans, scan):
    with Hdf5Writer(tmp_path, (0, 3)) as writer:
        writer.write(Volume(slices()))
    with open_scan(scans / scan) as raw:
        write_parameters(tmp_path / "recon.h5", {}, raw)
    with h5py.File(tmp_path / "recon.h5") as file:
        assert len(file.attrs["not_copied"].split("\n")) >= 3


def test_parameters_need_a_finished_file(tmp_path):
    with pytest.raises(OutputError, match="no such file, so no parameters"):
        write_parameters(tmp_path / "recon.h5", {}, None)


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        Hdf5Writer(tmp_path / "absent", (0, 1))
    with pytest.raises(OutputError, match="cannot be written"):
        TiffStackWriter(tmp_path / "absent").write(Volume(slices()))


@pytest.mark.parametrize(
    ("number", "mend"), [(errno.ENOSPC, "the disk is full; make room"), (errno.EACCES, "choose a folder of yours")]
)
def test_failures_of_the_disk_say_how_to_mend_them(tmp_path, number, mend):
    with pytest.raises(OutputError, match=mend), told(tmp_path):
        raise OSError(number, "as the system says it")


@pytest.mark.parametrize(("free", "message"), [(100, "the disk is full"), (2**30, "10 requested and 3 written")])
def test_a_short_write_on_a_full_disk_is_a_full_disk(tmp_path, monkeypatch, free, message):
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=free))
    with pytest.raises(OutputError, match=message), told(tmp_path / "recon.tiff"):
        raise OSError("10 requested and 3 written")


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_rows_come_in_any_order_and_are_read_back(tmp_path, order):
    whole = slices()
    with Hdf5Writer(tmp_path, (10, 13)) as hdf5, TiffStackWriter(tmp_path) as tiff:
        for writer in (hdf5, tiff):
            assert writer.read(10) is None
            for n in order:
                writer.write(Volume(whole[n : n + 1], 10 + n))
                np.testing.assert_array_equal(writer.read(10 + n), whole[n])
            assert writer.read(13) is None


def test_another_writer_goes_on_with_what_one_left(tmp_path):
    whole = slices()
    for n in range(3):
        with Hdf5Writer(tmp_path, (10, 13)) as writer:
            writer.write(Volume(whole[n : n + 1], 10 + n))
    with h5py.File(tmp_path / "recon.h5") as file:
        np.testing.assert_array_equal(file["exchange/data"], whole)
    with pytest.raises(OutputError, match="holds other rows than 10 to 13; remove it"):
        Hdf5Writer(tmp_path, (10, 14))


def test_a_row_that_is_left_out_is_nan_in_hdf5_and_no_file_in_tiff(tmp_path):
    with Hdf5Writer(tmp_path, (0, 3)) as hdf5, TiffStackWriter(tmp_path) as tiff:
        hdf5.leave_out(1)
        for writer in (hdf5, tiff):
            writer.write(Volume(slices()))
            writer.leave_out(1)
    with h5py.File(tmp_path / "recon.h5") as file:
        assert np.isnan(file["exchange/data"]).all(axis=(1, 2)).tolist() == [False, True, False]
    assert sorted(path.name for path in tmp_path.glob("*.tiff")) == ["recon_00000.tiff", "recon_00002.tiff"]


def test_a_damaged_slice_is_none_or_not_what_was_written(tmp_path):
    with TiffStackWriter(tmp_path) as tiff:
        tiff.write(Volume(slices()))
        whole = (tmp_path / "recon_00001.tiff").read_bytes()
        (tmp_path / "recon_00001.tiff").write_bytes(whole[:50])
        (tmp_path / "recon_00002.tiff").write_bytes(b"")
        assert tiff.read(1) is None
        assert tiff.read(2) is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")], ids=["killed", "full"])
@pytest.mark.parametrize("more", [1, 10_000])
def test_a_change_of_what_surrounds_the_slices_that_does_not_end_is_undone(tmp_path, monkeypatch, stop, more):
    path, whole = tmp_path / "recon.h5", slices()
    with Hdf5Writer(tmp_path, (0, 3)) as writer:
        writer.write(Volume(whole))
    before = path.read_bytes()

    def stops(_path):
        monkeypatch.undo()
        assert path.read_bytes() != before
        raise stop

    def change():
        with undoable(path, *place_of_slices(path)) as work:
            work.write(b"damage")
            work.seek(0, 2)
            work.write(b"more" * more)

    monkeypatch.setattr(hdf5_undo, "flush", stops)
    with pytest.raises(type(stop) if isinstance(stop, OSError) else stop):
        change()
    assert (path.read_bytes() == before) == isinstance(stop, OSError)
    with Hdf5Writer(tmp_path, (0, 3)) as writer:
        np.testing.assert_array_equal(writer.read(2), whole[2])
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["recon.h5"]


def test_parameters_are_added_once(tmp_path):
    with Hdf5Writer(tmp_path, (0, 3)) as writer:
        writer.write(Volume(slices()))
    for value in (1, 2):
        write_parameters(tmp_path / "recon.h5", {"value": value}, None)
    with h5py.File(tmp_path / "recon.h5") as file:
        assert file[PROCESS]["value"][()] == 1


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_files_are_there_whole_or_not_at_all(tmp_path, fails):
    def write(path, number):
        path.write_text("half")
        if number == fails:
            raise OSError(errno.ENOSPC, "full")
        path.write_text("whole")

    with pytest.raises(OSError, match="full"):
        put_in_place((tmp_path / str(n), partial(write, number=n)) for n in range(3))
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".new")] == []


def test_the_ledger_survives_a_line_that_was_cut_off(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.add(Volume(slices(), 7))
        right = dict(ledger.digests)
    assert sorted(right) == [7, 8, 9]
    whole = (tmp_path / "slices.jsonl").read_bytes()
    for torn in range(1, 60):
        (tmp_path / "slices.jsonl").write_bytes(whole[:-torn])
        with Ledger(tmp_path) as ledger:
            assert ledger.digests == {row: right[row] for row in (7, 8)}
            ledger.add(Volume(slices()[2:], 9))
        assert (tmp_path / "slices.jsonl").read_bytes() == whole


def test_a_damaged_line_of_the_ledger_is_a_slice_that_is_not_there(tmp_path):
    (tmp_path / "slices.jsonl").write_text('{"row": 1}\nnonsense\n[]\n{"row": 3, "sha256": "a"}\n')
    with Ledger(tmp_path) as ledger:
        assert ledger.digests == {3: "a"}
        ledger.forget(3)
        assert ledger.digests == {}
