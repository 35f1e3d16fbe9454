"""Circles are drawn around the rotation axis."""

import numpy as np
import pytest

from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.fbp.axis import radii


@pytest.mark.parametrize("size", [48, 49])
def test_a_wire_on_the_axis_is_reconstructed_where_the_radius_is_zero(size):
    theta = np.linspace(0, np.pi, 60, endpoint=False)
    sinogram = np.zeros((1, 60, size), np.float32)
    sinogram[..., 20] = 1
    (made,) = FilteredBackProjection(theta, size)(sinogram, 20.0)
    distance = radii(made.shape)
    assert np.unravel_index(made.argmax(), made.shape) == np.unravel_index(distance.argmin(), distance.shape)
    assert distance.min() == 0


def test_distances_are_in_pixels_along_rows_and_columns():
    distance = radii((10, 12))
    assert (distance[4, 6], distance[4, 9], distance[0, 6], distance[7, 2]) == (0, 3, 4, 5)
