"""The FBP engine against ellipses, whose line integrals are known in closed form."""

import numpy as np
import pytest

from tomopy_edge.errors import DataError, PluginError
from tomopy_edge.fbp import FilteredBackProjection, batches, fbp
from tomopy_edge.tomopy_library import require_tomopy

# x and y of the middle from the axis, half axes, tilt, attenuation per pixel; in units of the radius of the slice
HEAD = [
    (0.0, 0.0, 0.80, 0.88, 0.0, 1.0),
    (0.20, 0.12, 0.16, 0.10, 0.4, 0.6),
    (-0.40, 0.06, 0.04, 0.04, 0.0, -0.4),
    (0.10, -0.50, 0.02, 0.06, 1.0, 1.0),
]


def half_turn(angles):
    return np.arange(angles) * np.pi / angles


def line_integrals(ellipses, radius, theta, columns, center):
    """(angle, column) of ellipses with attenuation 1 / radius."""
    along = np.zeros((len(theta), columns))
    for x, y, a, b, tilt, value in ellipses:
        spread = (a * radius * np.cos(theta - tilt)) ** 2 + (b * radius * np.sin(theta - tilt)) ** 2
        middle = center + radius * (x * np.cos(theta) + y * np.sin(theta))
        away = np.arange(columns) - middle[:, None]
        chord = np.sqrt(np.maximum(0, spread[:, None] - away**2)) / spread[:, None]
        along += 2 * value * radius * a * b * chord
    return along.astype(np.float32)


def raster(ellipses, radius, size, oversampling=4):
    """(y, x) of the same ellipses, attenuation times radius, on the pixels where slices have them."""
    axis = -(-size // 2)
    fine = (np.arange(size * oversampling) + 0.5) / oversampling - 0.5
    x, y = fine[None, :] - axis, size - 1 - axis - fine[:, None]
    painted = np.zeros((size * oversampling,) * 2, np.float32)
    for x0, y0, a, b, tilt, value in ellipses:
        right, up = x / radius - x0, y / radius - y0
        u, v = right * np.cos(tilt) + up * np.sin(tilt), up * np.cos(tilt) - right * np.sin(tilt)
        painted[(u / a) ** 2 + (v / b) ** 2 <= 1] += value
    return painted.reshape(size, oversampling, size, oversampling).mean((1, 3)) / radius


def circle(size, share=0.98):
    axis = -(-size // 2)
    v, u = np.ogrid[:size, :size]
    return np.hypot(u - axis, v - (size - 1 - axis)) <= share * (size // 2 - 1)


def psnr(found, truth, inside):
    return 10 * np.log10(np.ptp(truth) ** 2 / np.mean((found - truth)[inside] ** 2))


def middle_of(found):
    v, u = np.indices(found.shape)
    weight = np.where(found > found.max() / 2, found, 0)
    return (u * weight).sum() / weight.sum(), (v * weight).sum() / weight.sum()


@pytest.fixture(scope="module")
def head():
    """Eighteen noisy sinograms of one phantom, their angles and their centre."""
    theta, columns, center = half_turn(90), 64, 30.2
    clean = line_integrals(HEAD, 30, theta, columns, center)
    noise = np.random.default_rng(1).normal(0, 0.02, (18, *clean.shape))
    return (clean + noise).astype(np.float32), theta, center


@pytest.mark.parametrize("center", [511.5, 500.3])
def test_1024_columns_and_angles_come_out_at_44_db_with_the_right_mean(center):
    theta = half_turn(1024)
    sinogram = line_integrals(HEAD, 500, theta, 1024, center)
    found = fbp(sinogram[None], theta, center, ncore=2)[0]
    truth, inside = raster(HEAD, 500, 1024), circle(1024)
    assert psnr(found, truth, inside) >= 44
    assert found[inside].mean() == pytest.approx(truth[inside].mean(), rel=0.002)


def test_a_phantom_off_centre_by_11_7_pixels_reconstructs_in_place():
    theta, columns = half_turn(256), 256
    truth, inside = raster(HEAD, 110, columns), circle(columns)
    for center in (127.5, 127.5 + 11.7, 127.5 - 11.7):
        sinogram = line_integrals(HEAD, 110, theta, columns, center)[None]
        assert psnr(fbp(sinogram, theta, center)[0], truth, inside) >= 39
        assert psnr(fbp(sinogram, theta, center + 0.5)[0], truth, inside) <= 35


@pytest.mark.parametrize("center", [12.0, 40.5, 215.0])
def test_an_axis_near_the_edge_of_the_detector_wraps_nothing_around(center):
    theta, columns = half_turn(200), 256
    small = [(0.0, 0.0, 0.08, 0.05, 0.3, 1.0)]
    found = fbp(line_integrals(small, 100, theta, columns, center)[None], theta, center)[0]
    inside = circle(columns)
    assert psnr(found, raster(small, 100, columns), inside) >= 37
    assert np.abs(found[inside & (raster(small, 120, columns) == 0)]).mean() < 2e-4


def test_what_is_seen_far_from_the_axis_stays_there():
    far = np.zeros((1, 64, 256), np.float32)
    far[..., 220] = 1
    found = fbp(far, half_turn(64), 12.0, filter_name="none")[0]
    assert np.abs(found[circle(256)]).max() < 0.01 * fbp(far, half_turn(64), 220.0, filter_name="none").max()


@pytest.mark.parametrize(("size", "column", "row"), [(64, 52, 21), (65, 53, 21)])
def test_a_disc_comes_out_where_gridrec_has_it(size, column, row):
    # 20 pixels to the right of the axis and 10 above: seen at 0 degrees 20 columns right of the centre.
    theta, center = half_turn(180), size / 2 + 0.3
    sinogram = line_integrals([(20.0, 10.0, 4.0, 4.0, 0.0, 1.0)], 1, theta, size, center)
    assert np.average(np.arange(size), weights=sinogram[0]) == pytest.approx(center + 20, abs=0.1)
    assert middle_of(fbp(sinogram[None], theta, center)[0]) == pytest.approx((column, row), abs=0.05)


@pytest.mark.parametrize("size", [64, 65])
def test_slices_lie_over_those_of_gridrec_where_it_is_installed(size):
    try:
        tomopy = require_tomopy()
    except PluginError as error:
        pytest.skip(str(error))
    theta, center = half_turn(180), size / 2 - 1.8
    sinogram = line_integrals([(12.0, -7.0, 4.0, 6.0, 0.5, 1.0)], 1, theta, size, center)[None]
    # gridrec wraps around: its sinogram is padded, and the slice cut out again.
    padded = np.pad(sinogram, ((0, 0), (0, 0), (64, 64)))
    gridrec = tomopy.recon(padded, theta, center=center + 64, sinogram_order=True, algorithm="gridrec")
    gridrec = gridrec[0, 64 : 64 + size, 64 : 64 + size]
    assert middle_of(fbp(sinogram, theta, center)[0]) == pytest.approx(middle_of(gridrec), abs=0.1)


def test_it_agrees_with_back_projection_in_space():
    from skimage.transform import iradon

    theta, columns = half_turn(120), 95
    sinogram = line_integrals(HEAD, 40, theta, columns, 47.0)
    peer = iradon(sinogram.T.astype(np.float64), np.rad2deg(theta), filter_name="ramp", interpolation="cubic")
    ours = fbp(sinogram[None], theta, 47.0, filter_name="ramlak")[0]
    # iradon has the axis on pixel (47, 47); ours is on column 48 and row 46.
    ours = np.roll(ours, (1, -1), (0, 1))
    inside = np.hypot(*(np.indices((columns, columns)) - 47)) < 44
    assert np.corrcoef(ours[inside], peer[inside])[0, 1] > 0.995
    assert ours[inside].mean() == pytest.approx(peer[inside].mean(), rel=0.01)


def test_slices_add_up_as_sinograms_do(head):
    sinograms, theta, center = head
    plan = FilteredBackProjection(theta, 64)
    first, second, both = plan(np.stack([sinograms[0], sinograms[1], 2 * sinograms[0] - 3 * sinograms[1]]), center)
    np.testing.assert_allclose(both, 2 * first - 3 * second, atol=1e-5)


def test_turning_the_angles_by_a_quarter_turns_the_slice(head):
    sinograms, theta, center = head
    plain = fbp(sinograms[:1], theta, center)[0]
    turned = fbp(sinograms[:1], theta + np.pi / 2, center)[0]
    # Around the axis, on column 32 and row 31; counterclockwise.
    np.testing.assert_allclose(turned[:-1, 1:], np.rot90(plain[:-1, 1:]), atol=0.02 * plain.max())


def test_the_order_of_angles_does_not_matter(head):
    sinograms, theta, center = head
    order = np.random.default_rng(2).permutation(len(theta))
    shuffled = fbp(sinograms[:1, order], theta[order] + 2 * np.pi * (order % 3 - 1), center)
    plain = fbp(sinograms[:1], theta, center)
    np.testing.assert_allclose(shuffled, plain, atol=0.005 * plain.max())


@pytest.mark.parametrize("angles", [180, 181])
def test_a_full_turn_gives_the_same_values_as_half_of_one(angles):
    theta = np.arange(angles) * 2 * np.pi / angles
    found = fbp(line_integrals(HEAD, 30, theta, 64, 31.5)[None], theta, 31.5)[0]
    half = half_turn(angles)
    expected = fbp(line_integrals(HEAD, 30, half, 64, 31.5)[None], half, 31.5)[0]
    inside = circle(64)
    assert found[inside].mean() == pytest.approx(expected[inside].mean(), rel=0.001)
    assert np.abs(found - expected)[inside].mean() < 0.02 * expected.max()


def test_a_repeated_projection_counts_once(head):
    sinograms, theta, center = head
    again = np.concatenate([sinograms[:1], sinograms[:1, 40:50], sinograms[:1, 40:42]], axis=1)
    repeated = fbp(again, np.concatenate([theta, theta[40:50] + np.pi * 2, theta[40:42]]), center)
    np.testing.assert_allclose(repeated, fbp(sinograms[:1], theta, center), atol=1e-5)


def test_neighbours_stand_in_for_lost_projections():
    theta = np.delete(half_turn(180), [17, 18, 90, 150, 151, 152])
    found = fbp(line_integrals(HEAD, 60, theta, 128, 63.5)[None], theta, 63.5)[0]
    truth, inside = raster(HEAD, 60, 128), circle(128)
    assert found[inside].mean() == pytest.approx(truth[inside].mean(), rel=0.005)


def test_uneven_angles_are_weighted_by_the_gaps_between_them():
    theta = np.pi * np.linspace(0, 1, 400, endpoint=False) ** 1.5
    found = fbp(line_integrals(HEAD, 60, theta, 128, 63.5)[None], theta, 63.5)[0]
    assert psnr(found, raster(HEAD, 60, 128), circle(128)) >= 32


def test_each_row_has_its_own_centre(head):
    sinograms, theta, _ = head
    centers = np.linspace(28, 60, len(sinograms))
    plan = FilteredBackProjection(theta, 64)
    together = plan(sinograms, centers)
    for row in (0, 7, 17):
        np.testing.assert_array_equal(together[row], plan(sinograms[row : row + 1], float(centers[row]))[0])


def test_one_centre_and_the_same_for_each_row_are_equal_to_the_bit(head):
    sinograms, theta, center = head
    plan = FilteredBackProjection(theta, 64)
    np.testing.assert_array_equal(plan(sinograms, center), plan(sinograms, np.full(len(sinograms), center)))


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 11, 16])
def test_a_slice_does_not_depend_on_the_rows_beside_it_to_the_bit(head, chunk):
    sinograms, theta, center = head
    plan = FilteredBackProjection(theta, 64)
    pieces = [plan(sinograms[first : first + chunk], center) for first in range(0, len(sinograms), chunk)]
    np.testing.assert_array_equal(np.concatenate(pieces), plan(sinograms, center))


@pytest.mark.parametrize("columns", [16, 17, 26, 31, 32, 33, 47, 70])
@pytest.mark.parametrize("size", [16, 17, 26, 31, 32, 33, 47, 70])
def test_many_rows_of_small_slices_come_out_as_each_alone(columns, size):
    theta = half_turn(9)
    sinograms = np.random.default_rng(size).normal(size=(20, 9, columns)).astype(np.float32)
    plan = FilteredBackProjection(theta, columns, size=size, ncore=2)
    together = plan(sinograms, columns / 2)
    alone = np.concatenate([plan(sinograms[row : row + 1], columns / 2) for row in range(20)])
    np.testing.assert_array_equal(together, alone)


def test_a_spoilt_row_leaves_the_others_alone(head):
    sinograms, theta, center = head
    spoilt = sinograms.copy()
    spoilt[3, 5, 7] = np.nan
    kept = np.arange(len(sinograms)) != 3
    plan = FilteredBackProjection(theta, 64)
    np.testing.assert_array_equal(plan(spoilt, center)[kept], plan(sinograms, center)[kept])


@pytest.mark.parametrize("ncore", [2, 3])
def test_slices_do_not_depend_on_the_number_of_threads_to_the_bit(head, ncore):
    sinograms, theta, center = head
    np.testing.assert_array_equal(fbp(sinograms, theta, center, ncore=ncore), fbp(sinograms, theta, center))


def test_slices_do_not_depend_on_the_memory_there_is_to_the_bit(head, monkeypatch):
    sinograms, theta, center = head
    plenty = fbp(sinograms, theta, center)
    monkeypatch.setattr(batches, "free_memory", lambda: 0)
    np.testing.assert_array_equal(fbp(sinograms, theta, center), plenty)


def test_a_plan_works_again_and_again(head):
    sinograms, theta, center = head
    plan = FilteredBackProjection(theta, 64)
    first = plan(sinograms, center)
    plan(sinograms[::-1], 50.0)
    np.testing.assert_array_equal(plan(sinograms, center), first)


@pytest.mark.parametrize("size", [32, 50, 63, 96])
def test_a_slice_of_another_size_shows_the_same_around_the_axis(head, size):
    sinograms, theta, center = head
    whole, other = fbp(sinograms[:1], theta, center)[0], fbp(sinograms[:1], theta, center, size=size)[0]
    reach = 15
    column, row = -(-size // 2), size - 1 - -(-size // 2)
    np.testing.assert_allclose(
        other[row - reach : row + reach, column - reach : column + reach],
        whole[31 - reach : 31 + reach, 32 - reach : 32 + reach],
        atol=0.02 * whole.max(),
    )


def test_filters_keep_the_mean_and_calm_the_noise_in_their_order(head):
    sinograms, theta, center = head
    truth, inside = raster(HEAD, 30, 64), circle(64)
    noise = []
    for name in ("ramlak", "shepp", "cosine", "hann"):
        first, second = fbp(sinograms[:2], theta, center, filter_name=name)
        assert first[inside].mean() == pytest.approx(truth[inside].mean(), rel=0.02)
        noise.append(np.std((first - second)[inside]))
    assert noise == sorted(noise, reverse=True)


def test_without_a_filter_it_only_projects_back():
    theta, columns = half_turn(64), 128
    sinogram = line_integrals(HEAD, 50, theta, columns, 63.5)
    found = fbp(sinogram[None], theta, 63.5, filter_name="none")[0]
    x, y = np.arange(columns) - 64, 63 - np.arange(columns)
    expected = np.zeros((columns, columns))
    for angle, projection in zip(theta, sinogram, strict=True):
        seen = 63.5 + x[None, :] * np.cos(angle) + y[:, None] * np.sin(angle)
        expected += np.interp(seen, np.arange(columns), projection) * np.pi / 64
    inside = circle(columns)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0.02)


@pytest.mark.parametrize("columns", [16, 17, 31, 100])
def test_detectors_of_any_width_are_taken(columns):
    theta = half_turn(60)
    center = (columns - 1) / 2
    disc = [(0.0, 0.0, 0.7, 0.7, 0.0, 1.0)]
    found = fbp(line_integrals(disc, columns / 2, theta, columns, center)[None], theta, center)[0]
    inside = circle(columns, 0.5)
    assert found[inside].mean() * columns / 2 == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": np.array([])}, "one finite angle"),
        ({"theta": np.array([0, np.nan])}, "one finite angle"),
        ({"columns": 8}, "at least 16 detector columns, got 8"),
        ({"size": 4}, "size: must be at least 16"),
        ({"ncore": 0}, "ncore: must be at least 1"),
        ({"filter_name": "shep"}, "did you mean 'shepp'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change, message):
    arguments = {"theta": half_turn(9), "columns": 32, **change}
    with pytest.raises((DataError, ValueError), match=message):
        FilteredBackProjection(arguments.pop("theta"), arguments.pop("columns"), **arguments)


@pytest.mark.parametrize(
    ("shape", "center", "message"),
    [
        ((1, 9, 31), 15.0, r"9 angles and 32 columns, got an array of shape \(1, 9, 31\)"),
        ((9, 32), 15.0, "must have the axes"),
        ((2, 9, 32), np.zeros(3), "one for each of 2 rows"),
        ((1, 9, 32), 32.0, "on the detector, columns 0 to 31"),
        ((1, 9, 32), np.nan, "on the detector"),
    ],
)
def test_sinograms_that_do_not_fit_the_plan_are_refused(shape, center, message):
    with pytest.raises(DataError, match=message):
        FilteredBackProjection(half_turn(9), 32)(np.zeros(shape, np.float32), center)
