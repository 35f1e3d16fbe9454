"""The fastest runtime is measured once, among those that answer as LiteRT does."""

import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tomopy_edge.backend import Probe
from tomopy_edge.errors import BackendError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks import choice, litert
from tomopy_edge.networks.choice import Candidate, fastest
from tomopy_edge.networks.edge_tpu_sticks import Sticks
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.network_file import NetworkFile

MODEL = open_model("tomogan-compact")
FILE = MODEL.manifest.denoise.choose("int8", 64, (64, 64))
SHAPE = (64, 200)


class Slow(LiteRT):
    """LiteRT that takes its time, and is off by some codes."""

    def __init__(self, path, seconds, off):
        super().__init__(path, 1)
        self.seconds, self.off = seconds, off

    def _run(self, batch):
        time.sleep(self.seconds)
        return super()._run(batch) + np.int8(self.off)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tomopy-edge" / "runtimes"


@pytest.fixture
def opened():
    """The names of the runtimes that were opened, in order."""
    return []


@pytest.fixture
def runtime(opened):
    def make(name, seconds=0.0, off=0, version="1.0"):
        def open_it(path, placement):
            opened.append(name)
            return Slow(path, seconds, off)

        probe = Probe(works=True, told="the CPU", version=version)
        return Candidate(BackendEntry(name, "", "tflite", open_it, lambda: probe, alike=True), FILE, FILE, FILE)

    return make


def chosen(*candidates, threads=1):
    notes = []
    return fastest(list(candidates), MODEL, SHAPE, threads, notes.append).name, notes


def test_the_fastest_is_taken_and_told_with_the_seconds_of_a_slice(runtime):
    name, notes = chosen(runtime("slow", 0.05), runtime("quick", 0.01), runtime("slower", 0.1))
    assert name == "quick"
    (note,) = notes
    tiles = np.prod(FILE.grid(SHAPE).counts)
    taken = float(note.split("quick, ")[1].split()[0])
    assert 0.01 * tiles <= taken < 0.04 * tiles
    assert "s a slice against slow's " in note
    assert " and slower's " in note
    assert note.endswith("with 1 thread")


def test_it_is_measured_once_for_a_machine(runtime, opened, cache):
    first = chosen(runtime("slow", 0.02), runtime("quick"))
    assert opened == ["slow", "quick"]
    assert len(list(cache.iterdir())) == 1
    assert chosen(runtime("slow", 0.02), runtime("quick")) == first
    assert opened == ["slow", "quick"]


@pytest.mark.parametrize(
    "changed",
    [
        lambda _: {"threads": 2},
        lambda monkeypatch: monkeypatch.setattr(choice, "_machine", lambda: ("another",)),
        lambda monkeypatch: monkeypatch.setattr(choice, "FORMAT", 0),
    ],
    ids=["threads", "machine", "format"],
)
def test_another_machine_or_number_of_threads_is_measured_anew(runtime, opened, monkeypatch, changed):
    chosen(runtime("slow", 0.02), runtime("quick"))
    chosen(runtime("slow", 0.02), runtime("quick"), **(changed(monkeypatch) or {}))
    assert opened == ["slow", "quick"] * 2


def test_another_version_or_file_is_measured_anew(runtime, opened):
    chosen(runtime("slow", 0.02), runtime("quick"))
    chosen(runtime("slow", 0.02), runtime("quick", version="1.1"))
    assert len(opened) == 4
    other = replace(FILE, sha256=MODEL.manifest.denoise.choose("int8", 128, SHAPE).sha256, file="x")
    assert choice._file_name([runtime("slow")], 1) != choice._file_name([replace(runtime("slow"), file=other)], 1)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "not JSON",
        lambda _: "[]",
        lambda _: "{}",
        lambda kept: json.dumps(kept | {"unknown": 1}),
        lambda kept: json.dumps(kept | {"seconds": {}}),
        lambda kept: json.dumps(kept | {"seconds": {"slow": 0.02}}),
        lambda kept: json.dumps(kept | {"seconds": ["slow", "quick"]}),
        lambda kept: json.dumps(kept | {"seconds": {"slow": "0.02", "quick": "0.01"}}),
        lambda kept: json.dumps(kept | {"seconds": {"slow": 0.02, "quick": float("nan")}}),
        lambda kept: json.dumps(kept | {"seconds": {"slow": 0.02, "quick": -1.0}}),
        lambda kept: json.dumps(kept | {"seconds": {"slow": 0.02}, "left_out": {"quick": None}}),
        lambda kept: json.dumps(kept | {"day": "yesterday"}),
    ],
)
def test_a_cache_that_is_damaged_is_measured_again(runtime, opened, cache, damage):
    chosen(runtime("slow", 0.02), runtime("quick"))
    (kept,) = cache.iterdir()
    kept.write_text(damage(json.loads(kept.read_text())))
    name, notes = chosen(runtime("slow", 0.02), runtime("quick"))
    assert name == "quick"
    assert "nan" not in notes[0]
    assert opened == ["slow", "quick"] * 2
    assert json.loads(kept.read_text())["seconds"].keys() == {"slow", "quick"}


NOT_KEPT = "what was measured of runtimes cannot be kept, so the next run measures it again: "


def test_a_cache_that_cannot_be_written_is_a_note_and_no_error(runtime, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    name, notes = chosen(runtime("slow", 0.02), runtime("quick"))
    assert name == "quick"
    assert notes[0].startswith(NOT_KEPT)
    assert "Not a directory" in notes[0]


def test_a_user_without_a_home_has_it_measured_every_time(runtime, monkeypatch):
    def homeless(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(choice.Path, "home", classmethod(homeless))
    name, notes = chosen(runtime("slow", 0.02), runtime("quick"))
    assert name == "quick"
    assert notes[0] == f"{NOT_KEPT}Could not determine home directory."


def test_a_runtime_that_answers_wrongly_is_left_out_with_a_note_though_it_is_faster(runtime):
    for _ in range(2):  # measured, and as it was kept
        name, notes = chosen(runtime("right", 0.02), runtime("wrong", off=2))
        assert name == "right"
        assert "runtime wrong is left out of the choice: its answers are up to 2" in notes[0]
        assert notes[1].startswith("runtime auto: right, ")
        assert "against" not in notes[1]


def test_a_runtime_that_fails_is_left_out_with_what_it_said_and_tried_again_next_time(runtime, cache):
    def fail(path, placement):
        raise OSError("libthing.so.1: no such file")

    broken = runtime("broken")
    broken = replace(broken, entry=replace(broken.entry, open=fail))
    name, notes = chosen(broken, runtime("right"))
    assert name == "right"
    assert notes[0] == "runtime broken is left out of the choice: OSError: libthing.so.1: no such file"
    assert not cache.exists()


def test_a_device_that_is_lost_while_it_is_measured_is_left_out_and_closed(runtime):
    closed = []

    class Lost(Slow):
        left = 2

        def _run(self, batch):
            self.left -= 1
            if self.left < 0:
                raise BackendError("usb:0 is gone")
            return super()._run(batch)

        def _free(self):
            closed.append("lost")

    lost = runtime("lost")
    lost = replace(lost, entry=replace(lost.entry, open=lambda path, _: Lost(path, 0, 0)))
    name, notes = chosen(lost, runtime("right", 0.02))
    assert name == "right"
    assert notes[0] == "runtime lost is left out of the choice: BackendError: usb:0 is gone"
    assert closed == ["lost"]


def test_where_none_agrees_that_is_an_error_that_names_each(runtime):
    with pytest.raises(BackendError, match=r"runtime one: its answers are up to .*; runtime other: its answers"):
        chosen(runtime("one", off=5), runtime("other", off=-5))


@pytest.mark.parametrize(("spent", "rounds"), [(0.0, 1), (60.0, choice.ROUNDS)])
def test_a_slow_machine_is_not_kept_busy_for_long(runtime, monkeypatch, spent, rounds):
    asked = []
    infer = Slow.infer
    monkeypatch.setattr(Slow, "infer", lambda self, tiles: (asked.append(self.seconds), infer(self, tiles))[1])
    monkeypatch.setattr(choice, "time", SimpleNamespace(perf_counter=lambda: sum(asked)))
    monkeypatch.setattr(choice, "SPENT", spent)
    assert chosen(runtime("slow", 0.02), runtime("quick", 0.001))[0] == "quick"
    # Once more than there are rounds: each one's answer is compared before.
    assert asked == [0.02, 0.001, *[0.02, 0.001] * rounds]


def test_what_another_program_slows_down_in_most_rounds_is_not_taken_for_slow(runtime):
    class Disturbed(Slow):
        asked = 0

        def _run(self, batch):
            self.asked += 1
            self.seconds = 0.0 if self.asked == 3 else 0.2
            return super()._run(batch)

    disturbed = runtime("disturbed")
    disturbed = replace(disturbed, entry=replace(disturbed.entry, open=lambda path, _: Disturbed(path, 0, 0)))
    assert chosen(disturbed, runtime("steady", 0.05))[0] == "disturbed"


def test_several_devices_are_measured_together():
    class Stick(Slow):
        together, most = 0, 0
        counting = threading.Lock()

        def _run(self, batch):
            with Stick.counting:
                Stick.together += 1
                Stick.most = max(Stick.most, Stick.together)
            answer = super()._run(batch)
            with Stick.counting:
                Stick.together -= 1
            return answer

    def with_sticks(count):
        def open_it(path, placement):
            sticks = {f"usb:{i}": Stick(path, 0.05, 0) for i in range(count)}
            return Sticks(sticks, LiteRT(path, 1), placement.note, "sticks")

        probe = Probe(works=True, told="sticks")
        return Candidate(
            BackendEntry(f"sticks{count}", "", "tflite", open_it, lambda: probe, alike=True), FILE, FILE, FILE
        )

    measured = choice.measure([with_sticks(1), with_sticks(4)], MODEL, 1)
    assert not measured.left_out
    assert Stick.most == 4
    assert 0.05 / 4 <= measured.seconds["sticks4"] < 0.05 <= measured.seconds["sticks1"]


def test_runtimes_with_other_tiles_are_compared_by_the_slice():
    large = NetworkFile(file="x", sha256="", precision="int8", tile=64, halo=8, stride=48, batch=4)
    small = replace(large, tile=32, stride=16, batch=1)
    assert large.grid((96, 96)).counts == (2, 2)
    assert Candidate(litert.ENTRY, large, large, large).seconds(0.5, (96, 96)) == 0.5
    assert Candidate(litert.ENTRY, small, small, small).seconds(0.1, (96, 96)) == pytest.approx(0.1 * 36)
