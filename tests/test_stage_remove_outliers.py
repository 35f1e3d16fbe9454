"""Zingers are replaced and counted; noise and edges are not zingers."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from algotom.prep.removal import remove_zinger
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tomopy_edge.data import Transmission
from tomopy_edge.errors import PluginError
from tomopy_edge.job import Job
from tomopy_edge.stages.remove_outliers import RemoveOutliersOptions, remove_outliers
from tomopy_edge.stages.zinger_kernels import loudest


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


@pytest.mark.parametrize("dense", [3, 30])
def test_edges_of_dense_objects_and_the_ends_of_half_a_turn_are_left_alone(dense):
    # An object beside the axis: the last view is the first one's mirror image, and falls elsewhere on the detector.
    theta, x = np.linspace(0, np.pi, 181), np.arange(200) - 100
    away = x - 60 * np.cos(theta)[:, np.newaxis]
    through = np.exp(-dense * np.sqrt(np.maximum(1 - (away / 25) ** 2, 0))).astype(np.float32)
    scan = Transmission(through[np.newaxis], theta)
    assert np.abs(through[0] - through[-1]).max() > 0.9
    for size in (1, 2, 4):
        got = remove_outliers(scan, RemoveOutliersOptions(size=size), Job()).sinograms
        np.testing.assert_array_equal(got, scan.sinograms)


def test_two_zingers_side_by_side_are_both_replaced():
    sinograms = np.ones((1, 30, 40), np.float32)
    sinograms[0, 10, [20, 22]] = 5
    got = remove_outliers(Transmission(sinograms, np.zeros(30)), RemoveOutliersOptions(), Job()).sinograms
    assert got.max() < 1.6


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


def as_algotom_does(sinogram, threshold, size):
    """Return what algotom makes of a sinogram that goes on as its mirror image, and how many pixels it replaced.

    algotom itself takes the last view for the first one's neighbour, and replaces what is as bright as a neighbour.
    Where no threshold is given it is found with numpy's medians of all views that hold finite noise.
    """
    if threshold is None:
        with np.errstate(all="ignore"):
            steps = np.median(np.abs(np.diff(sinogram, axis=1)), axis=1) / (0.6745 * np.sqrt(2))
            shares = steps.astype(np.float64) / np.maximum(np.median(sinogram, axis=1), np.float32(0.01))
        threshold = max(0.5, 10 * float(np.max(shares[np.isfinite(shares)], initial=0.0)))
    with np.errstate(all="ignore"):
        views, columns = (np.abs(np.arange(-size, length + size)) for length in sinogram.shape)
        for places, length in zip((views, columns), sinogram.shape, strict=True):
            places[places >= length] = np.maximum(2 * (length - 1) - places[places >= length], 0)
        larger = sinogram[np.ix_(views, columns)]
        chosen = remove_zinger(larger, threshold, size)[size:-size, size:-size]
        rolled = [np.roll(larger, (v, u), (0, 1)) for v in (-size, 0, size) for u in (-size, 0, size) if v or u]
        above = sum(larger > np.float32(1 + np.float32(threshold) / 2) * one for one in rolled)[size:-size, size:-size]
    cleaned = np.where(above >= 7, chosen, sinogram)
    return cleaned, np.count_nonzero((cleaned != sinogram) & ~np.isnan(sinogram))


SINOGRAMS = st.tuples(st.integers(1, 9), st.integers(2, 40)).flatmap(
    lambda shape: st.one_of(
        arrays(np.float32, shape, elements=st.sampled_from([0, -0.0, 0.25, 1, 1.5, 7, -1]).map(np.float32)),
        arrays(np.float32, shape, elements=st.floats(-1, 4, width=32)),
        arrays(np.float32, shape, elements=st.sampled_from([1, 0.5, 3, np.nan, np.inf, -np.inf]).map(np.float32)),
    )
)


@given(SINOGRAMS, st.sampled_from([None, 0.1, 0.5]), st.integers(1, 5))
@example(np.array([[1, -np.inf], [1, 1], [1, np.inf]], np.float32), None, 1)
@example(np.array([[1, np.inf], [1, 1], [1, -np.inf]], np.float32), None, 1)
@settings(max_examples=400, deadline=None)
def test_what_is_replaced_is_algotoms_choice_to_the_bit_where_it_stands_alone(sinogram, threshold, size):
    job = Job()
    options = RemoveOutliersOptions(threshold=threshold, size=size)
    got = remove_outliers(Transmission(sinogram[np.newaxis], np.zeros(len(sinogram))), options, job)
    wanted, replaced = as_algotom_does(sinogram, threshold, size)
    np.testing.assert_array_equal(got.sinograms[0].view(np.int32), np.ascontiguousarray(wanted).view(np.int32))
    assert job.tally.counts == ({"remove_outliers": {"outliers replaced": replaced}} if replaced else {})


@pytest.mark.parametrize("counts", [30, 200, 5000])
@pytest.mark.parametrize("columns", [80, 81])
def test_the_loudest_view_is_found_among_many(counts, columns):
    sinogram = noisy(counts, rows=1, angles=400, columns=columns).sinograms[0]
    # Views grow brighter and darker, all at once and one by one.
    sinogram *= np.float32(1) + np.sin(np.arange(400, dtype=np.float32) / 20)[:, np.newaxis] / 2
    sinogram[::7] /= 10
    steps = np.median(np.abs(np.diff(sinogram, axis=1)), axis=1) / (0.6745 * np.sqrt(2))
    shares = steps.astype(np.float64) / np.maximum(np.median(sinogram, axis=1), np.float32(0.01))
    assert loudest(sinogram, 0.0, np.float32(0.01)) == shares.max()
    assert loudest(sinogram, 100.0, np.float32(0.01)) == 100


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_broken_view_says_nothing_of_the_noise_of_the_others(broken):
    sinogram = noisy(100, rows=1).sinograms[0]
    noise = loudest(sinogram, 0.0, np.float32(0.01))
    for places in (40, slice(None, None, 2)):
        row = np.vstack([sinogram, np.ones_like(sinogram[:1])])
        row[-1, places] = broken
        assert loudest(row, 0.0, np.float32(0.01)) == noise
        assert loudest(row[::-1].copy(), 0.0, np.float32(0.01)) == noise


def test_a_row_of_one_column_is_left_alone():
    scan = Transmission(np.ones((1, 5, 1), np.float32), np.zeros(5))
    np.testing.assert_array_equal(remove_outliers(scan, RemoveOutliersOptions(), Job()).sinograms, 1)


def test_the_order_of_the_memory_is_no_matter():
    struck = noisy(100)
    struck.sinograms[:, ::7, ::9] *= 5
    across = np.ascontiguousarray(struck.sinograms.transpose(2, 1, 0)).transpose(2, 1, 0)
    wanted = remove_outliers(struck, RemoveOutliersOptions(), Job()).sinograms
    got = remove_outliers(Transmission(across, struck.theta), RemoveOutliersOptions(), Job(ncore=3)).sinograms
    np.testing.assert_array_equal(got, wanted)
    assert (wanted != struck.sinograms).any()
