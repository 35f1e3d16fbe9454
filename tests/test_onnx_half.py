"""A float32 ONNX network that is cast to compute in FP16."""

import numpy as np
import onnx
import pytest

from tomopy_edge.errors import ModelError
from tomopy_edge.networks import onnx_half
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.onnx_half import halved
from tomopy_edge.training.onnx_comparison import noise_tiles, run_onnx

UPSAMPLING = open_model("tomogan").folder / "tomogan_float_256.onnx"
"""Has every operator that our networks have."""

COMPACT = open_model("tomogan-compact").folder / "tomogan-compact_float_128.onnx"


def test_a_network_in_half_precision_answers_like_its_original():
    path = UPSAMPLING
    tiles = noise_tiles(3, 256)[:1]
    half = halved(path.read_bytes(), path)
    onnx.checker.check_model(onnx.load_model_from_string(half), full_check=True)
    difference = np.abs(run_onnx(half, tiles) - run_onnx(path.read_bytes(), tiles))
    assert 0 < difference.max() < 0.01
    assert np.sqrt(np.square(difference).mean()) < 1e-3


def test_a_network_in_half_precision_keeps_its_ends_and_the_factors_of_its_upsampling():
    path = UPSAMPLING
    half = onnx.load_model_from_string(halved(path.read_bytes(), path)).graph
    whole = onnx.load_model_from_string(path.read_bytes()).graph
    assert (half.input, half.output) == (whole.input, whole.output)
    kept = {one.name for one in half.initializer if one.data_type == onnx.TensorProto.FLOAT}
    assert kept == {name for node in whole.node if node.op_type == "Resize" for name in node.input[1:] if name}
    assert kept


def test_a_network_with_weights_beyond_half_precision_is_not_cast(tmp_path):
    model = onnx.load(COMPACT)
    largest = next(one for one in model.graph.initializer if len(one.dims) == 4)
    weights = onnx.numpy_helper.to_array(largest).copy()
    weights.flat[0] = 1e5
    largest.CopyFrom(onnx.numpy_helper.from_array(weights, largest.name))
    assert halved(model.SerializeToString(), tmp_path) is None


def test_a_network_with_another_operator_is_not_cast(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_half, "HALF_OPERATORS", onnx_half.HALF_OPERATORS - {"Relu"})
    assert halved(COMPACT.read_bytes(), COMPACT) is None


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"bad\.onnx: is no ONNX network: "):
        halved(b"not a network", tmp_path / "bad.onnx")
