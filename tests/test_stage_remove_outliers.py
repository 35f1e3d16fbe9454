"""Zingers are replaced and counted; noise and edges are not zingers."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tomopy_edge.data import Transmission
from tomopy_edge.errors import PluginError
from tomopy_edge.job import Job
from tomopy_edge.stages.remove_outliers import RemoveOutliersOptions, remove_outliers


def noisy(counts, rows=3, angles=60, columns=80, seed=0):
    middle = 5 * np.sin(np.linspace(0, np.pi, angles))[:, np.newaxis]
    through = np.exp(-2 * np.sqrt(np.maximum(1 - ((np.arange(columns) - columns / 2 - middle) / 25) ** 2, 0)))
    sinograms = np.random.default_rng(seed).poisson(counts * through, (rows, angles, columns)) / counts
    return Transmission(sinograms.astype(np.float32), np.zeros(angles), first_row=4)


def fake_tomopy():
    def remove_outlier(arr, dif, size=3, axis=0, ncore=None, out=None):
        from scipy.ndimage import median_filter

        assert (axis, ncore, out) == (0, 1, None)
        median = np.stack([median_filter(image, (size, size)) for image in arr])
        return np.where(arr - median >= dif, median, arr)

    return SimpleNamespace(remove_outlier=remove_outlier, recon=print, remove_stripe_fw=print)


@pytest.mark.parametrize("library", ["algotom", "tomopy"])
def test_a_zinger_is_replaced_and_counted(library, monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", fake_tomopy())
    clean, job = noisy(10_000), Job()
    sinograms = clean.sinograms.copy()
    sinograms[1, 30, 40] = 8
    struck = Transmission(sinograms, clean.theta, clean.first_row)
    got = remove_outliers(struck, RemoveOutliersOptions(library=library), job)
    assert got.sinograms[1, 30, 40] == pytest.approx(clean.sinograms[1, 30, 40], abs=0.05)
    assert job.tally.counts == {"remove_outliers": {"outliers replaced": 1}}
    assert got.sinograms.dtype == np.float32
    assert got.first_row == 4
    assert struck.sinograms[1, 30, 40] == 8


@pytest.mark.parametrize("counts", [200, 2000, 1_000_000])
def test_noise_and_edges_are_left_alone(counts):
    scan, job = noisy(counts), Job()
    got = remove_outliers(scan, RemoveOutliersOptions(), job)
    assert np.count_nonzero(got.sinograms != scan.sinograms) <= 1e-3 * scan.sinograms.size


def test_a_lower_threshold_replaces_more():
    scan = noisy(200)
    counts = []
    for threshold in (0.2, 0.4, 0.8):
        job = Job()
        remove_outliers(scan, RemoveOutliersOptions(threshold=threshold), job)
        counts.append(job.tally.counts["remove_outliers"]["outliers replaced"])
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize("library", ["algotom", "tomopy"])
def test_a_row_depends_on_itself_alone(library, monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", fake_tomopy())
    scan = noisy(300)
    whole = remove_outliers(scan, RemoveOutliersOptions(library=library, threshold=0.3), Job()).sinograms
    for row in range(len(whole)):
        alone = Transmission(scan.sinograms[row : row + 1], scan.theta)
        got = remove_outliers(alone, RemoveOutliersOptions(library=library, threshold=0.3), Job())
        np.testing.assert_array_equal(got.sinograms[0], whole[row])


def test_tomopy_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", None)
    with pytest.raises(PluginError, match="TomoPy"):
        remove_outliers(noisy(300), RemoveOutliersOptions(library="tomopy"), Job())


@pytest.mark.parametrize(("wrong", "name"), [({"threshold": 0.0}, "threshold"), ({"size": 0}, "size")])
def test_options_without_a_meaning_are_refused_by_name(wrong, name):
    with pytest.raises(ValueError, match=rf"^{name}: "):
        RemoveOutliersOptions(**wrong)


@pytest.mark.parametrize(("views", "size"), [(7, 2), (1, 1), (59, 3), (60, 2)])
def test_where_the_views_are_cut_shows_nowhere(monkeypatch, views, size):
    struck = noisy(100)
    struck.sinograms[:, ::7, ::9] *= 5
    whole = remove_outliers(struck, RemoveOutliersOptions(threshold=0.5, size=size), Job())
    monkeypatch.setattr("tomopy_edge.stages.remove_outliers.VIEWS", views)
    cut = remove_outliers(struck, RemoveOutliersOptions(threshold=0.5, size=size), Job())
    np.testing.assert_array_equal(cut.sinograms, whole.sinograms)
    assert (whole.sinograms != struck.sinograms).any()
