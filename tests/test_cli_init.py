"""`tomopy-edge init` writes a recipe that `check` and `run` take, and replaces nothing unasked."""

from pathlib import Path

import pytest
import yaml

from tomopy_edge.cli import main
from tomopy_edge.propose import model
from tomopy_edge.propose.model import minutes


@pytest.fixture
def here(scan_file, monkeypatch):
    """The folder above that of the scan, where commands are typed."""
    monkeypatch.chdir(scan_file.parents[1])
    return scan_file.parents[1]


def test_the_recipe_passes_check_and_run_and_the_next_commands_are_told(here, capsys):
    assert main(["init", "raw/disc.h5", "--model", "tomogan-compact"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("scan: 120 projections over 178.5 degrees in steps of 1.5; 7 rows of 96 columns; 5 flats")
    *commands, place = said[-3:]
    assert commands == ["  tomopy-edge check recipe.yaml raw/disc.h5", "  tomopy-edge run recipe.yaml raw/disc.h5"]
    assert place == f"slices will lie in {here / 'raw_rec' / 'disc_rec'}, or where --output of run says"
    (told,) = (line for line in said if line.startswith("model: "))
    assert told.startswith("model: tomogan-compact, about ")
    for line in commands:
        words = line.split()[1:]
        # 4: the slices of so small a scan may be doubted.
        assert main([*words, "--no-time"] if words[0] == "check" else words) in {0, 4}
    assert len([*Path("raw_rec/disc_rec").glob("*.tiff")]) == 7
    # Nothing of the trial is left beside the recipe.
    assert sorted(path.name for path in here.iterdir()) == ["raw", "raw_rec", "recipe.yaml"]


def test_a_recipe_that_is_there_is_kept_unless_told(here, capsys):
    Path("recipe.yaml").write_text("mine")
    words = ["init", "raw/disc.h5", "--no-time", "--denoiser", "none"]
    assert main(words) == 2
    assert "recipe.yaml: is there already; name another file" in capsys.readouterr().err
    assert Path("recipe.yaml").read_text() == "mine"
    assert main([*words, "--overwrite", "--center", "45"]) == 0
    stages = yaml.safe_load(Path("recipe.yaml").read_text())
    assert {"find_center": {"center": 45.0}} in stages
    assert {"denoise": {"denoiser": "none"}} in stages
    assert main([*words, "-o", "new/mine.yaml"]) == 0
    assert Path("new/mine.yaml").is_file()


def test_a_folder_in_place_of_the_recipe_and_a_scan_that_is_none_are_told(here, capsys):
    assert main(["init", "raw/disc.h5", "-o", "raw"]) == 2
    assert main(["init", "raw/disk.h5"]) == 2
    said = capsys.readouterr().err
    assert "raw: is a folder" in said
    assert "raw/disk.h5: no such file; did you mean 'disc.h5'?" in said
    assert not Path("recipe.yaml").exists()


def test_how_long_is_a_number_above_0(here, capsys):
    with pytest.raises(SystemExit):
        main(["init", "raw/disc.h5", "--within", "0"])
    assert "must be above 0 minutes" in capsys.readouterr().err


def test_without_time_nothing_is_tried(here, monkeypatch, capsys):
    monkeypatch.setattr(model, "foretell_time", None)
    assert main(["init", "raw/disc.h5", "--no-time"]) == 0
    assert "model: tomogan\n" in capsys.readouterr().out


def test_times_are_told_in_what_is_easily_thought_of():
    assert [minutes(seconds) for seconds in (0.123, 45.4, 600, 9000)] == ["0.12 s", "45 s", "10 min", "2.5 h"]
