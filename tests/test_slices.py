"""Whole slices through a network made of numpy whose reach and codes are known."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.backend import Backend, Ends
from tomopy_edge.codes import QuantParams
from tomopy_edge.errors import ModelError
from tomopy_edge.job import Tally
from tomopy_edge.networks.manifest import Model, open_model
from tomopy_edge.networks.quantize import dequantize
from tomopy_edge.networks.slices import Account, SliceNetwork, open_network
from tomopy_edge.networks.tiling import TileGrid


class Middle(Backend):
    """A network that returns its middle channel, with a buffer it reuses as careless runtimes do."""

    def __init__(self, *, batch=4, tile=16, channels=1, params=None, io=None):
        io = io or ("float32" if params is None else "int8")
        super().__init__(Ends((batch, tile, tile, channels), params, params, io), "numpy")
        self.seen = 0
        self._buffer = np.empty((batch, tile, tile, 1), io)

    def _run(self, batch):
        assert batch.shape == self.ends.shape
        assert batch.dtype == self.ends.io
        self.seen += len(batch)
        self._buffer[..., 0] = batch[..., self.ends.shape[3] // 2]
        return self._buffer

    def _free(self):
        self.seen = -1


def run(network, noisy, halo=3, stride=10, threads=1):
    tally = Tally()
    grid = TileGrid(noisy.shape[1:], network.ends.shape[1], halo, stride)
    return SliceNetwork(network, grid, Account("denoise", tally), threads=threads)(noisy), tally


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 33, 50), (3, 7, 90)])
@pytest.mark.parametrize("stride", [10, 6])
def test_slices_survive_the_int8_trip_to_half_a_code(shape, stride):
    noisy = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    clean, tally = run(Middle(params=QuantParams(0.05, -3)), noisy, stride=stride)
    # Half a code where they are written, and not another half where they are read: noise is nowhere calm.
    np.testing.assert_allclose(clean, noisy, atol=0.0251)
    assert tally.counts == {}


@pytest.mark.parametrize("params", [None, QuantParams(0.05, 0)])
def test_the_middle_of_three_adjacent_slices_is_denoised(params):
    noisy = np.random.default_rng(0).normal(size=(5, 20, 20)).astype(np.float32)
    clean, _ = run(Middle(channels=3, params=params), noisy)
    np.testing.assert_allclose(clean, noisy[1:4], atol=0.0251)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_any_number_of_tiles_fits_a_batch(batch):
    noisy = np.random.default_rng(0).normal(size=(1, 45, 30)).astype(np.float32)
    clean, _ = run(Middle(batch=batch), noisy)
    np.testing.assert_array_equal(clean, noisy)


def test_saturated_pixels_are_counted_once_and_not_again_for_their_neighbours():
    noisy = np.zeros((5, 16, 16), np.float32)
    noisy[2, 4, 4] = 1e6
    noisy[0, 5, 5] = 1e6
    _, tally = run(Middle(channels=3, params=QuantParams(0.05, 0)), noisy)
    assert tally.counts["denoise"]["pixels saturated at the int8 input"] == 1


def test_quantization_tiling_inference_and_stitching_are_timed_and_the_seam_measured():
    noisy = np.random.default_rng(0).normal(size=(2, 33, 50)).astype(np.float32)
    _, tally = run(Middle(params=QuantParams(0.05, -3)), noisy)
    assert set(tally.seconds["denoise"]) == {"quantization", "tiling", "inference", "stitching"}
    assert len(tally.measures["denoise"]["seam index"]) == 2


@pytest.mark.parametrize("stride", [10, 6])
def test_pixels_at_the_end_of_the_output_range_are_counted_with_and_without_blending(stride):
    noisy = np.zeros((1, 40, 40), np.float32)
    noisy[0, 10:20, 10:20] = 127 * 0.05
    _, tally = run(Middle(params=QuantParams(0.05, 0)), noisy, stride=stride)
    assert tally.counts == {"denoise": {"pixels at the end of the int8 output range": 100}}


@pytest.mark.parametrize("stride", [10, 6])
@pytest.mark.parametrize("params", [None, QuantParams(0.02, 3)])
def test_threads_change_neither_the_slices_nor_the_counts(params, stride):
    noisy = np.random.default_rng(0).normal(size=(4, 33, 50)).astype(np.float32)
    alone, counted = run(Middle(channels=3, params=params), noisy, stride=stride)
    shared, counted_by_three = run(Middle(channels=3, params=params), noisy, stride=stride, threads=3)
    np.testing.assert_array_equal(shared, alone)
    assert counted_by_three.counts == counted.counts
    assert bool(counted.counts) == (params is not None)


def test_a_network_can_be_closed_twice_and_gives_its_runtime_back():
    network = Middle(params=QuantParams(0.05, 0))
    opened = SliceNetwork(network, TileGrid((16, 16), 16, 3, 10), Account("denoise", Tally()), threads=2)
    opened.close()
    opened.close()
    assert network.seen == -1


def test_no_seam_is_measured_where_there_is_none():
    tally = Tally()
    grid = TileGrid((33, 50), 16, 3, 10)
    SliceNetwork(Middle(), grid, Account("denoise", tally), exact=True)(np.ones((1, 33, 50), np.float32))
    assert tally.measures == {}


def test_what_was_quantized_on_the_way_out_is_what_the_codes_say():
    params = QuantParams(0.25, 7)
    noisy = np.full((1, 16, 16), 3.1, np.float32)
    clean, _ = run(Middle(params=params), noisy)
    np.testing.assert_array_equal(clean, dequantize(np.full((1, 16, 16), 19, np.int8), params))


@pytest.fixture
def model(tmp_path):
    """A function that returns a model folder whose one network is a shipped file, described wrongly."""
    shipped_model = open_model("tomogan")

    def make(of, **wrong):
        file = next(one for one in shipped_model.manifest.denoise.networks if one.precision == of)
        shutil.copy(shipped_model.folder / file.file, tmp_path)
        networks = replace(shipped_model.manifest.denoise, networks=(replace(file, **wrong),), advised=None)
        return Model(tmp_path, replace(shipped_model.manifest, denoise=networks)), networks

    return make


@pytest.mark.parametrize(
    ("precision", "wrong", "words"),
    [
        ("float", {"precision": "int8"}, "the manifest's field precision is int8, but its input is float32"),
        ("int8", {"precision": "float"}, "the manifest's field precision is float, but its input is quantized"),
        ("int8", {"io": "uint8"}, "the manifest's field io says uint8, the file does not"),
        ("int8", {"batch": 2}, r"takes tiles \(tile, y, x, channel\) of \(1, .*\), the manifest says \(2, "),
    ],
)
def test_a_network_that_is_not_what_the_manifest_says_is_refused_by_the_field(model, precision, wrong, words):
    opened, networks = model(precision, **wrong)
    with pytest.raises(ModelError, match=rf"\.tflite: {words}"):
        open_network(
            opened, networks, networks.networks[0], shape=(64, 64), threads=1, account=Account("denoise", Tally())
        )


def test_a_network_for_another_number_of_slices_is_refused(model):
    opened, networks = model("int8")
    networks = replace(networks, channels=5)
    with pytest.raises(ModelError, match=r"the manifest says \(1, \d+, \d+, 5\)"):
        open_network(
            opened, networks, networks.networks[0], shape=(64, 64), threads=1, account=Account("denoise", Tally())
        )


@pytest.mark.parametrize(("at_once", "asked"), [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (8, [5])])
def test_slices_of_one_tile_go_together_to_a_runtime_that_works_on_several(at_once, asked):
    class Several(Middle):
        def _run_all(self, tiles):
            self.asked.append(len(tiles))
            return super()._run_all(tiles)

    network = Several(batch=1, channels=3)
    network.at_once, network.asked = at_once, []
    noisy = np.random.default_rng(0).normal(size=(7, 10, 10)).astype(np.float32)
    clean, _ = run(network, noisy)
    np.testing.assert_array_equal(clean, noisy[1:6])
    assert network.asked == asked


@pytest.mark.parametrize("params", [None, QuantParams(0.05, 0)])
def test_slices_come_out_in_the_unit_they_went_in(params):
    noisy = np.random.default_rng(0).normal(size=(2, 20, 20)).astype(np.float32)
    network = SliceNetwork(Middle(params=params), TileGrid((20, 20), 16, 3, 10), Account("denoise", Tally()))
    np.testing.assert_allclose(network(noisy / 8, np.float32(0.125)), network(noisy) / 8, rtol=1e-6)
