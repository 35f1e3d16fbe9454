"""The baselines take noise away, and neither structure nor units."""

import numpy as np
import pytest

from tomopy_edge.catalogue import find
from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions, settle_tomogan
from tomopy_edge.job import Job
from tomopy_edge.networks.manifest import model_names, open_model
from tomopy_edge.stages.denoise import denoise
from tomopy_edge.stages.fine_tune import FineTuneOptions, settle_fine_tune

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


@pytest.mark.parametrize(("times", "told"), [(1, False), (2, True)])
def test_noise_that_hides_fine_structure_is_told(times, told):
    noisy = np.random.default_rng(1).normal(scale=times, size=(2, 256, 256)).astype(np.float32)
    job = Job(ncore=1)
    settle_tomogan(NetworkOptions(unit=1.0, precision="int8"), Volume(noisy), job)
    notes = job.tally.notes.get("denoise", [])
    assert [f"noise of the sample slices is {times:.1f} times" in note for note in notes] == [True] * told


@pytest.mark.parametrize("model", model_names())
def test_an_open_precision_is_settled_as_the_model_advises_and_the_report_says_so(model):
    job = Job(ncore=1)
    settled = settle_tomogan(NetworkOptions(model=model), Volume(noisy_disc()[0]), job)
    advised = open_model(model).manifest.denoise.advised
    assert settled.precision == advised
    assert job.tally.notes["denoise"] == [f"no precision was asked for, so the model's usual one runs: {advised}"]
    assert settle_tomogan(settled, Volume(noisy_disc()[0]), job) == settled


def test_a_runtime_that_cannot_run_the_usual_precision_is_told_as_the_reason(catalogue):
    job = Job(ncore=1, catalogue=catalogue)
    settled = settle_tomogan(NetworkOptions(model="tomogan-compact", runtime="float"), Volume(noisy_disc()[0]), job)
    assert settled.precision == "float"
    (note,) = job.tally.notes["denoise"]
    assert note == "no precision was asked for, and runtime float has no int8, so another runs: float"


@pytest.mark.parametrize(("precision", "mended"), [("float", "int8"), ("int8", "float"), ("int8", "int8")])
def test_a_fine_tune_network_after_a_float_one_is_told_and_no_other(catalogue, precision, mended):
    job = Job(ncore=1, catalogue=catalogue)
    options = NetworkOptions(model="tomogan-compact", runtime="litert", precision=precision, unit=ATTENUATION)
    denoiser = NetworkDenoiser("denoise", "denoise", options, job)
    noisy = np.repeat(noisy_disc()[0][:1], 1 + 2 * denoiser.neighbours, axis=0)
    sample = denoise(Volume(noisy), denoiser)
    denoiser.close()
    fine_tune = FineTuneOptions(model="tomogan-compact", runtime="litert", precision=mended)
    assert settle_fine_tune(fine_tune, sample, job).unit == ATTENUATION
    notes = job.tally.notes.get("fine_tune", [])
    assert ["nothing of int8 to mend" in note for note in notes] == [True] * (precision == "float")


def test_a_precision_that_was_asked_for_is_kept_and_needs_no_note():
    job = Job(ncore=1)
    settled = settle_tomogan(NetworkOptions(model="tomogan-compact", precision="int8"), Volume(noisy_disc()[0]), job)
    assert settled.precision == "int8"
    assert job.tally.notes == {}


@pytest.mark.parametrize(("precision", "unit"), [("int8", 0.004), ("chained", None), (None, 0.004)])
def test_only_what_is_not_mended_already_offers_its_unit_to_a_fine_tune_network(precision, unit):
    chosen = NetworkOptions(model="tomogan-compact", precision=precision, unit=0.004)
    assert NetworkDenoiser("denoise", "denoise", chosen, Job(ncore=1)).unit == unit
