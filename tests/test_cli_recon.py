"""The flags of `tomopy-edge recon` make the recipe they say, or are refused by their names."""

import json
import shutil

import pytest

from tomopy_edge.cli import main, make_parser
from tomopy_edge.cli.recon import stages_of
from tomopy_edge.errors import DataError, ModelError
from tomopy_edge.networks.manifest import MANIFEST, open_model

ROWS = 7


def stages(*flags, rows=ROWS):
    """Return the options of each stage that the flags make, by its name."""
    args = make_parser().parse_args(["recon", "--file-name", "scan.h5", *map(str, flags)])
    return {name: options for stage in stages_of(args, rows) for name, options in stage.items()}


def make_model(folder, *, fine_tune):
    """Copy the shipped model, with its denoising network standing in for a Fine-Tune network, or without any."""
    folder.mkdir()
    for path in open_model("tomogan").folder.glob("*.tflite"):
        shutil.copy(path, folder)
    manifest = json.loads((open_model("tomogan").folder / MANIFEST).read_text())
    manifest["fine_tune"] = manifest["denoise"] if fine_tune else None
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


def test_bad_rows_end_with_exit_code_2(scan_file, tmp_path, capsys):
    argv = ["recon", "--file-name", scan_file, "--rotation-axis", 45.2, "--denoiser", "none", "-o", tmp_path / "out"]
    argv += ["--reconstruction-type", "slice", "--start-row", 5, "--end-row", 1]
    assert main([str(word) for word in argv]) == 2
    assert "--start-row 5 and --end-row 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fine_tune", [False, True])
def test_fine_tune_follows_the_model(tmp_path, fine_tune):
    model = make_model(tmp_path / "model", fine_tune=fine_tune)
    made = stages("--model", model)
    assert made["denoise"] == {"denoiser": "tomogan", "options": {"model": str(model)}}
    assert made.get("fine_tune") == ({"model": str(model)} if fine_tune else None)
    assert list(made)[-1] == "write"
    assert "fine_tune" not in stages("--model", model, "--no-fine-tune")


def test_without_a_model_the_shipped_one_decides():
    assert ("fine_tune" in stages()) == (open_model("tomogan").manifest.fine_tune is not None)


def test_a_model_without_a_fine_tune_network_runs(scan_file, tmp_path):
    model = make_model(tmp_path / "model", fine_tune=False)
    argv = ["recon", "--file-name", scan_file, "--rotation-axis", 45.2, "--reconstruction-type", "slice"]
    argv += ["--model", model, "-o", tmp_path / "out"]
    assert main([str(word) for word in argv]) == 0
    assert list((tmp_path / "out").glob("*.tiff"))


def test_a_model_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(ModelError, match="no model is named 'tomogun'; did you mean 'tomogan'"):
        stages("--model", "tomogun")


def test_a_model_for_another_denoiser_is_refused(scan_file, tmp_path, capsys):
    argv = ["recon", "--file-name", scan_file, "--denoiser", "none", "--model", "x", "-o", tmp_path / "out"]
    assert main([str(word) for word in argv]) == 2
    said = capsys.readouterr().err
    assert "--model x: belongs to the denoiser 'tomogan', and --denoiser is 'none'" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("denoiser", ["none", "total_variation"])
def test_other_denoisers_get_no_network(denoiser):
    made = stages("--denoiser", denoiser)
    assert made["denoise"] == {"denoiser": denoiser}
    assert "fine_tune" not in made
