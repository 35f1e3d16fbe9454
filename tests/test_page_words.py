"""Numbers of findings are told with units, and none that is missing is made up."""

import math
from dataclasses import replace

import pytest

from tomopy_edge.networks.learned import Likeness
from tomopy_edge.page.markup import Markup, join, tag, text_of
from tomopy_edge.page.words import NONE, Lengths, figure, part, share, told_of, worst_bias
from tomopy_edge.trust.consistency import Consistency
from tomopy_edge.trust.findings import Findings, InRange
from tomopy_edge.trust.grey import Material
from tomopy_edge.trust.halves import Halves
from tomopy_edge.trust.residual import Residual

LIMITS = {"structure": 0.15, "blur": 1.0, "seam": 1.02}
FOUND = Findings(
    row=4,
    unit=0.01,
    consistency=Consistency(7.25, 5.5, 0.9, 0.07, 0.0, ()),
    halves=Halves(6.5, (0.1,), (0.9,), (0.95,), -0.4, 0.001, 1.3),
    residual=Residual(0.1, 0.2, 0.25, 1.4),
    range=InRange(Likeness(0.2, -0.6, 0.04, 1.5), {"noise": 1.7}, 0.03),
    seam=1.034,
    grey=(Material(0.0, 1e-4, 900), Material(0.008, -0.0012, 1200)),
    skipped=(("grey values", "ValueError: too few"),),
)


def told(found, size=0.65):
    return {check: f"{value}: {meaning}" for check, value, meaning in told_of(found, Lengths(size), LIMITS)}


def test_each_check_is_told_with_its_number_unit_and_limit():
    lines = told(FOUND)
    assert lines["Contradiction with the scan"].startswith("7.25 of 5.5 allowed: standard deviations")
    assert lines["Gain, by halves"].startswith("\N{MINUS SIGN}0.4 dB: the denoised half is farther")
    assert "130 % of its error is left" in lines["Gain, by halves"]
    assert lines["Resolution"].startswith("6.5 pixels (4.23 µm)")
    assert lines["More than noise taken away"].startswith("25 % of the slice: where two signs agree (limit 15 %)")
    assert lines["Range of the network"].startswith("outside: ")
    assert "noise by 1.7" in lines["Range of the network"]
    assert "3 % of the pixels exceed" in lines["Range of the network"]
    assert lines["Seams of tiles"].startswith("1.034: ")
    assert lines["grey values"] == f"{NONE}: was left out: ValueError: too few"


def test_an_error_many_times_as_large_is_told_in_times():
    much = told(replace(FOUND, halves=replace(FOUND.halves, error_left=56.54, contrast=1234.6)))
    assert "57 times its error is there now." in much["Gain, by halves"]
    assert much["Contrast, by halves"].startswith("1235 times: ")
    assert [part(one) for one in (0.12, 2.0, 2.04, 99.6, -3.0, None)] == [
        *("12 %", "200 %", "2 times", "100 times", "\N{MINUS SIGN}3 times", NONE)
    ]


def test_blur_that_cannot_be_measured_is_laid_to_what_the_halves_agree_on():
    unknown = told(replace(FOUND, residual=Residual(0.1, 0.2, 0.25, None)))["More than noise taken away"]
    assert unknown.endswith(
        "the two halves of the views agree on no edges above their noise and streaks, so that blur cannot be measured."
    )


def test_what_was_not_found_out_is_not_told():
    assert [*told(Findings(4, 0.01))] == ["Seams of tiles"]
    unknown = replace(FOUND, range=InRange(None, None, 0.0))
    assert told(unknown)["Range of the network"].startswith("not known: the model does not say")


@pytest.mark.parametrize(
    ("size", "pixels", "words"),
    [(None, 13.11, "13.1 pixels"), (0.65, 10, "10 pixels (6.5 µm)"), (50, 100, "100 pixels (5 mm)")],
)
def test_a_length_is_told_in_pixels_and_where_known_in_micrometres(size, pixels, words):
    assert Lengths(size).told(pixels) == words


def test_attenuation_is_told_per_pixel_and_per_cm():
    assert Lengths(2.0).attenuation(0.01) == "0.01 per pixel (50 per cm)"
    assert Lengths(None).attenuation(0.01) == "0.01 per pixel"


def test_the_worst_material_keeps_its_sign():
    assert worst_bias(FOUND) == pytest.approx(-0.12)
    assert worst_bias(replace(FOUND, grey=())) is None
    assert worst_bias(replace(FOUND, unit=0.0)) is None


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_what_is_no_number_is_told_as_none(missing):
    assert figure(missing) == share(missing) == NONE


def test_all_but_markup_is_escaped():
    assert tag("p", "<b>", tag("i", "&"), None, title='"x"') == '<p title="&quot;x&quot;">&lt;b&gt;<i>&amp;</i></p>'
    assert join("<", Markup("<br>")) == "&lt;<br>"
    assert tag("input", disabled=True, value=None, class_="a") == '<input disabled class="a">'
    assert text_of("\udcff") == "?"
