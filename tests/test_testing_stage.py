"""The kit for stages: those in the box hold it, and each fault that a plugin may have is found and told."""

import dataclasses
import re
from contextlib import contextmanager

import numpy as np
import pytest

import tomopy_edge
from tomopy_edge import Scan, Sinograms, StageEntry, Step, Transmission, Volume, each_chunk
from tomopy_edge.testing import ConformanceError, check_stage


@tomopy_edge.options
class Options:
    by: float = 2.0


def entry(apply, takes=Volume, gives=Volume, **more):
    given = {"name": "mine", "summary": "Mine", "options": Options, "takes": takes, "gives": gives}
    return StageEntry(**given | {"open": each_chunk(apply)} | more)


def scaled(field):
    def apply(chunk, options, job):
        return dataclasses.replace(chunk, **{field: getattr(chunk, field) / np.float32(options.by)})

    return apply


@pytest.mark.parametrize(
    ("stage", "options"),
    [
        ("normalize", {}),
        ("remove_outliers", {}),
        ("minus_log", {}),
        ("remove_stripes", {"method": "sorting"}),
        ("remove_stripes", {"method": "all"}),
        ("find_center", {"method": "vo"}),
        ("reconstruct", {}),
        ("denoise", {"denoiser": "none"}),
        ("fine_tune", {"model": "tomogan-compact", "runtime": "litert", "unit": 0.02}),
    ],
)
def test_the_stages_in_the_box_hold_it(stage, options):
    assert {"chunks", "settle", "determinism"} <= set(check_stage(stage, options).checks)


@pytest.mark.parametrize(
    ("kind", "field"),
    [(Scan, "projections"), (Transmission, "sinograms"), (Sinograms, "line_integrals"), (Volume, "slices")],
)
def test_a_stage_of_each_kind_holds_it_and_is_told_with_what_it_takes(kind, field, capsys):
    assert check_stage(entry(scaled(field), kind, kind), {"by": 3.0}).subject == "stage mine"
    assert re.search(r"stage mine: \S+ ms a row of \d+ x \d+, and at most ", capsys.readouterr().out)


def faults(stage, **kit):
    with pytest.raises(ConformanceError) as caught:
        check_stage(stage, **kit)
    assert str(caught.value).startswith("stage mine: ")
    return caught.value.faults


def slices(change):
    return lambda volume, options, job: dataclasses.replace(volume, slices=change(volume.slices))


def in_place(field):
    def apply(chunk, options, job):
        getattr(chunk, field)[:] = 0
        return chunk

    return apply


@contextmanager
def yields_a_function(options, job):
    yield lambda chunk: chunk


@contextmanager
def says_neighbours(options, job):
    yield Step(lambda chunk: chunk, neighbours=1)


@contextmanager
def looks_at_neighbours(options, job):
    def apply(volume):
        mean = (volume.slices[:-2] + volume.slices[1:-1] + volume.slices[2:]) / np.float32(3)
        return dataclasses.replace(volume, slices=mean, first_row=volume.first_row + 1)

    yield Step(apply, neighbours=1)


BAD = {
    "other kind": (
        entry(lambda chunk, options, job: chunk, Volume, Sinograms),
        "it gives Sinograms, and `apply` returned Volume; use dataclasses.replace",
    ),
    "doubles": (entry(slices(lambda made: made.astype(float))), "slices of type float64; they must be float32"),
    "double projections": (
        entry(
            lambda chunk, options, job: dataclasses.replace(chunk, projections=chunk.projections.astype(float)),
            *(Scan, Scan),
        ),
        "its projections (angle, row, column) are float64; end with .astype(np.float32)",
    ),
    "loses rows": (
        entry(slices(lambda made: made[1:])),
        "PluginError: mine: the stage made the rows 11 to 14 of 11 to 15",
    ),
    "keeps its neighbours": (entry(None, open=says_neighbours), "PluginError: mine: the stage made the rows"),
    "mean of all rows": (
        entry(slices(lambda made: made - made.mean())),
        "chunks: row 0 comes out otherwise alone than",
    ),
    "writes": (entry(in_place("slices")), "input: what it was given was written into"),
    "writes into projections": (
        entry(in_place("projections"), Scan, Scan),
        "input: what it was given was written into",
    ),
    "no context": (
        entry(None, open=lambda options, job: 3),
        "open: `open` returned 3; it must be a context that yields",
    ),
    "no step": (entry(None, open=yields_a_function), "open: `open` yielded <function"),
    "random": (
        entry(slices(lambda made: made + np.random.default_rng().normal(size=made.shape).astype(np.float32))),
        "determinism: the same rows gave other answers the second time",
    ),
    "path": (entry(None, takes=str), "entry: it takes or gives <class 'str'>; what can be tried is Scan, Transmission"),
    "settles anew": (
        entry(
            scaled("slices"),
            settle=lambda options, sample, job: dataclasses.replace(options, by=float(np.abs(sample.slices).max())),
        ),
        "settle: settled options were changed by settling them again",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_is_wrong_is_told_with_what_was_got_and_how_to_mend_it(fault):
    stage, told = BAD[fault]
    found = faults(stage)
    assert any(told in one for one in found), found


def test_a_stage_that_looks_at_neighbours_is_given_them():
    assert check_stage(entry(None, open=looks_at_neighbours)).subject == "stage mine"
