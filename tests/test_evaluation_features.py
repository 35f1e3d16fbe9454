"""Cracks and pores that keep a share of their contrast which is known."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomopy_edge.evaluation.cases import phantom_file
from tomopy_edge.evaluation.features import covered, visible_details

SHAPE = (128, 128)


def crack(x=0.0, y=0.0, a=20.0, b=0.5, angle=0.0):
    return np.array([0, x, y, 0, a, b, 200, angle])


def pore(x=0.0, y=0.0, radius=1.5):
    return np.array([1, x, y, 0, radius, radius, radius, 0])


def matter_with(*features, depth=-0.003):
    truth = np.full(SHAPE, 0.004, np.float32)
    for feature in features:
        rows, columns, cover = covered(feature, SHAPE)
        truth[rows, columns] += (depth * cover).astype(np.float32)
    return truth


def test_the_truth_keeps_all_contrast():
    features = np.array([crack(y=20, angle=0.4), pore(x=-15)])
    truth = matter_with(*features)
    details = visible_details(truth, features)
    assert [detail.kind for detail in details] == ["cracks", "pores"]
    assert [detail.contrast(truth) for detail in details] == pytest.approx([1, 1])


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.5, 1.5))
def test_a_detail_that_is_shallower_keeps_just_that_share(share):
    features = np.array([crack(y=20, angle=0.4), pore(x=-15)])
    truth, shallow = matter_with(*features), matter_with(*features, depth=-0.003 * share)
    kept = [detail.contrast(shallow) for detail in visible_details(truth, features)]
    assert kept == pytest.approx([share, share], abs=1e-4)


def test_a_crack_spread_over_its_neighbours_keeps_what_stays_in_its_own_pixels():
    # One pixel wide and upright, so that it fills one column; nine columns are looked at.
    upright = crack(a=40, angle=np.pi / 2)
    truth = matter_with(upright)
    blurred = truth.copy()
    blurred[:, 1:-1] = truth[:, :-2] / 4 + truth[:, 1:-1] / 2 + truth[:, 2:] / 4
    (detail,) = visible_details(truth, np.array([upright]))
    assert detail.contrast(blurred) == pytest.approx((1 / 2 - 1 / 9) / (1 - 1 / 9), abs=0.02)


def test_another_level_and_blurred_surroundings_take_no_contrast_from_a_detail():
    # Beside each other, so that each lies in the other's window.
    features = np.array([crack(), crack(y=3)])
    details = visible_details(matter_with(*features), features)
    denoised = 0.01 + matter_with(features[0]) + 0.4 * matter_with(features[1])
    assert [detail.contrast(denoised) for detail in details] == pytest.approx([1, 0.4], abs=1e-4)


def test_noise_does_not_bias_the_contrast():
    features = np.array([crack(angle=0.4), pore(x=-30)])
    truth = matter_with(*features)
    details = visible_details(truth, features)
    rng = np.random.default_rng(0)
    kept = [
        [detail.contrast((truth + rng.normal(0, 0.001, SHAPE)).astype(np.float32)) for detail in details]
        for _ in range(200)
    ]
    np.testing.assert_allclose(np.mean(kept, axis=0), 1, atol=0.05)


def test_y_goes_up_and_x_to_the_right_of_the_axis():
    rows, columns, cover = covered(pore(x=12, y=20), SHAPE)
    assert np.average(rows, weights=cover) == pytest.approx(63 - 20)
    assert np.average(columns, weights=cover) == pytest.approx(64 + 12)


def test_the_angle_turns_from_x_upward():
    rows, columns, cover = covered(crack(angle=np.pi / 4), SHAPE)
    assert np.corrcoef(rows[cover > 0], columns[cover > 0])[0, 1] < -0.9


@settings(max_examples=20, deadline=None)
@given(st.floats(2, 30), st.floats(0.5, 2), st.floats(0, np.pi), st.floats(0, 1))
def test_a_detail_covers_its_area(a, b, angle, blur):
    _, _, cover = covered(crack(a=a, b=b, angle=angle), SHAPE, blur)
    assert cover.sum() == pytest.approx(np.pi * a * b, rel=0.05, abs=0.25)


@pytest.mark.parametrize(
    "feature",
    [crack(b=1.3), pore(radius=2.2), pore(x=57), crack(x=40, y=40)],
    ids=["wide crack", "large pore", "at the rim", "reaching out"],
)
def test_what_is_wide_or_at_the_rim_is_left_out(feature):
    features = np.array([feature, pore(x=-15)])
    assert [detail.kind for detail in visible_details(matter_with(pore(x=-15)), features)] == ["pores"]


def test_a_detail_that_the_truth_does_not_show_is_left_out():
    truth = matter_with(pore(x=-15))
    assert len(visible_details(truth, np.array([pore(x=-15), pore(x=20)]))) == 1


def test_the_features_of_the_judging_phantoms_lie_on_dark_spots_of_their_truth(scans):
    path = scans / "phantoms" / "evaluation.h5"
    with h5py.File(path) as file:
        names = sorted(file)
    case = next(phantom_file(path).cases())
    assert case.name == names[0]
    details = visible_details(case.truth, case.features)
    assert len(details) == len(case.features)
    assert all(detail.parts[:, 0].min() < -0.5 * case.truth.max() * 0.2 for detail in details)
