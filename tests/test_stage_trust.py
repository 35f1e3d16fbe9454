"""The stage `trust` examines slices as they pass, tells what was done to them, and costs no slice."""

import dataclasses
import json

import numpy as np
import pytest

import tomopy_edge
from tomopy_edge.catalogue import ask
from tomopy_edge.cli import main
from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError, RecipeError
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.networks.slices import SATURATED
from tomopy_edge.options import options
from tomopy_edge.plugins import make_manager
from tomopy_edge.readers import open_scan
from tomopy_edge.trust.examiner import Examiner
from tomopy_edge.trust.rows import examined_rows

COLUMNS, ROWS = 192, 12


@options
class LieOptions:
    """What is done to slices."""

    what: str = "blob"
    rows: tuple[int, int] = (5, 8)


def lie(volume, chosen, job):
    """Paste a blob into some slices, or level a part of them, as a network could."""
    slices = volume.slices.copy()
    v, u = np.ogrid[:COLUMNS, :COLUMNS]
    for z, row in enumerate(range(volume.first_row, volume.first_row + len(slices))):
        if not chosen.rows[0] <= row < chosen.rows[1]:
            continue
        if chosen.what == "blob":
            slices[z] += 0.008 * np.exp(-((v - 80) ** 2 + (u - 110) ** 2) / 18)
        elif chosen.what == "crack":
            slices[z, 116:125, 66:111] = np.median(slices[z, 110:131, 66:111])
        elif chosen.what == "fail":
            raise DataError("it fails")
    return dataclasses.replace(volume, slices=slices)


class Liar:
    """A plugin with a stage that lies."""

    @tomopy_edge.hookimpl
    def tomopy_edge_stages(self):
        yield StageEntry("lie", "Tamper with slices", LieOptions, Volume, Volume, each_chunk(lie))


@pytest.fixture(scope="module")
def liars():
    manager = make_manager(installed=False)
    manager.register(Liar(), "liar")
    return ask(manager)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A disc with a crack, 2 pixels wide and 40 long, in every row."""
    import h5py

    from tomopy_edge.fbp.projector import ForwardProjection

    path = tmp_path_factory.mktemp("trust") / "cracked.h5"
    theta = np.arange(180) * np.pi / 180
    axis = COLUMNS // 2
    v, u = np.ogrid[:COLUMNS, :COLUMNS]
    slice_ = np.where(np.hypot(v - (axis - 1), u - axis) < 75, 0.01, 0).astype(np.float32)
    slice_[119:121, 70:110] = 0
    line_integrals = ForwardProjection(theta, COLUMNS, COLUMNS, float(axis))(slice_)
    rng = np.random.default_rng(4)
    counts = rng.poisson(5000 * np.exp(-np.repeat(line_integrals[:, None], ROWS, axis=1)))
    with h5py.File(path, "w") as file:
        file["exchange/data"] = counts.astype(np.uint16)
        file["exchange/data_white"] = rng.poisson(5000, (30, ROWS, COLUMNS)).astype(np.uint16)
        file["exchange/data_dark"] = np.zeros((4, ROWS, COLUMNS), np.uint16)
        file["exchange/theta"] = np.rad2deg(theta)
    return path


# What is the fastest runtime depends on what else the machine does, and runtimes round single codes differently.
NETWORK = {"model": "tomogan-compact", "tile": 256, "runtime": "litert"}
DENOISE = {"denoise": {"denoiser": "tomogan", "options": NETWORK}}


def stages(*between, every=2):
    return [
        "read", "normalize", "minus_log", {"find_center": {"center": COLUMNS / 2}}, "reconstruct", DENOISE, *between,
        {"trust": {"every": every}}, "write",
    ]  # fmt: skip


def test_the_codes_of_the_first_network_alone_are_counted_for_its_range(scan, tmp_path, catalogue):
    options = {**NETWORK, "unit": 0.002}
    saturated = []
    for between in ((), ({"fine_tune": {**options, "unit": 0.0005}},)):
        recipe = [{"denoise": {"denoiser": "tomogan", "options": options}} if s is DENOISE else s for s in stages()]
        recipe[-2:-2] = between
        report = tomopy_edge.run(recipe, scan, tmp_path / str(len(between)), catalogue=catalogue).report
        saturates = [stage for stage, counted in report.counts.items() if SATURATED in counted]
        assert saturates == ["denoise", *(name for stage in between for name in stage)]
        saturated.append([one["range"]["saturated"] for one in report.trust["slices"]])
    assert saturated[0] == saturated[1]
    assert min(saturated[0]) > 0


def test_rows_are_spread_over_the_scan():
    assert examined_rows(0, 256, 64) == [32, 96, 160, 224]
    assert examined_rows(0, 8, 64) == [1, 4, 6]
    assert examined_rows(10, 14, 64) == [10, 12, 13]
    assert examined_rows(5, 7, 64) == [5, 6]
    assert examined_rows(3, 6, 1) == [3, 4, 5]


def test_honest_slices_are_ok(scan, tmp_path, liars):
    done = tomopy_edge.run(stages(), scan, tmp_path / "out", catalogue=liars)
    trust = done.report.trust
    assert trust["line"] == "OK: 6 slices examined, none against its scan"
    assert trust["examined"] == [1, 3, 5, 7, 9, 11]
    assert json.loads((done.output / "report.json").read_text())["trust"] == trust
    (one, *_) = trust["slices"]
    assert one["consistency"]["spread"] == pytest.approx(1.0, abs=0.15)
    assert one["halves"]["gain"] > 2
    assert one["skipped"] == []
    pictures = sorted(path.name for path in (done.output / "trust").glob("00001_*.png"))
    assert pictures == [f"00001_{kind}.png" for kind in ("contradiction", "denoised", "raw", "residual", "signs")]


@pytest.mark.parametrize(("what", "sort", "place"), [("blob", "invented", (80, 110)), ("crack", "removed", (120, 90))])
def test_a_crack_erased_and_a_blob_pasted_are_flagged_where_they_are(scan, tmp_path, liars, what, sort, place):
    done = tomopy_edge.run(stages({"lie": {"what": what}}), scan, tmp_path / "out", catalogue=liars)
    assert done.report.trust["verdict"] == "CHECK"
    assert done.report.trust["line"].startswith(f"CHECK slices 5-7: structure {sort}")
    assert list(done.report.trust["flagged"]) == ["5", "7"]
    found = next(one for one in done.report.trust["slices"] if one["row"] == 5)["consistency"]["places"][0]
    assert abs(found["y"] - place[0]) <= 4
    assert abs(found["x"] - place[1]) <= 22


def test_slices_are_the_same_with_it_and_without(scan, tmp_path, liars):
    examined = tomopy_edge.run(stages(every=1), scan, tmp_path / "with", catalogue=liars)
    plain = tomopy_edge.run([*stages()[:-2], "write"], scan, tmp_path / "without", catalogue=liars)
    for row in range(ROWS):
        name = f"recon_{row:05d}.tiff"
        assert (examined.output / name).read_bytes() == (plain.output / name).read_bytes()
    assert plain.report.trust is None
    assert examined.report.counts == plain.report.counts
    assert examined.report.timings["denoise"].keys() == plain.report.timings["denoise"].keys()


def test_findings_do_not_depend_on_chunks_or_threads(scan, tmp_path, liars):
    found = [
        tomopy_edge.run(stages(), scan, tmp_path / str(n), nchunk=n, ncore=cores, catalogue=liars).report.trust
        for n, cores in ((2, 1), (12, 2))
    ]
    assert found[0]["examined"] == found[1]["examined"]
    for one, other in zip(found[0]["slices"], found[1]["slices"], strict=True):
        assert one["consistency"]["score"] == pytest.approx(other["consistency"]["score"], rel=1e-3)
        assert one["halves"]["gain"] == pytest.approx(other["halves"]["gain"], abs=1e-3)


def test_a_run_that_goes_on_tells_of_all_slices(scan, tmp_path, liars):
    whole = tomopy_edge.run(stages(), scan, tmp_path / "out", catalogue=liars)
    (whole.output / "recon_00003.tiff").unlink()
    again = tomopy_edge.run(stages(), scan, tmp_path / "out", resume=True, catalogue=liars)
    assert again.report.trust["examined"] == whole.report.trust["examined"]
    assert again.report.trust["line"] == whole.report.trust["line"]


def test_a_slice_that_fails_leaves_the_others_examined(scan, tmp_path, liars):
    failing = stages({"lie": {"what": "fail", "rows": [5, 6]}})
    done = tomopy_edge.run(failing, scan, tmp_path / "out", nchunk=4, catalogue=liars)
    assert list(done.report.failed) == ["5"]
    assert done.report.trust["examined"] == [1, 3, 7, 9, 11]


def test_a_check_that_breaks_costs_itself_alone(scan, tmp_path, liars, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("broken")

    monkeypatch.setattr("tomopy_edge.trust.examiner.grey_values", broken)
    done = tomopy_edge.run(stages(), scan, tmp_path / "out", catalogue=liars)
    assert done.report.failed == {}
    assert done.report.trust["slices"][0]["skipped"] == [["grey values", "ZeroDivisionError: broken"]]
    assert "but for grey values, which could not be" in done.report.trust["line"]


def test_a_scan_outside_the_range_is_told_and_the_exit_code_says_so(scan, tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps(stages(every=6)))
    assert main(["run", str(recipe), str(scan), "-o", str(tmp_path / "ok")]) == 0
    code = main(["run", str(recipe), str(scan), "-o", str(tmp_path / "far"), "--set", "denoise.options.unit=0.0002"])
    assert code == 5
    assert "STOP: outside the model's range (3 of 3 slices examined)" in capsys.readouterr().out


def test_memory_holds_no_more_than_what_is_waited_for(scan, liars):
    from tomopy_edge.data import Sinograms

    job = Job(catalogue=liars, rows=(0, ROWS))
    examiner = Examiner(4, job)
    examiner._before, examiner._margin = "find_center", 1
    theta = np.arange(40) * np.pi / 40
    rows = Sinograms(np.zeros((ROWS, 40, COLUMNS), np.float32), theta, 96.0)
    examiner.witness("find_center", rows)
    assert sorted(examiner._seen.sinograms) == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert examiner._seen.sinograms[1].line_integrals.base is None
    examiner._examine = lambda row, volume: None
    examiner.apply(Volume(np.zeros((8, 8, 8), np.float32), first_row=0))
    assert sorted(examiner._seen.sinograms) == [7, 9, 10, 11]


def test_what_cannot_be_kept_costs_no_slice(scan, tmp_path, liars, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("tomopy_edge.trust.examiner._one_row", full)
    done = tomopy_edge.run(stages(), scan, tmp_path / "out", catalogue=liars)
    assert done.report.failed == {}
    assert done.report.trust["line"] == "CHECK: no slice could be compared with its scan (no sinogram was seen)"


@pytest.mark.parametrize(
    "order", [[{"trust": {}}, DENOISE], [DENOISE, {"trust": {}}, {"trust": {}}]], ids=["before the network", "twice"]
)
def test_slices_are_examined_as_they_are_written_and_once(scan, tmp_path, order):
    with pytest.raises(RecipeError, match="trust: stands before the end, where it would examine slices that a later"):
        tomopy_edge.run([*stages()[:5], *order, "write"], scan, tmp_path / "out")


def test_slices_smaller_than_the_detector_are_compared(scan, tmp_path):
    small = [*stages()[:4], {"reconstruct": {"options": {"size": 176}}}, {"trust": {"every": 6}}, "write"]
    done = tomopy_edge.run(small, scan, tmp_path / "out")
    assert done.report.trust["slices"][0]["skipped"] == []


def test_a_script_is_told_of_arrays_too(scan, caplog):
    with open_scan(scan) as opened:
        read = opened.read(0, 4)
    tally = tomopy_edge.Tally()
    slices = tomopy_edge.recon_and_denoise(
        read.projections, read.theta, COLUMNS / 2, flat=read.flats, dark=read.darks,
        model="tomogan-compact", trust=2, tally=tally,
    )  # fmt: skip
    assert slices.shape == (4, COLUMNS, COLUMNS)
    assert "trust" not in tally.notes
    dim = np.random.default_rng(1).poisson(np.stack([read.projections, np.full_like(read.projections, 5000)]) / 800)
    tomopy_edge.recon_and_denoise(
        dim[0], read.theta, COLUMNS / 2, flat=dim[1], model="tomogan-compact", trust=2, tally=tally
    )
    assert "trust" in tally.notes
    assert "the noise is" in caplog.text


def test_every_below_one_row_is_refused(catalogue):
    from tomopy_edge.recipe import parse_recipe

    with pytest.raises(RecipeError, match="every: must be at least 1 row, got 0"):
        parse_recipe([{"trust": {"every": 0}}], catalogue)


def test_without_a_network_there_is_still_something_to_say(scan, tmp_path):
    plain = [*stages()[:5], {"trust": {"every": 6}}, "write"]
    done = tomopy_edge.run(plain, scan, tmp_path / "out")
    one = done.report.trust["slices"][0]
    assert one["range"] is None
    assert one["halves"]["gain"] == 0
    assert one["consistency"]["places"] == []
