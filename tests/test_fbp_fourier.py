"""The transform of lanes against numpy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.fbp.fourier import factors_of, fast_length, half_turn_roots, pack_spectrum, transform, transform_of
from tomopy_edge.fbp.lanes import empty_lanes


def filled(numbers, width):
    lanes = empty_lanes(len(numbers), width)
    lanes["re"], lanes["im"] = numbers.real, numbers.imag
    return lanes


@pytest.mark.parametrize("width", [4, 16])
@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 60, 144, 450, 1280])
def test_the_transform_is_the_sum_with_positive_sign(length, width):
    rng = np.random.default_rng(length)
    numbers = rng.normal(size=(length, width)) + 1j * rng.normal(size=(length, width))
    found = transform(filled(numbers, width), empty_lanes(length, width), transform_of(length))
    expected = np.fft.ifft(numbers, axis=0) * length
    np.testing.assert_allclose(found["re"] + 1j * found["im"], expected, atol=1e-6 * np.abs(expected).max())


def test_a_packed_spectrum_gives_real_numbers_two_by_two():
    numbers = np.random.default_rng(0).normal(size=(60, 4))
    spectrum = np.fft.rfft(numbers, axis=0)
    spectrum[-1] = 0  # the frequency at half of the length is taken as zero
    line = empty_lanes(30, 4)
    pack_spectrum(filled(spectrum[:-1], 4), 0, line, half_turn_roots(60))
    found = transform(line, empty_lanes(30, 4), transform_of(30))
    expected = np.fft.irfft(spectrum, 60, axis=0) * 60
    np.testing.assert_allclose(found["re"], expected[0::2], atol=1e-4)
    np.testing.assert_allclose(found["im"], expected[1::2], atol=1e-4)


@given(st.integers(1, 10**5), st.sampled_from([2, 8]))
def test_a_fast_length_is_long_enough_and_its_half_can_be_transformed(least, multiple):
    length = fast_length(least, multiple)
    assert least <= length <= max(1.3 * least, 8 * multiple)
    assert length % multiple == 0
    assert np.prod(factors_of(length // 2)) == length // 2


def test_a_length_with_a_large_prime_factor_is_refused():
    with pytest.raises(ValueError, match="product of 2, 3 and 5, got 14"):
        transform_of(14)


def test_lanes_start_on_a_cache_line():
    assert all(empty_lanes(n, 4).ctypes.data % 64 == 0 for n in range(1, 9))
