"""The forward projection sees what a detector would, and is the adjoint of the FBP's back-projection."""

import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.fbp.angles import quadrature_weights
from tomopy_edge.fbp.projector import ForwardProjection

EVEN = np.arange(90) * np.pi / 90
ALL_AROUND = np.sort(np.random.default_rng(1).uniform(-np.pi, np.pi, 70))


def gaussian(size, x, y, width):
    """A spot at x to the right of the axis and y above it."""
    axis = -(-size // 2)
    v, u = np.ogrid[:size, :size]
    return np.exp(-((u - axis - x) ** 2 + (size - 1 - axis - v - y) ** 2) / (2 * width**2)).astype(np.float32)


@pytest.mark.parametrize(("size", "columns"), [(96, 96), (95, 101), (128, 96), (60, 96)])
@pytest.mark.parametrize("theta", [EVEN, ALL_AROUND], ids=["even", "all around"])
def test_a_spot_is_projected_where_and_as_it_should_be(size, columns, theta):
    center = columns / 2 - 3.3
    seen = ForwardProjection(theta, columns, size, center, ncore=2)(gaussian(size, 9.5, -14.0, 3.0))
    along = np.arange(columns) - center - (9.5 * np.cos(theta) - 14.0 * np.sin(theta))[:, None]
    expected = np.sqrt(2 * np.pi) * 3.0 * np.exp(-(along**2) / (2 * 3.0**2))
    assert np.abs(seen - expected).max() < 1e-3 * expected.max()


@pytest.mark.parametrize(("size", "theta"), [(96, EVEN), (97, ALL_AROUND)])
def test_it_is_the_adjoint_of_the_back_projection(size, theta):
    rng = np.random.default_rng(2)
    # Of smooth things: the back-projection itself is right to a few parts in a thousand only.
    slice_ = sum(gaussian(size, *rng.uniform(-25, 25, 2), 4.0) * rng.normal() for _ in range(9)).astype(np.float32)
    sinogram = np.cumsum(rng.normal(size=(len(theta), size)), axis=1).astype(np.float32)
    center = size / 2 + 1.7
    there = ForwardProjection(theta, size, size, center)(slice_)
    back = FilteredBackProjection(theta, size, filter_name="none")(sinogram[np.newaxis], center)[0]
    weighted = there * quadrature_weights(theta)[:, None]
    scale = np.linalg.norm(weighted) * np.linalg.norm(sinogram)
    assert np.sum(weighted * sinogram, dtype=np.float64) == pytest.approx(
        np.sum(slice_ * back, dtype=np.float64), abs=2e-3 * scale
    )


def test_the_projections_of_a_reconstruction_are_the_measured_ones():
    disc = 0.02 * np.sqrt(np.maximum(0, 30.0**2 - (np.arange(96) - 46.2) ** 2)).astype(np.float32)
    sinogram = np.tile(disc, (len(EVEN), 1))
    slice_ = FilteredBackProjection(EVEN, 96, filter_name="ramlak")(sinogram[np.newaxis], 46.2)[0]
    again = ForwardProjection(EVEN, 96, 96, 46.2)(slice_)
    inside = np.abs(np.arange(96) - 46.2) < 27
    assert np.abs(again - sinogram)[:, inside].max() < 0.01 * disc.max()


def test_a_slice_of_another_size_is_refused():
    with pytest.raises(DataError, match="must be of 96 x 96 pixels, got an array of shape"):
        ForwardProjection(EVEN, 96, 96, 48.0)(np.zeros((96, 95), np.float32))
