"""What is left of a run is made with what was opened once."""

import time
from collections import Counter
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import pytest

from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.pipeline import Span, Steps, stream
from tomopy_edge.recipe import Block, Recipe
from tomopy_edge.record import Picked
from tomopy_edge.rows_left import Failure, Written, make_rows, rows_here
from tomopy_edge.stages.read import RowRange
from tomopy_edge.stages.write import WriteOptions

SPANS = [Span(0, 4, 20), Span(6, 7, 20), Span(10, 14, 20)]


class Entered:
    """A ledger in which nothing is entered."""

    digests: ClassVar = {}


class Stages:
    """The stages `read`, `work` and `write`, which count how often they are opened and closed."""

    def __init__(self, bad=(), *, stuck=False, slow=0.0):
        self.slow = slow
        self.bad, self.stuck, self.opened, self.closed, self.late = {*bad}, stuck, Counter(), Counter(), []
        stages = {"read": (RowRange, self.read), "work": (Volume, self.work), "write": (Volume, lambda volume: volume)}
        self.recipe = Recipe(
            tuple(
                Block(StageEntry(name, "", None, takes, Volume, self._open(name, apply)), WriteOptions())
                for name, (takes, apply) in stages.items()
            )
        )

    def _open(self, name, apply):
        @contextmanager
        def opened(_options, _job):
            self.opened[name] += 1
            try:
                yield Step(apply)
            finally:
                self.closed[name] += 1
                if self.stuck and name == "work":
                    raise OSError("stuck")

        return opened

    def read(self, rows):
        time.sleep(self.slow)
        if self.closed["read"] == self.opened["read"]:
            self.late.append(rows)
        return Volume(np.zeros((rows.last - rows.first, 2, 2), np.float32), first_row=rows.first)

    def work(self, volume):
        if self.bad & {*range(volume.first_row, volume.first_row + len(volume.slices))}:
            raise DataError("bad")
        return volume

    def made(self, spans, steps, job):
        rows, failed = [], []
        for one in make_rows(self.recipe, spans, 2, job, lambda *_: None, steps):
            if isinstance(one, Failure):
                failed.append(one.row)
            else:
                rows.extend(range(one.first_row, one.first_row + len(one.slices)))
        return rows, failed


@pytest.mark.parametrize("overlap", [False, True])
def test_rows_in_many_gaps_are_made_with_steps_that_are_opened_once(overlap):
    stages, job = Stages(), Job(overlap=overlap)
    with Steps(stages.recipe, job) as steps:
        assert stages.made(SPANS, steps, job) == ([0, 1, 2, 3, 6, 10, 11, 12, 13], [])
        assert stages.opened == {"read": 1, "work": 1, "write": 3}
        assert stages.closed == {"write": 3}
    assert stages.closed == stages.opened


def test_after_a_failure_steps_are_opened_anew():
    stages, job = Stages(bad=[2]), Job()
    with Steps(stages.recipe, job) as steps:
        assert stages.made(SPANS, steps, job) == ([0, 1, 3, 6, 10, 11, 12, 13], [2])
    # For the first chunks, for the bad row alone, and for all after it.
    assert stages.opened["work"] == stages.closed["work"] == 3


@pytest.mark.parametrize("bad", [[], [2]])
def test_a_stage_that_cannot_be_closed_costs_no_slices_and_is_told(bad, caplog, tmp_path):
    stages, job = Stages(bad, stuck=True), Job(rows=(0, 20), ledger=Entered(), output=tmp_path)
    told = [*rows_here(2)(stages.recipe, SPANS[0], Picked([], ""), job)]
    assert sum(one.count for one in told if isinstance(one, Written)) == 4 - len(bad)
    assert [one.row for one in told if isinstance(one, Failure)] == bad
    assert "a stage could not be closed: OSError: stuck" in caplog.text


@pytest.mark.parametrize("overlap", [False, True])
def test_a_run_that_is_given_up_halfway_closes_what_is_at_work_last(overlap, tmp_path):
    stages, job = Stages(slow=0.1), Job(rows=(0, 20), ledger=Entered(), overlap=overlap, output=tmp_path)
    flow = rows_here(2)(stages.recipe, Span(0, 20, 20), Picked([], ""), job)
    next(flow)
    flow.close()
    assert stages.closed == stages.opened
    assert stages.late == []


def test_without_kept_steps_a_flow_closes_all_it_opened():
    stages = Stages()
    read = lambda first, last: [RowRange(first, last)]  # noqa: E731 - as short as it gets
    (volume,) = stream(stages.recipe, read, SPANS[0], Job())
    assert len(volume.slices) == 4
    assert stages.closed == stages.opened == {"read": 1, "work": 1, "write": 1}
