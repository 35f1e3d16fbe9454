"""The rotation axis is found where it is, at its column with pixel centres at whole numbers."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.data import Sinograms
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.rotation_axis import OBJECT_WIDTH, double_wedge, fullness, half_turns, opposite_views
from tomopy_edge.stages.find_center import FindCenterOptions, find_center, settle_find_center
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log
from tomopy_edge.stages.normalize import NormalizeOptions, normalize

DISCS = ((0, 0, 90), (35, 25, 30), (-45, 20, 18), (15, -55, 14), (-20, -30, 9))
"""x and y of the centre from the axis, and radius, in pixels."""


def phantom(theta, columns=256, center=None, rows=2, noise=0.002, seed=0):
    """Return exact line integrals of discs, with `center` the column of the axis."""
    center = (columns - 1) / 2 if center is None else center
    sinograms = np.zeros((rows, len(theta), columns))
    for row in range(rows):
        for x, y, radius in DISCS:
            middle = center + (x + 4 * row) * np.cos(theta) + y * np.sin(theta)
            away = np.arange(columns) - middle[:, np.newaxis]
            sinograms[row] += 0.02 * np.sqrt(np.maximum(radius**2 - away**2, 0))
    sinograms += np.random.default_rng(seed).normal(0, noise, sinograms.shape)
    return Sinograms(sinograms.astype(np.float32), theta, first_row=2)


def turn(angles, span=np.pi):
    return np.linspace(0, span, angles, endpoint=False)


def found(sinograms, job=None, **options):
    return settle_find_center(FindCenterOptions(**options), sinograms, job or Job()).center


@pytest.mark.parametrize("method", ["vo", "correlation"])
@pytest.mark.parametrize("offset", [0, 11.7, -30.25])
def test_an_axis_off_the_middle_is_found_to_a_third_of_a_pixel(method, offset):
    center = 127.5 + offset
    assert found(phantom(turn(180), center=center), method=method) == pytest.approx(center, abs=0.33)


@pytest.mark.parametrize("center", [700.3, 1100.2])
def test_a_small_object_on_a_wide_detector_does_not_mislead(center):
    assert found(phantom(turn(200), columns=2048, center=center, rows=1)) == pytest.approx(center, abs=0.7)


@pytest.mark.parametrize(("views", "columns"), [(8, 5), (31, 33), (90, 64), (100, 257), (256, 511)])
def test_the_metric_is_algotoms_to_the_bit(views, columns):
    from algotom.prep.calculation import calculate_center_metric, make_inverse_double_wedge_mask

    half = np.random.default_rng(views).random((views, columns), np.float32)
    wedge = double_wedge(views, columns)
    np.testing.assert_array_equal(
        wedge, make_inverse_double_wedge_mask(2 * views, columns, OBJECT_WIDTH * columns / 2), strict=True
    )
    for center in [*np.linspace(0, columns - 1, 9).round() / 2 + columns / 4, 0.25, columns / 2 + 0.13]:
        wanted = calculate_center_metric(center, half, half[:, ::-1], half[::-1], wedge)
        assert fullness(half, center, wedge) == float(wanted)


def test_the_axis_is_found_without_algotom(monkeypatch):
    monkeypatch.setitem(sys.modules, "algotom.prep", None)
    assert found(phantom(turn(180), center=120.0)) == pytest.approx(120, abs=0.33)


@pytest.mark.parametrize("angles", [2, 3, 7])
def test_vo_refuses_too_few_views(angles):
    with pytest.raises(DataError, match="takes 8 views"):
        found(phantom(turn(angles)))


def test_columns_are_averaged_without_moving_the_axis():
    sinograms = phantom(turn(120), columns=1025, center=523.7, rows=1)
    assert found(sinograms, search=30.0) == pytest.approx(523.7, abs=0.5)


@pytest.mark.parametrize("method", ["vo", "correlation"])
@pytest.mark.parametrize("span", [np.pi, 2 * np.pi, -np.pi, 4 * np.pi])
def test_any_turn_in_any_order_with_repeated_angles_will_do(method, span):
    theta = turn(180, span) + 0.7
    theta = np.random.default_rng(1).permutation(np.concatenate([theta, theta[:20]]))
    assert found(phantom(theta, center=134.3), method=method) == pytest.approx(134.3, abs=0.5)


def test_missing_views_are_bridged():
    theta = turn(180)
    theta = np.delete(theta, np.r_[40:50, 90, 120:125])
    assert found(phantom(theta, center=134.3)) == pytest.approx(134.3, abs=0.5)


def test_half_a_turn_is_cut_after_the_largest_gap():
    theta = np.radians(np.arange(-60, 120, 2.0)[::-1])
    (half,) = half_turns(np.degrees(theta)[:, np.newaxis].astype(np.float32), theta)
    np.testing.assert_allclose(half[:, 0], np.arange(-60, 120, 2), atol=1e-3)


def test_a_full_turn_gives_two_halves_and_pairs_of_opposites():
    theta = turn(90, 2 * np.pi)
    assert [len(half) for half in half_turns(np.zeros((90, 4), np.float32), theta)] == [45, 45]
    pairs, miss = opposite_views(theta)
    np.testing.assert_array_equal(pairs[:, 1] - pairs[:, 0], 45)
    assert miss == pytest.approx(0, abs=1e-9)


def test_half_a_turn_has_one_pair_and_says_by_how_much_it_misses():
    job = Job()
    assert opposite_views(turn(180))[0].tolist() == [[0, 179]]
    found(phantom(turn(180)), job, method="correlation")
    assert "miss half a turn by 1.00 degrees" in " ".join(job.tally.notes["find_center"])


def test_without_opposite_views_correlation_refuses():
    with pytest.raises(DataError, match=r"no two views are half a turn apart.*20\.00 degrees.*method: vo"):
        found(phantom(np.radians(np.arange(0, 161, 1.0))), method="correlation")


def test_what_each_row_says_is_noted_and_a_disagreement_said():
    job = Job()
    one, other = phantom(turn(90), center=120, rows=1), phantom(turn(90), center=126, rows=1)
    both = replace(one, line_integrals=np.concatenate([one.line_integrals, other.line_integrals]))
    found(both, job)
    first, second = job.tally.notes["find_center"]
    assert "(row 2)" in first
    assert "(row 3)" in first
    assert "rows disagree about the axis by 6." in second


def test_an_axis_at_the_end_of_the_range_is_said():
    job = Job()
    found(phantom(turn(90), center=150), job, search=10.0, method="correlation")
    assert "raise find_center.search" in " ".join(job.tally.notes["find_center"])


def test_a_given_axis_is_kept_and_not_looked_for():
    options = FindCenterOptions(center=12.5)
    assert settle_find_center(options, phantom(turn(4)), Job()) is options
    assert find_center(phantom(turn(4)), options, Job()).center == 12.5


def test_one_axis_for_each_row_goes_by_the_row_of_the_scan():
    options = FindCenterOptions(center=(1.0, 2.0, 3.0, 4.0))
    got = find_center(phantom(turn(4)), options, Job())
    np.testing.assert_array_equal(got.center, [3, 4])
    with pytest.raises(DataError, match="holds 4 columns, and row 4"):
        find_center(phantom(turn(4), rows=3), options, Job())


@pytest.mark.parametrize("center", [-0.5, 255.5, (9.0, 9.0, 300.0, 9.0)])
def test_an_axis_outside_the_detector_is_refused(center):
    with pytest.raises(DataError, match="outside the detector, whose columns go from 0 to 255"):
        find_center(phantom(turn(4)), FindCenterOptions(center=center), Job())


def test_an_open_axis_is_refused():
    with pytest.raises(DataError, match="not known yet"):
        find_center(phantom(turn(4)), FindCenterOptions(), Job())


def test_a_sample_that_shows_nothing_is_refused():
    with pytest.raises(DataError, match="show nothing"):
        found(Sinograms(np.zeros((1, 20, 64), np.float32), turn(20)))


@pytest.mark.parametrize(
    ("wrong", "name"), [({"center": float("nan")}, "center"), ({"center": ()}, "center"), ({"search": 0.0}, "search")]
)
def test_options_without_a_meaning_are_refused_by_name(wrong, name):
    with pytest.raises(ValueError, match=rf"^{name}: "):
        FindCenterOptions(**wrong)


@pytest.mark.parametrize(
    ("scan", "center", "within"), [("tooth/tooth.h5", 296.0, 1), ("tomobank_00076/tomobank_00076.h5", 1276.5, 2)]
)
def test_the_axis_of_a_real_scan_is_found(scan, center, within, scans):
    import h5py

    from tomopy_edge.data import Scan

    with h5py.File(scans / scan) as file:
        exchange = file["exchange"]
        theta = np.radians(exchange["theta"][:])
        measured = Scan(exchange["data"][:], exchange["data_white"][:], exchange["data_dark"][:], theta)
    sinograms = minus_log(normalize(measured, NormalizeOptions(), Job()), MinusLogOptions(), Job())
    assert found(sinograms) == pytest.approx(center, abs=within)
