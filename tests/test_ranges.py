"""Which int8 ranges are measured, and that they lose least."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.networks.quantize import dequantize, quantize  # noqa: E402 - after the skip
from tomopy_edge.training import ranges  # noqa: E402
from tomopy_edge.training.architectures import architecture  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def lost(values, span):
    """The squared error of values that went through the 256 codes of a range."""
    params = ranges.quant_params(span)
    return float(np.mean((dequantize(quantize(values, params)[0], params) - values) ** 2))


def histogram(values):
    extremes = (min(0.0, float(values.min())), max(0.0, float(values.max())))
    return np.histogram(values[values != 0], ranges.BINS, extremes)[0].astype(float), extremes


def test_tensors_that_meet_in_a_concatenation_share_a_range():
    stored = ranges.stored_layers(architecture("tomogan").build())
    for level in (1, 2, 3):
        assert {stored[f"{name}{level}"] for name in ("pool", "up", "join")} == {stored[f"down{level}_b"]}
    assert stored["bottom"] == stored["join3"] != stored["join2"]


def test_an_addition_with_a_relu_behind_it_stores_only_what_is_rectified():
    stored = ranges.stored_layers(architecture("tomogan-compact").build())
    assert "join" not in stored
    assert stored["joined"] == "joined"
    assert stored["from_quarter"] == "from_quarter"


@settings(deadline=None)
@given(st.tuples(st.floats(-1e3, 0), st.floats(0, 1e3)).filter(lambda span: span[1] - span[0] > 1e-3))
def test_zero_has_a_code_of_its_own_in_every_range(span):
    params = ranges.quant_params(span)
    assert dequantize(quantize(np.zeros(1, np.float32), params)[0], params)[0] == 0
    assert ranges.nudged(span) == pytest.approx(span, abs=params.scale)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(1, 60), st.booleans())
def test_no_narrower_range_loses_less_than_the_one_that_is_taken(seed, outlier, rectified):
    values = np.random.default_rng(seed).normal(size=20000).astype(np.float32)
    values = np.append(np.maximum(values, 0) if rectified else values, np.float32(outlier))
    counts, extremes = histogram(values)
    taken = lost(values, ranges.least_error(counts, extremes))
    for share in (0.3, 0.5, 0.7, 0.9, 1.0):
        assert taken <= 1.1 * lost(values, (extremes[0], share * extremes[1]))


def test_one_outlier_does_not_set_the_range_and_blind_extremes_would_lose_more():
    values = np.append(np.random.default_rng(0).normal(size=1_000_000), 15).astype(np.float32)
    counts, extremes = histogram(values)
    least, most = ranges.least_error(counts, extremes)
    assert most < 12
    assert least == pytest.approx(extremes[0], rel=0.3)
    assert lost(values, (least, most)) < 0.9 * lost(values, extremes)


def test_a_tensor_that_is_always_zero_gets_a_range_too():
    assert ranges.least_error(np.zeros(ranges.BINS), (0.0, 0.0)) == (0.0, 1.0)


def test_the_range_of_rectified_values_begins_at_zero():
    network = architecture("tomogan-compact").build()
    tiles = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    found = ranges.activation_ranges(network, tiles)
    assert set(found) == set(ranges.stored_layers(network).values())
    assert found["half_a_mix"][0] == 0 < found["half_a_mix"][1]
    assert found["from_quarter"][0] < 0
