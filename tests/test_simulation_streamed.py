"""Scans that are taken and written a few rows after the other."""

import gc
import os
import shutil
import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.errors import OutputError
from tomopy_edge.simulation import files
from tomopy_edge.simulation.anatomy import VoxelVolume, cut
from tomopy_edge.simulation.files import stream_scan, write_scan
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.pieces import MIRRORED, Phantom, Shape, mirrored, pieces
from tomopy_edge.simulation.porous import rock
from tomopy_edge.simulation.scans import BAND, Acquisition, Exposure, expose, prepare

EVERYTHING = Exposure(angles=12, blur=0.5, fringes=0.3, spread=0.5, rings=0.01, zingers=1e-3, flats=4, darks=3)
VOLUME = VoxelVolume("noise", np.random.default_rng(1).random((20, 24, 28), np.float32))
ROWS = 2 * BAND + 1
MAIN = "from tomopy_edge.cli import main; raise SystemExit(main({}))"


def drawn(kind="mixed", columns=64, rows=ROWS):
    rng = np.random.default_rng(4)
    return draw_phantom(rng, kind, columns, rows=rows, volumes=(VOLUME,)), rng


def prepared(kind="mixed", columns=64, rows=ROWS, exposure=EVERYTHING):
    phantom, rng = drawn(kind, columns, rows)
    return prepare(phantom, exposure, rows, columns, rng)


def contents(path):
    with h5py.File(path) as file:
        names = [f"exchange/{name}" for name in ("data", "data_white", "data_dark", "theta")]
        return {name: file[name][()] for name in (*names, "simulated/truth")}, dict(file["simulated"].attrs)


@pytest.mark.parametrize("kind", ["mixed", "rock", "volume"])
@pytest.mark.parametrize("ncore", [1, 3])
def test_a_streamed_scan_is_the_one_that_is_exposed_in_memory(tmp_path, kind, ncore):
    phantom, rng = drawn(kind)
    write_scan(tmp_path / "whole.h5", expose(phantom, EVERYTHING, ROWS, 64, rng), command="same")
    stream_scan(tmp_path / "streamed.h5", prepared(kind), ncore=ncore, command="same")
    (whole, told), (streamed, told_too) = contents(tmp_path / "whole.h5"), contents(tmp_path / "streamed.h5")
    assert whole["exchange/data"].shape == (12, ROWS, 64)
    for name, values in whole.items():
        assert np.array_equal(values, streamed[name]), name
    assert told == told_too


def test_rows_of_different_bands_have_noise_and_gain_of_their_own():
    plate = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=100, b=100))
    scan = expose(plate, Exposure(angles=200), ROWS, 128, np.random.default_rng(1)).scan
    noise = scan.projections - scan.projections.mean(axis=0)
    correlation = np.corrcoef([noise[:, row].ravel() for row in range(ROWS)])
    assert np.abs(correlation - np.eye(ROWS)).max() < 0.03
    gain = np.corrcoef(scan.flats.mean(axis=0) / scan.flats.mean(axis=(0, 1)))
    assert np.abs(gain - np.eye(ROWS)).max() < 0.6


def peak_of(path, acquisition, *, truth=True):
    gc.collect()
    tracemalloc.start()
    try:
        stream_scan(path, acquisition, ncore=1, truth=truth, overwrite=True)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_rows(tmp_path):
    sizes = {"columns": 128, "exposure": Exposure(angles=300, flats=2, darks=2)}
    peaks = [peak_of(tmp_path / "scan.h5", prepared("layers", rows=rows, **sizes)) for rows in (9, 9, 45)]
    assert peaks[2] < 1.1 * peaks[1]


@pytest.mark.parametrize("kind", ["layers", "rock"])
@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("counts", [2000, 1e6])
def test_a_band_takes_no_more_memory_than_is_reckoned_with(tmp_path, kind, truth, counts):
    acquisition = prepared(kind, 384, 2 * BAND, Exposure(angles=600, counts=counts, flats=2, darks=2))
    peak = peak_of(tmp_path / "scan.h5", acquisition, truth=truth)
    reckoned = acquisition.footprint(truth=truth)
    assert 0.3 * reckoned < peak < 1.05 * reckoned


@pytest.mark.parametrize(("free", "threads"), [(0, 1), (3, 2), (100, 4)])
def test_threads_are_as_many_as_there_is_memory_for(tmp_path, monkeypatch, free, threads):
    acquisition, asked = prepared(), []
    pool = files.ThreadPoolExecutor
    monkeypatch.setattr(files, "ThreadPoolExecutor", lambda number: (asked.append(number), pool(number))[1])
    monkeypatch.setattr(files, "free_memory", lambda: free * acquisition.footprint(truth=True))
    stream_scan(tmp_path / "scan.h5", acquisition, ncore=4)
    assert asked == [threads]


def test_a_file_is_no_larger_than_what_it_holds(tmp_path):
    stream_scan(tmp_path / "scan.h5", prepared(), ncore=1)
    held = ROWS * 64 * 2 * (12 + 4 + 3) + 4 * ROWS * 64**2
    assert held < (tmp_path / "scan.h5").stat().st_size < held + 20_000


def test_the_truth_may_be_left_out(tmp_path):
    stream_scan(tmp_path / "scan.h5", prepared(), ncore=1, truth=False)
    with h5py.File(tmp_path / "scan.h5") as file:
        assert list(file["simulated"]) == []
        assert file["exchange/data"][:].min(axis=(0, 2)).min() > 0


@pytest.mark.parametrize("truth", [True, False])
def test_a_scan_that_the_disk_has_no_room_for_is_refused_at_once(tmp_path, monkeypatch, truth):
    full = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    monkeypatch.setattr(Acquisition, "take", lambda *_: pytest.fail("it began"))
    with pytest.raises(OutputError, match=r"scan\.h5: needs .* kB.*, and the disk has 1 kB free; make room") as raised:
        stream_scan(tmp_path / "new" / "scan.h5", prepared(), ncore=1, truth=truth)
    assert ("--no-truth" in str(raised.value)) == truth
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device"), MemoryError])
def test_nothing_is_left_of_a_scan_that_was_stopped(tmp_path, monkeypatch, fault):
    take = Acquisition.take

    def stopped(self, band):
        if band == 1:
            raise fault
        return take(self, band)

    monkeypatch.setattr(Acquisition, "take", stopped)
    with pytest.raises((KeyboardInterrupt, OutputError, MemoryError)):
        stream_scan(tmp_path / "new" / "scan.h5", prepared(), ncore=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve room on the disk")
def test_a_limit_on_the_size_of_files_is_told_before_anything_is_taken(tmp_path):
    """A child's limit: HDF5 that finds no room in the middle of a file ends the process."""
    words = ["simulate", "scan", "new/scan.h5", "--columns", "128", "--rows", "40", "--angles", "100"]
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)); {MAIN.format(words)}"
    child = [sys.executable, "-c", limited]
    done = subprocess.run(child, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 2
    assert done.stderr.startswith("tomopy-edge: error: new/scan.h5: cannot be written: no file may be that large")
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_where_the_new_one_was_stopped(tmp_path, monkeypatch):
    stream_scan(tmp_path / "scan.h5", prepared(rows=1), ncore=1)
    older = (tmp_path / "scan.h5").read_bytes()

    def stopped(self, band):
        raise KeyboardInterrupt

    monkeypatch.setattr(Acquisition, "take", stopped)
    with pytest.raises(KeyboardInterrupt):
        stream_scan(tmp_path / "scan.h5", prepared(), ncore=1, overwrite=True)
    assert (tmp_path / "scan.h5").read_bytes() == older
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("make", [rock, lambda rng, *sizes: cut(rng, VOLUME, *sizes)], ids=["rock", "volume"])
def test_slices_are_the_same_alone_and_together(make):
    slices = make(np.random.default_rng(2), 40, 9, 96)
    together = slices[:]
    assert together.shape == slices.shape == (9, 96, 96)
    for row in range(9):
        np.testing.assert_allclose(slices[row : row + 1][0], together[row], atol=1e-5)
    assert np.abs(np.diff(together, axis=0)).max() > 0.01


@given(st.integers(-5000, 5000))
def test_a_mirrored_height_is_near_the_middle_and_beside_that_of_the_next_row(z):
    assert abs(mirrored(z)) <= MIRRORED
    assert abs(mirrored(z + 1) - mirrored(z)) == 1
    assert mirrored(z) == z or abs(z) > MIRRORED


def test_far_rows_show_the_object_too_in_counts_and_truth():
    crack = pieces(1, Shape.ELLIPSOID, attenuation=1, x=5, a=6, b=4, c=9, drift_x=0.2)
    phantom = Phantom("test", crack)
    far = 4 * MIRRORED + 2
    assert np.array_equal(phantom.slice_at(far, 64), phantom.slice_at(2, 64))
    seen = phantom.line_integrals(np.zeros(1), range(far, far + 2), 64, 32)
    assert np.array_equal(seen, phantom.line_integrals(np.zeros(1), range(2, 4), 64, 32))
    assert seen.max() > 1
