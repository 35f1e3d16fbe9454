"""Runtimes taking turns on a simulated scan: real ones, and scripted ones that are slow, fail or are interrupted."""

import argparse
import json
import shutil
import time

import pytest

import tomopy_edge
from tomopy_edge import backend
from tomopy_edge.catalogue import ask
from tomopy_edge.cli import bench as verb
from tomopy_edge.errors import BackendError, DataError, ModelError, OutputError, PluginError
from tomopy_edge.machine import rounds
from tomopy_edge.machine.energy import Energy, NoMeter
from tomopy_edge.machine.rounds import RoundsOptions, simulated, time_runtimes
from tomopy_edge.machine.timing import PARTS
from tomopy_edge.networks import litert, room
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.plugins import make_manager

SILENT = NoMeter("none: this is a test")


class Scripted(backend.Backend):
    """LiteRT behind a script: what happens at which inference. A stand-in for failures, not a runtime."""

    def __init__(self, inner, script):
        super().__init__(inner.ends, "scripted")
        self.inner, self.script, self.count = inner, script, 0

    def _run(self, batch):
        self.count += 1
        self.script(self.count)
        return self.inner.infer(batch)

    def _free(self):
        self.inner.close()
        self.script("closed")


def entry(name, script=lambda event: None, *, works=True, **more):
    def open_it(path, placement):
        script("opened")
        return Scripted(litert.ENTRY.open(path, placement), script)

    probe = backend.Probe(works=works, told="it is there" if works else "it is not there; plug it in")
    return tomopy_edge.BackendEntry(name, name, "tflite", open_it, lambda: probe, **more)


def catalogue(*entries):
    """The built-in offers, and these runtimes in place of the built-in ones."""
    manager = make_manager(installed=False)
    offered = ask(manager)
    return type(offered)(
        offered.stages, offered.reconstructors, offered.denoisers, {each.name: each for each in entries}
    )


def small(**more):
    named = {"models": ("tomogan-compact",), "columns": 64, "angles": 20, "slices": 2, "turns": 2, "ncore": 1}
    return RoundsOptions(**{**named, **more})


def timed(*entries, **more):
    return time_runtimes(small(**more), catalogue(*entries), meter=SILENT)


def test_litert_is_timed_part_by_part_in_every_turn():
    made = timed(litert.ENTRY)
    (row,) = made.rows
    assert (row.title, row.fault, len(row.turns)) == ("tomogan-compact int8, 64 px, litert", None, 3)
    for turn in row.turns:
        assert turn.parts.keys() == PARTS.keys()
        assert all(seconds > 0 for seconds in turn.parts.values())
    # Every turn begins at the line integrals.
    assert len({turn.parts["fbp"] for turn in row.turns}) == 3
    assert row.turns[0].opening > 0
    assert all(turn.opening == 0 for turn in row.steady)
    assert any("tomogan-compact_int8_64.tflite" in note for note in row.notes)
    assert any("fine_tune_int8_64.tflite" in note for note in row.notes)


def test_what_a_runtime_takes_is_in_its_part_and_opening_in_none():
    def slow(event):
        time.sleep({"opened": 0.5, "closed": 0}.get(event, 0.2))

    first, *steady = timed(entry("slow", slow), slices=1, precisions=("chained",)).rows[0].turns
    assert first.opening >= 0.5
    assert first.parts["other"] < 0.5
    for turn in steady:
        assert turn.parts["infer"] >= 0.2
        assert turn.parts["fine-tune"] == 0
        assert turn.total - turn.parts["infer"] < 0.2


def test_all_parts_together_are_the_whole_turn():
    start = time.perf_counter()
    (row,) = timed(entry("slow", lambda event: time.sleep(0.05)), turns=3).rows
    whole = time.perf_counter() - start
    assert sum(turn.total * 2 + turn.opening for turn in row.turns) < whole
    assert all(0 <= turn.parts["other"] < turn.total / 2 for turn in row.steady)


def test_runtimes_take_turns():
    order = []
    timed(
        entry("a", lambda event: order.append("a")),
        entry("b", lambda event: order.append("b")),
        precisions=("chained",),
    )
    changes = "".join(name for name, before in zip(order, [None, *order], strict=False) if name != before)
    assert changes == "abababab"[: len(changes)]
    # Three turns each; closing is the other way round, last opened first.
    assert len(changes) >= 6


def test_a_runtime_that_fails_midway_is_a_line_with_its_reason_and_costs_the_others_nothing():
    asked = []

    def breaks(event):
        asked.append(event)
        if event == 4:
            raise RuntimeError("device lost")

    broken, good = timed(entry("broken", breaks), entry("good"), precisions=("chained",), turns=4).rows
    assert broken.fault == "denoise: RuntimeError: device lost"
    assert asked == ["opened", 1, 2, 3, 4, "closed"]
    assert 0 < len(broken.turns) < 5
    assert len(good.turns) == 5
    assert good.fault is None


def test_a_network_that_memory_does_not_suffice_for_is_left_out_with_the_reason(monkeypatch):
    # None of it is free when it is settled what runs: what a recipe would be refused, too.
    monkeypatch.setattr(room, "free_memory", lambda: 2**10)
    with pytest.raises(
        ModelError, match="there is nothing to time: tomogan-compact, litert: runtime litert: slices of"
    ):
        timed(litert.ENTRY)


def test_a_network_that_the_others_leave_too_little_memory_for_is_a_line_that_says_so_and_is_not_opened(monkeypatch):
    free, opened = [2**33], []

    def takes_it_all(event):
        free[0] = 2**10 if event == "opened" else free[0]

    monkeypatch.setattr(room, "free_memory", lambda: free[0])
    good, broken = timed(entry("greedy", takes_it_all), entry("b", opened.append), precisions=("chained",)).rows
    assert (good.fault, len(good.turns)) == (None, 3)
    assert (broken.turns, opened) == ((), [])
    assert broken.fault.startswith("runtime b: slices of 64 x 64 pixels, in tiles of 128 pixels, take 0.0037 to")


def test_a_fault_of_ours_is_told_without_its_type():
    def breaks(event):
        raise BackendError("usb:0: was pulled out; plug it in")

    broken, _ = timed(entry("broken", breaks), entry("good")).rows
    assert (broken.fault, broken.turns) == ("usb:0: was pulled out; plug it in", ())


def test_where_nothing_got_through_a_turn_that_is_the_error():
    def breaks(event):
        raise RuntimeError("device lost")

    with pytest.raises(
        BackendError, match="nothing could be timed: tomogan-compact int8, 64 px, broken: denoise: RuntimeError: device"
    ):
        timed(entry("broken", breaks))


def test_a_runtime_that_cannot_be_closed_costs_no_times(caplog):
    def breaks(event):
        if event == "closed":
            raise RuntimeError("stuck")

    (row,) = timed(entry("sticky", breaks), precisions=("chained",)).rows
    assert len(row.turns) == 3
    assert "tomogan-compact chained, 128 px, sticky: cannot be closed: RuntimeError: stuck" in caplog.text


def test_ctrl_c_returns_what_was_timed_until_then():
    def interrupts(event):
        if isinstance(event, int) and event > 5:
            raise KeyboardInterrupt

    made = timed(entry("good"), entry("interrupted", interrupts), precisions=("chained",), turns=50)
    assert made.stopped
    good, interrupted = made.rows
    assert 0 < len(interrupted.turns) < len(good.turns) <= len(interrupted.turns) + 1


def test_runtimes_that_do_not_work_are_left_out_with_the_reason():
    made = timed(entry("gone", works=False), entry("good"))
    assert [row.runtime for row in made.rows] == ["good"]
    assert made.left_out == ("gone: it is not there; plug it in",)


def test_where_no_runtime_works_that_is_the_error():
    with pytest.raises(BackendError, match="no runtime works on this machine: gone: it is not there; plug it in"):
        timed(entry("gone", works=False))
    with pytest.raises(BackendError, match="none of the runtimes that were named works on this machine: gone:"):
        timed(entry("gone", works=False), entry("good"), runtimes=("gone",))


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(PluginError, match="no runtime is named 'litertt'; did you mean 'litert'"):
        timed(litert.ENTRY, runtimes=("litertt",))
    with pytest.raises(ModelError, match="no model is named 'tomogann'; did you mean 'tomogan'"):
        timed(litert.ENTRY, models=("tomogann",))


def test_a_network_that_a_model_does_not_hold_is_left_out_with_the_reason():
    made = timed(litert.ENTRY, models=("tomogan", "tomogan-compact"), precisions=("int8-ptq",), turns=1)
    assert [row.model for row in made.rows] == ["tomogan-compact"]
    (said,) = made.left_out
    assert said.startswith("tomogan int8-ptq, litert: the model holds no int8-ptq network")
    with pytest.raises(ModelError, match="there is nothing to time: tomogan int8-ptq, litert: the model holds no int8"):
        timed(litert.ENTRY, models=("tomogan",), precisions=("int8-ptq",))


def test_tiles_that_are_asked_for_are_timed_side_by_side_also_where_slices_could_be_whole():
    whole = entry("whole", whole=True, precisions=("float",))
    with pytest.raises(ModelError, match="no int8 network for tiles of 65 pixels"):
        timed(litert.ENTRY, tiles=(65,))
    made = timed(litert.ENTRY, whole, tiles=(64, 128, 65), turns=1)
    tiled = [(name, tile) for name in ("litert", "whole") for tile in (64, 128)]
    assert [(row.runtime, row.tile) for row in made.rows] == tiled
    assert "for tiles of 65 pixels" in made.left_out[0]
    assert "tile: must be a multiple of" in made.left_out[1]


def test_a_runtime_without_a_fine_tune_network_is_timed_without_and_says_so():
    (row,) = timed(entry("picky", precisions=("int8-ptq",))).rows
    assert row.precision == "int8-ptq"
    assert all(turn.parts["fine-tune"] == 0 for turn in row.turns)
    assert any(note.startswith("no Fine-Tune network after it: runtime picky: the model holds") for note in row.notes)


def test_energy_is_that_of_the_slice_from_line_integrals_to_files():
    class Ten:
        told = "a test"

        def measuring(self):
            from contextlib import nullcontext

            return nullcontext(Energy(10.0))

    made = time_runtimes(small(turns=1), catalogue(litert.ENTRY), meter=Ten())
    assert made.energy == "a test"
    # Ten joules for the reconstruction of two slices, ten for all the rest.
    assert made.rows[0].joules.median == 10


def test_slices_are_written_where_it_is_asked_and_nothing_is_left(tmp_path):
    seen = {}

    def look(event):
        seen[event] = [path.name for path in tmp_path.rglob("*.tiff")]

    time_runtimes(small(turns=1), catalogue(litert.ENTRY, entry("b", look)), meter=SILENT, scratch=tmp_path)
    # litert has had its turn when b is opened, and b writes its first slice before it makes its second.
    assert seen["opened"] == []
    assert ["recon_00000.tiff"] in seen.values()
    assert not list(tmp_path.iterdir())


def test_no_room_and_no_folder_are_said_before_anything_is_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "simulated", lambda chosen: pytest.fail("it began"))
    with pytest.raises(OutputError, match="gone: cannot be written"):
        time_runtimes(small(), catalogue(litert.ENTRY), meter=SILENT, scratch=tmp_path / "gone")
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"slices: needs .* kB, and the disk has 1 kB free; make room"):
        time_runtimes(small(), catalogue(litert.ENTRY), meter=SILENT, scratch=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_is_an_error_and_no_fault_of_a_runtime(monkeypatch):
    import tifffile

    def full(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(OutputError, match="the disk is full; make room, or write somewhere else"):
        timed(litert.ENTRY)


def test_models_of_one_name_are_told_apart_by_their_folders(tmp_path):
    copy = shutil.copytree(open_model("tomogan-compact").folder, tmp_path / "copy")
    assert timed(litert.ENTRY, models=(str(copy),), turns=1).rows[0].model == "tomogan-compact"
    both = timed(litert.ENTRY, models=("tomogan-compact", str(copy)), turns=1)
    assert [row.model for row in both.rows] == ["tomogan-compact", str(copy)]


def test_the_scan_is_the_same_every_time():
    first, second = simulated(small()), simulated(small())
    assert (first.line_integrals == second.line_integrals).all()
    assert first.line_integrals.shape == (2, 20, 64)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"columns": 63}, "columns: must be at least 64, got 63"),
        ({"slices": 0}, "slices: must be at least 1, got 0"),
        ({"models": ()}, "models: must name at least one"),
    ],
)
def test_what_cannot_be_timed_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        small(**wrong)


def command(*words):
    parser = argparse.ArgumentParser()
    verb.add(parser.add_subparsers())
    args = parser.parse_args(["bench", *map(str, words)])
    return args.run(args)


QUICK = ("--model", "tomogan-compact", "--runtime", "litert", "--columns", 64, "--angles", 20, "--turns", 1)


def test_the_command_prints_the_tables_and_writes_what_is_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    out, picture = tmp_path / "bench.json", tmp_path / "bench.png"
    assert command(*QUICK, "--slices", 1, "--ncore", 1, "--json", out, "--png", picture) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "seconds for a slice of 64 x 64 from 20 angles: one turn after the first; slices in each: 1; threads: 1"
    )
    assert "tomogan-compact int8, 64 px, litert" in said
    assert json.loads(out.read_text())["columns"] == 64
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_refuses_what_it_could_not_do_in_the_end(tmp_path):
    with pytest.raises(OutputError, match="there is no folder"):
        command(*QUICK, "--json", tmp_path / "no" / "a.json")
    with pytest.raises(DataError, match="bench: columns: must be at least 64, got 8"):
        command("--columns", 8)


def test_the_command_prints_what_it_has_after_ctrl_c(monkeypatch, capsys):
    def stopped(chosen, *args, **more):
        def interrupts(event):
            if isinstance(event, int) and event > 3:
                raise KeyboardInterrupt

        return time_runtimes(small(precisions=("chained",), turns=9), catalogue(entry("a", interrupts)), meter=SILENT)

    monkeypatch.setattr(rounds, "time_runtimes", stopped)
    assert command() == 130
    assert "stopped before the end: the turns until then are above" in capsys.readouterr().out
