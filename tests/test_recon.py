"""The one call: physical values, TomoPy's orders, the same slices however they were cut."""

import numpy as np
import pytest

import tomopy_edge
from tomopy_edge.errors import DataError, RecipeError
from tomopy_edge.recon import network_stages

COLUMNS, ANGLES, CENTER = 192, 180, 90.3
THETA = np.linspace(0, np.pi, ANGLES, endpoint=False)
DISCS = ((20.0, 12.0, 40.0, 0.004), (-40.0, 30.0, 14.0, 0.006))
"""x and y from the axis, radius, pixels; attenuation per pixel. Nothing in it is symmetric."""


def line_integrals(rows=6):
    """Sinograms (angle, row, column) of the discs, each row a little denser than the one before."""
    t = np.arange(COLUMNS) - CENTER
    sinogram = np.zeros((ANGLES, COLUMNS))
    for x, y, radius, attenuation in DISCS:
        off = t - (x * np.cos(THETA) + y * np.sin(THETA))[:, None]
        sinogram += 2 * attenuation * np.sqrt(np.maximum(radius**2 - off**2, 0))
    denser = 1 + 0.05 * np.arange(rows)
    return (sinogram[:, None] * denser[:, None]).astype(np.float32)


def noisy_counts(rows=6, counts=3000):
    rng = np.random.default_rng(5)
    projections = rng.poisson(counts * np.exp(-line_integrals(rows))).astype(np.uint16)
    return projections, np.full((3, rows, COLUMNS), counts, np.uint16), np.zeros((2, rows, COLUMNS), np.uint16)


def test_what_comes_out_is_attenuation_per_pixel():
    slices = tomopy_edge.recon_and_denoise(line_integrals(), THETA, CENTER, denoiser="none")
    assert slices.shape == (6, COLUMNS, COLUMNS)
    assert slices.dtype == np.float32
    for row in range(6):
        values = np.sort(slices[row].ravel())
        assert np.median(values[values > 0.002]) == pytest.approx(0.004 * (1 + 0.05 * row), rel=0.01)


@pytest.mark.parametrize("precision", ["int8", "float"])
def test_a_denoised_slice_is_still_attenuation_per_pixel(precision):
    projections, flats, darks = noisy_counts()
    noisy, clean = (
        tomopy_edge.recon_and_denoise(projections, THETA, CENTER, flat=flats, dark=darks, **options)
        for options in ({"denoiser": "none"}, {"precision": precision})
    )
    exact = tomopy_edge.recon_and_denoise(line_integrals(), THETA, CENTER, denoiser="none")
    inside = exact > 0.003
    assert clean[inside].mean() == pytest.approx(exact[inside].mean(), rel=0.02)
    assert np.square(clean - exact).mean() < 0.2 * np.square(noisy - exact).mean()


@pytest.mark.parametrize(("model", "advised"), [("tomogan", "int8"), ("tomogan-compact", "int8")])
def test_without_a_precision_the_slices_are_those_of_the_advised_one_alone(model, advised):
    projections, flats, darks = noisy_counts(1)
    left_open, named = (
        tomopy_edge.recon_and_denoise(projections, THETA, CENTER, flat=flats, dark=darks, model=model, **options)
        for options in ({}, {"precision": advised})
    )
    np.testing.assert_array_equal(left_open, named)


@pytest.mark.parametrize(("model", "partner"), [("tomogan", "int8"), ("tomogan-compact", "int8-ptq")])
def test_fine_tune_follows_where_it_is_asked_for_behind_the_network_it_was_trained_on(model, partner):
    chosen = {"denoiser": "tomogan", "options": {"model": model, "precision": partner}}
    fine_tune = {"model": model}
    assert network_stages("tomogan", model, fine_tune=True) == [{"denoise": chosen}, {"fine_tune": fine_tune}]
    assert network_stages("tomogan", model, "float", fine_tune=True)[1] == {
        "fine_tune": {"model": model, "precision": "float"}
    }
    assert network_stages("tomogan", model) == [{"denoise": {"denoiser": "tomogan", "options": {"model": model}}}]


@pytest.mark.parametrize("denoiser", ["none", "tomogan", "total_variation"])
def test_the_result_does_not_depend_on_the_chunks_to_the_bit(denoiser):
    projections, flats, darks = noisy_counts(7)
    whole, *cut = (
        tomopy_edge.recon_and_denoise(
            projections, THETA, CENTER, flat=flats, dark=darks, denoiser=denoiser, nchunk=nchunk, stripes="sorting"
        )
        for nchunk in (None, 1, 2, 4, 6)
    )
    for slices in cut:
        np.testing.assert_array_equal(slices, whole)


def test_sinogram_order_and_projection_order_give_the_same_slices():
    tomo = line_integrals(3)
    ordered = tomopy_edge.recon_and_denoise(tomo.swapaxes(0, 1), THETA, CENTER, sinogram_order=True, denoiser="none")
    np.testing.assert_array_equal(ordered, tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, denoiser="none"))


def test_counts_with_flats_and_darks_give_what_their_line_integrals_give():
    tomo = line_integrals(2)
    flats, darks = np.full((1, 2, COLUMNS), 60000.0), np.full((1, 2, COLUMNS), 100.0)
    counts = (100 + 59900 * np.exp(-tomo)).astype(np.float32)
    from_counts = tomopy_edge.recon_and_denoise(counts, THETA, CENTER, flat=flats, dark=darks, denoiser="none")
    np.testing.assert_allclose(
        from_counts, tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, denoiser="none"), atol=2e-6
    )


def test_the_axis_is_found_where_none_is_given():
    found = tomopy_edge.recon_and_denoise(line_integrals(), THETA, denoiser="none")
    given = tomopy_edge.recon_and_denoise(line_integrals(), THETA, CENTER, denoiser="none")
    assert np.abs(found - given).mean() < 0.1 * given.mean()


def test_each_row_may_have_its_own_axis():
    tomo = line_integrals(4)
    tomo[:, 2] = np.roll(tomo[:, 2], 3, axis=-1)
    slices = tomopy_edge.recon_and_denoise(tomo, THETA, [CENTER, CENTER, CENTER + 3, CENTER], denoiser="none", nchunk=2)
    in_line = tomopy_edge.recon_and_denoise(line_integrals(4), THETA, CENTER, denoiser="none")
    assert np.abs(slices - in_line).max() < 0.1 * in_line.max()


def test_a_callable_of_tomopys_form_reconstructs():
    def constant(tomo, center, recon, theta, **settings):
        assert tomo.shape == (recon.shape[0], ANGLES, COLUMNS)
        assert np.allclose(center, CENTER)
        recon[:] = settings["filter_name"] == "hann"

    slices = tomopy_edge.recon_and_denoise(
        line_integrals(2), THETA, CENTER, algorithm=constant, filter_name="hann", denoiser="none", mask=None
    )
    np.testing.assert_array_equal(slices, 1)


def test_what_was_clipped_and_settled_is_told_to_the_tally():
    projections, flats, darks = noisy_counts(2)
    projections[3, 1, 100] = 0
    tally = tomopy_edge.Tally()
    tomopy_edge.recon_and_denoise(projections, THETA, CENTER, flat=flats, dark=darks, tally=tally)
    assert sum(tally.counts["minus_log"].values()) == 1
    assert any("tomogan" in note for note in tally.notes["denoise"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"theta": np.rad2deg(THETA)}, "these are degrees"),
        ({"theta": THETA[:-1]}, "180 projections"),
        ({"tomo": np.zeros((5, 5))}, "axes"),
        ({"tomo": np.zeros((1, 5, 5)), "theta": [0.0]}, "1 projection"),
        ({"dark": np.zeros((1, 2, COLUMNS))}, "without flat"),
        ({"center": 500.0}, "outside the detector"),
        ({"center": [CENTER] * 3}, "one for each of the 2 rows"),
        ({"ncore": -1}, "ncore must be at least 1"),
        ({"denoiser": "none", "model": "tomogan"}, "belong to the denoiser 'tomogan'"),
        ({"tomo": np.full((ANGLES, 2, COLUMNS), np.nan)}, r"row 0 holds line integrals .* \(34560 of them\)"),
        ({"algorithm": lambda tomo, center, recon, theta, **settings: recon.fill(np.nan)}, "algorithm made values"),
        ({"denoiser": "none", "precision": "int8"}, "belong to the denoiser 'tomogan'"),
        ({"denoiser": "none", "runtime": "litert"}, "belong to the denoiser 'tomogan'"),
        ({"denoiser": "none", "fine_tune": True}, "no Fine-Tune network"),
        ({"precision": "chained", "fine_tune": True}, "a chained network has the Fine-Tune network in it"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, words):
    arguments = {"tomo": line_integrals(2), "theta": THETA, "center": CENTER, **changes}
    with pytest.raises(DataError, match=words):
        tomopy_edge.recon_and_denoise(**arguments)


def test_counts_without_flats_are_not_taken_for_line_integrals(caplog):
    projections, _, _ = noisy_counts(1)
    with pytest.raises(DataError, match=r"whole numbers \(uint16\), as counts are, and flat is not given"):
        tomopy_edge.recon_and_denoise(projections, THETA, CENTER, denoiser="none")
    assert not caplog.records
    tally = tomopy_edge.Tally()
    tomopy_edge.recon_and_denoise(projections.astype(np.float32), THETA, CENTER, denoiser="none", tally=tally)
    (warned,) = caplog.messages
    assert "through which no ray comes" in warned
    assert warned in tally.notes["read"]


def test_what_was_replaced_is_told_in_the_log_where_there_is_no_tally(caplog):
    projections, flats, darks = noisy_counts(1)
    given = {"flat": flats, "dark": darks, "denoiser": "none"}
    broken = projections.astype(np.float32)
    broken[7] = np.nan
    tomopy_edge.recon_and_denoise(broken, THETA, CENTER, **given, tally=(tally := tomopy_edge.Tally()))
    assert not caplog.messages
    tomopy_edge.recon_and_denoise(broken, THETA, CENTER, **given)
    counted = [f"{stage}: {n} {what}" for stage, counts in tally.counts.items() for what, n in counts.items()]
    assert any(f" {COLUMNS} " in one for one in counted)
    assert caplog.messages == counted


def test_names_that_do_not_exist_are_told_the_nearest():
    tomo = line_integrals(2)
    with pytest.raises(RecipeError, match="did you mean 'tomogan'"):
        tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, denoiser="tomogun")
    with pytest.raises(RecipeError, match="did you mean 'fbp'"):
        tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, algorithm="fbq", denoiser="none")
    with pytest.raises(RecipeError, match=r"denoise\.options: no model is named 'tomogun'; did you mean 'tomogan'"):
        tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, model="tomogun")
    with pytest.raises(RecipeError, match=r"denoise\.options: no runtime is named 'litertt'; did you mean 'litert'"):
        tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, runtime="litertt")


@pytest.mark.parametrize("denoiser", ["none", "tomogan"])
def test_slices_lie_over_those_of_gridrec(denoiser):
    # Gridrec of TomoPy puts the axis on column n / 2 and on row n / 2 - 1 from the top, and y points up.
    slices = tomopy_edge.recon_and_denoise(line_integrals(2), THETA, CENTER, denoiser=denoiser)
    (x, y, radius, _), _ = DISCS
    row, column = COLUMNS // 2 - 1 - y, COLUMNS // 2 + x
    v, u = np.indices(slices.shape[1:])
    around = np.hypot(v - row, u - column) < radius + 4
    weights = np.where(around, slices[0], 0)
    assert (weights * v).sum() / weights.sum() == pytest.approx(row, abs=0.1)
    assert (weights * u).sum() / weights.sum() == pytest.approx(column, abs=0.1)
