"""The transform of lanes against numpy's."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.fbp.fourier import factors_of, fast_length, half_turn_roots, pack_spectrum, transform, transform_of
from tomopy_edge.fbp.lanes import empty_lanes, lanes_of


def numbers_in(lanes):
    parts = lanes.view(np.float32).reshape(len(lanes), 2, -1)
    return parts[:, 0] + 1j * parts[:, 1]


@pytest.mark.parametrize("width", [4, 16])
@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 60, 144, 450, 1280])
def test_the_transform_is_the_sum_with_positive_sign(length, width):
    rng = np.random.default_rng(length)
    numbers = rng.normal(size=(length, width)) + 1j * rng.normal(size=(length, width))
    found = transform(lanes_of(numbers), empty_lanes(length, width), transform_of(length))
    expected = np.fft.ifft(numbers, axis=0) * length
    np.testing.assert_allclose(numbers_in(found), expected, atol=1e-6 * np.abs(expected).max())


def test_a_packed_spectrum_gives_real_numbers_two_by_two():
    numbers = np.random.default_rng(0).normal(size=(60, 4))
    spectrum = np.fft.rfft(numbers, axis=0)
    spectrum[-1] = 0  # the frequency at half of the length is taken as zero
    line = empty_lanes(30, 4)
    pack_spectrum(lanes_of(spectrum[:-1]), 0, line, half_turn_roots(60))
    found = transform(line, empty_lanes(30, 4), transform_of(30))
    expected = np.fft.irfft(spectrum, 60, axis=0) * 60
    np.testing.assert_allclose(numbers_in(found).real, expected[0::2], atol=1e-4)
    np.testing.assert_allclose(numbers_in(found).imag, expected[1::2], atol=1e-4)


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


def test_code_kept_by_two_processes_for_two_widths_is_not_confused(tmp_path):
    # numba links kept code by name; a name that counts types in each process anew would link one width to the other.
    (tmp_path / "twice.py").write_text(
        "import sys\n"
        "import numpy as np\n"
        "from tomopy_edge.compiler import kernel\n"
        "from tomopy_edge.fbp.lanes import empty_lanes, load, store\n"
        "@kernel\n"
        "def twice(lanes):\n"
        "    store(lanes, 0, load(lanes, 0) + load(lanes, 0))\n"
        "    return lanes\n"
        "for width in map(int, sys.argv[1:]):\n"
        "    lanes = empty_lanes(1, width)\n"
        "    lanes.view(np.float32)[:] = 3\n"
        "    assert twice(lanes).itemsize == 8 * width\n"
        "    assert (lanes.view(np.float32) == 6).all()\n"
    )
    kept = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    for widths in (["4"], ["16"], ["4", "16"]):
        command = [sys.executable, "twice.py", *widths]
        done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
