"""The documentation says what the code does: generated pages are current, links lead somewhere, examples run."""

import argparse
import doctest
import importlib.util
import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest

import tomopy_edge
from tomopy_edge.cli import make_parser
from tomopy_edge.errors import RecipeError
from tomopy_edge.recipe import read_recipe
from tomopy_edge.strict import read_strictly
from tomopy_edge.sweeps.variants import parse_variants
from tomopy_edge.yaml_text import load_yaml

ROOT = Path(__file__).parents[1]
DEVICES = ["use-a-coral.md", "use-a-jetson.md"]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def make_reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recipe_page_is_what_the_options_classes_say(make_reference):
    assert (ROOT / "docs" / "reference" / "recipe.md").read_text() == make_reference.recipe_page()


def test_the_command_page_holds_every_verb_and_flag_with_its_help():
    # Not word for word: how argparse sets its help differs between versions of Python.
    page = " ".join((ROOT / "docs" / "reference" / "command.md").read_text().split())
    verbs = next(action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    for name, verb in verbs.choices.items():
        assert f"## `{name}`" in page
        for action in verb._actions:
            assert action.help is None or " ".join((action.help % vars(action)).split()) in page
            assert all(flag in page for flag in action.option_strings)


def test_every_option_is_described(make_reference):
    assert "| must be given |" not in make_reference.recipe_page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_every_recipe_in_the_docs_has_no_faults(catalogue):
    # Those of the cookbook are run by test_docs_cookbook.py, and devices are not here.
    for page in (page for page in PAGES if page.name not in {"recipe-cookbook.md", *DEVICES}):
        for text in re.findall(r"```yaml\n(- .*?)```", page.read_text(), flags=re.DOTALL):
            stages = load_yaml(text)
            # That of the guide to plugins is not installed.
            known = [stage for stage in stages if "'denoiser': 'median'" not in str(stage)]
            assert not known or parse_variants(known, catalogue, source=str(page))


@pytest.mark.parametrize("page", DEVICES)
def test_options_for_devices_are_options(page, catalogue):
    (text,) = re.findall(r"```yaml\n(- .*?)```", (ROOT / "docs" / "how-to" / page).read_text(), flags=re.DOTALL)
    (stage,) = load_yaml(text)
    options = read_strictly(catalogue.denoisers["tomogan"].options, stage["denoise"]["options"])
    assert options.runtime in {"edgetpu", "tensorrt"}


def test_every_command_in_the_docs_has_no_unknown_verb_or_flag():
    parser, seen = make_parser(), 0
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for line in re.findall(r"^tomopy-edge (.*)$", block, flags=re.MULTILINE):
                words = shlex.split(line, comments=True)
                if words != ["--help"]:
                    assert parser.parse_args(words), f"{page}: {line}"
                    seen += 1
    assert seen > 10


def test_the_example_of_recon_and_denoise_runs():
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder(recurse=False).find(
        tomopy_edge.recon_and_denoise, "recon_and_denoise", globs={}
    ):
        assert runner.run(example).failed == 0
        assert runner.tries > 0


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-scan.md"], ids=lambda p: p.name
)
def test_the_scripts_in_the_docs_run(page, capsys):
    theta = np.linspace(0, np.pi, 60, endpoint=False)
    disc = 0.02 * np.sqrt(np.maximum(0, 20.0**2 - (np.arange(64) - 31.5) ** 2))
    flat, dark = np.full((1, 2, 64), 1000.0), np.zeros((1, 2, 64))
    tomo = np.tile(1000 * np.exp(-disc), (60, 2, 1))
    names = {"tomopy_edge": tomopy_edge, "tomo": tomo, "theta": theta, "flat": flat, "dark": dark}
    scripts = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    assert scripts
    for script in scripts:
        exec(script, names)  # noqa: S102 - our own page
        assert names["slices"].shape == (2, 64, 64)


def test_the_script_about_sweeps_runs_and_finds_the_axis(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "how-to" / "choose-options.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    theta = np.linspace(0, np.pi, 60, endpoint=False)
    off = np.arange(64) - 31.5 - 8 * np.cos(theta)[:, None]
    counts = 1000 * np.exp(-0.02 * np.sqrt(np.maximum(0, 12.0**2 - off**2)))
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["implements"] = "exchange"
        file["exchange/data"] = counts[:, None].repeat(2, axis=1).astype(np.uint16)
        file["exchange/data_white"] = np.full((1, 2, 64), 1000, np.uint16)
        file["exchange/data_dark"] = np.zeros((1, 2, 64), np.uint16)
        file["exchange/theta"] = np.rad2deg(theta)
        file["exchange/theta"].attrs["units"] = "degrees"
    monkeypatch.chdir(tmp_path)
    exec(script, {"tomopy_edge": tomopy_edge})  # noqa: S102 - our own page
    assert capsys.readouterr().out.startswith("(31.5,) [")


def test_the_fault_in_the_tutorial_is_what_is_said(catalogue, monkeypatch):
    monkeypatch.chdir(ROOT / "recipes")
    with pytest.raises(RecipeError) as caught:
        read_recipe(Path("quickstart.yaml"), catalogue, ["find_center.centre=3"])
    assert f"tomopy-edge: error: {caught.value}" in (ROOT / "docs" / "tutorial" / "first-scan.md").read_text()


def test_the_tutorial_names_every_file_of_an_output(scan_file, tmp_path):
    stages = ["read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct", "trust"]
    run = tomopy_edge.run([*stages, {"write": {"formats": ["tiff", "hdf5"]}}], scan_file, tmp_path / "out")
    table = (ROOT / "docs" / "tutorial" / "first-scan.md").read_text().partition("| File |")[2].partition("\n\n")[0]
    for path in run.output.iterdir():
        name = re.sub(r"recon_\d+", "recon_00002", path.name) + "/" * path.is_dir()
        assert f"`{name}`" in table, name


def test_the_front_page_shows_a_slice_and_leads_to_how_far_to_trust_it():
    front = (ROOT / "docs" / "index.md").read_text()
    assert "(pictures/tooth.webp)" in front
    (door,) = (line for line in front.splitlines() if line.startswith("| know why, and how far to trust it"))
    assert "(explanation/trust.md)" in door


def test_every_column_of_a_table_that_is_made_has_a_heading():
    for name in ("recipe", "model-manifest", "report"):
        page = (ROOT / "docs" / "reference" / f"{name}.md").read_text()
        heads = re.findall(r"^\| (?:Option|Field) .*$", page, re.MULTILINE)
        assert heads
        assert not [head for head in heads if re.search(r"\|\s*\|", head)], name


def test_the_plugin_in_the_guide_is_the_plugin_that_is_tested():
    guide = (ROOT / "docs" / "how-to" / "write-a-denoiser.md").read_text()
    plugin = (ROOT / "tests" / "plugins" / "tomopy-edge-median" / "tomopy_edge_median.py").read_text()
    code = re.search(r"```python\n(.*?)```", guide, flags=re.DOTALL).group(1)
    assert plugin.endswith(code)
