"""The commands and scripts of the pages on first minutes and long nights run, in their order, on simulated scans."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from tomopy_edge.batch.overrides import Given, own_of
from tomopy_edge.cli import main

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"


def blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", (HOW_TO / page).read_text(), flags=re.DOTALL)


def run_commands(page):
    """Run all commands of a page, and return how many there were."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    for line in lines:
        # The scan is narrower than that of the page.
        # Whether its slices are to be trusted (4) is not the page's matter.
        assert main(shlex.split(line.replace("--center 256", "--center 64"))[1:]) in {0, 4}, line
    return len(lines)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "scan.h5"
    main(["simulate", "scan", str(path), "--columns", "128", "--rows", "8", "--angles", "96", "--seed", "3"])
    return path


def test_the_page_on_the_first_minutes_runs(simulated, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    shutil.copy(simulated, "raw")
    assert run_commands("start-with-a-scan.md") == 6
    said = capsys.readouterr().out
    for line in blocks("start-with-a-scan.md", "text")[0].splitlines():
        # The figures are those of a larger scan.
        assert re.search(re.sub(r"\d+(\\\.\d+)?", r"[0-9.]+", re.escape(line)), said), line
    names = {}
    for script in blocks("start-with-a-scan.md", "python"):
        exec(script, names)  # noqa: S102 - our own page
    assert names["recipe"][0] == "read"


def test_the_page_on_many_scans_runs(simulated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    for name in ("a", "c"):
        shutil.copy(simulated, f"raw/{name}.h5")
    stages = ["read", "normalize", "minus_log", "remove_stripes", "find_center", "reconstruct"]
    stages += [{"denoise": {"options": {"model": "tomogan-compact", "runtime": "litert"}}}, "write"]
    Path("recipe.yaml").write_text(yaml.safe_dump(stages))
    Path("tonight.txt").write_text("# all\nraw\n")
    assert run_commands("run-many-scans.md") == 7
    assert Path("night/a_rec/report.json").is_file()
    assert Path("night.csv").is_file()
    (own,) = blocks("run-many-scans.md", "yaml")
    Path("raw/c.yaml").write_text(own.replace("127.5", "63.5"))
    for script in blocks("run-many-scans.md", "python"):
        exec(script, {})  # noqa: S102 - our own page
    settled = yaml.safe_load(Path("script/c_rec/recipe.yaml").read_text())
    assert {"find_center": {"center": 63.5, "method": "vo", "search": None}} in settled


def test_the_file_for_a_scan_in_the_page_has_no_faults(tmp_path, catalogue):
    (tmp_path / "c.yaml").write_text(blocks("run-many-scans.md", "yaml")[0])
    given = Given.read(Path("quickstart"), [], catalogue)
    stages = [block.entry.name for block in given.parsed(()).blocks]
    own = own_of(tmp_path / "c.h5", None, stages)
    assert own.changes == (
        "find_center.center=127.5",
        'denoise.options.model="tomogan-compact"',
        "remove_stripes=null",
    )
    assert len(given.recipe_for(own).blocks) == len(stages) - 1
