"""The flags of `tomopy-edge recon` make the recipe they say, or are refused by their names."""

import json
import shutil
from pathlib import Path

import pytest

from tomopy_edge.cli import main, make_parser
from tomopy_edge.cli.recon import named_scan, stages_of
from tomopy_edge.errors import DataError, ModelError
from tomopy_edge.networks.manifest import MANIFEST, open_model

ROWS = 7


def stages(*flags, rows=ROWS):
    """Return the options of each stage that the flags make, by its name."""
    args = make_parser().parse_args(["recon", "scan.h5", *map(str, flags)])
    return {name: options for stage in stages_of(args, rows) for name, options in stage.items()}


def make_model(folder):
    """Copy the shipped model without its Fine-Tune network."""
    folder.mkdir()
    for path in open_model("tomogan").folder.glob("*.tflite"):
        shutil.copy(path, folder)
    manifest = json.loads((open_model("tomogan").folder / MANIFEST).read_text())
    manifest["fine_tune"] = None
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("flags", "rows"),
    [
        ([], [0, 7]),
        (["--start-row", 2], [2, 7]),
        (["--end-row", 3], [0, 3]),
        (["--reconstruction-type", "slice"], [3, 4]),
        (["--reconstruction-type", "slice", "--start-row", 5], [6, 7]),
        (["--reconstruction-type", "slice", "--start-row", 6], [6, 7]),
        (["--reconstruction-type", "slice", "--row", 5], [5, 6]),
        (["--reconstruction-type", "slice", "--nsino", 0], [0, 1]),
        (["--reconstruction-type", "slice", "--nsino", 1], [6, 7]),
        (["--reconstruction-type", "slice", "--nsino", 0.5, "--end-row", 4], [2, 3]),
        (["--reconstruction-type", "try", "--row", 5], [0, 7]),
    ],
)
def test_rows_are_those_asked_for(flags, rows):
    assert stages(*flags)["read"]["rows"] == rows


@pytest.mark.parametrize("kind", ["full", "slice"])
@pytest.mark.parametrize(
    ("first", "last"), [(5, 1), (3, 3), (0, 8), (-1, 3), (7, None), (None, 0), (None, 9), (None, -2)]
)
def test_rows_the_scan_does_not_have_are_refused_by_the_flags_names(kind, first, last):
    flags = [] if first is None else ["--start-row", first]
    flags += [] if last is None else ["--end-row", last]
    found = f"--start-row {first or 0} and --end-row {7 if last is None else last}: .*rows 0 to 6; give 0 <= start-row"
    with pytest.raises(DataError, match=found):
        stages("--reconstruction-type", kind, *flags)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--row", 7], "--row 7: is none of the rows 0 to 6"),
        (["--row", 1, "--start-row", 2], "--row 1: is none of the rows 2 to 6"),
        (["--nsino", 1.5], "--nsino 1.5: is a share of the rows, from 0 to 1; --row takes a row's number"),
    ],
)
def test_a_row_that_is_none_is_refused(flags, told):
    with pytest.raises(DataError, match=told):
        stages("--reconstruction-type", "slice", *flags)


@pytest.mark.parametrize(
    ("kind", "flags", "told"),
    [
        ("full", ["--row", 1], "--row: of no use with --reconstruction-type full, only with slice or try"),
        ("full", ["--nsino", 0.5], "--nsino: of no use with --reconstruction-type full"),
        ("slice", ["--center-search-width", 5], "--center-search-width: of no use with --reconstruction-type slice"),
        ("full", ["--center-search-step", 1], "--center-search-step: of no use with .*, only with try; leave it out"),
    ],
)
def test_flags_of_another_type_of_reconstruction_are_refused(kind, flags, told):
    with pytest.raises(DataError, match=told):
        stages("--reconstruction-type", kind, *flags)


@pytest.mark.parametrize(
    "words",
    [
        ["scan.h5", "--row", "3"],
        ["--reconstruction-type", "slice", "--fine-tune", "scan.h5"],
        ["--file-name", "scan.h5", "--overwrite"],
    ],
)
def test_a_scan_is_a_plain_argument_or_a_file_name(words):
    assert named_scan(make_parser().parse_args(["recon", *words])) == Path("scan.h5")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "recon: takes one scan, and none was given; name it once, as in: tomopy-edge recon scan.h5"),
        (["a.h5", "--file-name", "b.h5"], "recon: takes one scan, and both a.h5 and --file-name b.h5 were given"),
    ],
)
def test_no_scan_and_two_are_refused_in_one_sentence(words, told, capsys):
    assert main(["recon", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == 1


def test_bad_rows_end_with_exit_code_2(scan_file, tmp_path, capsys):
    argv = ["recon", "--file-name", scan_file, "--rotation-axis", 45.2, "--denoiser", "none", "-o", tmp_path / "out"]
    argv += ["--reconstruction-type", "slice", "--start-row", 5, "--end-row", 1]
    assert main([str(word) for word in argv]) == 2
    assert "--start-row 5 and --end-row 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_network_is_left_to_the_model_and_fine_tune_out_unless_asked_for():
    made = stages("--model", "tomogan-compact")
    assert made["denoise"] == {"denoiser": "tomogan", "options": {"model": "tomogan-compact"}}
    assert list(made)[-3:] == ["denoise", "trust", "write"]
    assert stages()["denoise"]["options"] == {"model": "tomogan"}


def test_slices_are_examined_unless_that_is_left_out():
    assert stages()["trust"] == {"every": 128}
    assert stages("--trust-every", 5)["trust"] == {"every": 5}
    assert "trust" not in stages("--trust-every", 0)


def test_a_runtime_is_that_of_both_networks():
    made = stages("--fine-tune", "--runtime", "litert")
    assert made["denoise"]["options"]["runtime"] == made["fine_tune"]["runtime"] == "litert"


def test_a_precision_is_that_of_the_network():
    assert stages("--precision", "float")["denoise"]["options"] == {"model": "tomogan", "precision": "float"}


def test_fine_tune_follows_its_partner_where_it_is_asked_for():
    made = stages("--model", "tomogan-compact", "--fine-tune")
    assert made["denoise"]["options"] == {"model": "tomogan-compact", "precision": "int8-ptq"}
    assert made["fine_tune"] == {"model": "tomogan-compact"}
    with pytest.raises(DataError, match="--fine-tune: a chained network has the Fine-Tune network in it"):
        stages("--fine-tune", "--precision", "chained")


def test_a_model_without_a_fine_tune_network_runs(scan_file, tmp_path, capsys):
    model = make_model(tmp_path / "model")
    argv = ["recon", "--file-name", scan_file, "--rotation-axis", 45.2, "--reconstruction-type", "slice"]
    argv += ["--model", model, "-o", tmp_path / "out"]
    assert main([str(word) for word in (*argv, "--fine-tune")]) == 2
    assert "has no Fine-Tune network; leave the stage fine_tune out" in capsys.readouterr().err
    assert main([str(word) for word in argv]) == 0
    assert list((tmp_path / "out").glob("*.tiff"))


def test_a_model_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(ModelError, match="no model is named 'tomogun'; did you mean 'tomogan'"):
        stages("--model", "tomogun", "--fine-tune")


def test_flags_of_a_network_are_refused_for_another_denoiser(scan_file, tmp_path, capsys):
    argv = ["recon", "--file-name", scan_file, "--denoiser", "none", "-o", tmp_path / "out"]
    assert main([str(word) for word in (*argv, "--model", "x", "--precision", "int8", "--fine-tune")]) == 2
    said = capsys.readouterr().err
    assert "--model and --precision and --fine-tune: of no use without the denoiser 'tomogan', and --denoiser" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("denoiser", ["none", "total_variation"])
def test_other_denoisers_get_no_network(denoiser):
    made = stages("--denoiser", denoiser)
    assert made["denoise"] == {"denoiser": denoiser}
    assert "fine_tune" not in made
