"""Whether a runtime answers as LiteRT does."""

from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.codes import QuantParams
from tomopy_edge.networks import litert
from tomopy_edge.networks.agreement import apart, prove
from tomopy_edge.networks.litert import LiteRT


@pytest.mark.parametrize(
    ("off", "share", "agree"),
    [(1, 0.04, True), (1, 0.06, False), (3, 0.009, True), (3, 0.011, False), (9, 0.0004, True), (9, 0.0006, False)],
)
def test_codes_agree_within_the_stated_shares(off, share, agree):
    right = np.zeros((1, 100, 100), np.int8)
    answers = right.copy()
    answers.ravel()[: round(share * answers.size)] += np.int8(off)
    assert (apart(answers, right) is None) == agree


def test_what_is_said_of_codes_that_are_off_shows_each_of_the_limits():
    right = np.zeros((1, 100, 100), np.int8)
    answers = right.copy()
    answers.ravel()[:6] = 9
    assert apart(answers, right) == (
        "its answers are up to 9 codes off, 0.06 % of them by more than 1, 0.06 % by more than 3, and 0.0054 in the "
        "mean (allowed: 1 %, 0.05 % and 0.05)"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_answers_of_float32_agree_within_a_share_of_their_range_and_not_where_they_are_no_numbers(bad):
    right = np.linspace(-1, 1, 10_000, dtype=np.float32).reshape(1, 100, 100)
    assert apart(right + np.float32(1.5e-4), right) is None
    assert "of their range off (allowed: 0.0001)" in apart(right + np.float32(3e-4), right)
    answers = right.copy()
    answers[0, 3, 4] = bad
    assert apart(answers, right) is not None


class Off(LiteRT):
    """LiteRT, one code off."""

    def _run(self, batch):
        return super()._run(batch) + np.int8(1)


def test_a_runtime_is_proved_on_networks_that_are_shipped():
    assert prove(litert.ENTRY.open) is None
    assert "with the int8 reference network" in prove(lambda path, _: Off(path, 1), precisions=("int8",))


def test_a_runtime_that_has_other_scales_is_told_before_its_codes_are_compared():
    def rescaled(path, placement):
        backend = litert.ENTRY.open(path, placement)
        backend.ends = replace(backend.ends, output_params=QuantParams(1.0, 0))
        return backend

    assert "it has the network's ends as Ends(" in prove(rescaled)
