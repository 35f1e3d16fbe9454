"""The unit of attenuation: one robust number, the same at a high dose and at a low one."""

import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.networks.unit import attenuation_unit, noise_level


def disc(attenuation=0.004, size=512, radius=150):
    v, u = np.ogrid[:size, :size]
    return np.where(np.hypot(v - size / 2, u - size / 2) < radius, attenuation, 0).astype(np.float32)[None]


def test_the_unit_of_a_homogeneous_object_is_its_attenuation():
    assert attenuation_unit(disc()) == pytest.approx(0.004, rel=1e-4)


def test_noise_twice_as_strong_as_the_object_moves_the_unit_little():
    noise = np.random.default_rng(0).normal(scale=0.008, size=disc().shape).astype(np.float32)
    assert attenuation_unit(disc() + noise) == pytest.approx(0.004, rel=0.75)
    ramp_filtered = noise - (np.roll(noise, 1, 2) + np.roll(noise, -1, 2)) / 2
    assert attenuation_unit(disc() + ramp_filtered) == pytest.approx(0.004, rel=0.2)


def test_a_few_bright_specks_do_not_move_the_unit():
    specks = disc()
    specks[0, 256, 200:210] = 1.0
    assert attenuation_unit(specks) == pytest.approx(0.004, rel=0.01)


def test_the_unit_scales_with_the_attenuation():
    assert attenuation_unit(disc(0.4)) == pytest.approx(100 * attenuation_unit(disc(0.004)))


@pytest.mark.parametrize("slices", [np.zeros((1, 64, 64), np.float32), -disc(), np.full((1, 300, 300), np.nan)])
def test_slices_in_which_nothing_absorbs_are_refused(slices):
    with pytest.raises(DataError, match="nothing in the sample slices absorbs"):
        attenuation_unit(slices)


def test_slices_of_any_size_have_a_unit():
    for shape in ((1, 5, 5), (2, 127, 200), (3, 300, 129)):
        assert attenuation_unit(np.ones(shape, np.float32)) == pytest.approx(1)


@pytest.mark.parametrize("filter_name", ["shepp", "ramlak", "hann"])
def test_the_noise_of_an_fbp_slice_is_measured_whatever_the_filter_and_the_object(filter_name):
    theta = np.linspace(0, np.pi, 90, endpoint=False)
    noise = np.random.default_rng(1).normal(size=(1, 90, 256)).astype(np.float32)
    slices = FilteredBackProjection(theta, 256, filter_name=filter_name, ncore=1)(noise, 127.5)
    level = float(slices[0, 64:192, 64:192].std())
    assert noise_level(slices) == pytest.approx(level, rel=0.1)
    assert noise_level(slices + disc(attenuation=level, size=256, radius=80)) == pytest.approx(level, rel=0.1)
