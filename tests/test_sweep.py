"""A sweep makes what runs with each value would, shares what they have in common, and leaves a whole folder or none."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

import tomopy_edge
from tomopy_edge.data import Volume
from tomopy_edge.drawing import Sheet
from tomopy_edge.errors import DataError, OutputError, RecipeError
from tomopy_edge.hookspecs import DenoiserEntry, StageEntry, Step
from tomopy_edge.options import options
from tomopy_edge.readers import ArrayScan, open_scan
from tomopy_edge.sweeps import making
from tomopy_edge.sweeps.results import CENTER
from tomopy_edge.yaml_text import Sweep

AXIS = 45.2
"""Of the scan that the tests are made on."""


def recipe(center=AXIS, filter_name="shepp", weight=1.0, denoiser="total_variation"):
    chosen = {"weight": weight} if denoiser == "total_variation" else {}
    return [
        "read", "normalize", "minus_log", {"find_center": {"center": center}},
        {"reconstruct": {"options": {"filter_name": filter_name}}},
        {"denoise": {"denoiser": denoiser, "options": chosen}}, "write",
    ]  # fmt: skip


@pytest.fixture
def make(scan_file, tmp_path, catalogue):
    def sweep(raw, **how):
        how = {"catalogue": catalogue, "ncore": 1} | how
        return tomopy_edge.sweep(raw, scan_file, tmp_path / "out", **how)

    return sweep


@pytest.fixture
def applied(catalogue):
    """A catalogue whose stages count the rows that they make, and the counts."""
    counts = {}

    def counting(entry):
        counts[entry.name] = 0

        def opened(chosen, job):
            return Counting(entry, entry.open(chosen, job), counts)

        return replace(entry, open=opened)

    stages = {name: counting(entry) for name, entry in catalogue.stages.items()}
    # Only the one that writes is known by what it is.
    stages["write"] = catalogue.stages["write"]
    return replace(catalogue, stages=stages), counts


class Counting:
    """A stage that is open, and counts."""

    def __init__(self, entry, opened, counts):
        self.entry, self.opened, self.counts = entry, opened, counts

    def __enter__(self):
        step = self.opened.__enter__()

        def apply(chunk):
            self.counts[self.entry.name] += 1
            return step.apply(chunk)

        return replace(step, apply=apply)

    def __exit__(self, *exception):
        return self.opened.__exit__(*exception)


def slices_of(swept):
    return [tifffile.imread(swept.output / picture.file) for result in swept.results for picture in result.pictures]


@pytest.mark.parametrize(
    ("swept_over", "each"),
    [
        ({"filter_name": Sweep(["hann", "ramlak"])}, [{"filter_name": "hann"}, {"filter_name": "ramlak"}]),
        ({"center": Sweep([44.0, 45.2])}, [{"center": 44.0}, {"center": 45.2}]),
        (
            {"center": Sweep([44.0, 45.2]), "weight": Sweep([1, 2])},
            [{"center": center, "weight": weight} for center in (44.0, 45.2) for weight in (1, 2)],
        ),
    ],
    ids=["filter", "center", "grid"],
)
def test_each_slice_is_the_one_that_a_run_with_that_value_makes(make, scan_file, tmp_path, catalogue, swept_over, each):
    swept = make(recipe(**swept_over), rows=(2, 4))
    for number, (values, result) in enumerate(zip(each, swept.results, strict=True)):
        alone = tomopy_edge.run(recipe(**values), scan_file, tmp_path / f"run{number}", catalogue=catalogue)
        again = tomopy_edge.run(swept.output / result.recipe, scan_file, tmp_path / f"again{number}")
        for picture in result.pictures:
            name = f"recon_{picture.row:05d}.tiff"
            made = tifffile.imread(swept.output / picture.file)
            assert np.array_equal(made, tifffile.imread(alone.output / name))
            assert np.array_equal(made, tifffile.imread(again.output / name))


KINDS = {
    "read.angles": [[0, 120, 1], [0, 120, 2]],
    "normalize.average": ["mean", "median"],
    "minus_log.floor": [0.001, 0.9],
    "remove_stripes.method": ["none", "sorting"],
    "remove_stripes.size": [None, 5],
    "find_center.method": ["vo", "correlation"],
    "find_center.search": [None, 6.0],
    "reconstruct.options.size": [96, 61],
    "reconstruct.mask": [None, 0.9],
    "denoise.options.model": ["tomogan", "tomogan-compact"],
    "denoise.options.tile": [None, 128],
}
"""Options of every kind of stage -> values of them."""


def with_network(place, value):
    stage, *parts = place.split(".")
    model = {"options": {"model": "tomogan-compact", "runtime": "litert"}}
    given = {name: {} for name in ("read", "normalize", "minus_log", "remove_stripes", "find_center", "reconstruct")}
    given |= {"denoise": model, "write": {}}
    owner = given[stage]
    for part in parts[:-1]:
        owner = owner.setdefault(part, {})
    owner[parts[-1]] = value
    return [{name: options} if options else name for name, options in given.items()]


@pytest.mark.parametrize("place", KINDS)
def test_what_is_found_is_found_for_each_value_of_every_kind_of_option(make, scan_file, tmp_path, catalogue, place):
    swept = make(with_network(place, Sweep(KINDS[place])))
    assert swept.found_once == ""
    for number, (value, result) in enumerate(zip(KINDS[place], swept.results, strict=True)):
        alone = tomopy_edge.run(with_network(place, value), scan_file, tmp_path / str(number), catalogue=catalogue)
        (picture,) = result.pictures
        made = tifffile.imread(swept.output / picture.file)
        assert np.array_equal(made, tifffile.imread(alone.output / f"recon_{picture.row:05d}.tiff"))
        assert (swept.output / result.recipe).read_text() == (alone.output / "recipe.yaml").read_text()


def test_of_a_sweep_over_the_axis_what_is_found_once_is_told(make, catalogue, scan_file, tmp_path, monkeypatch):
    words = []
    write = Sheet.write
    monkeypatch.setattr(Sheet, "write", lambda *args, **how: (words.append(args[2]), write(*args, **how)))
    swept = make(with_network("find_center.center", Sweep([43.0, 45.2, 47.0])))
    told = "what denoise leaves open was found once, with center 45.2, so that nothing but the center differs"
    assert swept.found_once.startswith(told)
    assert swept.found_once in words
    assert json.loads((swept.output / "report.json").read_text())["found_once"] == swept.found_once
    alone = tomopy_edge.run(with_network("find_center.center", 45.2), scan_file, tmp_path / "run", catalogue=catalogue)
    assert np.array_equal(slices_of(swept)[1], tifffile.imread(alone.output / "recon_00003.tiff"))


def test_where_nothing_is_left_open_after_the_axis_nothing_is_told_of_it(make):
    assert make(recipe(center=Sweep([44.0, 45.2]))).found_once == ""


def test_slices_of_several_sizes_are_compared_where_both_show_something(make):
    raw = recipe(denoiser="none")
    raw[4] = {"reconstruct": {"options": {"size": Sweep([96, 61, 120])}}}
    small, large = (result.pictures[0].raw.difference for result in make(raw).results[1:])
    assert max(small, large) < 1e-4, "the same object, with more and less around it"


@pytest.mark.parametrize("center", [None, Sweep([None, 45.2])], ids=["before the sweep", "in it"])
def test_a_value_is_settled_on_other_rows_where_the_middle_ones_will_not_do(
    make, scan_file, tmp_path, catalogue, monkeypatch, center
):
    monkeypatch.setattr("tomopy_edge.chunk_size.SAMPLE_ROWS", 2)
    refused = []

    def settle(chosen, sample, job):
        if sample.first_row == 2:
            refused.append(sample.first_row)
            raise DataError("these rows show nothing")
        return catalogue.stages["find_center"].settle(chosen, sample, job)

    stages = catalogue.stages | {"find_center": replace(catalogue.stages["find_center"], settle=settle)}
    picky = replace(catalogue, stages=stages)
    raw = recipe(center=center, filter_name=Sweep(["shepp", "hann"]) if center is None else "shepp")
    swept = make(raw, catalogue=picky, rows=(0, 6))
    assert refused
    first = recipe(center=None)
    first[0] = {"read": {"rows": [0, 6]}}
    alone = tomopy_edge.run(first, scan_file, tmp_path / "run", catalogue=picky)
    for picture in swept.results[0].pictures:
        made = tifffile.imread(swept.output / picture.file)
        assert np.array_equal(made, tifffile.imread(alone.output / f"recon_{picture.row:05d}.tiff"))


def test_stages_before_the_sweep_run_once(make, applied):
    catalogue, counts = applied
    make(recipe(weight=Sweep([0.5, 1, 2])), catalogue=catalogue)
    made = {name: counts[name] for name in ("read", "normalize", "minus_log", "find_center", "reconstruct", "denoise")}
    # Read once for the sample that the recipe is settled on, and once for the slice.
    assert made == {
        "read": 2, "normalize": 2, "minus_log": 2, "find_center": 2, "reconstruct": 2, "denoise": 3,
    }  # fmt: skip


def test_a_sweep_over_the_axis_reads_and_normalizes_once(make, applied):
    catalogue, counts = applied
    make(recipe(center=Sweep([44, 45, 46]), denoiser="none"), catalogue=catalogue)
    assert (counts["read"], counts["minus_log"]) == (3, 3), "for two samples, and for the slice"
    assert counts["denoise"] == 3


def test_in_a_grid_the_first_sweep_runs_as_often_as_it_has_values(make, applied):
    catalogue, counts = applied
    make(recipe(filter_name=Sweep(["hann", "shepp"]), weight=Sweep([0.5, 1, 2])), catalogue=catalogue)
    assert (counts["read"], counts["reconstruct"], counts["denoise"]) == (2, 4, 6)


@options
class NeighbourlyOptions:
    """Options of a denoiser that looks at neighbours."""

    share: float = 0.25


@pytest.fixture
def neighbourly(catalogue):
    """A catalogue with a denoiser that looks at neighbours, and how often that was opened and closed."""
    seen = SimpleNamespace(opened=0, closed=0)

    class Neighbourly:
        neighbours = 1

        def __init__(self, chosen, _job):
            self.share = chosen.share
            seen.opened += 1

        def __call__(self, noisy):
            return noisy[1:-1] * (1 - 2 * self.share) + self.share * (noisy[:-2] + noisy[2:])

        def close(self):
            seen.closed += 1

    entry = DenoiserEntry("neighbourly", "of a test", NeighbourlyOptions, Neighbourly)
    return replace(catalogue, denoisers={**catalogue.denoisers, "neighbourly": entry}), seen


@pytest.mark.parametrize("rows", [(0, 1), (6, 7), (2, 5)])
def test_neighbours_are_made_where_they_are_looked_at(make, scan_file, tmp_path, neighbourly, rows):
    catalogue, _ = neighbourly
    raw = recipe()
    raw[5] = {"denoise": {"denoiser": Sweep(["neighbourly", "none"])}}
    first = slices_of(make(raw, rows=rows, catalogue=catalogue, nchunk=2))[: rows[1] - rows[0]]
    raw[0], raw[5] = {"read": {"rows": list(rows)}}, {"denoise": {"denoiser": "neighbourly"}}
    alone = tomopy_edge.run(raw, scan_file, tmp_path / "run", catalogue=catalogue).output
    for row, made in zip(range(*rows), first, strict=True):
        assert np.array_equal(made, tifffile.imread(alone / f"recon_{row:05d}.tiff"))


def test_a_denoiser_that_values_have_in_common_is_opened_once(make, neighbourly):
    catalogue, seen = neighbourly
    raw = recipe(center=Sweep([44, 45, 46]))
    raw[5] = {"denoise": {"denoiser": "neighbourly"}}
    make(raw, catalogue=catalogue)
    assert (seen.opened, seen.closed) == (1, 1)
    raw[3], raw[5] = {"find_center": {"center": 45}}, {"denoise": {"denoiser": "neighbourly", "options": {}}}
    raw[5]["denoise"]["options"] = {"share": Sweep([0.1, 0.2])}
    make(raw, catalogue=catalogue, overwrite=True)
    assert (seen.opened, seen.closed) == (3, 3)


def test_a_step_that_witnesses_sees_the_chunks_of_stages_in_common_for_each_value(make, catalogue):
    seen = []

    class Watching:
        def __init__(self, chosen, job):
            self.names = [stage.entry.name for stage in job.before]
            self.output = job.output

        def __enter__(self):
            def witness(name, chunk):
                seen.append((self.output.name, name, chunk.first_row if hasattr(chunk, "first_row") else None))

            seen.append((self.output.name, self.names))
            return Step(lambda volume: volume, witness=witness)

        def __exit__(self, *exception):
            pass

    entry = StageEntry("watch", "of a test", NeighbourlyOptions, Volume, Volume, Watching)
    raw = recipe(weight=Sweep([1, 2]))
    raw.insert(6, "watch")
    make(raw, catalogue=replace(catalogue, stages={**catalogue.stages, "watch": entry}))
    before = ["read", "normalize", "minus_log", "find_center", "reconstruct", "denoise"]
    assert seen == [
        one
        for name in ("1_weight_1", "2_weight_2")
        for one in [(name, before), *((name, stage, 3) for stage in before)]
    ]


def test_the_middle_row_is_taken_or_the_recipes_rows_or_those_asked_for(make):
    def rows(raw, **how):
        return [picture.row for picture in make(raw, overwrite=True, **how).results[0].pictures]

    raw = recipe(weight=Sweep([1, 2]), denoiser="total_variation")
    assert rows(raw) == [3]
    raw[0] = {"read": {"rows": [1, 3]}}
    assert rows(raw) == [1, 2]
    assert rows(raw, rows=(5, 6)) == [5]


@pytest.mark.parametrize(("rows", "told"), [((3, 3), "0 to 6"), ((-1, 2), "0 to 6"), ((6, 8), "0 to 6")])
def test_rows_that_the_scan_does_not_have_are_refused(make, rows, told):
    with pytest.raises(DataError, match=told):
        make(recipe(weight=Sweep([1, 2])), rows=rows)


def test_a_sweep_of_many_slices_is_refused_before_anything_is_made(make, monkeypatch, tmp_path):
    monkeypatch.setattr("tomopy_edge.sweeps.plan.MOST_ROWS", 2)
    with pytest.raises(DataError, match=r"2 values on 7 rows would make 14 slices.* \(--rows 3 4\)"):
        make(recipe(weight=Sweep([1, 2])), rows=(0, 7))
    assert not (tmp_path / "out").exists()


def test_an_axis_that_is_to_be_found_is_a_value_too(make):
    found, given = make(recipe(center=Sweep([None, 30.0]))).results
    assert found.labels == ("null",)
    assert given.pictures
    assert found.pictures[0].raw.sharpness > given.pictures[0].raw.sharpness
    assert any("vo found the axis at column 45." in note for note in found.notes["find_center"])


def test_arrays_are_swept_over_where_an_output_is_named(scan_file, tmp_path, catalogue):
    with open_scan(scan_file) as file:
        rows = file.read(0, 3)
    scan = ArrayScan(rows.projections, rows.theta, rows.flats, rows.darks, source="tomo")
    raw = recipe(weight=Sweep([1, 2]))
    with pytest.raises(OutputError, match="output: must be given for arrays"):
        tomopy_edge.sweep(raw, scan, catalogue=catalogue)
    assert tomopy_edge.sweep(raw, scan, tmp_path / "out", catalogue=catalogue).sheets[0].is_file()


def test_a_recipe_without_a_sweep_is_refused(make):
    with pytest.raises(RecipeError, match="there is no sweep in it"):
        make(recipe())


def test_the_folder_holds_slices_by_their_values_scores_recipes_and_a_sheet(make):
    swept = make(recipe(center=Sweep([44.0, 45.5])))
    found = {str(path.relative_to(swept.output)) for path in swept.output.rglob("*") if path.is_file()}
    assert found == {
        "contact_sheet.png", "scores.csv", "report.json",
        *(f"{kind}/{name}.tiff" for kind in ("raw", "denoised") for name in ("1_center_44.0", "2_center_45.5")),
        "recipes/1_center_44.0.yaml", "recipes/2_center_45.5.yaml",
    }  # fmt: skip
    report = json.loads((swept.output / "report.json").read_text())
    assert report["sweeps"] == [{"place": CENTER, "values": [44.0, 45.5]}]
    assert report["results"][1]["seconds"]["reconstruct"]["total"] > 0
    with (swept.output / "scores.csv").open() as file:
        lines = [*csv.DictReader(file)]
    assert [(line[CENTER], line["row"], line["final_file"]) for line in lines] == [
        ("44.0", "3", "denoised/1_center_44.0.tiff"), ("45.5", "3", "denoised/2_center_45.5.tiff"),
    ]  # fmt: skip
    away = tifffile.imread(swept.output / "denoised/2_center_45.5.tiff") - tifffile.imread(
        swept.output / "denoised/1_center_44.0.tiff"
    )
    assert float(lines[0]["difference_final"]) == 0
    assert float(lines[1]["difference_final"]) == pytest.approx(np.sqrt(np.mean(away**2)), rel=0.3)


def test_a_raw_slice_that_all_have_in_common_lies_there_once(make):
    swept = make(recipe(weight=Sweep([1, 2])))
    assert [path.name for path in (swept.output / "raw").iterdir()] == ["row_00003.tiff"]
    assert swept.best is None, "more sharpness is better for the rotation axis alone"


def test_without_a_denoiser_there_is_one_slice_for_each_value(make):
    raw = recipe(center=Sweep([44, 45]))
    del raw[5]
    swept = make(raw)
    assert sorted(path.name for path in (swept.output / "slices").iterdir()) == ["1_center_44.tiff", "2_center_45.tiff"]


def test_the_sheet_is_labelled_with_values_scores_and_the_sharpest(make, monkeypatch):
    words, framed = [], []
    write, outline = Sheet.write, Sheet.outline
    monkeypatch.setattr(Sheet, "write", lambda *args, **how: (words.append((args[2], args[1])), write(*args, **how)))
    monkeypatch.setattr(Sheet, "outline", lambda *args: (framed.append(args[1:]), outline(*args)))
    swept = make(recipe(center=Sweep([35.2, 45.2, 55.2])))
    told = dict(words)
    assert [word for word in told if word.startswith("center ")] == ["center 35.2", "center 45.2", "center 55.2"]
    sharp = [picture for result in swept.results for picture in result.pictures]
    assert all(f"sharpness {one.raw.sharpness:.5g} / {one.final.sharpness:.5g}" in str([*told]) for one in sharp)
    (frame,) = [one for one in framed if len(one) == 5 and one[4] > 1]
    left, top = told["center 45.2"]
    assert abs(frame[0][0] - left) < 12
    assert abs(frame[0][1] - top) < 12
    assert "sharpest" in told


def test_several_rows_have_a_sheet_each(make):
    swept = make(recipe(weight=Sweep([1, 2])), rows=(2, 4))
    assert [path.name for path in swept.sheets] == ["contact_sheet_row_00002.png", "contact_sheet_row_00003.png"]
    assert all(path.is_file() for path in swept.sheets)


def test_a_value_that_fails_is_named_and_the_others_are_made(make, tmp_path):
    swept = make(recipe(center=Sweep([45.0, 500.0])))
    good, bad = swept.results
    assert good.pictures
    assert "500 lies outside the detector" in bad.failed
    assert "500 lies outside the detector" in (swept.output / "scores.csv").read_text()
    with pytest.raises(DataError, match="500 lies outside"):
        make(recipe(center=Sweep([45.0, 500.0])), overwrite=True, strict=True)
    assert (tmp_path / "out" / "report.json").is_file(), "the earlier output stays"


def test_where_every_value_fails_nothing_is_left(make, tmp_path):
    with pytest.raises(DataError, match="500 lies outside"):
        make(recipe(center=Sweep([500.0, 600.0]), weight=Sweep([1, 2])))
    assert not [*tmp_path.glob("out*")]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_an_unfinished_sweep_leaves_nothing_half_written(make, tmp_path, monkeypatch, stop):
    def stopped(*_, **__):
        raise stop

    monkeypatch.setattr(making, "draw_sweep", stopped)
    with pytest.raises((KeyboardInterrupt, OSError, OutputError)):
        make(recipe(weight=Sweep([1, 2])))
    assert not [*tmp_path.glob("out*")]


def test_an_output_is_replaced_only_where_that_is_asked_for(make):
    make(recipe(weight=Sweep([1, 2])))
    with pytest.raises(OutputError, match="there is an output already"):
        make(recipe(weight=Sweep([1, 2, 3])))
    swept = make(recipe(weight=Sweep([1, 2, 3])), overwrite=True)
    assert len([*(swept.output / "denoised").iterdir()]) == 3
