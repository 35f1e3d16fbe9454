import errno
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
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.hdf5 import Hdf5Writer, write_parameters
from tomopy_edge.writers.tiff import TiffStackWriter

PROCESS = f"process/tomopy_edge-{__version__}"


def slices(count=3, y=6, x=7):
    return np.random.default_rng(count).normal(size=(count, y, x)).astype(np.float32)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5), first_row=st.integers(0, 3000))
def test_chunks_written_one_after_another_are_the_volume(tmp_path, sizes, first_row):
    whole = slices(sum(sizes))
    with Hdf5Writer(tmp_path) as hdf5, TiffStackWriter(tmp_path) as tiff:
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
    with Hdf5Writer(tmp_path) as writer:
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
    with Hdf5Writer(tmp_path) as writer:
        writer.write(Volume(slices()))
    with pytest.raises(DataError, match="a reconstruction, not a scan"):
        open_scan(tmp_path / "recon.h5")


def test_chunks_out_of_order_are_a_bug(tmp_path):
    with Hdf5Writer(tmp_path) as writer:
        writer.write(Volume(slices(), 4))
        with pytest.raises(ValueError, match="chunks must be in order: row 7 is next"):
            writer.write(Volume(slices(), 9))


def test_every_parameter_becomes_a_dataset_under_process(tmp_path):
    with Hdf5Writer(tmp_path) as writer:
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
    with Hdf5Writer(tmp_path) as writer:
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
    with Hdf5Writer(tmp_path) as writer:
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
        Hdf5Writer(tmp_path / "absent")
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
