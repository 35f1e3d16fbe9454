"""Charts have round numbers along their axes, and put what is given where those numbers say."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomopy_edge.page.charts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axes, around, ticks

NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))


@given(NUMBERS, st.floats(1e-4, 1e6))
def test_ticks_are_round_within_the_axis_and_few(low, width):
    high = low + width
    numbers = ticks(low, high)
    assert 2 <= len(numbers) <= 7
    assert all(low - 1e-6 * width <= number <= high + 1e-6 * width for number in numbers)
    steps = {f"{after - before:.3g}" for before, after in pairwise(numbers)}
    assert {step.lstrip("0.").rstrip("0.")[0] for step in steps} <= {"1", "2", "5"}


def test_ticks_of_rows_are_whole():
    assert ticks(2.5, 5.5, whole=True) == [3.0, 4.0, 5.0]
    assert ticks(0, 0.5) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_number_lies_where_the_axes_say():
    axes = Axes((0, 10), (-1, 1), "x", "y", height=240)
    assert (axes.right(0), axes.right(10)) == (LEFT, WIDTH - RIGHT)
    assert (axes.down(-1), axes.down(1)) == (240 - BOTTOM, TOP)
    assert axes.down(0) == (TOP + 240 - BOTTOM) / 2


def test_a_curve_is_broken_where_a_number_is_missing():
    curve = Axes((0, 4), (0, 1), "x", "y").curve([(0, 0), (1, 1), (2, math.nan), (3, 1), (4, 0)], "one")
    assert re.sub("[^ML]", "", curve.partition('d="')[2].partition('"')[0]) == "MLML"


@pytest.mark.parametrize(("y", "above"), [(0.2, True), (1.0, False)])
def test_the_words_of_a_line_stay_within_the_chart(y, above):
    axes = Axes((0, 1), (0, 1), "x", "y")
    words = float(re.search(r'<text x="[^"]+" y="([^"]+)"', axes.level(y, "limit"))[1])
    assert (words < axes.down(y)) is above
    assert words > TOP


def test_a_range_of_equal_numbers_has_a_width():
    assert around([3.0, 3.0, math.nan], least=1.0) == (2.5, 3.5)
    assert around([], least=2.0) == (-1.0, 1.0)


def test_a_chart_tells_what_it_shows_to_those_who_cannot_see_it():
    drawn = Axes((0, 1), (0, 1), "rows", "gain, dB").drawn(title="gain <by row>")
    assert "<title>gain &lt;by row&gt;</title>" in drawn
    assert 'role="img"' in drawn
    assert all(f">{name}</text>" in drawn for name in ("rows", "gain, dB"))
