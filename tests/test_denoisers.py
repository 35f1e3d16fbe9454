"""The baselines take noise away, and neither structure nor units."""

import numpy as np
import pytest

from tomopy_edge.catalogue import find
from tomopy_edge.job import Job

ATTENUATION = 0.004


def noisy_disc(scale=1.0):
    v, u = np.ogrid[:96, :96]
    disc = np.where(np.hypot(v - 48, u - 48) < 30, ATTENUATION, 0)
    noise = np.random.default_rng(0).normal(scale=ATTENUATION / 4, size=(2, 96, 96))
    return (scale * (disc + noise)).astype(np.float32), scale * disc


@pytest.fixture(params=["total_variation", "non_local_means"])
def denoiser(request, catalogue):
    entry = find(catalogue.denoisers, request.param, "denoiser")
    return entry.create(entry.options(), Job())


def test_noise_goes_and_attenuation_stays(denoiser):
    noisy, disc = noisy_disc()
    clean = denoiser(noisy)
    assert clean.dtype == np.float32
    assert np.square(clean - disc).mean() < 0.3 * np.square(noisy - disc).mean()
    assert clean[:, 30:66, 30:66].mean() == pytest.approx(ATTENUATION, rel=0.02)


def test_the_unit_of_attenuation_does_not_matter(denoiser):
    np.testing.assert_allclose(denoiser(noisy_disc(1000.0)[0]), 1000 * denoiser(noisy_disc()[0]), rtol=2e-3, atol=1e-3)


def test_a_slice_without_noise_stays_as_it_is(denoiser):
    flat = np.full((1, 40, 40), ATTENUATION, np.float32)
    np.testing.assert_array_equal(denoiser(flat), flat)


def test_none_changes_nothing(catalogue):
    entry = find(catalogue.denoisers, "none", "denoiser")
    noisy, _ = noisy_disc()
    np.testing.assert_array_equal(entry.create(entry.options(), Job())(noisy), noisy)
