"""The whole of an evaluation: tables, files and pictures of tiny scans."""

import argparse
import csv
import json

import numpy as np
import pytest
from PIL import Image

from tomopy_edge.cli import evaluate as verb
from tomopy_edge.errors import DataError, OutputError
from tomopy_edge.evaluation import judge, summary, table
from tomopy_edge.evaluation.bench import Bench
from tomopy_edge.evaluation.cases import Case, Source
from tomopy_edge.evaluation.methods import methods_of
from tomopy_edge.simulation.details import draw_details
from tomopy_edge.simulation.scans import Exposure, expose


def case(name, counts, kind="details"):
    rng = np.random.default_rng(5)
    phantom, features = draw_details(rng, 128, 0.8)
    made = expose(phantom, Exposure(angles=60, counts=counts), 3, 128, rng)
    return Case(name, kind, made.scan, made.center, made.truth(), features)


@pytest.fixture(scope="module")
def evaluation():
    """Two scans of one object, one of them with hardly any noise."""
    from tomopy_edge.plugins import load_catalogue

    catalogue = load_catalogue(installed=False)
    cases = [case("noisy", 3000, "dim"), case("bright", 8_000_000, "bright")]
    methods, _ = methods_of([], catalogue, ["noisy", "tv", "tv-best"])
    return judge.evaluate(Source("two scans", 2, lambda: iter(cases)), Bench(methods, catalogue, ncore=1))


@pytest.fixture
def phantoms(tmp_path):
    """A file with one small scan."""
    import h5py

    made = case("a", 3000)
    path = tmp_path / "phantoms.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("00")
        group.attrs.update({"I0": 3000, "kind": "details"})
        group["projections"] = made.scan.projections - np.uint16(50)
        group["theta"] = np.rad2deg(made.scan.theta)
        group["truth"] = made.truth[::-1]
        group["features"] = made.features
    return path


def run(*words):
    parser = argparse.ArgumentParser()
    verb.add(parser.add_subparsers())
    args = parser.parse_args(["evaluate", *map(str, words)])
    return args.run(args)


def test_the_truth_chooses_the_best_total_variation_and_it_is_told_where_that_wins(evaluation):
    noisy, tv, best = (summary.summarise(evaluation, method) for method in evaluation.methods)
    assert noisy.similarity["all"].psnr < tv.similarity["all"].psnr <= best.similarity["all"].psnr
    assert noisy.total_variation_better == ("noisy", "bright")
    assert best.total_variation_better is None


def test_means_are_told_for_each_kind_and_contrast_for_each_dose(evaluation):
    told = summary.summarise(evaluation, evaluation.methods[0])
    assert [*told.similarity] == ["dim", "bright", "all"]
    mean = (told.similarity["dim"].psnr + told.similarity["bright"].psnr) / 2
    assert told.similarity["all"].psnr == pytest.approx(mean)
    cracks = told.contrast["cracks"]
    assert [*cracks] == ["medium", "clean", "all"]
    assert cracks["medium"].count + cracks["clean"].count == cracks["all"].count > 1
    assert cracks["clean"].mean == pytest.approx(0.88, abs=0.1)
    assert cracks["clean"].tenth <= cracks["clean"].mean


def test_a_clean_scan_left_alone_is_told(evaluation):
    noisy, tv, _ = (summary.summarise(evaluation, method) for method in evaluation.methods)
    assert noisy.clean_kept == pytest.approx(1)
    assert tv.clean_kept < 1


def test_the_table_says_what_every_column_means(evaluation):
    told = table.lines(evaluation)
    heads = {word for line in told if line.startswith("   ") for word in line.strip().split("  ") if word}
    meanings = {line.split(":")[0] for line in told if ":" in line}
    assert {"edges kept", "edge corr", "grey %", "clean kept", "TV better", "s/slice", "saturated"} <= heads & meanings
    assert {"SSIM", "PSNR", "all measures", "power", "contrast kept", "dose", "oracle"} <= meanings


def test_scans_without_details_have_no_contrast_to_tell(evaluation):
    bare = Case(**{**vars(case("a", 3000)), "features": np.zeros((0, 8))})
    some = Bench(evaluation.methods[:1], None, ncore=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bench, "reconstruct", lambda self, scan, center: _volume(bare.truth))
        patch.setattr(Bench, "denoise", lambda self, method, noisy, goodness: _unchanged(noisy))
        told = table.lines(judge.evaluate(Source("bare", 1, lambda: iter([bare])), some))
    assert "contrast kept: there are no details to measure it on" in told


def _volume(truth):
    from tomopy_edge.data import Volume

    return Volume(np.repeat(truth[None], 3, axis=0))


def _unchanged(noisy):
    from tomopy_edge.evaluation.methods import Denoised

    return Denoised(noisy.slices[1], 0.0, {})


def test_the_verb_writes_tables_numbers_and_pictures(phantoms, tmp_path, capsys):
    written, own = tmp_path / "written", tmp_path / "own.json"
    methods = ("--methods", "noisy", "int8", "chained", "tv", "tv-best", "bm3d")
    assert run("tomogan", "--phantoms", phantoms, *methods, "-o", written, "--json", own, "--ncore", 1) == 0
    printed = capsys.readouterr().out
    assert "1 simulated scans of phantoms.h5" in printed
    assert (written / "table.txt").read_text() == printed
    plain = json.loads((written / "report.json").read_text())
    assert plain == json.loads(own.read_text())
    assert len(plain["scans"]) == len(plain["summary"]) == len({one["method"] for one in plain["scans"]})
    assert plain["definitions"]["SSIM"].startswith("structural similarity")
    assert len(plain["scans"][0]["power_curve"]) == 32
    assert {detail["kind"] for detail in plain["scans"][0]["contrasts"]} == {"cracks", "pores"}
    with (written / "scores.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["method"] for row in rows] == [one["method"] for one in plain["scans"]]
    assert float(rows[0]["ssim"]) == plain["scans"][0]["ssim"]
    for name in ("slices.png", "ssim.png"):
        with Image.open(written / name) as picture:
            assert min(picture.size) > 100


def test_an_output_is_not_replaced_unless_asked(phantoms, tmp_path):
    few = ("--phantoms", phantoms, "--methods", "noisy", "-o", tmp_path / "out")
    run(*few)
    with pytest.raises(OutputError, match="--overwrite"):
        run(*few)
    assert run(*few, "--overwrite") == 0


def test_the_verb_compares_a_real_scan_with_itself(scan_file, tmp_path, capsys):
    written = tmp_path / "written"
    run("--scan", scan_file, "--every", 2, "--thin", 0.25, "--center", 45.2, "--methods", "noisy", "tv", "-o", written)
    printed = capsys.readouterr().out
    assert "1 view in 2 (60)" in printed
    assert "0.25 of the counts" in printed
    plain = json.loads((written / "report.json").read_text())
    assert [part["gain"] for part in plain["parts"] if part["method"] == "noisy FBP"] == [0, 0, None]
    assert (written / "slices.png").is_file()
    assert not (written / "ssim.png").exists()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--every", 2), "--every: belongs to --scan"),
        (("--thin", 0.5), "--thin: belongs to --scan"),
        (("--center", 5), "--center: belongs to --scan"),
        (("--overwrite",), "--overwrite: belongs to --output"),
    ],
)
def test_flags_that_mean_nothing_together_are_refused(words, fault):
    with pytest.raises(DataError, match=fault):
        run(*words)


def test_a_json_file_that_could_not_be_written_is_told_first(tmp_path):
    with pytest.raises(OutputError, match="there is no folder"):
        run("--json", tmp_path / "nowhere" / "a.json", "--phantoms", "not looked at")
