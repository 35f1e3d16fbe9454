"""What training makes small."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from scipy.ndimage import correlate1d  # noqa: E402 - after the skip
from skimage.metrics import structural_similarity  # noqa: E402

from tomopy_edge.training import emphasis, losses  # noqa: E402

SLICES = np.random.default_rng(1).random((2, 200, 184, 1)).astype(np.float32)
NOISY = SLICES + np.random.default_rng(2).normal(0, 0.1, SLICES.shape).astype(np.float32)


def value(name, truth=SLICES, denoised=NOISY):
    return keras.ops.convert_to_numpy(losses.loss_function(name)(truth, denoised))


def windows(values):
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    for axis in (0, 1):
        values = correlate1d(values, weights / weights.sum(), axis)
    return values[5:-5, 5:-5]


def by_the_paper(one, other):
    """Wang et al. 2003, equation 7, written down once more."""
    similarity = 1.0
    for scale, exponent in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            one, other = (v[: len(v) // 2 * 2, : v.shape[1] // 2 * 2] for v in (one, other))
            one, other = ((v[::2, ::2] + v[1::2, ::2] + v[::2, 1::2] + v[1::2, 1::2]) / 4 for v in (one, other))
        x, y = windows(one), windows(other)
        terms = (2 * (windows(one * other) - x * y) + 9e-4) / (windows(one**2 + other**2) - x**2 - y**2 + 9e-4)
        if scale == 4:
            terms *= (2 * x * y + 1e-4) / (x**2 + y**2 + 1e-4)
        similarity *= terms.mean() ** exponent
    return similarity


def test_ms_ssim_is_that_of_the_paper(monkeypatch):
    monkeypatch.setattr(losses, "STEPS", (1,) * 5)
    found = keras.ops.convert_to_numpy(losses.ms_ssim(SLICES, NOISY))
    expected = [by_the_paper(*(v[i, ..., 0].astype(np.float64) for v in (SLICES, NOISY))) for i in range(2)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sparser_windows_find_the_same_similarity(monkeypatch):
    sparse = value("mae+ms-ssim")
    monkeypatch.setattr(losses, "STEPS", (1,) * 5)
    np.testing.assert_allclose(sparse, value("mae+ms-ssim"), atol=1e-3)


def test_in_a_crop_with_room_for_one_scale_it_is_plain_ssim(monkeypatch):
    monkeypatch.setattr(losses, "STEPS", (1,) * 5)
    one, other = SLICES[:1, :21, :21], NOISY[:1, :21, :21]
    expected = structural_similarity(
        *(one[0, ..., 0], other[0, ..., 0]),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert keras.ops.convert_to_numpy(losses.ms_ssim(one, other))[0] == pytest.approx(expected, abs=1e-5)


def test_the_default_is_016_of_the_error_and_084_of_the_structure():
    structure = 1 - keras.ops.convert_to_numpy(losses.ms_ssim(SLICES, NOISY))
    np.testing.assert_allclose(value("mae+ms-ssim"), 0.16 * value("mae") + 0.84 * structure, rtol=1e-5)


def test_absolute_and_squared_errors_are_means_over_a_slice():
    np.testing.assert_allclose(value("mae"), np.abs(NOISY - SLICES).mean(axis=(1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(value("mse"), np.square(NOISY - SLICES).mean(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("name", ["mae", "mse", "mae+ms-ssim"])
def test_a_perfect_answer_costs_nothing(name):
    np.testing.assert_allclose(value(name, denoised=SLICES), 0, atol=1e-6)


@pytest.mark.parametrize("name", ["mae", "mse", "mae+ms-ssim"])
def test_losses_are_computed_in_float32_whatever_the_network_computes_in(name):
    loss = losses.loss_function(name)(SLICES, keras.ops.cast(NOISY, "bfloat16"))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


@pytest.mark.parametrize("denoised", [np.zeros_like(SLICES), -5 * SLICES], ids=["nothing", "the negative"])
def test_the_worst_answers_have_a_finite_loss_above_all_others(denoised):
    assert np.isfinite(value("mae+ms-ssim", denoised=denoised)).all()
    assert (value("mae+ms-ssim", denoised=denoised) > value("mae+ms-ssim")).all()


def thin_and_wide():
    """A crack of one pixel and a block of 12, both of full contrast."""
    truth = np.ones((1, 48, 48, 1), np.float32)
    truth[0, 8, 4:40] = 0
    truth[0, 20:32, 20:32] = 0
    return truth


def test_errors_on_a_crack_count_more_and_those_on_a_wide_hole_do_not():
    weights = keras.ops.convert_to_numpy(emphasis.detail_weights(thin_and_wide(), 8.0))[0, ..., 0]
    assert (weights[8, 5:39] == 9).all()
    assert (weights[22:30, 22:30] == 1).all()
    assert weights[40:].max() == 1


def test_a_faint_detail_counts_by_its_contrast():
    truth = 1 - 0.05 * (1 - thin_and_wide())
    weights = keras.ops.convert_to_numpy(emphasis.detail_weights(truth, 8.0))[0, ..., 0]
    assert weights[8, 20] == pytest.approx(5, rel=1e-4)


@pytest.mark.parametrize("name", ["mae", "mse", "mae+ms-ssim"])
def test_a_missing_crack_costs_more_with_weights_and_a_perfect_answer_nothing(name):
    truth = thin_and_wide()
    without = truth.copy()
    without[0, 8] = 1
    plain, weighted = losses.loss_function(name), losses.loss_function(name, details=8.0)
    assert float(weighted(truth, without)[0]) > 1.05 * float(plain(truth, without)[0])
    assert float(weighted(truth, truth)[0]) == pytest.approx(0, abs=1e-6)


def test_evened_crops_pull_alike_however_large_their_errors():
    """The share of each crop's loss is what its gradient is multiplied by."""
    large, small = 0.5, 0.05
    shares = keras.ops.convert_to_numpy(emphasis.evened(keras.ops.convert_to_tensor([large, small])))
    assert shares[0] == pytest.approx(shares[1], rel=0.05)
    assert shares.sum() < 2 * large


def lost(truth, denoised, noise=0.0):
    noisy = truth + np.random.default_rng(3).normal(0, noise, truth.shape).astype(np.float32)
    return float(emphasis.lost_contrast(truth, denoised, noisy)[0])


def test_what_is_perfect_has_lost_no_contrast():
    assert lost(thin_and_wide(), thin_and_wide()) == 0


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0, -0.5])
def test_the_share_of_contrast_that_cracks_lost_is_told_or_that_was_added(share):
    truth = thin_and_wide()
    denoised = truth.copy()
    denoised[0, 8, 4:40] = share
    # Windows at the detail's very ends count it too, and a few more are always counted.
    assert lost(truth, denoised) == pytest.approx(abs(share), rel=0.25)
    assert lost(truth, denoised) == pytest.approx(abs(share) * lost(truth, (truth + denoised) / 2) * 2 / abs(share))


def test_a_blurred_hole_that_is_no_detail_has_lost_nothing():
    truth = thin_and_wide()
    truth[0, 8] = 1
    blurred = correlate1d(correlate1d(truth, np.ones(3) / 3, 1), np.ones(3) / 3, 2)
    assert lost(truth, blurred) < 0.01


def test_a_pore_of_one_pixel_counts_like_a_crack_where_there_is_no_noise():
    crack, pore = np.ones((2, 1, 96, 96, 1), np.float32)
    crack[0, 48, 10:86] = 0
    pore[0, 48, 48] = 0
    flat = np.ones_like(pore)
    assert lost(pore, flat) == pytest.approx(lost(crack, flat), rel=0.6)
    # Its share of the pixels is 76 times smaller.
    assert lost(pore, flat) > 0.5


def test_a_detail_that_noise_hides_does_not_count():
    truth = 1 - 0.1 * (1 - thin_and_wide())
    flat = np.ones_like(truth)
    flat[0, 20:32, 20:32] = truth[0, 20:32, 20:32]
    seen, hidden = lost(truth, flat, noise=0.001), lost(truth, flat, noise=1.0)
    assert hidden < 0.05 * seen


def test_noise_in_the_answer_is_no_lost_contrast():
    truth = thin_and_wide()
    noisy = truth + np.random.default_rng(4).normal(0, 0.2, truth.shape).astype(np.float32)
    assert lost(truth, noisy) < 0.15


@pytest.mark.parametrize("even", [False, True])
def test_lost_contrast_costs_as_many_times_the_crops_own_error_as_is_asked(even):
    truth = np.concatenate([thin_and_wide()] * 2)
    without = truth.copy()
    without[:, 8] = 1
    told = np.concatenate([truth, truth], axis=-1)
    plain, more = (losses.loss_function("mae", contrast=times, even=even)(told, without) for times in (0.0, 2.0))
    share = lost(truth[:1], without[:1])
    assert float(more[0]) == pytest.approx(float(plain[0]) + 2 * share * (float(plain[0]) + emphasis.LEAST), rel=1e-4)
