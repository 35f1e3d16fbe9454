"""Stripes go, the object stays, and each row is treated alone."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter

from tomopy_edge.data import Sinograms
from tomopy_edge.errors import DataError, PluginError
from tomopy_edge.job import Job
from tomopy_edge.stages.remove_stripes import (
    ENTRY,
    RemoveStripesOptions,
    remove_stripes,
    settle_remove_stripes,
    sorted_and_smoothed,
)

METHODS = ["sorting", "fourier-wavelet", "filtering", "large", "dead", "all"]
ANGLES, COLUMNS = 180, 256


def object_alone(rows=2):
    theta = np.linspace(0, np.pi, ANGLES, endpoint=False)
    column = np.arange(COLUMNS)
    sinogram = np.zeros((ANGLES, COLUMNS))
    for x, y, radius in ((0, 0, 100), (30, 20, 25), (-40, 10, 15), (10, -50, 12)):
        middle = 127.5 + x * np.cos(theta) + y * np.sin(theta)
        sinogram += 0.01 * 2 * np.sqrt(np.maximum(radius**2 - (column - middle[:, np.newaxis]) ** 2, 0))
    noise = np.random.default_rng(0).normal(0, 0.005, (rows, ANGLES, COLUMNS))
    return Sinograms((sinogram + noise).astype(np.float32), theta, first_row=3)


def striped(clean):
    line_integrals = clean.line_integrals.copy()
    line_integrals[:, :, [60, 110, 171]] += np.float32([0.1, -0.1, 0.15])
    return Sinograms(line_integrals, clean.theta, first_row=3)


def stripe_strength(sinograms):
    """Return how far the stripes' columns stand out from their neighbours."""
    mean = sinograms.line_integrals.mean(axis=(0, 1))
    return max(abs(mean[c] - (mean[c - 3] + mean[c + 3]) / 2) for c in (60, 110, 171))


@pytest.mark.parametrize("method", METHODS)
def test_stripes_go_and_the_object_stays(method):
    clean = object_alone()
    got = remove_stripes(striped(clean), RemoveStripesOptions(method=method), Job())
    if method != "dead":  # constant stripes are not its business, though its second half takes the large of them
        assert stripe_strength(got) < 0.5 * stripe_strength(striped(clean))
    assert np.abs(got.line_integrals - clean.line_integrals).mean() < 0.03 * clean.line_integrals.mean()
    assert got.line_integrals.dtype == np.float32
    assert got.first_row == 3


@pytest.mark.parametrize("method", METHODS)
def test_a_row_depends_on_itself_alone(method):
    chunk = striped(object_alone(3))
    whole = remove_stripes(chunk, RemoveStripesOptions(method=method), Job()).line_integrals
    for row in range(3):
        alone = Sinograms(chunk.line_integrals[row : row + 1], chunk.theta)
        got = remove_stripes(alone, RemoveStripesOptions(method=method), Job(ncore=1))
        np.testing.assert_array_equal(got.line_integrals[0], whole[row])


def test_none_needs_no_tomopy(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", None)
    ENTRY.check(RemoveStripesOptions(method="none", library="tomopy"), None)
    with pytest.raises(PluginError, match="not installed"):
        ENTRY.check(RemoveStripesOptions(library="tomopy"), None)


def test_none_leaves_all_in_place():
    chunk = striped(object_alone())
    assert remove_stripes(chunk, RemoveStripesOptions(method="none"), Job()) is chunk


def test_windows_are_settled_to_the_width():
    chunk = object_alone(1)
    got = settle_remove_stripes(RemoveStripesOptions(), chunk, Job())
    assert (got.size, got.large_size, got.level) == (5, 11, 3)
    wide = Sinograms(np.zeros((1, 600, 2560), np.float32), np.zeros(600))
    got = settle_remove_stripes(RemoveStripesOptions(large_size=81), wide, Job())
    assert (got.size, got.large_size, got.level) == (21, 81, 5)


def test_settled_windows_give_what_open_ones_give():
    chunk = striped(object_alone(1))
    settled = settle_remove_stripes(RemoveStripesOptions(method="all"), chunk, Job())
    np.testing.assert_array_equal(
        remove_stripes(chunk, settled, Job()).line_integrals,
        remove_stripes(chunk, RemoveStripesOptions(method="all"), Job()).line_integrals,
    )


def test_too_few_views_are_refused():
    few = Sinograms(np.zeros((1, 4, 64), np.float32), np.zeros(4))
    with pytest.raises(DataError, match="4 views are too few"):
        remove_stripes(few, RemoveStripesOptions(), Job())


@pytest.mark.parametrize(
    ("method", "name", "arguments"),
    [
        ("sorting", "remove_stripe_based_sorting", {"size": 5}),
        ("filtering", "remove_stripe_based_filtering", {"sigma": 3.0, "size": 5}),
        ("fourier-wavelet", "remove_stripe_fw", {"level": 3, "wname": "db9", "sigma": 1.0}),
        ("large", "remove_large_stripe", {"snr": 3.0, "size": 11}),
        ("dead", "remove_dead_stripe", {"snr": 3.0, "size": 11}),
        ("all", "remove_all_stripe", {"snr": 3.0, "la_size": 11, "sm_size": 5}),
    ],
)
def test_tomopy_gets_angle_row_column_of_one_row_and_the_same_windows(method, name, arguments, monkeypatch):
    def routine(tomo, **given):
        assert tomo.shape == (ANGLES, 1, COLUMNS)
        assert given == {"ncore": 1, **arguments}
        tomo += 1
        return tomo

    familiar = {"recon": print, "remove_outlier": print, "remove_stripe_fw": print}
    monkeypatch.setitem(sys.modules, "tomopy", SimpleNamespace(**{**familiar, name: routine}))
    chunk = object_alone()
    before = chunk.line_integrals.copy()
    got = remove_stripes(chunk, RemoveStripesOptions(method=method, library="tomopy"), Job())
    np.testing.assert_array_equal(got.line_integrals, before + 1)
    np.testing.assert_array_equal(chunk.line_integrals, before)


def test_tomopy_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", None)
    with pytest.raises(PluginError, match="TomoPy"):
        remove_stripes(object_alone(), RemoveStripesOptions(library="tomopy"), Job())


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"size": 0}, "size"), ({"snr": 1.0}, "snr"), ({"sigma": 0.0}, "sigma"), ({"level": 0}, "level")],
)
def test_options_without_a_meaning_are_refused_by_name(wrong, name):
    with pytest.raises(ValueError, match=rf"^{name}: "):
        RemoveStripesOptions(**wrong)


def test_sorting_is_algotoms_where_no_two_values_are_equal():
    from algotom.prep.removal import remove_stripe_based_sorting

    sinogram = np.random.default_rng(0).permutation(ANGLES * COLUMNS).reshape(ANGLES, COLUMNS).astype(np.float32)
    np.testing.assert_array_equal(sorted_and_smoothed(sinogram, 21), remove_stripe_based_sorting(sinogram, 21))


def test_a_row_that_is_far_shorter_than_the_window_is_reflected_again_and_again():
    np.testing.assert_array_equal(sorted_and_smoothed(np.float32([[1, 0]]), 16), [[1, 1]])
    np.testing.assert_array_equal(sorted_and_smoothed(np.float32([[1, 0]]), 17), [[1, 0]])


def test_equal_values_are_ranked_by_their_angles_on_every_processor():
    counts = np.random.default_rng(0).integers(0, 4, (64, 16)).astype(np.float32)
    ranked = [sorted(range(64), key=lambda angle, column=column: (column[angle], angle)) for column in counts.T]
    smoothed = median_filter(np.sort(counts, axis=0), (1, 5))
    wanted = np.empty_like(counts)
    for column, order in enumerate(ranked):
        wanted[order, column] = smoothed[:, column]
    np.testing.assert_array_equal(sorted_and_smoothed(counts, 5), wanted)


def plain_median(rows, size):
    """Return the running median of rows, reflected at their ends; scipy's errs where rows are far shorter."""
    reflected = np.pad(rows, ((0, 0), (size // 2, size - size // 2 - 1)), mode="symmetric")
    return np.sort(sliding_window_view(reflected, size, axis=1), axis=2)[..., size // 2]


def plainly_sorted_and_smoothed(sinogram, size):
    """Return what sorting and smoothing make of a sinogram without NaN, by their definition."""
    order = np.argsort(sinogram, axis=0, kind="stable")
    clean = np.empty_like(sinogram)
    np.put_along_axis(clean, order, plain_median(np.take_along_axis(sinogram, order, axis=0), size), axis=0)
    return clean


@pytest.mark.parametrize("size", [1, 2, 5, 16, 25])
def test_the_median_is_scipys(size):
    rows = np.random.default_rng(0).integers(0, 9, (20, 25)).astype(np.float32)
    np.testing.assert_array_equal(plain_median(rows, size), median_filter(rows, (1, size)))


SHAPES = st.tuples(st.integers(1, 140), st.integers(1, 40))
SIZES = st.integers(1, 25)


@given(SHAPES.flatmap(lambda shape: arrays(np.float32, shape, elements=st.floats(-3, 9, width=32))), SIZES)
@settings(max_examples=150, deadline=None)
def test_sorting_and_smoothing_are_what_they_are_by_definition_to_the_bit(sinogram, size):
    sinogram += np.float32(0)  # no -0.0: see below
    got = sorted_and_smoothed(sinogram, size)
    np.testing.assert_array_equal(got.view(np.int32), plainly_sorted_and_smoothed(sinogram, size).view(np.int32))


@given(SHAPES, st.integers(0, 99), SIZES)
@settings(max_examples=150, deadline=None)
def test_ties_infinities_and_numbers_of_any_size_are_sorted_as_numpy_does(shape, seed, size):
    rng = np.random.default_rng(seed)
    odd = np.float32([0, -0.0, 1, -1, 2.5, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, -1e-45])
    sinogram = np.where(rng.random(shape) < 0.5, rng.choice(odd, shape), rng.integers(-2, 3, shape).astype(np.float32))
    np.testing.assert_array_equal(sorted_and_smoothed(sinogram, size), plainly_sorted_and_smoothed(sinogram, size))


def test_the_zeros_of_minus_log_stay_negative():
    sinogram = np.where(
        np.arange(64)[:, np.newaxis] % 3, np.float32(-0.0), np.float32(1) + np.zeros((64, 9), np.float32)
    )
    np.testing.assert_array_equal(np.signbit(sorted_and_smoothed(sinogram, 5)), sinogram == 0)


def test_nan_is_above_all_numbers():
    sinogram = np.random.default_rng(0).random((40, 30)).astype(np.float32)
    sinogram[7, 11], sinogram[9, 11:20] = np.nan, -np.float32(np.nan)
    order = np.argsort(sinogram, axis=0, kind="stable")
    ranked = np.pad(np.take_along_axis(sinogram, order, axis=0), ((0, 0), (2, 2)), mode="symmetric")
    smoothed = np.sort(sliding_window_view(ranked, 5, axis=1), axis=2)[..., 2]
    wanted = np.empty_like(sinogram)
    np.put_along_axis(wanted, order, smoothed, axis=0)
    assert np.isnan(wanted).any()
    np.testing.assert_array_equal(sorted_and_smoothed(sinogram, 5), wanted)


def test_the_order_of_the_memory_is_no_matter():
    chunk = striped(object_alone(3))
    across = np.ascontiguousarray(chunk.line_integrals.transpose(2, 1, 0)).transpose(2, 1, 0)
    wanted = remove_stripes(chunk, RemoveStripesOptions(), Job())
    got = remove_stripes(Sinograms(across, chunk.theta), RemoveStripesOptions(), Job(ncore=3))
    np.testing.assert_array_equal(got.line_integrals, wanted.line_integrals)
    assert got.line_integrals.flags.c_contiguous


def test_what_is_not_finite_is_refused_with_its_row():
    chunk = object_alone(3)
    chunk.line_integrals[1:, :100] = np.nan
    with pytest.raises(DataError, match="not finite in row 4"):
        remove_stripes(chunk, RemoveStripesOptions(), Job())


def test_sorting_needs_no_algotom(monkeypatch):
    monkeypatch.setitem(sys.modules, "algotom.prep", None)
    remove_stripes(object_alone(1), RemoveStripesOptions(), Job())
