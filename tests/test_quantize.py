"""Quantizing loses at most half a code, and says where it loses more."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.lib.stride_tricks import sliding_window_view

from tomopy_edge.codes import QuantParams
from tomopy_edge.networks.quantize import dequantize, dequantize_slices, quantize
from tomopy_edge.networks.workers import Workers


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Have the kernels compiled, which happens once for each machine: no property waits for it."""
    quantize(np.zeros(1, np.float32), QuantParams(1.0, 0))
    dequantize_slices(np.zeros((1, 1), np.int8), QuantParams(1.0, 0))


params = st.builds(QuantParams, scale=st.floats(1e-4, 10), zero_point=st.integers(-128, 127))


@given(params)
def test_codes_survive_the_round_trip(params):
    codes = np.arange(-128, 128, dtype=np.int8)
    again, saturated = quantize(dequantize(codes, params), params)
    np.testing.assert_array_equal(again, codes)
    assert saturated == 0


@given(params, st.lists(st.floats(-1e3, 1e3, width=32), min_size=1))
def test_the_error_is_at_most_half_a_code_or_the_value_is_counted_as_saturated(params, values):
    values = np.array(values, dtype=np.float32)
    codes, saturated = quantize(values, params)
    error = np.abs(dequantize(codes, params) - values)
    assert np.count_nonzero(error > 0.5001 * params.scale) <= saturated
    assert saturated <= np.count_nonzero((codes == -128) | (codes == 127))


def test_halves_round_away_from_zero_as_tflite_does():
    codes, _ = quantize(np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32), QuantParams(scale=1.0, zero_point=0))
    assert codes.tolist() == [1, 2, 3, -1, -2]


def test_values_without_a_code_are_saturated_and_counted():
    values = np.array([1e9, -1e9, np.nan, np.inf, 0], np.float32)
    codes, saturated = quantize(values, QuantParams(scale=0.1, zero_point=3))
    assert codes.tolist() == [127, -128, -128, 127, 3]
    assert saturated == 4


def test_the_range_ends_where_the_codes_end():
    params = QuantParams(scale=0.5, zero_point=-28)
    assert (params.lowest, params.highest) == (-50, 77.5)
    assert quantize(np.array([-50, 77.5], np.float32), params)[1] == 0
    assert quantize(np.array([-50.3, 77.8], np.float32), params)[1] == 2


def test_flat_matter_comes_out_without_terraces_and_nearer_to_the_truth():
    truth = np.linspace(0.2, 0.5, 64 * 64, dtype=np.float32).reshape(64, 64)
    params = QuantParams(scale=0.05, zero_point=3)
    codes, _ = quantize(truth + np.random.default_rng(1).normal(0, 0.02, truth.shape).astype(np.float32), params)
    read, plain = dequantize_slices(codes, params), dequantize(codes, params)
    assert np.abs(read - truth).mean() < 0.7 * np.abs(plain - truth).mean()


@given(params, st.integers(0, 99), st.integers(1, 60))
def test_slices_read_finely_quantize_to_the_same_codes(params, seed, spread):
    codes = np.random.default_rng(seed).integers(-spread, spread, (2, 9, 12)).astype(np.int8)
    again, _ = quantize(dequantize_slices(codes, params), params)
    np.testing.assert_array_equal(again, codes)


def test_a_crack_of_one_pixel_and_the_ends_of_the_range_are_read_as_their_codes_say():
    params = QuantParams(scale=0.05, zero_point=3)
    codes = np.full((16, 16), 40, np.int8)
    codes[:, 8] = 37
    codes[4, 2] = 127
    np.testing.assert_allclose(dequantize_slices(codes, params), dequantize(codes, params), rtol=1e-6)


@pytest.fixture(scope="module", params=[1, 3])
def workers(request):
    shared = Workers(request.param)
    yield shared
    shared.close()


def plainly_quantized(values, params):
    """The codes and the number of saturated values, as numpy says them one operation at a time."""
    with np.errstate(over="ignore"):
        scaled = values / np.float32(params.scale)
    codes = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled) + np.float32(params.zero_point)
    fits = (codes >= -128) & (codes <= 127)
    return np.where(np.isnan(codes), -128, np.clip(codes, -128, 127)).astype(np.int8), np.count_nonzero(~fits)


floats = st.floats(width=32) | st.integers(-300, 300).map(lambda halves: halves / 2)


@given(params, arrays(np.float32, array_shapes(max_dims=3, max_side=12), elements=floats))
def test_any_values_get_the_codes_that_plain_numpy_gives_them(workers, params, values):
    codes, saturated = quantize(values, params, workers)
    expected, count = plainly_quantized(values, params)
    np.testing.assert_array_equal(codes, expected)
    assert saturated == count


@given(st.integers(-40, 40), st.integers(-128, 127))
def test_ties_between_two_codes_are_broken_as_plain_numpy_breaks_them(halves, zero_point):
    params = QuantParams(0.25, zero_point)
    tie = np.float32(halves * 0.125)
    values = np.array([np.nextafter(tie, np.float32(-np.inf)), tie, np.nextafter(tie, np.float32(np.inf))])
    np.testing.assert_array_equal(quantize(values, params)[0], plainly_quantized(values, params)[0])


def test_values_that_do_not_lie_side_by_side_in_memory_get_their_own_codes():
    values = np.arange(60, dtype=np.float32).reshape(6, 10).T[::2]
    codes, _ = quantize(values, QuantParams(1.0, 0))
    np.testing.assert_array_equal(codes, values)


def plainly_read(codes, params):
    """One slice (y, x) read finely, each box summed on its own."""
    around = sliding_window_view(np.pad(codes, 1, mode="edge").astype(int), (3, 3))
    most, least = around.max(axis=(2, 3)), around.min(axis=(2, 3))
    calm = (most - least <= 2) & (most < 127) & (least > -128)

    def summed(pixels):
        return sliding_window_view(np.pad(pixels, 4, mode="edge"), (9, 9)).sum(axis=(2, 3)).astype(np.float32)

    mean = summed(np.where(calm, codes, 0).astype(int)) / np.maximum(summed(calm.astype(int)), 1)
    real = codes.astype(np.float32)
    off = np.where(calm, np.clip(mean - real, np.float32(-0.499), np.float32(0.499)), np.float32(0))
    return (real + off - np.float32(params.zero_point)) * np.float32(params.scale)


@settings(deadline=None)
@given(
    params, array_shapes(min_dims=2, max_dims=4, max_side=12), st.integers(0, 999), st.integers(-128, 127), st.data()
)
def test_slices_are_read_as_box_by_box_whoever_does_which_rows(workers, params, shape, seed, level, told):
    rng = np.random.default_rng(seed)
    spread = told.draw(st.integers(1, 4), label="spread")
    codes = np.clip(level + rng.integers(-spread, spread, shape), -128, 127).astype(np.int8)
    read = dequantize_slices(codes, params, workers)
    assert read.shape == shape
    expected = [plainly_read(image, params) for image in codes.reshape(-1, *shape[-2:])]
    np.testing.assert_array_equal(read, np.reshape(expected, shape))


def test_the_sums_of_the_brightest_and_the_darkest_calm_matter_do_not_overflow():
    for level in (-127, 126):
        codes = np.full((20, 20), level, np.int8)
        read = dequantize_slices(codes, QuantParams(1.0, 0))
        np.testing.assert_array_equal(read, np.full((20, 20), level, np.float32))
