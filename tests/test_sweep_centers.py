"""The rotation axis with which a slice is sharpest is the right one, also where hardly any photons came through."""

import numpy as np
import pytest

import tomopy_edge
from tomopy_edge.cli import main
from tomopy_edge.errors import DataError
from tomopy_edge.sweeps.centers import centers_around, rounded, told_of_centers
from tomopy_edge.sweeps.results import Picture, Result
from tomopy_edge.sweeps.scores import Scores, noise, scores, sharpness
from tomopy_edge.yaml_text import Sweep

SIMULATED = 128 + 3.3
"""Column of the rotation axis of the scans that are simulated here: 3.3 right of column COLUMNS / 2."""


def simulate(path, kind, counts):
    words = ["simulate", "scan", path, "--columns", 256, "--rows", 1, "--angles", 180, "--offset", 3.3, "--seed", 5]
    words += ["--kind", kind, "--counts", counts, "--width", 0.8, "--no-truth", "--ncore", 1]
    assert main([str(word) for word in words]) == 0


def sharpest(scan, centers, output, catalogue, **how):
    stages = ["read", "normalize", "minus_log", {"remove_stripes": {"method": how.pop("stripes", "none")}}]
    stages += [{"find_center": {"center": Sweep(centers)}}, "reconstruct", "write"]
    return tomopy_edge.sweep(stages, scan, output, catalogue=catalogue, ncore=1, **how).best.values[0]


@pytest.mark.parametrize("kind", ["foam", "grains", "tissue"])
@pytest.mark.parametrize("counts", [100, 5000])
def test_the_sharpest_slice_is_that_of_the_simulated_axis(tmp_path, catalogue, kind, counts):
    simulate(tmp_path / "scan.h5", kind, counts)
    centers = np.arange(123.3, 139, 1.0).round(3).tolist()
    found = sharpest(tmp_path / "scan.h5", centers, tmp_path / "out", catalogue)
    assert found == pytest.approx(SIMULATED, abs=1.01 if counts == 100 else 0.01)


def test_the_sharpest_slice_of_the_tooth_is_that_of_its_axis(scans, tmp_path, catalogue):
    centers = [290.0, 294.0, 295.5, 296.0, 296.5, 298.0, 302.0]
    assert sharpest(scans / "tooth" / "tooth.h5", centers, tmp_path / "out", catalogue) == 296.0


def test_the_sharpest_slice_of_a_faint_object_wider_than_the_detector_is_that_of_its_axis(scans, tmp_path, catalogue):
    scan = scans / "tomobank_00076" / "tomobank_00076.h5"
    centers = [1266.5, 1271.5, 1273.66, 1276.5, 1281.5, 1286.5]
    assert sharpest(scan, centers, tmp_path / "out", catalogue, stripes="sorting") == 1276.5


def disc(size=128, at=64.0, radius=30.0):
    v, u = np.ogrid[:size, :size]
    return ((np.hypot(v - at, u - at) < radius) * 0.02).astype(np.float32)


def test_sharpness_falls_where_edges_are_smeared_and_does_not_know_brightness():
    doubled = (disc(at=61) + disc(at=67)) / 2
    assert sharpness(disc()) > sharpness(doubled)
    assert sharpness(disc() * 100) == pytest.approx(sharpness(disc()), rel=1e-4)
    assert sharpness(np.zeros((32, 32), np.float32)) == 1


def test_noise_is_its_standard_deviation_and_edges_add_little():
    clean, rng = disc(256), np.random.default_rng(3)
    noisy = clean + rng.normal(0, 0.004, clean.shape).astype(np.float32)
    assert noise(noisy) == pytest.approx(0.004, rel=0.05)
    assert noise(clean) < 0.0003


def test_the_difference_is_that_from_the_first_slice():
    assert scores(disc() + np.float32(0.5), disc()).difference == pytest.approx(0.5, rel=1e-5)
    assert scores(disc(), disc()).difference == 0


def test_centers_go_to_both_sides_in_decimals_as_typed():
    assert centers_around(45.2, 0.3, 0.1, 96) == [44.9, 45.0, 45.1, 45.2, 45.3, 45.4, 45.5]
    assert centers_around(45, 1, 0.4, 96) == [44.2, 44.6, 45.0, 45.4, 45.8]
    assert centers_around(45, 0, 0.5, 96) == [45]
    assert rounded(1273.662, 0.5) == 1273.5


def test_centers_beyond_the_detector_are_left_out():
    assert centers_around(1, 3, 1, 96) == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="--rotation-axis 200: lies outside the detector, whose columns are 0 to 95"):
        centers_around(200, 3, 1, 96)


@pytest.mark.parametrize(("width", "step"), [(10, 0), (10, -1), (-1, 1), (float("nan"), 1)])
def test_a_search_that_is_none_is_refused(width, step):
    with pytest.raises(DataError, match="the step must be above 0 columns, and the width 0 or more"):
        centers_around(45, width, step, 96)


def test_a_search_of_too_many_centers_is_refused():
    with pytest.raises(DataError, match="these are 2001 centres, and at most 256 are tried; begin with a larger step"):
        centers_around(500, 100, 0.1, 1000)


def result(center, raw, final=None):
    of = [Scores(sharp, 1.0, 1.0, 0.0) for sharp in (raw, final or raw)]
    return Result(str(center), (str(center),), (center,), (Picture(0, *of, "raw.tiff", "final.tiff"),))


def test_a_clear_best_is_told_without_a_caution():
    results = [result(44, 2.0), result(45, 5.0), result(46, 2.0)]
    assert told_of_centers(results, results[1]) == ["sharpest raw slice: centre 45"]


def test_a_best_at_the_end_of_the_search_is_told():
    results = [result(44, 5.0), result(45, 4.0), result(46, 2.0)]
    assert "44 is at the end of what was tried: try again around it" in told_of_centers(results, results[0])[1]


def test_a_best_near_the_end_of_many_is_told():
    results = [result(n, 5.0 if n == 18 else 2.0) for n in range(21)]
    assert len(told_of_centers(results, results[17])) == 2
    assert "18 is near the end of what was tried: try again around it" in told_of_centers(results, results[18])[1]


def test_raw_and_denoised_slices_far_apart_are_told():
    results = [result(n, 5.0 if n == 12 else 2.0, 8.0 if n == 8 else 3.0) for n in range(21)]
    assert "raw and denoised slices disagree" in told_of_centers(results, results[12])[2]
    near = [result(n, 5.0 if n == 12 else 2.0, 8.0 if n == 10 else 3.0) for n in range(21)]
    assert len(told_of_centers(near, near[12])) == 2


def test_slices_all_as_sharp_are_told():
    results = [result(44, 2.0), result(45, 2.04), result(46, 2.0)]
    assert "all slices are about as sharp (within 2.0%)" in told_of_centers(results, results[1])[1]


def test_a_denoised_slice_that_disagrees_is_told():
    results = [result(44, 2.0, 9.0), result(45, 5.0, 8.0), result(46, 2.0, 1.0)]
    assert told_of_centers(results, results[1])[1] == "sharpest denoised slice: centre 44"
