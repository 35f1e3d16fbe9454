"""Measures against situations whose answer is known in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tomopy_edge.errors import DataError
from tomopy_edge.evaluation.measures import (
    RIM,
    edge_correlation,
    edges_kept,
    grey_error,
    inner_circle,
    measure,
    ssim_to_input,
)
from tomopy_edge.evaluation.spectrum import RINGS, power_ratio


def disc(size=96, level=0.004):
    v, u = np.ogrid[:size, :size]
    truth = np.where(np.hypot(v - size / 2, u - size / 2) < size / 3, level, 0)
    truth[size // 2 : size // 2 + 6, size // 2 - 10 : size // 2] = 2 * level
    return truth.astype(np.float32)


def noise(size=96, sigma=0.0005, seed=0):
    return np.random.default_rng(seed).normal(0, sigma, (size, size)).astype(np.float32)


def step(size=32):
    return np.tile((np.arange(size) >= size // 2).astype(np.float64), (size, 1))


def test_the_truth_itself_is_perfect():
    found = measure(disc(), disc())
    assert found.ssim == pytest.approx(1)
    assert found.psnr > 100
    assert found.edges_kept == pytest.approx(1)
    assert found.edge_correlation == pytest.approx(1)
    assert found.grey == pytest.approx(0)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.5, 1.5))
def test_a_slice_that_is_brighter_all_over_has_just_that_grey_error(factor):
    found = measure((factor * disc()).astype(np.float32), disc())
    assert found.grey == pytest.approx(100 * (factor - 1), abs=1e-4)
    assert found.edges_kept == pytest.approx(factor, rel=1e-5)
    assert found.edge_correlation == pytest.approx(1)


def test_the_psnr_is_that_of_the_pixels_inside_the_circle_and_its_peak_the_range_of_the_truth():
    truth, wrong = disc(), disc()
    wrong[inner_circle(truth.shape)] += np.float32(0.001)
    assert measure(wrong, truth).psnr == pytest.approx(10 * np.log10(0.008**2 / 0.001**2), abs=1e-3)


def test_nothing_outside_the_circle_is_measured():
    spoilt = np.where(inner_circle((96, 96)), disc(), 7).astype(np.float32)
    assert measure(spoilt, disc()) == measure(disc(), disc())


def test_the_circle_lies_around_the_axis_that_fbp_uses():
    v, u = np.ogrid[:512, :512]
    np.testing.assert_array_equal(inner_circle((512, 512)), np.hypot(v - (512 / 2 - 1), u - 256) < 256 - RIM)


def test_an_edge_averaged_over_three_pixels_keeps_two_thirds_of_its_steepness():
    blurred = step()
    blurred[:, 1:-1] = (blurred[:, :-2] + blurred[:, 1:-1] + blurred[:, 2:]) / 3
    assert edges_kept(blurred, step()) == pytest.approx(2 / 3)


def test_noise_does_not_count_as_steepness():
    truth = disc(256).astype(np.float64)
    kept = [edges_kept(truth + noise(256, 0.001, seed), truth) for seed in range(8)]
    assert np.mean(kept) == pytest.approx(1, abs=0.01)


def test_faint_texture_that_is_smoothed_away_is_no_edge():
    truth = step(256) + 0.1 * np.sin(np.arange(256) * 1.5)
    assert edges_kept(step(256), truth) == pytest.approx(1, abs=0.1)


def test_noise_has_no_edges_in_common_with_the_truth():
    assert abs(edge_correlation(noise(256).astype(np.float64), disc(256).astype(np.float64))) < 0.02
    assert edge_correlation(np.ones((32, 32)), step()) == 0


def test_the_grey_value_is_taken_inside_the_object_alone():
    truth = disc().astype(np.float64)
    assert grey_error(truth + np.where(truth > 0, 0, 0.001), truth) == pytest.approx(0)


def test_a_truth_without_anything_in_it_is_refused():
    with pytest.raises(DataError, match="the same everywhere"):
        measure(noise(), np.zeros((96, 96), np.float32))


def test_a_slice_left_alone_is_the_same_as_its_input_and_a_smoothed_one_is_not():
    raw, inside = disc() + noise(), inner_circle((96, 96))
    assert ssim_to_input(raw, raw, inside) == pytest.approx(1)
    assert ssim_to_input(gaussian_filter(raw, 2), raw, inside) < 0.9


def test_a_slice_with_the_power_of_the_truth_has_the_ratio_one():
    assert power_ratio(disc(), disc()).bands == pytest.approx((1, 1, 1))
    assert power_ratio(2 * disc(), disc()).curve == pytest.approx([4] * RINGS)


def test_blur_shows_in_the_power_as_its_own_transfer_function():
    truth, sigma = noise(256, 1), 0.8
    blurred = gaussian_filter(truth, sigma, mode="wrap", truncate=6)
    middles = (np.arange(RINGS) + 0.5) / (2 * RINGS)
    expected = np.exp(-((2 * np.pi * sigma * middles) ** 2))
    np.testing.assert_allclose(power_ratio(blurred, truth).curve[:24], expected[:24], atol=0.03)
