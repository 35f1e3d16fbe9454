"""How much memory networks take, and that smaller tiles run where it is short."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions, settle_tomogan
from tomopy_edge.errors import BackendError
from tomopy_edge.job import Job
from tomopy_edge.networks import litert, room, whole
from tomopy_edge.networks.footprint import footprint
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.room import Room
from tomopy_edge.networks.runtimes import choose_file

MODEL = open_model("tomogan-compact")
NETWORKS = MODEL.manifest.denoise
TAKEN = """
import sys
from pathlib import Path
import numpy as np
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.tflite_graph import read_graph

def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

path = Path(sys.argv[1])
read_graph(path)
LiteRT(Path(sys.argv[2]), 2).close()
before = resident()
network = LiteRT(path, 2)
network.infer(np.zeros(network.ends.shape, network.ends.kind))
print(resident() - before)
"""


def file_of(model, precision, tile):
    networks = open_model(model).manifest.denoise.networks
    return next(file for file in networks if (file.precision, file.tile) == (precision, tile))


def path_of(model, file):
    return open_model(model).path(file.file, file.sha256)


@pytest.mark.parametrize(
    ("model", "precision", "tile"),
    [("tomogan", "int8", 256), ("tomogan", "int8", 512), ("tomogan-compact", "int8", 1056), ("tomogan", "float", 256)],
)
def test_what_a_network_takes_is_foretold_to_a_third_and_not_too_high(model, precision, tile):
    path = path_of(model, file_of(model, precision, tile))
    small = path_of("tomogan-compact", file_of("tomogan-compact", "int8", 64))
    measure = [sys.executable, "-c", TAKEN, str(path), str(small)]
    taken = int(subprocess.run(measure, check=True, capture_output=True).stdout)  # noqa: S603 - this interpreter
    assert 0.97 < taken / footprint(path) < 1.35


def test_tiles_of_twice_the_edge_take_four_times_as_much():
    path = path_of("tomogan", file_of("tomogan", "float", 256))
    assert footprint(path, 512) == pytest.approx(4 * footprint(path), rel=1e-6)
    assert footprint(path_of("tomogan", file_of("tomogan", "int8", 512))) == pytest.approx(
        4 * footprint(path_of("tomogan", file_of("tomogan", "int8", 256))), rel=0.02
    )


@pytest.fixture
def free(monkeypatch):
    """Set how many bytes are free."""

    def settle(count):
        monkeypatch.setattr(room, "free_memory", lambda: count)

    return settle


def noisy(edge):
    y, x = np.ogrid[:edge, :edge]
    disc = (np.hypot(y - edge / 2, x - edge / 2) < edge / 3).astype(np.float32)
    return disc + np.random.default_rng(0).normal(scale=0.2, size=(1, edge, edge)).astype(np.float32)


def settled(catalogue, volume, **chosen):
    job = Job(ncore=1, catalogue=catalogue)
    options = settle_tomogan(NetworkOptions(model="tomogan-compact", runtime="litert", **chosen), volume, job)
    return options, job


def test_where_memory_is_short_smaller_tiles_run_which_leave_no_seam_and_change_nothing(catalogue, free):
    volume = Volume(noisy(1000))
    free(10**10)
    usual, _ = settled(catalogue, volume)
    free(150 * 10**6)
    small, job = settled(catalogue, volume)
    (note,) = [sentence for sentence in job.tally.notes["denoise"] if "tiles of" in sentence]
    assert note.startswith(
        f"tiles of {usual.tile} pixels would take 88 MB, and of the 150 MB that are free a network is"
    )
    assert small.tile < usual.tile
    assert replace(small, tile=usual.tile) == usual
    slices = np.repeat(volume.slices, 3, axis=0)
    answers = []
    for options in (usual, small):
        denoiser = NetworkDenoiser("denoise", "denoise", options, job)
        answers.append(denoiser(slices))
        denoiser.close()
    np.testing.assert_array_equal(*answers)


def test_a_tile_that_is_named_is_kept_and_refused_where_it_cannot_run(catalogue, free):
    free(300 * 10**6)
    options, _ = settled(catalogue, Volume(noisy(64)), tile=1056)
    assert options.tile == 1056
    free(60 * 10**6)
    with pytest.raises(
        BackendError, match=r"in tiles of 1056 pixels, take about 0\.088 GB .* 0\.06 GB are free; name sm"
    ):
        settled(catalogue, Volume(noisy(64)), tile=1056)


def test_the_smallest_exact_tiles_run_where_none_fits():
    file = choose_file(litert.ENTRY, NETWORKS, "int8", None, (1000, 1000), lambda _: False)
    assert NETWORKS.is_exact(file)
    assert file.tile == min(one.tile for one in NETWORKS.networks if one.precision == "int8" and NETWORKS.is_exact(one))


def test_a_whole_slice_that_memory_does_not_hold_is_refused_before_the_system_ends_it():
    room_here = Room(MODEL, 9 * 10**8)
    file = choose_file(whole.ENTRY, NETWORKS, "float", None, (2560, 2560))
    with pytest.raises(
        BackendError,
        match=r"runtime float: slices of 2560 x 2560 pixels, whole, take about .* 0.9 GB are free; name another",
    ):
        room_here.expect(file, whole.ENTRY, (2560, 2560))
    room_here.expect(choose_file(whole.ENTRY, NETWORKS, "float", None, (1024, 1024)), whole.ENTRY, (1024, 1024))


def test_where_nothing_can_look_into_a_file_any_is_tried(monkeypatch):
    def absent(*_):
        raise BackendError("ai-edge-litert is missing")

    monkeypatch.setattr(room, "footprint", absent)
    assert Room(MODEL, 1).fits(NETWORKS.networks[0])
