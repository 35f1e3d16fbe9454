"""What a run takes of memory, disk and time is told before it, and is what it then takes, or a little more."""

import dataclasses
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tomopy_edge import forecast as module
from tomopy_edge.chunk_size import rows_that_fit
from tomopy_edge.data import Volume
from tomopy_edge.errors import BackendError, DataError, OutputError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.fbp.batches import Buffers, batches, plan_geometry
from tomopy_edge.forecast import Plan, forecast, there
from tomopy_edge.forecast import pace as pace_module
from tomopy_edge.forecast.pace import Duration, foretell_time
from tomopy_edge.forecast.sizes import sizes_of
from tomopy_edge.forecast.working_set import Means, Sizes, fbp_buffers, working_set
from tomopy_edge.memory import PLENTY
from tomopy_edge.readers import open_scan
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.stages.write import WRITERS
from tomopy_edge.trust.memory import memory_for
from tomopy_edge.writers.sizes import HEADER, UNITS, in_words, on_disk
from tomopy_edge.writers.zarr_planes import tensorstore

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
STAGES = ["read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct", "write"]
LARGE = Sizes(angles=1500, columns=2048, size=2048, counts=2 * 1520 * 2048)


@pytest.fixture
def recipe(catalogue):
    """What makes a recipe of stages."""
    return lambda stages=STAGES: parse_recipe(stages, catalogue)


@pytest.fixture
def denoising(recipe):
    """A recipe with a network."""
    network = {"denoise": {"options": {"model": "tomogan-compact", "runtime": "litert"}}}
    return recipe([*STAGES[:-1], network, "write"])


@pytest.fixture
def small_machine(monkeypatch):
    """What leaves little memory free."""

    def leave(free):
        monkeypatch.setattr(module, "free_memory", lambda: free)
        monkeypatch.setattr(module, "memory_limit", lambda: None)

    return leave


def held(recipe, free, sizes=LARGE, ncore=2, **how):
    catalogue = how.pop("catalogue")
    return working_set(
        recipe, sizes, Means(ncore, free, catalogue, free >= PLENTY), **{"rows": 1000, "chunk": 8, "sample": 8, **how}
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(20, 200), st.integers(32, 160), st.integers(1, 40), st.integers(1, 3))
def test_the_buffers_of_fbp_are_counted_to_the_byte(angles, columns, rows, ncore):
    theta = np.linspace(0, np.pi, angles, endpoint=False)
    plan = FilteredBackProjection(theta, columns)
    geometry = plan_geometry(theta, columns, columns, plan._padded_length((columns - 1) / 2), "shepp")
    widths = {width for width, _ in batches(np.arange(rows), geometry, ncore)}
    taken = sum(Buffers(geometry, width, ncore).nbytes for width in widths)
    assert fbp_buffers(Sizes(angles, columns, columns, 0), Means(ncore, 2**40, None), rows) == taken


def test_memory_does_not_follow_the_number_of_slices(denoising, catalogue):
    for free in (10**9, 2**36):
        few, many = (held(denoising, free, rows=rows, catalogue=catalogue).peak for rows in (100, 10**6))
        assert few == many


def test_more_rows_at_once_and_stages_side_by_side_take_more(denoising, catalogue):
    alone = [held(denoising, PLENTY - 1, chunk=chunk, catalogue=catalogue).rows for chunk in (2, 8, 16)]
    beside = [held(denoising, PLENTY, chunk=chunk, catalogue=catalogue).rows for chunk in (2, 8, 16)]
    assert alone == sorted(alone)
    assert all(more > less for less, more in zip(alone, beside, strict=True))


def test_of_a_short_scan_only_its_rows_are_in_flight(denoising, catalogue):
    one, many = (held(denoising, 2**36, rows=rows, catalogue=catalogue).rows for rows in (8, 80))
    assert one < many


def test_slices_of_another_size_than_the_detector_are_counted_as_they_are(recipe, scan_file):
    stages = [*STAGES[:4], {"reconstruct": {"options": {"size": 48}}}, "write"]
    with open_scan(scan_file) as scan:
        told = forecast(recipe(stages), scan)
    assert told.slices == (7, 48, 48)
    assert told.output["tiff"] < 7 * (48 * 48 * 4 + 5000)


def test_views_that_are_not_read_take_no_memory(recipe, scan_file):
    with open_scan(scan_file) as scan:
        whole, every, some = (
            sizes_of(recipe([{"read": {"angles": angles}}, *STAGES[1:]]), scan)
            for angles in (None, [0, 120, 4], [0, 30, 1])
        )
    assert every.angles == some.angles == 30
    assert some.counts == whole.counts - 90 * 96 * 2 + 30 * 96 * 4
    assert every.counts == whole.counts + 30 * 96 * 4


def test_a_network_that_a_run_would_refuse_is_refused(recipe, catalogue):
    stages = [*STAGES[:-1], {"denoise": {"options": {"runtime": "litert", "tile": 1136}}}, "write"]
    with pytest.raises(BackendError, match="name smaller tiles"):
        held(recipe(stages), 3 * 10**8, catalogue=catalogue)


def test_rows_and_threads_are_those_that_a_run_takes(recipe, scan_file, small_machine):
    small_machine(10**7)
    with open_scan(scan_file) as scan:
        told = forecast(recipe(), scan, ncore=3)
        assert (told.chunk, told.ncore) == (rows_that_fit(scan.angles, scan.columns, 10**7), 3)
        assert forecast(recipe(), scan, nchunk=5).chunk == 5
        with pytest.raises(DataError, match="nchunk must be at least 1"):
            forecast(recipe(), scan, nchunk=0)


def test_what_does_not_fit_is_told_plainly(recipe, scan_file, small_machine, tmp_path):
    with open_scan(scan_file) as scan:
        assert forecast(recipe(), scan).fits
        small_machine(0)
        told = forecast(recipe(), scan, ncore=1, nchunk=1)
    short = dataclasses.replace(told, free=told.memory - 1)
    assert not short.fits
    assert "it does NOT fit" in short.lines(tmp_path)[0]
    assert "1 row at once" in short.lines(tmp_path)[0]


@pytest.fixture
def many_rows(tmp_path, scan_file):
    """A scan of 64 wide rows, of which 64 at once take far more memory than 2."""
    with h5py.File(scan_file) as source, h5py.File(tmp_path / "many.h5", "w") as target:
        exchange = target.create_group("exchange")
        source.copy("exchange/theta", exchange)
        for name in ("data", "data_white", "data_dark"):
            exchange.create_dataset(name, data=np.ones((len(source["exchange"][name]), 64, 700), np.uint8))
    with open_scan(tmp_path / "many.h5") as scan:
        yield scan


@pytest.mark.parametrize(
    ("free", "nchunk", "ncore", "flags"),
    [
        (380, 64, 16, "--nsino-per-chunk 32"),
        (150, 64, 16, r"--nsino-per-chunk \d+"),
        (160, 2, 64, r"--ncore \d+"),
        (145, 64, 64, r"--nsino-per-chunk \d+ --ncore 1"),
    ],
    ids=["half the rows", "fewer rows", "fewer threads", "both"],
)
def test_who_follows_the_advice_is_told_that_it_fits(
    denoising, many_rows, small_machine, monkeypatch, free, nchunk, ncore, flags
):
    # Measured anew in each process; the same for both here.
    monkeypatch.setattr(module, "resident", lambda: 3 * 10**8)
    small_machine(free * 10**6)
    asked = {"nchunk": nchunk, "ncore": ncore}
    told = forecast(denoising, many_rows, **asked)
    assert not told.fits
    (advised,) = re.findall(f"^it fits with ({flags})$", told.mend)
    for flag, number in re.findall(r"(\S+) (\d+)", advised):
        asked[{"--ncore": "ncore", "--nsino-per-chunk": "nchunk"}[flag]] = int(number)
    assert forecast(denoising, many_rows, **asked).fits


def test_who_gives_as_much_memory_as_would_do_is_told_that_it_fits(denoising, many_rows, small_machine, monkeypatch):
    monkeypatch.setattr(module, "resident", lambda: 3 * 10**8)
    small_machine(10**7)
    told = forecast(denoising, many_rows)
    assert "Python and its libraries alone take more than there is" in told.mend
    ((number, unit),) = re.findall(r"a machine with more: ([\d.]+) (MB|GB) would do$", told.mend)
    small_machine(int(float(number) * UNITS[unit]) - 3 * 10**8)
    assert forecast(denoising, many_rows).fits


def test_a_stage_that_fails_on_a_few_pixels_is_left_to_the_run(recipe, scan_file, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("too few pixels")

    monkeypatch.setattr(module.libraries, "settle", fail)
    with open_scan(scan_file) as scan, caplog.at_level(logging.DEBUG):
        assert forecast(recipe(), scan).libraries > 10**7
    assert "too few pixels" in caplog.text


def test_the_small_run_leaves_nothing_behind_and_takes_options_for_a_large_scan(recipe, scan_file, tmp_path, caplog):
    stages = [{"read": {"rows": [3, 6], "angles": [0, 120, 2]}}, *STAGES[1:]]
    before = {*tmp_path.rglob("*")}
    with open_scan(scan_file) as scan, caplog.at_level(logging.DEBUG):
        forecast(recipe(stages), scan)
    assert "cannot be run" not in caplog.text
    assert {*tmp_path.rglob("*")} == before


@pytest.mark.parametrize("name", ["tiff", "hdf5", "zarr"])
@pytest.mark.parametrize("columns", [96, 700])
def test_noise_takes_the_disk_that_was_told(name, columns, tmp_path):
    if name == "zarr":
        try:
            tensorstore()
        except OutputError:
            pytest.skip("no TensorStore")
    # Random bits but for one, with which sums of them would not be finite.
    bits = np.random.default_rng(1).integers(0, 2**32, (6, columns, columns), np.uint32)
    noise = (bits & np.uint32(0xBFFFFFFF)).view(np.float32)
    with WRITERS[name](tmp_path, (0, 6)) as writer:
        writer.write(Volume(noise))
    taken = sum(512 * path.stat().st_blocks for path in tmp_path.rglob("*"))
    said = on_disk(name, noise.shape)
    assert taken <= said
    assert said <= 1.15 * taken + 40 * HEADER


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 kB"), (4, "0.004 kB"), (1000, "1 kB"), (999_400, "999 kB"), (999_600, "1 MB"), (1_234_567_890, "1.23 GB")],
)
def test_sizes_are_told_to_three_digits(size, words):
    assert in_words(size) == words


def packed(path, scan_file, rows=64):
    """Write a scan of many rows whose frames are compressed as a whole."""
    with h5py.File(scan_file) as source, h5py.File(path, "w") as target:
        exchange = target.create_group("exchange")
        source.copy("exchange/theta", exchange)
        for name in ("data", "data_white", "data_dark"):
            frames = np.tile(source["exchange"][name][:, :1], (1, rows, 1))
            exchange.create_dataset(name, data=frames, chunks=(1, *frames.shape[1:]), compression="gzip")
    return path


def test_rows_that_are_packed_together_are_read_ahead_or_moved_to_a_scratch_file(
    recipe, scan_file, tmp_path, monkeypatch
):
    with open_scan(packed(tmp_path / "packed.h5", scan_file)) as scan:
        plan = Plan.of(recipe(), scan, 1, 4, None)
        whole = 64 * sum(frames.row_bytes for frames in scan.stacks)
        memory, scratch = module.ahead_of(scan, plan)
        assert (memory, scratch) == (whole, None)
        few = dataclasses.replace(plan, means=dataclasses.replace(plan.means, free=whole))
        memory, scratch = module.ahead_of(scan, few)
        assert memory <= whole // 8
        assert scratch.size == whole
        monkeypatch.setattr(module, "has_room", lambda *_: False)
        assert "reading is slow" in scratch.told
    with open_scan(scan_file) as scan:
        assert module.ahead_of(scan, plan) == (0, None)


def test_the_folder_that_is_there_is_found_for_an_output_that_is_not(tmp_path):
    assert there(tmp_path / "not" / "yet" / "slices") == tmp_path
    assert there(tmp_path / "slices") == tmp_path


def test_a_time_is_that_of_all_slices_and_its_range_is_honest():
    took = Duration(rows=100, settling=3.0, beginning=1.0, each=0.5, unpacking=0.0, spread=(0.2, 0.8))
    assert took.seconds == 54
    assert (took.least, took.most) == (24, 84)
    even = dataclasses.replace(took, spread=(0.5, 0.5))
    assert even.least < 0.9 * even.seconds < 1.1 * even.seconds < even.most
    assert took.lines()[0].startswith("time: about 54 s (24 s to 84 s): 3 s to settle")


def test_the_time_is_tried_beside_the_output_and_leaves_nothing(recipe, scan_file, tmp_path, monkeypatch):
    seen = []
    settle_on = pace_module.settle_on
    monkeypatch.setattr(
        pace_module, "settle_on", lambda *given: seen.append([*tmp_path.iterdir()]) or settle_on(*given)
    )
    with open_scan(scan_file) as scan:
        took = foretell_time(recipe(), scan, tmp_path / "new" / "slices", nchunk=2)
    assert took.rows == 7
    assert 0 < took.least <= took.seconds <= took.most
    assert any(path.name.startswith(".tomopy-edge-check") for path in seen[0])
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_rows_that_a_run_would_leave_out_do_not_keep_it_from_being_foretold(
    recipe, scan_file, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("tomopy_edge.chunk_size.SAMPLE_ROWS", 1)
    with h5py.File(scan_file, "r+") as file:
        file["exchange/data_white"][:, 3] = 0
    with open_scan(scan_file) as scan:
        took = foretell_time(recipe(), scan, tmp_path / "slices", nchunk=2)
    assert took.rows == 7
    assert [message.split(": normalize: in row 3")[0] for message in caplog.messages if "in row 3" in message] == [
        "the recipe cannot be settled on rows 3 to 3",
        caplog.messages[-1],
    ]
    assert caplog.messages[-1].endswith("a run goes on with the other rows")


def test_no_more_rows_are_tried_than_there_is_time_for(recipe, scan_file, tmp_path, monkeypatch):
    tried = []
    tried_on = pace_module._tried
    monkeypatch.setattr(pace_module, "_tried", lambda *given: tried.append(tried_on(*given)) or tried[-1])
    with open_scan(packed(tmp_path / "packed.h5", scan_file)) as scan:
        foretell_time(recipe(), scan, tmp_path / "slices", nchunk=2, budget=0)
        foretell_time(recipe(), scan, tmp_path / "slices", nchunk=2, budget=60)
    few, all_ = ([end.rows for end in ends] for ends, _ in tried)
    assert len(few) < 5
    assert all_ == [2] * 16


def test_slices_that_are_examined_take_time_for_each_of_them(recipe, scan_file, tmp_path, monkeypatch):
    examined = recipe([*STAGES[:5], {"trust": {"every": 2}}, "write"])
    with open_scan(scan_file) as scan:
        took = []
        for count in (1, 1001):
            monkeypatch.setattr(pace_module, "examined_rows", lambda *_, count=count: range(count))
            took.append(foretell_time(examined, scan, tmp_path / "slices", nchunk=2))
    assert took[1].beginning > took[0].beginning + 1000 * 1e-3
    assert took[1].each < 5 * took[0].each


def test_memory_is_counted_for_the_check_that_it_allows(catalogue):
    stages = [*STAGES[:5], "write"]
    plain, examined = (
        parse_recipe(some, catalogue, source="here") for some in (stages, [*stages[:-1], "trust", stages[-1]])
    )
    rich, poor = (
        [held(one, free, catalogue=catalogue).peak for one in (plain, examined)] for free in (2**36, 2 * 10**8)
    )
    assert rich[1] - rich[0] > memory_for(LARGE.angles * LARGE.columns, LARGE.size**2) / 2
    assert poor[1] - poor[0] < rich[1] - rich[0]


def test_slices_that_wait_to_be_examined_are_counted(catalogue):
    stages = [*STAGES[:5], {"trust": {"every": 128}}, "write"]
    few, all_ = (
        held(parse_recipe(some, catalogue, source="here"), 2**36, catalogue=catalogue, chunk=16).peak
        for some in (stages, [*stages[:5], {"trust": {"every": 1}}, stages[-1]])
    )
    sinogram, image = (4 * values for values in (LARGE.angles * LARGE.columns, LARGE.size**2))
    assert all_ - few == 15 * (sinogram + image)


def test_a_run_that_would_fail_fails_when_it_is_tried(recipe, scan_file, tmp_path):
    outside = [*STAGES[:3], {"find_center": {"center": 500}}, *STAGES[4:]]
    with open_scan(scan_file) as scan, pytest.raises(DataError, match="outside the detector"):
        foretell_time(recipe(outside), scan, tmp_path / "slices")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_the_memory_that_is_told_is_what_the_run_takes_or_a_little_more(tmp_path, scan_file):
    recipe, table = tmp_path / "recipe.yaml", tmp_path / "table.json"
    recipe.write_text(yaml.safe_dump([*STAGES[:-1], {"write": {"formats": ["tiff", "hdf5"]}}]))
    script = [sys.executable, BENCHMARKS / "forecast.py", scan_file, "--output", tmp_path]
    words = ["--recipe", recipe, "--models", "-", "--formats", "tiff+hdf5", "--json", table]
    subprocess.run([*script, *words], check=True, capture_output=True)  # noqa: S603 - our own script
    (row,) = json.loads(table.read_text())["rows"]
    assert 1 <= row["said / was"] < 1.4
    assert row["disk MB"] >= row["disk was MB"]
