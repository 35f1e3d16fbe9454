"""The stage around the algorithm: centre, mask, and no value that is not finite."""

import numpy as np
import pytest

from tomopy_edge.data import Sinograms, Volume
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.stages.reconstruct import ENTRY, ReconstructOptions, open_with, reconstruct

THETA = np.linspace(0, np.pi, 8, endpoint=False)


def sinograms(center=9.5, value=1.0):
    return Sinograms(np.full((2, 8, 20), value, np.float32), THETA, center, first_row=3)


def ones(given):
    return Volume(np.ones((len(given.line_integrals), 20, 20), np.float32), first_row=given.first_row)


@pytest.mark.parametrize("mask", [1.0, 0.6])
def test_the_mask_keeps_a_circle_around_the_axis_and_sets_what_lies_outside_to_zero(mask):
    slices = reconstruct(sinograms(), ones, mask).slices
    v, u = np.ogrid[:20, :20]
    inside = np.hypot(v - 9, u - 10) <= mask * 10
    np.testing.assert_array_equal(slices, np.broadcast_to(inside.astype(np.float32), slices.shape))


def test_no_mask_keeps_all():
    assert reconstruct(sinograms(), ones, None).slices.min() == 1


@pytest.mark.parametrize(
    ("given", "algorithm", "words"),
    [
        (sinograms(center=None), ones, "put the stage find_center before it"),
        (sinograms(center=19.2), ones, "must lie on the detector, columns 0 to 19"),
        (sinograms(value=np.nan), ones, "line integrals hold values that are not finite"),
        (sinograms(), lambda given: Volume(np.full((2, 20, 20), np.inf, np.float32)), "algorithm made values"),
    ],
)
def test_what_cannot_be_reconstructed_is_refused(given, algorithm, words):
    with pytest.raises(DataError, match=words):
        reconstruct(given, algorithm)


def test_an_algorithm_with_a_device_gives_it_back():
    class OnDevice:
        closed = False

        def __call__(self, given):
            return ones(given)

        def close(self):
            self.closed = True

    algorithm = OnDevice()
    with open_with(algorithm)(ReconstructOptions(), Job()) as step:
        assert step.apply(sinograms()).first_row == 3
        assert not algorithm.closed
    assert algorithm.closed


def test_the_algorithm_is_looked_up_by_name(catalogue):
    chosen = ReconstructOptions(options=catalogue.reconstructors["fbp"].options())
    with ENTRY.open(chosen, Job(catalogue=catalogue, ncore=1)) as step:
        assert step.apply(sinograms()).slices.shape == (2, 20, 20)
