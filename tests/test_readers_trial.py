"""A file that HDF5 does not survive is refused with a sentence, and the process goes on."""

import base64
import json
import os
import signal
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.readers import open_scan, trial

CORPUS = Path(__file__).parent / "fuzz" / "corpus" / "scans"


def test_text_that_hdf5_never_comes_back_from_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "SECONDS", 0.5)
    kept = json.loads((CORPUS / "text_that_hdf5_goes_round_in_circles_on.json").read_text())
    path = tmp_path / "scan.h5"
    path.write_bytes(zlib.decompress(base64.b85decode(kept["files"]["scan.h5"]["zlib"])))
    with pytest.raises(DataError, match="is damaged: HDF5 itself does not come to an end with it; copy it again"):
        open_scan(path)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_told_by_its_name(tmp_path, number):
    with pytest.raises(DataError, match=rf"is damaged: HDF5 itself crashes on it \({number.name}\)"):
        trial.expect_survivable(tmp_path / "scan.h5", lambda: os.kill(os.getpid(), number))


def test_what_is_only_raised_is_left_to_the_caller(tmp_path):
    def look():
        raise KeyError("nothing there")

    trial.expect_survivable(tmp_path / "scan.h5", look)


def test_a_look_that_waits_for_a_slow_disk_is_given_up_and_the_file_not_blamed(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "WAIT", 0.2)
    began = time.perf_counter()
    trial.expect_survivable(tmp_path / "scan.h5", lambda: time.sleep(30))
    assert time.perf_counter() - began < 10


def test_no_child_is_left_and_nothing_is_printed(tmp_path, capfd):
    trial.expect_survivable(tmp_path / "scan.h5", lambda: os.write(1, b"chatter"))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert capfd.readouterr() == ("", "")


def scan(path, write):
    with h5py.File(path, "w") as file:
        file["exchange/data"] = np.full((6, 4, 5), 7, np.uint16)
        file["exchange/theta"] = np.arange(6.0)
        write(file)
    return path


def replaced(place, **dataset):
    def write(file):
        if place in file:
            del file[place]
        file.create_dataset(place, **dataset)

    return write


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (
            replaced("exchange/theta", shape=(2**40,), dtype="f8", chunks=(2**16,)),
            "theta should be small, and 8.8e.03 GB",
        ),
        (replaced("exchange/theta", shape=(6,), dtype="S4"), "theta must hold numbers"),
        (replaced("exchange/data", shape=(2**40, 4, 5), dtype="u2", chunks=(1, 4, 5)), "no scan has so many frames"),
        (replaced("exchange/data", dtype="u2", data=h5py.Empty("u2")), "is empty"),
    ],
)
def test_a_size_is_not_believed(tmp_path, write, told):
    with pytest.raises(DataError, match=told):
        open_scan(scan(tmp_path / "scan.h5", write))


def test_a_virtual_dataset_that_is_put_together_from_itself_is_refused(tmp_path):
    def write(file):
        del file["exchange/data"]
        for name, other in (("exchange/data", "/other"), ("other", "/exchange/data")):
            layout = h5py.VirtualLayout((6, 4, 5), np.uint16)
            layout[:] = h5py.VirtualSource(".", other, (6, 4, 5))
            file.create_virtual_dataset(name, layout)

    with pytest.raises(DataError, match="/exchange/data is put together from itself"):
        open_scan(scan(tmp_path / "scan.h5", write))


def test_flats_that_are_there_and_cannot_be_opened_are_not_taken_for_missing(tmp_path):
    path = scan(
        tmp_path / "scan.h5", replaced("exchange/data_white", shape=(2, 4, 5), dtype="u2", data=np.ones((2, 4, 5)))
    )
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file["exchange/data_white"].id).addr
    raw = bytearray(path.read_bytes())
    raw[header] = 99
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"/exchange/data_white is there, but damaged"):
        open_scan(path)


def test_no_scan_is_waited_for_in_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(DataError, match="is no plain file"):
        open_scan(tmp_path / "pipe.h5")
