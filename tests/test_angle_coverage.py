"""What angles cover is told of half turns and full ones, of wedges and irregular steps."""

import numpy as np
import pytest

from tomopy_edge.angle_coverage import Coverage

HALF = np.linspace(0, np.pi, 180, endpoint=False)


def test_a_half_turn_is_half_a_turn_with_its_end_or_without():
    for theta in (HALF, np.linspace(0, np.pi, 181)):
        covered = Coverage.of(theta)
        assert covered.turns == pytest.approx(0.5, abs=0.01)
        assert (covered.full, covered.even, covered.missing) == (False, True, 0)


def test_the_order_of_views_does_not_matter():
    assert Coverage.of(np.random.default_rng(1).permutation(HALF)) == Coverage.of(HALF)


def test_a_full_turn_is_told():
    covered = Coverage.of(2 * HALF)
    assert covered.full
    assert covered.told == "180 projections over 358 degrees in steps of 2"


def test_a_wedge_within_the_half_turn_and_at_its_end_is_missing():
    degrees = np.arange(0.0, 180)
    inside = Coverage.of(np.deg2rad(degrees[(degrees < 60) | (degrees >= 100)]))
    ended = Coverage.of(np.deg2rad(degrees[:140]))
    for covered in (inside, ended):
        assert covered.missing == pytest.approx(41)
        assert covered.even


def test_irregular_steps_are_told():
    shaken = np.deg2rad(np.arange(0.0, 180) + np.random.default_rng(1).uniform(-0.4, 0.4, 180))
    covered = Coverage.of(shaken)
    assert not covered.even
    assert "irregular steps" in covered.told


def test_angles_that_were_measured_twice_count_once_for_the_steps():
    covered = Coverage.of(np.repeat(HALF, 2))
    assert (covered.count, covered.step, covered.even) == (360, pytest.approx(1), True)


def test_few_projections_are_fewer_than_a_tenth_of_the_columns():
    assert Coverage.of(HALF).few(2048)
    assert not Coverage.of(HALF).few(1024)
