"""How much memory networks take, and that smaller tiles run where it is short."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions, settle_tomogan
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.job import Job
from tomopy_edge.networks import litert, room, whole
from tomopy_edge.networks.footprint import footprint
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.room import Room, shortage
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
    free(100 * 10**6)  # more than is foretold, which is the least that it takes
    with pytest.raises(
        BackendError, match=r"in tiles of 1056 pixels, take 0\.088 to 0\.12 GB .* 0\.1 GB are free; name sm"
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
        match=r"runtime float: slices of 2560 x 2560 pixels, whole, take .* GB of memory, .* 0.9 GB are free; name",
    ):
        room_here.expect(file, whole.ENTRY, (2560, 2560))
    room_here.expect(choose_file(whole.ENTRY, NETWORKS, "float", None, (1024, 1024)), whole.ENTRY, (1024, 1024))


def test_where_nothing_can_look_into_a_file_any_is_tried(monkeypatch):
    def absent(*_):
        raise BackendError("ai-edge-litert is missing")

    monkeypatch.setattr(room, "footprint", absent)
    assert Room(MODEL, 1).fits(NETWORKS.networks[0])


def test_a_file_is_looked_into_once_while_a_recipe_is_settled(catalogue, monkeypatch, free):
    free(150 * 10**6)
    looked = []
    monkeypatch.setattr(room, "footprint", lambda path, tile: looked.append(path.name) or footprint(path, tile))
    settled(catalogue, Volume(noisy(1000)))
    assert len(looked) > 1
    assert len(looked) == len(set(looked))


def test_a_damaged_file_is_the_fault_that_auto_tells_of(catalogue, tmp_path):
    model = tmp_path / "mine"
    shutil.copytree(MODEL.folder, model)
    manifest = json.loads((model / "manifest.json").read_text())
    for file in manifest["denoise"]["networks"]:
        path = model / file["file"]
        path.write_bytes(path.read_bytes()[:5000])
        file["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (model / "manifest.json").write_text(json.dumps(manifest))
    job = Job(ncore=1, catalogue=catalogue)
    with pytest.raises(ModelError, match=r"tomogan-compact_int8_\d+\.tflite: is damaged or cut short"):
        settle_tomogan(NetworkOptions(model=str(model)), Volume(noisy(64)), job)


@pytest.mark.parametrize(
    ("told", "needed", "short"),
    [
        ("XNNPack delegate failed to reshape runtime", 10**9, True),
        ("XNNPack delegate failed to reshape runtime", 7 * 10**8, False),
        ("Failed to allocate 165183488 bytes of memory", 0, True),
        ("std::bad_alloc", 0, True),
        ("CUDA failure 2: out of memory", 0, True),
        ("unknown operator", 0, False),
    ],
)
def test_what_failed_for_want_of_memory_is_told_from_what_did_not(told, needed, short):
    error = shortage("net.tflite", told, needed, 10**9)
    assert (error is not None) is short
    assert error is None or str(error).startswith("net.tflite: there is not enough memory")


FAILS = """
import resource, sys
from pathlib import Path
import numpy as np
from tomopy_edge.backend import Placement
from tomopy_edge.errors import BackendError
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.networks.agreement import reference_network

name, path, tile, free = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
entry = load_catalogue(installed=False).backends[name]
if entry.reads == "tflite":
    entry.open(reference_network("float"), Placement(tile=64 if entry.whole else None)).close()
else:
    import onnxruntime
text = Path("/proc/self/status").read_text()
used = 1024 * int(text.split("VmData:")[1].split()[0])
resource.setrlimit(resource.RLIMIT_DATA, (used + free, used + free))
try:
    network = entry.open(path, Placement(tile=tile if entry.whole else None))
    network.infer(np.zeros(network.ends.shape, network.ends.kind))
except BackendError as error:
    print("told:", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
@pytest.mark.parametrize("runtime", ["litert", "float", "openvino", "onnxruntime"])
def test_a_runtime_that_memory_ends_for_says_so_and_does_not_call_the_model_broken(runtime, catalogue):
    if runtime in {"openvino", "onnxruntime"}:
        pytest.importorskip(runtime, reason="it is not installed")
    networks = open_model("tomogan").manifest.denoise
    entry = catalogue.backends[runtime]
    file = choose_file(entry, networks, None, {"onnxruntime": 256}.get(runtime, 752), (640, 640))
    free = {"openvino": 50, "onnxruntime": 10}.get(runtime, 120)
    measure = [sys.executable, "-c", FAILS, runtime, str(path_of("tomogan", file)), str(file.tile), str(free * 10**6)]
    said = subprocess.run(measure, check=True, capture_output=True, text=True)  # noqa: S603 - this interpreter
    assert ": there is not enough memory" in said.stdout, said.stderr
    assert "onnxruntime:" not in said.stderr
