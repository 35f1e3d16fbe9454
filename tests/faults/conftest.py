"""What the tests of faults share: a small scan, runs of it, and a plugin that is at fault when a test says so.

A test says what a user sees, what is on the disk then, and that another run makes it whole: as one without any fault.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pytest

from tomopy_edge import contact_sheet
from tomopy_edge.cli import main

ROWS, COLUMNS, ANGLES = 12, 48, 40
CHUNK = 2
"""Rows worked on at once."""

PANEL = 96
"""Edge of the panels of a contact sheet, pixels."""

FAULT, SMALL = "TOMOPY_EDGE_TEST_FAULT", "TOMOPY_EDGE_TEST_PANEL"
WAIT = 30
"""Seconds after which a process counts as hung."""

AT_FAULT = {"denoiser": "at_fault"}


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes
    ----------
    code : exit code
    said : everything that it printed and logged
    """

    code: int
    said: str


def stages(denoise=AT_FAULT, formats=("tiff",), after=()):
    """The recipe of all tests; further stages may come after the denoiser."""
    before = ["read", "normalize", "minus_log", {"find_center": {"center": 23.5}}, "reconstruct"]
    return [*before, {"denoise": denoise}, *after, {"write": {"formats": list(formats)}}]


@pytest.fixture
def kept():
    """What counts the slices that the ledger of an unfinished output has."""

    def count_of(output):
        ledger = output.with_name(f"{output.name}.part") / "slices.jsonl"
        return ledger.read_bytes().count(b"\n") if ledger.exists() else 0

    return count_of


@pytest.fixture
def network():
    """A denoiser with a network, the smallest, on the runtime that is always there."""
    return {"denoiser": "tomogan", "options": {"model": "tomogan-compact", "runtime": "litert", "tile": 64}}


@pytest.fixture(autouse=True, scope="module")
def _small_pictures():
    """Have contact sheets drawn small: at their own size they would take half of the time of each run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contact_sheet, "SMALLEST_PANEL", PANEL)
        yield


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A small DataExchange scan of a disc that grows from row to row, with its axis in the middle."""
    path = tmp_path_factory.mktemp("original") / "scan.h5"
    theta = np.linspace(0, 180, ANGLES, endpoint=False)
    off = np.arange(COLUMNS) - 23.5 - 6 * np.cos(np.deg2rad(theta))[:, None]
    radii = np.linspace(8, 14, ROWS)[:, None]
    line_integrals = 0.08 * np.sqrt(np.maximum(radii**2 - off[:, None] ** 2, 0))
    rng = np.random.default_rng(2)
    with h5py.File(path, "w") as file:
        file["measurement/sample/name"] = "disc"
        exchange = file.create_group("exchange")
        exchange["data"] = rng.poisson(100 + 4000 * np.exp(-line_integrals)).astype(np.uint16)
        exchange["data_white"] = rng.poisson(4100, (5, ROWS, COLUMNS)).astype(np.uint16)
        exchange["data_dark"] = rng.poisson(100, (5, ROWS, COLUMNS)).astype(np.uint16)
        exchange["theta"] = theta
        exchange["theta"].attrs["units"] = "degrees"
    return path


@pytest.fixture
def scan(original, tmp_path):
    """That scan, a test's own."""
    path = tmp_path / "raw" / "scan.h5"
    path.parent.mkdir()
    return Path(shutil.copy(original, path))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder that the plugin is installed in."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(Path(__file__).parent / "plugin" / "at_fault.py", folder)
    info = folder / "at_fault-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: at-fault\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tomopy_edge]\nat_fault = at_fault\n")
    return folder


@pytest.fixture
def plugin(site, monkeypatch):
    """The plugin, installed, for as long as a test lasts; its calls are counted anew."""
    monkeypatch.syspath_prepend(site)
    module = importlib.import_module("at_fault")
    monkeypatch.setattr(module, "calls", count(1))
    return module


@pytest.fixture
def at_fault(plugin, monkeypatch):
    """What has the plugin be at fault, in calls that are counted from now on, or act as a function says."""

    def arrange(fault, *calls):
        monkeypatch.setattr(plugin, "calls", count(1))
        if callable(fault):
            monkeypatch.setattr(plugin, "acts", fault)
            fault = "acts"
        if fault is None:
            monkeypatch.delenv(FAULT, raising=False)
        else:
            monkeypatch.setenv(FAULT, f"{fault}@{','.join(map(str, calls))}" if calls else fault)

    return arrange


@pytest.fixture
def breaks():
    """What a test breaks things of the package or the system with, and mends them."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture
def in_turn(breaks):
    """Have stages take turns, as they do where memory is short."""
    breaks.setattr("tomopy_edge.run_scan.free_memory", lambda: 2**30)


@pytest.fixture
def words(scan, tmp_path):
    """What makes the words of a command that runs the recipe."""

    def made(output, *more, **asked):
        recipe = tmp_path / "recipe.json"
        recipe.write_text(json.dumps(stages(**asked)))
        few = ["--nsino-per-chunk", str(CHUNK), "--ncore", "1"]
        return ["run", str(recipe), str(scan), "--output", str(output), *few, *more]

    return made


@pytest.fixture
def run(plugin, words, capsys, caplog):
    """What runs the command in this process, and tells how it ended; a traceback is never what a user should see."""

    def done(output, *more, **asked):
        caplog.clear()
        code = main(words(output, *more, **asked))
        said = "".join([*capsys.readouterr(), caplog.text])
        assert "Traceback" not in said
        return Ended(code, said)

    return done


@pytest.fixture
def start(site, words):
    """What starts the command in a process of its own; all of them have ended when the test has."""
    started = []

    def begun(output, *more, fault="", folders=(), **asked):
        path = os.pathsep.join(map(str, [*folders, site, *sys.path]))
        own = {**os.environ, "PYTHONPATH": path, FAULT: fault, SMALL: str(PANEL)}
        command = [sys.executable, "-m", "tomopy_edge", *words(output, *more, **asked)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, **pipes, env=own, text=True)  # noqa: S603 - our own command
        started.append(process)
        return process

    yield begun
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def ended():
    """What waits for a process, which says no traceback, and tells how it ended."""

    def waited(process):
        said = "".join(process.communicate(timeout=WAIT))
        assert "Traceback" not in said
        return Ended(process.returncode, said)

    return waited


@pytest.fixture(scope="session")
def undisturbed(original, site, contents_of, tmp_path_factory):
    """What a run without any fault leaves, of a recipe that `stages` makes."""
    found = {}

    def made(scan=original, **asked):
        key = json.dumps([asked, str(scan)])
        if key not in found:
            folder = tmp_path_factory.mktemp("undisturbed")
            recipe = folder / "recipe.json"
            recipe.write_text(json.dumps(stages(**asked)))
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv(FAULT, raising=False)
                patch.syspath_prepend(site)
                # Of one chunk, on as many threads as there are: neither changes a byte.
                assert main(["run", str(recipe), str(scan), "--output", str(folder / "out")]) == 0
            found[key] = contents_of(folder / "out")
        return found[key]

    return made


@pytest.fixture
def made_whole(run, at_fault, contents_of, undisturbed):
    """A check that another run, where nothing is at fault any more, leaves what one does that was not disturbed."""

    def check(output, *more, scan=None, **asked):
        at_fault(None)
        done = run(output, *(more or ["--resume"]), **asked)
        assert done.code == 0, done.said
        assert contents_of(output) == undisturbed(**asked, **({} if scan is None else {"scan": scan}))
        assert not output.with_name(f"{output.name}.part").exists()
        return done

    return check
