"""Through `tomopy.recon` come the slices of `recon_and_denoise`, however TomoPy cuts the rows."""

import doctest
import gc
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tomopy_edge
from tomopy_edge import kept_recipe, through_tomopy
from tomopy_edge.errors import DataError, PluginError, RecipeError
from tomopy_edge.job import Tally
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.reconstructors import tomopy as theirs
from tomopy_edge.tomopy_library import require_tomopy

COLUMNS, ANGLES, ROWS, CENTER = 64, 90, 7, 30.25
THETA = np.linspace(0, np.pi, ANGLES, endpoint=False, dtype=np.float32)


def line_integrals(rows=ROWS):
    """(angle, row, column), noisy; the disc grows from row to row, so that no slice is like the one beside it."""
    rng = np.random.default_rng(3)
    radii = 12.0 + np.arange(rows)[:, None]
    exact = 0.04 * np.sqrt(np.maximum(0, radii**2 - (np.arange(COLUMNS) - CENTER) ** 2))
    return -np.log(rng.poisson(2000 * np.exp(-np.tile(exact, (ANGLES, 1, 1)))) / 2000).astype(np.float32)


def stand_in_recon(tomo, theta, center=None, sinogram_order=False, algorithm=None, init_recon=None, **asked):  # noqa: FBT002
    """What `tomopy.recon` does with an algorithm that is a function, told in a few lines."""
    ncore, nchunk = asked.pop("ncore", None) or 2, asked.pop("nchunk", None)
    tomo = np.require(tomo if sinogram_order else np.swapaxes(tomo, 0, 1), np.float32, "AC")
    rows, _, columns = tomo.shape
    asked = {"num_gridx": columns, "num_gridy": columns, "options": {}, **asked}
    centers = np.full(rows, columns / 2 if center is None else center, np.float32)
    if init_recon is None:
        recon = np.full((rows, asked["num_gridx"], asked["num_gridy"]), 1e-6, np.float32)
    else:
        recon = np.require(init_recon, np.float32, "AC")
    size = -(-rows // ncore) if nchunk is None else nchunk
    parts = range(rows) if size == 0 else [np.s_[first : first + size] for first in range(0, rows, size)]
    with ThreadPoolExecutor(ncore) as threads:
        made = [threads.submit(algorithm, tomo[n], centers[n], recon[n], np.float32(theta), **asked) for n in parts]
    for each in made:
        each.result()
    return recon


def real_recon(*arguments, **keywords):
    try:
        tomopy = require_tomopy()
    except PluginError as error:
        pytest.skip(str(error))
    return tomopy.recon(*arguments, **keywords)


@pytest.fixture(params=[stand_in_recon, pytest.param(real_recon, marks=pytest.mark.filterwarnings("default"))])
def recon(request):
    """`tomopy.recon`: a stand-in that calls as it does, and the real one where TomoPy is installed."""
    return request.param


@pytest.fixture
def made(catalogue):
    """What makes an algorithm with the built-in plugins."""

    def make(*arguments, **keywords):
        return tomopy_edge.tomopy_algorithm(*arguments, catalogue=catalogue, **keywords)

    return make


@pytest.fixture(scope="module")
def expected():
    return tomopy_edge.recon_and_denoise(line_integrals(), THETA, CENTER)


@pytest.mark.parametrize(
    "asked",
    [{}, {"ncore": 1}, {"ncore": 3}, {"nchunk": 1, "ncore": 3}, {"nchunk": 4}, {"nchunk": 0}],
    ids=lambda asked: str(asked) or "default",
)
def test_the_slices_are_those_of_recon_and_denoise_however_rows_are_cut(recon, made, expected, asked):
    slices = recon(line_integrals(), THETA, CENTER, algorithm=made(), **asked)
    np.testing.assert_array_equal(slices, expected)


def test_sinogram_order_and_a_place_for_the_slices_are_taken(recon, made, expected):
    place = np.zeros((ROWS, COLUMNS, COLUMNS), np.float32)
    sinograms = np.ascontiguousarray(line_integrals().swapaxes(0, 1))
    slices = recon(sinograms, THETA, CENTER, sinogram_order=True, algorithm=made(), init_recon=place)
    np.testing.assert_array_equal(slices, expected)
    np.testing.assert_array_equal(place, expected)


def test_each_row_may_have_its_own_axis(recon, made):
    centers = np.linspace(CENTER, CENTER + 0.5, ROWS).astype(np.float32)
    slices = recon(line_integrals(), THETA, centers, algorithm=made(), nchunk=2)
    np.testing.assert_array_equal(slices, tomopy_edge.recon_and_denoise(line_integrals(), THETA, centers))


@pytest.mark.parametrize("options", [{"fine_tune": True}, {"denoiser": "total_variation"}, {"mask": None}], ids=str)
def test_what_recon_and_denoise_can_do_can_be_done(recon, made, options):
    slices = recon(line_integrals(), THETA, CENTER, algorithm=made(**options), nchunk=3)
    np.testing.assert_array_equal(slices, tomopy_edge.recon_and_denoise(line_integrals(), THETA, CENTER, **options))


def test_the_grid_may_have_another_size(recon, made):
    slices = recon(line_integrals(), THETA, CENTER, algorithm=made("none", mask=None), num_gridx=48, num_gridy=48)
    whole = recon(line_integrals(), THETA, CENTER, algorithm=made("none", mask=None))
    assert slices.shape == (ROWS, 48, 48)
    np.testing.assert_allclose(slices, whole[:, 8:56, 8:56], atol=2e-3 * whole.max())


def test_the_filter_may_be_named_in_the_call_or_before(recon, made):
    called = recon(line_integrals(), THETA, CENTER, algorithm=made("none"), filter_name="hann")
    before = recon(line_integrals(), THETA, CENTER, algorithm=made("none", filter_name="hann"))
    usual = recon(line_integrals(), THETA, CENTER, algorithm=made("none"))
    np.testing.assert_array_equal(called, before)
    assert not np.array_equal(called, usual)
    with pytest.raises(DataError, match=r"filter_name: 'hann' in the call, and 'cosine' in tomopy_algorithm\(\)"):
        stand_in_recon(
            line_integrals(), THETA, CENTER, algorithm=made("none", filter_name="cosine"), filter_name="hann"
        )


def call(algorithm, **changed):
    given = {
        "tomo": np.ascontiguousarray(line_integrals(3).swapaxes(0, 1)),
        "center": np.full(3, CENTER, np.float32),
        "recon": np.zeros((3, COLUMNS, COLUMNS), np.float32),
        "theta": THETA,
        **changed,
    }
    algorithm(**given)
    return given["recon"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"num_iter": 5}, "num_iter: not known here"),
        ({"filter_nam": "hann"}, "did you mean 'filter_name'"),
        ({"options": {"method": "SART"}}, "options: not known here"),
        ({"recon": np.zeros((3, 64, 48), np.float32)}, "num_gridx, num_gridy: must be the same.*got 64 and 48"),
        ({"theta": np.rad2deg(THETA)}, "these are degrees"),
        ({"theta": THETA[:-1]}, "there are 90 projections, but theta has the shape"),
        ({"center": np.full(3, 99, np.float32)}, "must lie on the detector"),
    ],
)
def test_what_does_not_fit_is_told(made, changed, sentence):
    with pytest.raises(DataError, match=sentence):
        call(made("none"), **changed)


def test_line_integrals_that_are_lost_are_told_with_their_row(made):
    tomo = np.ascontiguousarray(line_integrals(3).swapaxes(0, 1))
    tomo[1, 4, 5] = np.inf
    with pytest.raises(DataError, match="row 1 holds 1 line integrals that are not finite"):
        call(made("none"), tomo=tomo)


def test_another_grid_than_the_detectors_is_for_our_fbp_alone(made, monkeypatch):
    monkeypatch.setattr(theirs, "expect_tomopy", lambda: None)
    with pytest.raises(DataError, match="num_gridx: gridrec makes slices as large as the detector, 64 pixels"):
        call(made("none", algorithm="gridrec"), recon=np.zeros((3, 48, 48), np.float32))


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"denoiser": "tomogam"}, RecipeError, "did you mean 'tomogan'"),
        ({"filter_name": "han"}, RecipeError, "filter_name"),
        ({"denoiser": "none", "unit": 1.0}, DataError, "unit: belongs to the denoiser 'tomogan'"),
        ({"ncore": 0}, DataError, "ncore must be at least 1, got 0"),
    ],
)
def test_a_fault_in_the_options_is_told_before_anything_is_reconstructed(made, options, error, sentence):
    with pytest.raises(error, match=sentence):
        made(**options)


@pytest.fixture
def opened(monkeypatch):
    """Notes when networks are opened and closed."""
    events = []
    opens, frees = LiteRT.__init__, LiteRT._free

    def opening(self, *arguments, **keywords):
        events.append("opened")
        opens(self, *arguments, **keywords)

    def freeing(self):
        events.append("closed")
        frees(self)

    monkeypatch.setattr(LiteRT, "__init__", opening)
    monkeypatch.setattr(LiteRT, "_free", freeing)
    return events


def test_the_network_is_opened_once_and_the_unit_found_once_for_all_chunks_and_calls(made, opened, monkeypatch):
    measured = []
    settle = kept_recipe.settle
    monkeypatch.setattr(kept_recipe, "settle", lambda *given: measured.append(1) or settle(*given))
    with made(ncore=1, runtime="litert") as algorithm:
        for _ in range(2):
            stand_in_recon(line_integrals(), THETA, CENTER, algorithm=algorithm, nchunk=2, ncore=3)
        unit = algorithm.unit
        assert (measured, opened) == ([1], ["opened"])
        stand_in_recon(line_integrals() * 1.3, THETA, CENTER, algorithm=algorithm)
        assert algorithm.unit == unit
    assert opened == ["opened", "closed"]


def test_the_last_reference_closes_the_network(made, opened):
    algorithm = made(ncore=1, runtime="litert")
    call(algorithm)
    # Whoever else still refers to the network.
    steps = algorithm._kept._steps
    del algorithm
    gc.collect()
    assert opened == ["opened", "closed"]
    assert steps is not None


def test_a_closed_algorithm_opens_again_and_another_geometry_is_settled_anew(made, opened):
    algorithm = made(ncore=1, runtime="litert")
    first = call(algorithm)
    algorithm.close()
    assert algorithm.unit is None
    np.testing.assert_array_equal(call(algorithm), first)
    tomo = np.ascontiguousarray(line_integrals(3).swapaxes(0, 1)[:, ::2])
    call(algorithm, tomo=tomo, theta=THETA[::2])
    algorithm.close()
    assert opened == ["opened", "closed"] * 3


def test_the_unit_can_be_measured_before_slices_are_made(made):
    with made() as algorithm:
        sinograms = np.ascontiguousarray(line_integrals(3).swapaxes(0, 1))
        measured = algorithm.measure(sinograms, np.full(3, CENTER, np.float32), THETA)
        call(algorithm)
        assert algorithm.unit == measured > 0


def test_a_unit_that_is_given_is_kept(made):
    algorithm = made(unit=0.05)
    assert not np.array_equal(call(algorithm), call(made()))
    assert algorithm.unit == 0.05


def test_a_much_denser_scan_is_told_once(made, caplog):
    tally = Tally()
    algorithm = made(tally=tally)
    call(algorithm)
    assert not caplog.messages
    for _ in range(2):
        call(algorithm, tomo=np.ascontiguousarray(3 * line_integrals(3).swapaxes(0, 1)))
    assert caplog.messages == [through_tomopy.TOO_DENSE]
    assert tally.notes["denoise"].count(through_tomopy.TOO_DENSE) == 1


def test_rows_whose_neighbours_are_not_known_are_told(made, caplog):
    order = np.asfortranarray
    tomo, recon = order(line_integrals(3).swapaxes(0, 1)), order(np.zeros((3, COLUMNS, COLUMNS), np.float32))
    call(made("none"), tomo=tomo, recon=recon)
    np.testing.assert_array_equal(recon, call(made("none")))
    assert caplog.messages == [through_tomopy.ALONE]


def test_threads_wait_for_each_other(made, expected):
    algorithm, results = made(), [None] * 4

    def work(n):
        results[n] = stand_in_recon(line_integrals(), THETA, CENTER, algorithm=algorithm)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slices in results:
        np.testing.assert_array_equal(slices, expected)


def test_the_example_runs():
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder(recurse=False).find(through_tomopy.tomopy_algorithm, globs={}):
        assert runner.run(example).failed == 0
        assert runner.tries > 0


def test_the_scripts_of_the_guide_run(monkeypatch, expected):
    guide = (Path(__file__).parents[1] / "docs" / "how-to" / "use-from-tomopy.md").read_text()
    monkeypatch.setitem(sys.modules, "tomopy", SimpleNamespace(recon=stand_in_recon))
    names = {"tomopy": sys.modules["tomopy"], "tomo": line_integrals(), "theta": THETA, "center": CENTER}
    scripts = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        exec(script, names)  # noqa: S102 - our own page
        np.testing.assert_array_equal(names.pop("slices"), expected)
