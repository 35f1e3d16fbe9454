"""The contract that a backend keeps, tried on every network file that is shipped."""

import numpy as np
import pytest

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.quantize import dequantize, quantize

MODEL = open_model("tomogan")
PARTS = {"denoise": MODEL.manifest.denoise, "fine_tune": MODEL.manifest.fine_tune}
FILES = [(part, file) for part, networks in PARTS.items() for file in networks.networks if file.tile <= 256]


def noisy_tiles(backend, seed=0):
    """Tiles of a disc with noise, as the backend takes them."""
    count, tile, _, channels = backend.shape
    v, u = np.ogrid[:tile, :tile]
    disc = np.where(np.hypot(v - tile / 2, u - tile / 2) < tile / 3, 1, 0)[None, :, :, None]
    noise = np.random.default_rng(seed).normal(scale=0.2, size=(count, tile, tile, channels))
    tiles = (disc + noise).astype(np.float32)
    return tiles if backend.input_params is None else quantize(tiles, backend.input_params)[0]


@pytest.fixture(params=FILES, ids=lambda entry: entry[1].file)
def backend(request):
    _, file = request.param
    opened = LiteRT(MODEL.path(file.file, file.sha256), threads=2)
    yield opened
    opened.close()


def test_an_answer_is_the_callers_and_the_next_inference_does_not_change_it(backend):
    first = backend.infer(noisy_tiles(backend))
    kept = first.copy()
    second = backend.infer(noisy_tiles(backend, seed=1))
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(first, second)


def test_the_same_tiles_get_the_same_answer(backend):
    tiles = noisy_tiles(backend)
    np.testing.assert_array_equal(backend.infer(tiles), backend.infer(tiles))


def test_closing_twice_does_nothing_and_a_closed_network_says_so(backend):
    backend.close()
    backend.close()
    with pytest.raises(RuntimeError, match="closed"):
        backend.infer(noisy_tiles(backend))


@pytest.mark.parametrize(("part", "file"), [pair for pair in FILES if pair[1].precision == "int8"])
def test_int8_threads_do_not_change_the_answer(part, file):
    path = MODEL.path(file.file, file.sha256)
    one, two = LiteRT(path, threads=1), LiteRT(path, threads=2)
    tiles = noisy_tiles(one)
    np.testing.assert_array_equal(one.infer(tiles), two.infer(tiles), err_msg=part)


def test_int8_answers_lie_near_the_float_ones():
    by_precision = {
        (file.precision, file.tile): LiteRT(MODEL.path(file.file, file.sha256), threads=2)
        for part, file in FILES
        if part == "denoise"
    }
    exact, coded = by_precision["float", 256], by_precision["int8", 256]
    tiles = noisy_tiles(exact)
    codes, _ = quantize(tiles, coded.input_params)
    difference = dequantize(coded.infer(codes), coded.output_params) - exact.infer(tiles)
    assert np.sqrt(np.square(difference).mean()) < 0.02


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x1c\x00\x00\x00TFL3" + bytes(200)])
def test_a_file_that_is_no_network_is_refused(tmp_path, content):
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.tflite"):
        LiteRT(path, threads=1)
