"""Transmission becomes line integrals; what is too dark is clipped and counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tomopy_edge.data import Transmission
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log


def transmission(sinograms, first_row=0):
    return Transmission(np.asarray(sinograms, np.float32), np.zeros(np.shape(sinograms)[1]), first_row, 2.0)


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(0.0078125, 4, width=32)))
@settings(deadline=None)
def test_exp_brings_the_transmission_back(sinograms):
    got = minus_log(transmission(sinograms), MinusLogOptions(), Job())
    assert got.line_integrals.dtype == np.float32
    np.testing.assert_allclose(np.exp(-got.line_integrals), sinograms, rtol=1e-5)
    assert got.center is None
    assert got.pixel_size == 2.0


def test_what_is_below_the_floor_is_clipped_and_counted():
    job = Job()
    got = minus_log(transmission([[[0.5, 0, -3, 0.01, 0.02]]]), MinusLogOptions(floor=0.01), job)
    np.testing.assert_allclose(got.line_integrals[0, 0], -np.log([0.5, 0.01, 0.01, 0.01, 0.02]), rtol=1e-6)
    assert job.tally.counts == {"minus_log": {"transmissions below 0.01 clipped": 2}}


def test_transmission_above_one_is_kept():
    job = Job()
    got = minus_log(transmission([[[2, 0.5]]]), MinusLogOptions(), job)
    assert got.line_integrals.mean() == pytest.approx(0, abs=1e-7)
    assert not job.tally.counts


def test_the_input_is_left_as_it_was():
    chunk = transmission([[[0.5, -1]]])
    minus_log(chunk, MinusLogOptions(), Job())
    np.testing.assert_array_equal(chunk.sinograms, np.float32([[[0.5, -1]]]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_row(value):
    with pytest.raises(DataError, match="row 6 holds 1 transmissions"):
        minus_log(transmission([[[1, 1]], [[1, value]]], first_row=5), MinusLogOptions(), Job())


@pytest.mark.parametrize("floor", [0, -1, 1, float("nan")])
def test_a_floor_without_a_meaning_is_refused(floor):
    with pytest.raises(ValueError, match=r"^floor: "):
        MinusLogOptions(floor=floor)


@pytest.mark.parametrize("shape", [(3, 100, 37), (1, 1, 1), (2, 32, 8), (2, 0, 8), (0, 5, 5)])
def test_how_the_views_are_cut_and_shared_shows_nowhere(shape):
    sinograms = np.random.default_rng(0).random(shape).astype(np.float32) * np.float32(1.2) - np.float32(0.1)
    wanted, alone, shared = -np.log(np.maximum(sinograms, np.float32(1e-3))), Job(ncore=1), Job(ncore=3)
    for job, given_ in ((alone, sinograms), (shared, np.asfortranarray(sinograms))):
        got = minus_log(transmission(given_), MinusLogOptions(), job).line_integrals
        np.testing.assert_array_equal(got, wanted)
        assert got.flags.c_contiguous
    assert alone.tally.counts == shared.tally.counts
