"""Matter given as voxels: its line integrals, and the random rocks that are made of it."""

import numpy as np
import pytest

from tomopy_edge.simulation.pieces import Phantom, Shape, pieces
from tomopy_edge.simulation.porous import outline, rock
from tomopy_edge.simulation.voxels import Voxels

SIZE = 128


def ellipse(**fields):
    placed = {"attenuation": 0.02, "x": 11.3, "y": -14.8, "a": 40.0, "b": 23.0, "angle": 0.6}
    return Phantom("test", pieces(1, Shape.ELLIPSOID, **placed | fields))


def blob(width, size=SIZE):
    """A Gaussian 12.3 right of the axis and 20.7 above it."""
    row, column = np.mgrid[:size, :size]
    x, y = column - size / 2, size / 2 - 1 - row
    return np.exp(-((x - 12.3) ** 2 + (y - 20.7) ** 2) / (2 * width**2)).astype(np.float32)


@pytest.mark.parametrize(("width", "error"), [(1.0, 3e-3), (2.0, 1e-3), (8.0, 1e-3)])
def test_line_integrals_of_a_blob_are_those_of_the_formula(width, error):
    theta = np.linspace(0, np.pi, 17)
    projected = Voxels(blob(width)[None]).line_integrals(theta, range(1), SIZE, 61.7)[0]
    distance = np.arange(SIZE) - 61.7 - (12.3 * np.cos(theta) + 20.7 * np.sin(theta))[:, None]
    exact = width * np.sqrt(2 * np.pi) * np.exp(-(distance**2) / (2 * width**2))
    assert np.abs(projected - exact).max() < error * exact.max()


def test_voxels_project_as_the_pieces_that_they_were_drawn_from():
    theta = np.linspace(0, np.pi, 9)
    whole = ellipse()
    voxels = Phantom("voxels", pieces(0, Shape.BOX), Voxels(whole.slice_at(0, SIZE)[None]))
    exact = whole.line_integrals(theta, 1, SIZE, 60.0)
    projected = voxels.line_integrals(theta, 1, SIZE, 60.0)
    assert np.abs(projected - exact).max() < 0.02 * exact.max()
    assert projected.mean() == pytest.approx(exact.mean(), rel=1e-3)


def test_pieces_and_voxels_of_one_phantom_add_up():
    voxels, crack = Voxels(blob(8)[None]), pieces(1, Shape.BOX, attenuation=-0.5, x=12, y=20, a=5, b=0.5)
    both = Phantom("both", crack, voxels)
    theta = np.array([0.3])
    apart = voxels.line_integrals(theta, range(1), SIZE, 64) + Phantom("crack", crack).line_integrals(
        theta, 1, SIZE, 64
    )
    np.testing.assert_allclose(both.line_integrals(theta, 1, SIZE, 64), apart, atol=1e-6)
    np.testing.assert_allclose(both.slice_at(0, SIZE), blob(8) + Phantom("", crack).slice_at(0, SIZE), atol=1e-6)
    scaled = both.scaled(2.0, SIZE)
    assert scaled.slice_at(0, SIZE).max() / both.slice_at(0, SIZE).max() == pytest.approx(
        scaled.matter["attenuation"][0] / -0.5, rel=1e-4
    )


def test_an_object_wider_than_the_detector_does_not_come_round_into_it():
    wide = ellipse(a=100.0, b=90.0, x=3, y=2)
    voxels = Voxels(wide.slice_at(0, 2 * SIZE)[None])
    exact = wide.line_integrals(np.array([0.0, 1.0]), 1, SIZE, 64)
    np.testing.assert_allclose(voxels.line_integrals(np.array([0.0, 1.0]), range(1), SIZE, 64), exact, rtol=4e-3)


@pytest.mark.parametrize("size", [95, 96, 133, 160])
@pytest.mark.parametrize("extent", [133, 134])
def test_slices_are_cut_and_padded_about_the_axis(size, extent):
    small = ellipse(x=8, y=-5, a=9, b=6)
    assert np.array_equal(Voxels(small.slice_at(0, extent)[None]).at(0, size), small.slice_at(0, size))


def test_the_density_at_a_point_is_that_of_its_pixel():
    voxels = Voxels(ellipse().slice_at(0, SIZE)[None])
    assert voxels.density_at(np.array([11.3, 11.3, 900.0]), np.array([-14.8, 30.0, 0.0])) == pytest.approx([0.02, 0, 0])


def test_rows_without_voxels_are_refused():
    voxels = Voxels(np.zeros((3, 16, 16), np.float32))
    with pytest.raises(ValueError, match="voxels for 3 detector rows, not for those from z = -2 to 0"):
        voxels.line_integrals(np.zeros(1), range(-2, 3), 16, 8)
    with pytest.raises(ValueError, match="z = 2 to 2"):
        voxels.at(2, 16)


@pytest.mark.parametrize("seed", range(6))
def test_a_rock_has_matter_and_no_less_than_nothing(seed):
    slices = rock(np.random.default_rng(seed), 50, 3, SIZE)[:]
    assert slices.shape == (3, SIZE, SIZE)
    assert -0.01 <= slices.min() < 0.01
    assert 0.2 < slices[1, 40:80, 40:80].mean() < 3
    assert 0 < np.abs(slices[0] - slices[1]).mean() < 0.5 * slices[1].mean()


@pytest.mark.parametrize("size", [128, 129])
def test_an_outline_lies_about_the_axis_within_its_radius(size):
    share = outline(np.random.default_rng(1), 50, size)
    axis = -(-size // 2)
    row, column = np.mgrid[:size, :size]
    distance = np.hypot(column - axis, size - 1 - axis - row)
    assert share[distance > 51].max() == 0
    assert share[distance < 30].min() == 1
