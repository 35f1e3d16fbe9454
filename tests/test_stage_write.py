import numpy as np
import pytest

from tomopy_edge.data import Volume
from tomopy_edge.errors import OutputError
from tomopy_edge.job import Job
from tomopy_edge.stages.write import ENTRY, WriteOptions


def volume(first_row=0, slices=2):
    return Volume(np.random.default_rng(first_row).normal(size=(slices, 6, 7)).astype(np.float32), first_row)


def test_every_format_is_written_and_slices_are_passed_on(tmp_path):
    chunk = volume(first_row=4)
    with ENTRY.open(WriteOptions(formats=("tiff", "hdf5")), Job(output=tmp_path, rows=(4, 6))) as step:
        assert step.apply(chunk) is chunk
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recon.h5", "recon_00004.tiff", "recon_00005.tiff"]


def test_without_a_folder_nothing_can_be_written():
    with pytest.raises(OutputError, match="no output folder was given"), ENTRY.open(WriteOptions(), Job()):
        pass


def test_formats_must_be_named_once_and_at_least_one():
    with pytest.raises(ValueError, match=r"^formats: must name at least one"):
        WriteOptions(formats=())
    with pytest.raises(ValueError, match=r"^formats: must name each format once"):
        WriteOptions(formats=("tiff", "tiff"))


def test_a_failing_run_closes_the_files(tmp_path):
    import h5py

    def run():
        with ENTRY.open(WriteOptions(formats=("hdf5",)), Job(output=tmp_path, rows=(0, 2))) as step:
            step.apply(volume())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    with h5py.File(tmp_path / "recon.h5", "r+") as file:
        assert file["exchange/data"].shape == (2, 6, 7)
