"""The report's numbers are per slice, and its lines say what was changed."""

from dataclasses import replace
from datetime import datetime, timezone

import numpy as np

from tomopy_edge.job import Tally
from tomopy_edge.processor import processor_name
from tomopy_edge.recipe import parse_recipe
from tomopy_edge.report import make_report, versions


def test_times_are_per_slice_and_measures_are_summed_up(catalogue):
    tally = Tally()
    tally.seconds = {"denoise": {"total": 10.0, "inference": 8.0}}
    tally.count("minus_log", "transmissions clipped", 3)
    tally.note("find_center", "vo found the axis")
    for index in (1.0, 1.5, 1.01):
        tally.measure("denoise", "seam index", index)
    report = make_report(
        scan={"source": "scan.h5"},
        slices=(5, 64, 64),
        recipe=parse_recipe(["minus_log"], catalogue),
        started=datetime(2026, 11, 22, 9, 30, tzinfo=timezone.utc),
        seconds=12.0,
        settling=1.5,
        settings={"ncore": 2},
        tally=tally,
    )
    assert report.timings == {"denoise": {"total": 2.0, "inference": 1.6}}
    assert report.measures == {"denoise": {"seam index": {"median": 1.01, "worst": 1.5, "slices": 3}}}
    assert report.started == "2026-11-22T09:30:00+00:00"
    assert report.versions["numpy"] != "not installed"
    assert report.machine["processor"] == processor_name()
    assert report.lines() == [
        "minus_log: 3 transmissions clipped",
        "find_center: vo found the axis",
        "5 slices in 12.0 s, of which 1.5 s to settle the recipe; per slice: denoise 2000 ms",
    ]
    assert "1 slice in 12.0 s" in replace(report, slices=(1, 64, 64)).lines()[-1]


def test_what_is_left_of_another_installation_hides_no_version(monkeypatch, tmp_path):
    (tmp_path / "numpy-0.1.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert versions()["numpy"] == np.__version__
