"""The kit for algorithms: ours holds it, and each fault that a plugin may have is found and told."""

import dataclasses
import re

import numpy as np
import pytest

import tomopy_edge
from tomopy_edge.errors import PluginError, RecipeError
from tomopy_edge.fbp import fbp
from tomopy_edge.reconstructors.fbp import ENTRY, Fbp, FbpOptions
from tomopy_edge.reconstructors.tomopy import from_callable
from tomopy_edge.testing import ConformanceError, check_reconstructor

SMALL = (4, 90, 64)


class Good(Fbp):
    pass


def entry(create=Good, **more):
    given = {"name": "mine", "summary": "Mine", "options": FbpOptions, "create": create}
    return tomopy_edge.ReconstructorEntry(**given | more)


def faults(create, **kit):
    with pytest.raises(ConformanceError) as caught:
        check_reconstructor(entry(create), shape=SMALL, **kit)
    assert str(caught.value).startswith("algorithm mine: ")
    return caught.value.faults


@pytest.mark.parametrize("options", [{}, {"filter_name": "hann", "size": 48}])
def test_our_own_holds_it(options, capsys):
    assert {"units", "chunks", "axes (an axis for each row)"} <= set(check_reconstructor("fbp", options).checks)
    assert re.search(r"algorithm fbp: \S+ ms a slice of 150 x 96, and at most ", capsys.readouterr().out)


@pytest.mark.parametrize("algorithm", ["gridrec", "tomopy"])
def test_those_of_tomopy_hold_it_where_it_is_installed(algorithm):
    pytest.importorskip("tomopy")
    check_reconstructor(algorithm)


def test_a_function_of_the_form_that_tomopy_takes_holds_it():
    def fill(tomo, center, recon, theta, **_):
        recon[:] = fbp(tomo, theta.astype(np.float64), center.astype(np.float64))

    check_reconstructor(entry(lambda options, job: from_callable(fill)), shape=SMALL)


def after(change, **attributes):
    """An algorithm that gives back what `change(volume, sinograms)` makes of ours."""

    def call(self, sinograms):
        return change(Fbp.__call__(self, sinograms), sinograms)

    return type("Bad", (Good,), {"__call__": call, **attributes})


def before(change):
    """An algorithm that is given what `change(sinograms)` makes of the sinograms."""
    return type("Bad", (Good,), {"__call__": lambda self, sinograms: Fbp.__call__(self, change(sinograms))})


def slices(change):
    return after(lambda volume, _: dataclasses.replace(volume, slices=np.ascontiguousarray(change(volume.slices))))


class Pairs(Good):
    """Makes pairs of slices, from the first that it is given on, as gridrec does."""

    def __call__(self, sinograms):
        volume = super().__call__(sinograms)
        mixed = volume.slices.copy()
        for first in range(0, len(mixed) - 1, 2):
            mixed[first] += np.float32(1e-4) * mixed[first + 1]
            mixed[first + 1] += np.float32(1e-4) * mixed[first]
        return dataclasses.replace(volume, slices=mixed)


class TellsPairs(Pairs):
    together = 2


class Writes(Good):
    def __call__(self, sinograms):
        sinograms.line_integrals[:] -= np.float32(0)
        volume = super().__call__(sinograms)
        sinograms.line_integrals[:] = 0
        return volume


class KeepsCenter(Good):
    """Takes the axis of the first row for all."""

    def __call__(self, sinograms):
        center = float(np.ravel(sinograms.center)[0])
        return super().__call__(dataclasses.replace(sinograms, center=center))


class Leaks(Good):
    kept = ()

    def __call__(self, sinograms):
        volume = super().__call__(sinograms)
        self.kept = (*self.kept, volume.slices.copy())
        return volume


def evenly(sinograms):
    angles = len(sinograms.theta)
    return dataclasses.replace(sinograms, theta=np.arange(angles) * np.pi / angles)


def from_the_middle(sinograms):
    return dataclasses.replace(sinograms, center=sinograms.line_integrals.shape[2] / 2)


def later(sinograms):
    return dataclasses.replace(
        sinograms, center=np.asarray(sinograms.center) + np.full(len(sinograms.line_integrals), 0.5)
    )


BAD = {
    "array": (after(lambda volume, _: volume.slices), "shape and type: it answered ndarray; return tomopy_edge.Volume"),
    "one slice": (
        slices(lambda made: made[:1]),
        r"shape and type: it made \(1, 64, 64\) of \(4, 90, 64\) \(row, angle",
    ),
    "not square": (
        slices(lambda made: made[:, 4:]),
        r"it made \(4, 60, 64\) .* a slice \(y, x\) for each row, as wide",
    ),
    "doubles": (slices(lambda made: made.astype(float)), "it answered float64; slices are float32"),
    "nan": (slices(lambda made: made * np.float32(np.nan)), "it made values that are not finite; the run would stop"),
    "loses its row": (
        after(lambda volume, _: tomopy_edge.Volume(volume.slices)),
        r"its volume has \(first_row, pixel_size\) \(0, None\), the sinograms \(11, 1\.3\); hand on both",
    ),
    "transposed": (slices(lambda made: made.transpose(0, 2, 1)), r"its slices are transposed \(y and x swapped\)"),
    "upside down": (slices(lambda made: made[:, ::-1]), r"its slices are upside down \(y reversed\)"),
    "mirrored": (slices(lambda made: made[:, :, ::-1]), r"its slices are mirrored \(x reversed\)"),
    "turned": (slices(lambda made: np.rot90(made, axes=(1, 2))), r"its slices are turned by -?90 degrees"),
    "in reverse": (slices(lambda made: made[::-1]), r"its slices are in reverse order \(z reversed\)"),
    "a pixel off": (slices(lambda made: np.roll(made, 1, axis=1)), r"lie about \+[01]\.\d rows \(y\) and"),
    "angles made up": (
        before(evenly),
        r"axes \(one axis for all rows\): its slices .* theta \(radians, in any order\)",
    ),
    "axis not looked at": (before(from_the_middle), r"axes \(one axis for all rows\): its slices .*`sinograms.center`"),
    "one axis for all": (KeepsCenter, r"^axes \(an axis for each row\): its slices"),
    "radians twice": (
        slices(lambda made: made * np.float32(2)),
        "units: matter of 0.02.* came out as 0.04.*; slices are",
    ),
    "per micrometre": (
        after(lambda volume, of: dataclasses.replace(volume, slices=volume.slices / np.float32(of.pixel_size))),
        "units: matter of 0.02.* came out as 0.015.*divide by no pixel size",
    ),
    "offset": (slices(lambda made: made + np.float32(0.002)), r"units: (matter|air) of .* came out as"),
    "background": (slices(lambda made: made + np.float32(0.0001)), "sinograms of nothing: line integrals of zero"),
    "writes": (Writes, "input: what it was given was written into"),
    "pairs": (Pairs, r"chunks: slice 0 comes out otherwise alone than among 4, .*`together`"),
    "leaks": (Leaks, r"memory that is left: each call leaves .* behind, of answers of 64 kB"),
    "no call": (lambda options, job: 3, "create: it made 3, which cannot be called"),
    "no together": (type("Bad", (Good,), {"together": 0}), "create: `together` is 0; set it to how many rows"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_is_wrong_is_told_with_what_was_got_and_how_to_mend_it(fault):
    create, told = BAD[fault]
    found = faults(create)
    assert any(re.search(told, one) for one in found), found


def test_rows_that_are_made_together_may_be_where_that_is_said():
    assert check_reconstructor(entry(TellsPairs), shape=SMALL).subject == "algorithm mine"


def test_an_axis_that_is_half_a_column_off_is_found():
    # What is half a column beside the axis smears, and lies where it did in the mean.
    told = faults(before(later))
    assert any(one.startswith(("axes", "units")) for one in told)


def test_options_are_read_as_a_recipe_reads_them():
    with pytest.raises(
        RecipeError, match=r"reconstruct.options.filter_nam: no such option; did you mean 'filter_name'"
    ):
        check_reconstructor(ENTRY, {"filter_nam": "hann"})
    with pytest.raises(PluginError, match="no algorithm is named 'fpb'; did you mean 'fbp'"):
        check_reconstructor("fpb")
