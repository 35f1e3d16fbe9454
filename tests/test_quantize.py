"""Quantizing loses at most half a code, and says where it loses more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.networks.quantize import QuantParams, dequantize, dequantize_slices, quantize

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
