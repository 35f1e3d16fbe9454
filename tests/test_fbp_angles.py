"""The weights of projections."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tomopy_edge.fbp.angles import quadrature_weights

any_angles = arrays(np.float64, st.integers(1, 60), elements=st.floats(-7, 7))


def test_even_angles_share_half_a_turn():
    np.testing.assert_allclose(quadrature_weights(np.arange(10) * np.pi / 10), np.pi / 10)


@pytest.mark.parametrize("angles", [10, 11])
def test_a_full_turn_counts_as_half_of_one(angles):
    np.testing.assert_allclose(quadrature_weights(np.arange(angles) * 2 * np.pi / angles), np.pi / angles)


def test_the_last_angle_of_a_closed_half_turn_shares_with_the_first():
    weights = quadrature_weights(np.linspace(0, np.pi, 11))
    np.testing.assert_allclose(weights, [np.pi / 20, *[np.pi / 10] * 9, np.pi / 20])


def test_an_angle_stands_for_half_of_the_gaps_beside_it():
    np.testing.assert_allclose(quadrature_weights(np.array([0, 0.5, 1.5])), np.array([np.pi - 1, 1.5, np.pi - 0.5]) / 2)


def test_three_projections_at_one_angle_share_equally():
    weights = quadrature_weights(np.array([0, 1, 1, 1 + np.pi, 2]))
    np.testing.assert_allclose(weights[1:4], 1 / 3)


def test_nothing_stands_in_for_a_missing_wedge():
    theta = np.deg2rad(np.arange(0, 120))
    np.testing.assert_allclose(quadrature_weights(theta), np.deg2rad(1))


def test_a_single_angle_stands_for_all():
    np.testing.assert_allclose(quadrature_weights(np.array([0.3])), np.pi)


@given(any_angles)
def test_weights_are_positive_and_sum_to_no_more_than_half_a_turn(theta):
    weights = quadrature_weights(theta)
    assert (weights > 0).all()
    assert weights.sum() <= np.pi * (1 + 1e-9)


@given(any_angles, st.randoms())
def test_weights_follow_their_angles_into_any_order(theta, random):
    order = list(range(len(theta)))
    random.shuffle(order)
    np.testing.assert_allclose(quadrature_weights(theta[order]), quadrature_weights(theta)[order], atol=1e-9)
