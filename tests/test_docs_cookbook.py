"""Every recipe of the cookbook runs on a scan of its situation, and does there what the page says."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
import yaml

from tomopy_edge.cli import main
from tomopy_edge.fbp import fbp

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "recipe-cookbook.md"
RECIPES = dict(re.findall(r"^## (.+?)\n.*?```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE))
COLUMNS, ROWS, BEAM = 80, 4, 5000
OUTCOMES = {0, 4, 5}
"""Exit codes of a run whose slices were made, whatever the examination says of a scan of 80 columns."""


def write_scan(path, *, center=39.5, views=90, turn=180, beam=BEAM, gain=None, without=(), zingers=0):
    """Write a scan of two discs, with noise, as DataExchange."""
    rng = np.random.default_rng(4)
    degrees = np.linspace(0, turn, views, endpoint=False)
    lines = np.zeros((views, COLUMNS))
    for away, aside, radius in ((8, 0, 14), (-12, 9, 6)):
        middle = center + away * np.cos(np.deg2rad(degrees)) + aside * np.sin(np.deg2rad(degrees))
        lines += 0.04 * np.sqrt(np.maximum(radius**2 - (np.arange(COLUMNS) - middle[:, None]) ** 2, 0))
    gain = np.ones(COLUMNS) if gain is None else gain
    counts = rng.poisson(beam * gain * np.exp(-lines)[:, None].repeat(ROWS, axis=1))
    counts.reshape(-1)[rng.choice(counts.size, zingers, replace=False)] += 3 * beam
    frames = {"data": counts, "data_white": rng.poisson(beam, (9, ROWS, COLUMNS)), "data_dark": counts[:3] * 0}
    with h5py.File(path, "w") as file:
        file["implements"] = "exchange"
        for name, values in frames.items():
            if name not in without:
                file[f"exchange/{name}"] = values.astype(np.uint16)
        file["exchange/theta"] = degrees
        file["exchange/theta"].attrs["units"] = "degrees"


def rings():
    gain = np.ones(COLUMNS)
    gain[[21, 50, 51, 60]] = (0.8, 1.15, 1.1, 0.85)
    return gain


SCANS = {
    "No darks": {"without": ["data_dark"]},
    "No flats": {"without": ["data_white"]},
    "A full turn": {"turn": 360, "views": 180},
    "The axis far from the middle": {"center": 55.25},
    "Strong rings": {"gain": rings()},
    "Zingers and hot pixels": {"zingers": 40},
    "Few views": {"views": 16},
    "Low dose": {"beam": 200},
}


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What runs the recipe of a situation on its scan, and tells the report, the settled recipe and the slices."""
    monkeypatch.chdir(tmp_path)

    def run(title, text=None):
        write_scan("scan.h5", **SCANS.get(title, {}))
        Path("recipe.yaml").write_text(text or RECIPES[title])
        assert main(["run", "recipe.yaml", "scan.h5", "--output", "out", "--overwrite"]) in OUTCOMES
        report = json.loads(Path("out/report.json").read_text())
        settled = {}
        if Path("out/recipe.yaml").is_file():
            for stage in yaml.safe_load(Path("out/recipe.yaml").read_text()):
                settled |= stage if isinstance(stage, dict) else {stage: {}}
        return report, settled, read_slices(Path("out"))

    return run


def read_slices(output):
    import tifffile

    return np.array([tifffile.imread(path) for path in sorted(output.glob("recon_*.tiff"))])


def raw(text):
    return "".join(line + "\n" for line in text.splitlines() if not re.match(r"- (denoise|fine_tune|trust)", line))


def ripple(slices):
    """Return by how much the mean of one ring differs from that of the next, at most."""
    y, x = np.mgrid[:COLUMNS, :COLUMNS] - 39.5
    radius = np.hypot(y, x)
    means = [slices[:, (radius >= r) & (radius < r + 1)].mean() for r in range(8, 38)]
    return np.abs(np.diff(means)).max()


def test_the_page_has_ten_recipes_and_each_scan_is_of_one():
    assert len(RECIPES) >= 10
    assert SCANS.keys() < RECIPES.keys()


@pytest.mark.parametrize("title", ["A large volume", "Many cores, many machines", "With the Fine-Tune network"])
def test_recipes_for_a_scan_without_faults_run(title, told):
    if title == "A large volume":
        pytest.importorskip("tensorstore", reason="Zarr needs the extra zarr")
    report, settled, _ = told(title)
    assert settled.keys() >= {"read", "reconstruct", "denoise", "write"}
    assert report
    assert Path("out/recon.zarr").is_dir() == (title == "A large volume")
    assert Path("out/recon.h5").is_file() == (title == "Many cores, many machines")
    assert ("fine_tune" in settled) == (title == "With the Fine-Tune network")


@pytest.mark.parametrize(("title", "what"), [("No darks", "dark"), ("No flats", "flat")])
def test_frames_that_are_missing_are_told(title, what, told):
    report, _, slices = told(title)
    assert what in json.dumps(report["notes"]["normalize"])
    assert 0.015 < np.percentile(slices, 95) < 0.0225  # 0.02 in truth, less where views stand in for flats


@pytest.mark.parametrize(("title", "center"), [("A full turn", 39.5), ("The axis far from the middle", 55.25)])
def test_the_axis_is_found(title, center, told):
    assert told(title)[1]["find_center"]["center"] == pytest.approx(center, abs=0.3)


def test_rings_are_removed(told):
    title = "Strong rings"
    removed = ripple(told(title, raw(RECIPES[title]))[2])
    left = ripple(told(title, re.sub(r"- remove_stripes.*\n", "", raw(RECIPES[title])))[2])
    assert removed < 0.5 * left


def test_zingers_are_counted(told):
    report, _, _ = told("Zingers and hot pixels")
    (replaced,) = report["counts"]["remove_outliers"].values()
    assert replaced >= 40


@pytest.mark.parametrize("title", ["Few views", "Low dose"])
def test_noise_is_removed_and_examined(title, told):
    _, settled, slices = told(title)
    assert settled["trust"]
    assert settled["denoise"]["options"]["model"] == "tomogan-compact"
    noisy = told(title, raw(RECIPES[title]))[2]
    air = np.s_[:, 8:20, 34:46]
    assert slices[air].std() < 0.5 * noisy[air].std()


def test_an_algorithm_of_tomopy_is_asked_for_what_the_recipe_says(told, monkeypatch):
    module, asked = ModuleType("tomopy"), {}

    def recon(tomo, theta, center, sinogram_order, **keywords):
        asked.update(keywords)
        return fbp(tomo, theta, center)

    module.recon = recon
    module.remove_outlier = module.remove_stripe_fw = lambda *_: None
    monkeypatch.setitem(sys.modules, "tomopy", module)
    told("Another reconstructor")
    assert (asked["algorithm"], asked["num_iter"]) == ("sirt", 100)


def test_denoisers_stand_side_by_side(told):
    told("A classical denoiser beside TomoGAN")
    assert len(list(Path("out/denoised").glob("*.tiff"))) == 3
    assert Path("out/contact_sheet.png").is_file()
