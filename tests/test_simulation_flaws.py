"""Thin cracks, small pores and fibres, and details that lie alone."""

import numpy as np
import pytest

from tomopy_edge.simulation import kernels
from tomopy_edge.simulation.details import CLEAR, CRACK, PORE, draw_details
from tomopy_edge.simulation.fibres import fibres
from tomopy_edge.simulation.flaws import FAINTEST, LARGEST, SMALLEST, THINNEST, WIDEST, flaws
from tomopy_edge.simulation.phantoms import KINDS, draw_phantom, without_debts
from tomopy_edge.simulation.pieces import Shape, pieces, section
from tomopy_edge.simulation.voxels import axis_of


def uniform(x, y):
    return np.full(len(x), 2.0)


@pytest.fixture(scope="module")
def drawn():
    return np.concatenate([flaws(np.random.default_rng(seed), 150, uniform) for seed in range(8)])


def test_flaws_are_as_thin_and_as_small_as_promised(drawn):
    width = 2 * drawn["b"]
    assert width.min() >= THINNEST - 1e-9
    assert width.max() <= max(WIDEST, LARGEST)
    pores = drawn["a"] == drawn["b"]
    assert SMALLEST <= width[pores].min() < 1.1
    assert LARGEST >= width[pores].max() > 3.5
    assert (width[~pores] < 1).mean() > 0.1


def test_flaws_are_as_deep_as_a_share_of_the_matter_around_them(drawn):
    dark = drawn["attenuation"] < 0
    share = drawn["attenuation"] / 2.0
    assert share[dark].min() == -1
    assert share[dark].max() <= FAINTEST
    assert 0.7 < dark.mean() < 0.95


def test_nothing_cracks_where_there_is_nothing():
    assert len(flaws(np.random.default_rng(1), 150, lambda x, y: np.where(x > 0, 1.0, 0.0))) > 0
    assert (flaws(np.random.default_rng(1), 150, lambda x, y: np.where(x > 0, 1.0, 0.0))["x"] > 0).all()


def test_overlapping_pores_are_one_void():
    body = pieces(1, Shape.ELLIPSOID, attenuation=1, a=50, b=50)
    pores = pieces(3, Shape.ELLIPSOID, attenuation=-1, x=[0, 1, 30], a=5, b=5)
    limited = without_debts(np.concatenate([body, pores]))
    assert limited["attenuation"].tolist() == [1, -1, 0, -1]


def test_a_pore_takes_no_more_than_is_left_of_other_pores():
    body = pieces(1, Shape.ELLIPSOID, attenuation=1, a=50, b=50)
    pores = pieces(2, Shape.ELLIPSOID, attenuation=[-0.7, -0.7], a=5, b=5)
    assert without_debts(np.concatenate([body, pores]))["attenuation"] == pytest.approx([1, -0.7, -0.3])


@pytest.mark.parametrize("kind", KINDS)
def test_flaws_run_over_every_kind_when_asked_for(kind):
    plain, flawed = (draw_phantom(np.random.default_rng(8), kind, 256, flawed=share) for share in (0, 1))
    assert len(flawed.matter) > len(plain.matter) + 10


@pytest.mark.parametrize("seed", range(12))
def test_fibres_lie_within_their_radius(seed):
    matter = section(fibres(np.random.default_rng(seed), 100), 0.0)
    assert np.hypot(matter["x"], matter["y"]).max() < 130


def test_some_fibres_are_hollow_some_bent_and_some_cross_the_slice():
    bundles = [fibres(np.random.default_rng(seed), 100) for seed in range(30)]
    crossing = [(bundle["drift_x"] != 0).any() for bundle in bundles]
    lying = [(bundle["shape"] == Shape.ROD).any() for bundle in bundles]
    hollow = [(bundle["attenuation"] > 0).any() and (bundle["attenuation"] < 0).any() for bundle in bundles]
    bent = [len(np.unique(bundle["angle"][bundle["shape"] == Shape.ROD])) > 50 for bundle in bundles]
    for what in (crossing, lying, hollow, bent):
        assert 0 < sum(what) < len(bundles)


def test_a_hollow_fibre_holds_nothing():
    for seed in range(30):
        bundle = fibres(np.random.default_rng(seed), 100)
        rods = bundle[: len(bundle) // 2]
        cores = bundle[len(bundle) // 2 :]
        if np.array_equal(rods["attenuation"], -cores["attenuation"]):
            middle = kernels.density_at(section(bundle[[0, len(rods)]], rods["z"][0]), rods["x"][:1], rods["y"][:1])
            assert middle == pytest.approx(0)
            return
    pytest.fail("no seed gave a hollow fibre")


def test_details_lie_alone_and_where_their_features_say():
    phantom, features = draw_details(np.random.default_rng(3), 512, 0.8)
    kinds, x, y = features[:, 0].astype(int), features[:, 1], features[:, 2]
    assert (kinds == CRACK).sum() > 10
    assert (kinds == PORE).sum() > 15
    reach = features[:, 4]
    gaps = np.hypot(x[:, None] - x, y[:, None] - y) - reach[:, None] - reach + 1e9 * np.eye(len(x))
    assert gaps.min() >= CLEAR
    truth = phantom.slice_at(0, 512)
    axis = axis_of(512)
    seen = truth[np.rint(511 - axis - y).astype(int), np.rint(axis + x).astype(int)]
    wide = features[:, 5] > 0.9
    assert wide.sum() > 5
    assert (seen[wide] < 0.75).all()


def test_details_are_one_to_two_and_one_to_four_pixels_wide():
    _, features = draw_details(np.random.default_rng(4), 512, 0.8)
    cracks, pores = (features[features[:, 0] == kind] for kind in (CRACK, PORE))
    assert 0.5 <= cracks[:, 5].min() < cracks[:, 5].max() <= 1.0
    assert 0.5 <= pores[:, 4].min() < pores[:, 4].max() <= 2.0
    assert np.array_equal(pores[:, 4], pores[:, 5])
