"""The same recipe on workers of Dask: the same bytes as on one machine, whatever happens to the workers."""

import argparse
import json
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest

from tomopy_edge.cli.scan_options import address, cluster_of
from tomopy_edge.cluster import start
from tomopy_edge.cluster.dask_crew import DaskCrew
from tomopy_edge.cluster.piece import Made, Piece, make_piece
from tomopy_edge.cluster.workplace import Task
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.errors import ClusterError, DataError
from tomopy_edge.output import LOCK
from tomopy_edge.readers import ArrayScan
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.run_scan import run

# Not imported here: dask-jobqueue would change ctrl-C for all tests.
if not all(map(find_spec, ("distributed", "dask_jobqueue"))):
    pytest.skip("needs the extra cluster", allow_module_level=True)

PLUGIN = Path(__file__).parent / "plugins" / "tomopy-edge-unsteady"
ROWS, COLUMNS, ANGLES = 40, 48, 40
FORMATS = ["tiff", "hdf5"]
TWO = ClusterOptions(workers=2, rows=6)
WAIT = 90
"""Seconds after which a run counts as hung."""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The plugin, found by this process and by workers: as pip would install it, without its isolated build."""
    site = tmp_path_factory.mktemp("site")
    (site / "unsteady.py").write_text((PLUGIN / "unsteady.py").read_text())
    facts = site / "tomopy_edge_unsteady-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tomopy-edge-unsteady\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[tomopy_edge]\nunsteady = unsteady\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        yield


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A scan whose rows cost next to nothing."""
    path = tmp_path_factory.mktemp("raw") / "scan.h5"
    sizes = ["--columns", COLUMNS, "--rows", ROWS, "--angles", ANGLES, "--counts", 2000]
    assert command("simulate", "scan", path, *sizes).wait(timeout=WAIT) == 0
    return path


def command(*words):
    argv = [sys.executable, "-m", "tomopy_edge", *map(str, words)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command


def recipe(fault="none", once=""):
    denoise = {"denoiser": "unsteady", "options": {"fault": fault, "once": str(once)}}
    center = {"center": COLUMNS / 2}
    stages = ["read", "normalize", "minus_log", {"find_center": center}, "reconstruct", {"denoise": denoise}]
    return [*stages, {"write": {"formats": FORMATS}}]


def contents(output):
    """What the slices are, whatever made them."""
    found = {path.name: path.read_bytes() for path in output.glob("*.tiff")}
    with h5py.File(output / "recon.h5") as file:
        slices = file["exchange/data"][...].tobytes()
    return found | {"slices": slices, "sheet": (output / "contact_sheet.png").read_bytes()}


@pytest.fixture(scope="module")
def whole(scan, plugin, tmp_path_factory):
    """What one machine makes of the scan."""
    return contents(run(recipe(), scan, tmp_path_factory.mktemp("whole") / "out").output)


def test_two_workers_make_the_same_bytes_as_one_machine(scan, whole, tmp_path, caplog):
    caplog.set_level("INFO")
    done = run(recipe(), scan, tmp_path / "out", cluster=TWO)
    assert contents(done.output) == whole
    assert done.report.notes["cluster"] == [f"{ROWS} slices by 2 workers"]
    assert done.report.settings == {"kind": "local", "workers": 2, "rows": 6} | {
        name: value for name, value in done.report.settings.items() if name not in {"kind", "workers", "rows"}
    }
    assert set(done.report.timings) >= {"normalize", "reconstruct", "denoise", "write"}
    assert any(record.message.startswith("cluster: dashboard at http://127.0.0.1:") for record in caplog.records)
    rows = [json.loads(line)["row"] for line in (done.output / "slices.jsonl").read_text().splitlines()]
    assert sorted(rows) == [*range(ROWS)]


def test_workers_find_what_is_damaged_and_make_it_anew(scan, whole, tmp_path):
    output = run(recipe(), scan, tmp_path / "out").output
    (output / "recon_00003.tiff").unlink()
    (output / "recon_00017.tiff").write_bytes((output / "recon_00018.tiff").read_bytes())
    done = run(recipe(), scan, output, cluster=TWO, resume=True)
    assert contents(done.output) == whole
    # Two that are damaged, and the three of the contact sheet.
    assert any(note.startswith(f"{ROWS - 5} slices are an earlier run's") for note in done.report.notes["record"])


def test_the_pyramid_of_zarr_is_the_same(scan, tmp_path):
    pytest.importorskip("tensorstore", reason="needs the extra zarr")
    # Small enough to have a pyramid at all: its last level is smaller than a chunk.
    stages = [*recipe()[:-2], {"write": {"formats": ["zarr"]}}]
    one = run(stages, scan, tmp_path / "one").output / "recon.zarr"
    two = run(stages, scan, tmp_path / "two", cluster=TWO).output / "recon.zarr"
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file()) == files
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)


@pytest.mark.parametrize(("fault", "why"), [("dies", "was lost"), ("hangs", "made no slice for 15 s")])
def test_what_a_worker_leaves_is_made_by_another(fault, why, scan, whole, tmp_path):
    stages = recipe(fault, tmp_path / "once")
    done = run(stages, scan, tmp_path / "out", cluster=ClusterOptions(workers=2, rows=6, patience=15))
    assert (tmp_path / "once").exists()
    assert contents(done.output) == whole
    assert done.report.failed == {}
    assert any(why in note for note in done.report.notes["cluster"])


def test_what_a_worker_fills_with_nan_is_made_by_another(scan, whole, tmp_path):
    done = run(recipe("nan", tmp_path / "once"), scan, tmp_path / "out", cluster=TWO)
    assert (tmp_path / "once").exists()
    assert contents(done.output) == whole
    assert done.report.failed == {}


def test_where_every_worker_fails_the_run_ends_with_the_reason(scan, tmp_path, plugin):
    with pytest.raises(ClusterError, match=r"FileNotFoundError.*it was tried 2 times, and no slice was made before it"):
        run(recipe("raises", tmp_path / "missing"), scan, tmp_path / "out", cluster=TWO)
    assert [*tmp_path.iterdir()] == []


def test_a_run_that_is_killed_is_gone_on_with_here_or_there(scan, whole, tmp_path, wait_until):
    stages = tmp_path / "recipe.yaml"
    stages.write_text(json.dumps(recipe("hangs", tmp_path / "once")))
    words = ["run", stages, scan, "-o", tmp_path / "out", "--set"]
    output = tmp_path / "out.part"
    ledger = output / "slices.jsonl"

    def made():
        # Workers write slices, and what started them enters them.
        return ledger.exists() and ledger.read_text() and len([*output.glob("*.tiff")]) >= ROWS // 2

    process = command(*words, "write.formats=[tiff,hdf5]", "--cluster", "--workers", 2)
    # One worker hangs, and the other makes all others.
    wait_until(made, WAIT)
    process.kill()
    process.wait(timeout=WAIT)
    there = len(ledger.read_text().splitlines())
    assert 0 < there < ROWS
    done = run(stages, scan, tmp_path / "out", cluster=TWO, resume=True)
    assert contents(done.output) == whole


def test_workers_of_a_scheduler_that_runs_already_are_taken_and_left_alone(scan, whole, tmp_path):
    with start.open_crew(ClusterOptions(workers=1)) as crew:
        done = run(recipe(), scan, tmp_path / "out", cluster=ClusterOptions(kind="running", address=crew.address))
        assert contents(done.output) == whole
        assert len(crew.workers()) == 1


def test_a_scheduler_that_does_not_answer_is_named(scan, tmp_path, monkeypatch):
    monkeypatch.setattr(start, "ANSWER_WITHIN", 1)
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        run(recipe(), scan, tmp_path / "out", cluster=ClusterOptions(kind="running", address="tcp://127.0.0.1:9"))


def test_workers_that_do_not_see_the_files_are_told_so(scan, tmp_path, plugin):
    made = make_piece(Piece(Task(str(scan), None, 1, folder=str(tmp_path / "nowhere")), 0, 0, 2), lambda *_: None)
    assert "nowhere: is not seen from here; workers need the same files under the same paths" in made.fault


@pytest.mark.usefixtures("plugin")
def test_a_worker_writes_nothing_into_the_output_of_another_run(scan, tmp_path):
    folder = tmp_path / "out.part"
    run(recipe(), scan, tmp_path / "out").output.rename(folder)
    for path in folder.glob("*.tiff"):
        path.unlink()
    (folder / LOCK).write_text("this run")
    told = []

    def another_run_begins(digests, _shape):
        told.append(digests)
        if digests:
            (folder / LOCK).write_text("another run")

    task = Task(str(scan), 2, 1, folder=str(folder), run="this run")
    made = make_piece(Piece(task, 0, 0, 16), another_run_begins)
    assert "the run that these rows were for has ended" in made.fault
    assert 0 < len(made.digests) < 8
    assert len([*folder.glob("*.tiff")]) == len(made.digests)


class Silent:
    """A client of a scheduler that is gone."""

    def __init__(self, error):
        self._error = error

    def subscribe_topic(self, *_):
        pass

    def scheduler_info(self, **_):
        if self._error is KeyError:
            return {}
        raise self._error

    def submit(self, *_, **__):
        raise self._error


@pytest.mark.parametrize("error", [KeyError, OSError, RuntimeError])
def test_a_scheduler_that_is_lost_ends_the_run_with_a_sentence(error):
    crew = DaskCrew(Silent(error), more=False)
    with pytest.raises(ClusterError, match=r"the scheduler does not answer any more .*--resume goes on"):
        crew.workers()
    with pytest.raises(ClusterError, match=r"the scheduler does not answer any more .*--resume goes on"):
        crew.give("tcp://a:1", Piece(Task("", None, 1), 0, 0, 2))


class Ended:
    """A piece that Dask has ended."""

    def __init__(self, error):
        self.status, self._error = "finished", error

    def result(self):
        raise self._error


def test_what_was_made_and_then_lost_is_heard_as_a_fault_and_what_was_called_off_not_at_all():
    crew = DaskCrew(Silent(OSError), more=False)
    crew._ended(7, Ended(CancelledError()))
    assert crew.hear(0) is None
    crew._ended(8, Ended(OSError("connection reset")))
    told = crew.hear(0)
    assert (told.piece, told.made.fault) == (8, "OSError: connection reset")


def test_a_piece_that_waits_is_known_and_can_be_called_off(tmp_path, wait_until):
    called_off = tmp_path / "called off"

    def slow(piece, _topic):
        while not called_off.exists():
            time.sleep(0.05)
        return Made(digests={piece.first: "sum"})

    class Slow(DaskCrew):
        work = staticmethod(slow)

    with start.open_crew(ClusterOptions(workers=1)) as opened:
        crew = Slow(opened._client, more=False)
        wait_until(crew.workers, WAIT)
        (worker,) = crew.workers()
        for number in range(3):
            crew.give(worker, Piece(Task("", None, 1), number, number, number + 1))
        # Given, not yet there: the scheduler is asked through another connection than it is told.
        wait_until(lambda: crew.waits(worker), WAIT)
        assert crew.waits(worker)
        assert not crew.waits("tcp://127.0.0.1:1")
        crew.call_off(1)
        # It is called off through the scheduler, and nobody says when.
        time.sleep(2)
        called_off.touch()
        heard = [crew.hear(WAIT).piece, crew.hear(WAIT).piece]
        assert heard == [0, 2]
        assert not crew.waits(worker)
        crew.close()


def test_arrays_cannot_be_dealt_out(tmp_path, scan, plugin):
    arrays = ArrayScan(np.ones((4, 2, 8), np.float32), np.linspace(0, 3, 4))
    with pytest.raises(ClusterError, match="arrays lie in no file that workers could read"):
        run(recipe(), arrays, tmp_path / "out", cluster=TWO)


def test_ctrl_c_is_left_as_it_was():
    code = (
        "import signal; from tomopy_edge.cluster.start import _library; before = signal.getsignal(signal.SIGINT); "
        "_library('dask_jobqueue'); assert signal.getsignal(signal.SIGINT) is before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own words


def test_there_are_as_many_workers_as_cores_and_memory_allow():
    assert start.workers_that_fit(1, 8, 100 * 2**30) == 8
    assert start.workers_that_fit(4, 8, 100 * 2**30) == 2
    assert start.workers_that_fit(1, 8, 3 * 2**30) == 3
    assert start.workers_that_fit(16, 8, 0) == 1


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """A batch system that runs a job at once, on this machine, and keeps the scripts."""
    folder = tmp_path / "bin"
    folder.mkdir()
    # The script is gone as soon as it was submitted.
    kept = f'cp "$1" {folder}/job.sh'
    scripts = {
        "sbatch": f'{kept}; sh {folder}/job.sh >/dev/null 2>&1 & echo "Submitted batch job $!"\n',
        "qsub": f'{kept}; sh {folder}/job.sh >/dev/null 2>&1 & echo "$!"\n',
        "scancel": "kill $1 2>/dev/null\n",
        "qdel": "kill $1 2>/dev/null\n",
    }
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize(("kind", "mark"), [("slurm", "#SBATCH"), ("pbs", "#PBS")])
def test_jobs_of_a_batch_system_make_the_slices(kind, mark, scan, whole, sbatch, tmp_path):
    options = ClusterOptions(
        kind=kind,
        workers=1,
        memory="2 GB",
        queue="short",
        walltime="00:10:00",
        directives=("--gres=gpu:1",),
        interface="lo",
        rows=8,
    )
    done = run(recipe(), scan, tmp_path / "out", cluster=options)
    assert contents(done.output) == whole
    script = (sbatch / "job.sh").read_text()
    heads = [line for line in script.splitlines() if line.startswith(mark)]
    assert f"{mark} --gres=gpu:1" in heads
    assert any("short" in line for line in heads)
    assert any("00:10:00" in line for line in heads)


class Flags:
    def __init__(self, cluster=None, workers=None, ncore=None):
        self.cluster, self.workers, self.ncore = cluster, workers, ncore


def test_the_command_line_says_where_slices_are_made(catalogue):
    plain = parse_recipe(["minus_log"], catalogue)
    described = parse_recipe([{"cluster": {"workers": 3, "patience": 9}}, "minus_log"], catalogue)
    assert cluster_of(Flags(), described) is None
    assert cluster_of(Flags("described"), plain) == ClusterOptions()
    assert cluster_of(Flags("described"), described) == ClusterOptions(workers=3, patience=9.0)
    assert cluster_of(Flags("described", 5), described).workers == 5
    assert cluster_of(Flags("described", ncore=4), described).cores == 4
    assert cluster_of(Flags("tcp://head:8786", ncore=4), plain).cores == 4
    running = cluster_of(Flags("tcp://head:8786"), described)
    assert (running.kind, running.address, running.patience) == ("running", "tcp://head:8786", 9.0)
    with pytest.raises(DataError, match="of no use without --cluster"):
        cluster_of(Flags(workers=2), plain)
    with pytest.raises(DataError, match="workers: are those of the scheduler that runs"):
        cluster_of(Flags("tcp://head:8786", 2), plain)


def test_a_recipe_is_not_taken_for_an_address():
    with pytest.raises(argparse.ArgumentTypeError, match="put --cluster alone after recipe and scan"):
        address("quickstart")
