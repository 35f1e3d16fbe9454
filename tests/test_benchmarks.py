"""The scripts in benchmarks/: turns are fair, limits are counted right, and every script tells its flags."""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tomopy_edge.networks.manifest import open_model
from tomopy_edge.readers import open_scan

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Import a script by name, and forget it afterwards."""
    monkeypatch.syspath_prepend(SCRIPTS)
    for path in SCRIPTS.glob("*.py"):
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
    yield importlib.import_module
    for path in SCRIPTS.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_all_take_turns_and_the_first_is_not_counted(script):
    turns, said = script("turns"), []
    contestants = [
        turns.Contestant({}, lambda name=name: said.append(name), units=2, slow=slow)
        for name, slow in (("a", False), ("b", False), ("slow", True))
    ]
    turns.take_turns(contestants, 2)
    assert said == ["a", "b", "a", "b", "slow", "a", "b"]
    assert [len(one.seconds) for one in contestants] == [2, 2, 1]


def test_ratios_are_taken_within_each_turn(script):
    turns = script("turns")
    first, other = turns.Contestant({}, int, seconds=[1.0, 2.0, 10.0]), turns.Contestant({}, int, seconds=[0.5, 1.0, 2])
    assert other.times(first) == 2
    assert other.times(None) is None


def test_the_table_is_printed_and_written_with_what_it_was_made_on(script, tmp_path, capsys):
    args = argparse.Namespace(json=tmp_path / "new" / "table.json")
    with script("turns").published(args, "told", limits={"copied": 1}) as table:
        table.append({"way": "a", "s": 0.12345})
        table.append({"way": "b", "s": None})
    assert capsys.readouterr().out.splitlines()[-3:] == ["way      s", "a    0.123", "b        -"]
    written = json.loads(args.json.read_text())
    assert written["rows"] == [{"way": "a", "s": 0.12345}, {"way": "b", "s": None}]
    assert written["limits"] == {"copied": 1}
    assert written["machine"]["cores"] >= 1


def test_tomogan_costs_97_billion_multiply_accumulates_for_a_slice(script):
    limits, model = script("limits"), open_model("tomogan")
    for precision in ("int8", "float"):
        work = limits.slice_work(model, model.manifest.denoise, precision, 1024)
        assert work.macs == pytest.approx(97.2e9, rel=1e-3)
        assert work.int8 == (precision == "int8")


def test_the_longest_part_of_some_work_is_its_least_time(script):
    limits = script("limits")
    machine = limits.Limits(threads=1, copied=10.0, flops=100.0, int8=1000.0, instruction="dotprod")
    assert machine.seconds(limits.Work(flops=200, bytes=10)) == 2
    assert machine.seconds(limits.Work(flops=200, bytes=50)) == 5
    assert machine.seconds(limits.Work(macs=3000)) == 3
    assert machine.seconds(limits.Work(macs=3000, int8=False)) == 60
    without = limits.Limits(threads=1, copied=10.0, flops=100.0, int8=None, instruction=None)
    assert without.seconds(limits.Work(macs=3000)) is None
    assert without.seconds(limits.Work(flops=200)) == 2


def test_the_machine_copies_and_multiplies(script):
    machine = script("limits").measure_limits(1)
    # From the smallest boards to what no core does yet.
    assert 1e8 < machine.copied < 1e12
    assert 1e8 < machine.flops < 1e12
    assert machine.int8 is None or machine.flops / 2 < machine.int8 < 1e13


def test_a_tall_scan_repeats_the_rows_of_a_short_one(script, tmp_path):
    growth = script("growth")
    growth.write_tall(tmp_path / "scan.h5", growth.Size(slices=6, columns=64, angles=16))
    with open_scan(tmp_path / "scan.h5") as scan:
        assert (scan.rows, scan.columns, scan.angles) == (6, 64, 16)
        counts = scan.read(0, 6).projections
    np.testing.assert_array_equal(counts[:, 4:6], counts[:, :2])
    assert (counts[:, 0] != counts[:, 1]).any()


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem not in {"turns", "limits", "tampering"})
)
def test_each_script_tells_its_flags_and_writes_json(name):
    command = [sys.executable, SCRIPTS / f"{name}.py", "--help"]
    assert "--json" in subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
