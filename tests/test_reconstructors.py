"""The reconstructors in the box: ours, TomoPy's where there is TomoPy, and functions of the form TomoPy takes."""

import sys
from types import ModuleType

import numpy as np
import pytest

from tomopy_edge.data import Sinograms
from tomopy_edge.errors import DataError, PluginError
from tomopy_edge.fbp import FilteredBackProjection, fbp
from tomopy_edge.job import Job
from tomopy_edge.reconstructors import fbp as ours
from tomopy_edge.reconstructors import tomopy as theirs


@pytest.fixture
def sinograms():
    """Three rows of a disc whose axis is on column 30.2."""
    theta, away = np.arange(60) * np.pi / 60, np.arange(64) - 30.2
    disc = 0.02 * np.sqrt(np.maximum(0, 20.0**2 - away**2))
    return Sinograms(np.tile(disc, (3, 60, 1)).astype(np.float32), theta, 30.2, first_row=7, pixel_size=1.3)


@pytest.fixture
def stand_in(monkeypatch):
    """A module in TomoPy's place that notes how its `recon` was called."""
    module = ModuleType("tomopy")
    module.calls = []

    def recon(tomo, theta, **keywords):
        module.calls.append((tomo, theta, keywords))
        if keywords["algorithm"] == "nonsense":
            raise ValueError("Keyword algorithm must be one of art, gridrec")
        return np.full((len(tomo), 64, 64), 0.5, np.float32)

    module.recon = recon
    module.remove_outlier = module.remove_stripe_fw = lambda *_: None
    monkeypatch.setitem(sys.modules, "tomopy", module)
    return module


def test_fbp_gives_slices_in_their_place_and_unit(sinograms):
    volume = ours.ENTRY.create(ours.FbpOptions(), Job(ncore=1))(sinograms)
    np.testing.assert_array_equal(volume.slices, fbp(sinograms.line_integrals, sinograms.theta, 30.2))
    assert volume.slices[1, 25:37, 26:38].mean() == pytest.approx(0.01, rel=0.01)
    assert (volume.first_row, volume.pixel_size) == (7, 1.3)


def test_fbp_hands_its_options_on(sinograms):
    options = ours.FbpOptions(filter_name="hann", size=40)
    volume = ours.ENTRY.create(options, Job(ncore=2))(sinograms)
    expected = fbp(sinograms.line_integrals, sinograms.theta, 30.2, filter_name="hann", size=40)
    np.testing.assert_array_equal(volume.slices, expected)


def test_fbp_makes_one_plan_for_all_chunks_of_a_scan(sinograms, monkeypatch):
    made = []

    class Counted(FilteredBackProjection):
        def __init__(self, theta, columns, **options):
            made.append(columns)
            super().__init__(theta, columns, **options)

    monkeypatch.setattr(ours, "FilteredBackProjection", Counted)
    reconstruct = ours.ENTRY.create(ours.FbpOptions(), Job(ncore=1))
    for _ in range(3):
        reconstruct(sinograms)
    assert made == [64]
    reconstruct(Sinograms(sinograms.line_integrals, sinograms.theta + 0.1, 30.2))
    assert made == [64, 64]


@pytest.mark.parametrize("size", [0, 15])
def test_fbp_refuses_a_size_that_cannot_be(size):
    with pytest.raises(ValueError, match="size: must be at least 16"):
        ours.FbpOptions(size=size)


@pytest.mark.parametrize("create", [ours.ENTRY.create, theirs.create_gridrec])
def test_an_unknown_centre_is_refused(create, sinograms, stand_in):
    options = ours.FbpOptions() if create is ours.ENTRY.create else theirs.GridrecOptions()
    with pytest.raises(DataError, match="axis is not known"):
        create(options, Job(ncore=1))(Sinograms(sinograms.line_integrals, sinograms.theta))


@pytest.mark.parametrize("entry", theirs.ENTRIES, ids=lambda entry: entry.name)
def test_without_tomopy_its_algorithms_say_how_to_get_it(entry, monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", None)
    with pytest.raises(PluginError, match="conda install -c conda-forge tomopy"):
        entry.create(entry.options(), Job(ncore=1))


def test_another_package_of_the_name_is_not_taken_for_tomopy(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", ModuleType("tomopy"))
    with pytest.raises(PluginError, match="is not TomoPy"):
        theirs.create_gridrec(theirs.GridrecOptions(), Job(ncore=1))


def test_gridrec_is_called_in_sinogram_order_with_a_centre_for_each_row(sinograms, stand_in):
    volume = theirs.create_gridrec(theirs.GridrecOptions(filter_name="parzen"), Job(ncore=3))(sinograms)
    tomo, theta, keywords = stand_in.calls[0]
    np.testing.assert_array_equal(tomo, sinograms.line_integrals)
    np.testing.assert_array_equal(theta, sinograms.theta)
    np.testing.assert_allclose(keywords.pop("center"), [30.2] * 3)
    assert keywords == {"sinogram_order": True, "algorithm": "gridrec", "ncore": 3, "filter_name": "parzen"}
    assert volume.slices.shape == (3, 64, 64)
    assert (volume.first_row, volume.pixel_size) == (7, 1.3)


def test_any_algorithm_of_tomopy_gets_its_options(sinograms, stand_in):
    options = theirs.TomopyOptions(algorithm="sirt", options={"num_iter": 20})
    theirs.create_tomopy(options, Job(ncore=1))(sinograms)
    assert stand_in.calls[0][2]["algorithm"] == "sirt"
    assert stand_in.calls[0][2]["num_iter"] == 20


def test_what_tomopy_refuses_is_said_in_its_words(sinograms, stand_in):
    options = theirs.TomopyOptions(algorithm="nonsense")
    with pytest.raises(DataError, match=r"refused the algorithm 'nonsense'.*must be one of art, gridrec"):
        theirs.create_tomopy(options, Job(ncore=1))(sinograms)


def test_the_unfiltered_fbp_of_tomopy_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="algorithm: TomoPy's 'fbp' back-projects without a filter"):
        theirs.TomopyOptions(algorithm="fbp")


def test_options_that_the_run_decides_are_refused():
    with pytest.raises(ValueError, match="options: center, theta come from the scan"):
        theirs.TomopyOptions(options={"theta": [0], "center": 5, "num_iter": 2})


def test_a_function_of_the_form_tomopy_takes_fills_its_slices(sinograms):
    seen = {}

    def shaped(tomo, center, recon, theta, **keywords):
        seen.update(keywords, types=(tomo.dtype, center.dtype, recon.dtype, theta.dtype), center=center)
        assert tomo.flags.c_contiguous
        recon[:] = np.arange(len(tomo))[:, None, None]
        return "not looked at"

    volume = theirs.from_callable(shaped, filter_name="hann")(sinograms)
    assert volume.slices.shape == (3, 64, 64)
    assert [each[0, 0] for each in volume.slices] == [0, 1, 2]
    assert seen["types"] == (np.float32,) * 4
    np.testing.assert_allclose(seen["center"], [30.2] * 3)
    assert {key: seen[key] for key in ("num_gridx", "num_gridy", "options", "filter_name")} == {
        "num_gridx": 64,
        "num_gridy": 64,
        "options": {},
        "filter_name": "hann",
    }
