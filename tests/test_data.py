"""What flows between stages has the axes it says, or it is refused."""

import dataclasses

import numpy as np
import pytest

from tomopy_edge.data import Scan, Sinograms, Transmission, Volume
from tomopy_edge.errors import DataError

THETA = np.zeros(4)
FRAMES = np.ones((2, 3, 5), np.uint16)
PROJECTIONS = np.ones((4, 3, 5), np.uint16)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Scan(PROJECTIONS[0], FRAMES, FRAMES, THETA), r"projections must have the axes \(angle, row, column\)"),
        (lambda: Scan(PROJECTIONS, FRAMES, FRAMES, THETA[1:]), "one angle for each of the 4 projections"),
        (lambda: Scan(PROJECTIONS, FRAMES[:, :2], FRAMES, THETA), "flats must have the rows and columns"),
        (lambda: Scan(PROJECTIONS, FRAMES, FRAMES[0], THETA), "darks must have the axes"),
        (lambda: Transmission(np.ones((3, 5, 4), np.float32), THETA), "one angle for each of the 5"),
        (lambda: Sinograms(np.ones((3, 4, 5), np.float32), THETA, np.ones(2)), "one number or one per row"),
        (lambda: Volume(np.ones((4, 4), np.float32)), r"slices must have the axes \(z, y, x\)"),
    ],
)
def test_arrays_with_other_axes_are_refused(make, words):
    with pytest.raises(DataError, match=words):
        make()


def test_what_flows_cannot_be_edited():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Volume(np.ones((1, 4, 4), np.float32)).first_row = 3


def test_a_scan_knows_the_limit_of_its_detector_only_where_it_was_told():
    assert Scan(PROJECTIONS, FRAMES, FRAMES, THETA).full_scale is None
    scan = Scan(PROJECTIONS, FRAMES, FRAMES, THETA, full_scale=255)
    assert (
        dataclasses.replace(scan, projections=PROJECTIONS[:, :2], flats=FRAMES[:, :2], darks=FRAMES[:, :2]).full_scale
        == 255
    )
