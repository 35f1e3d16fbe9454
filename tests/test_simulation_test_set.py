"""The project's own fixed test set."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.shipped import shipped
from tomopy_edge.simulation import test_set
from tomopy_edge.simulation.pair_files import RESERVED, SEEDS
from tomopy_edge.simulation.phantoms import KINDS

SHIPPED = shipped("models") / "test_set.json"

AS_DRAWN = {
    "foam-low": (0.0020139, 0.0019092),
    "grains-low": (0.0025825, 0.00084639),
    "layers-low": (0.0037502, 0.0013359),
    "cracks-low": (0.0029628, 0.00080299),
    "fibres-low": (0.002152, 0.00035955),
    "tissue-low-sparse": (0.0028722, 5.8857e-05),
    "ellipses-medium": (0.0036145, 0.00072305),
    "texture-medium": (0.002034, 0.00056507),
    "rock-medium": (0.0033575, 0.0027856),
    "mixed-medium-truncated": (0.0019255, 0.00059813),
    "details-medium-512": (0.0036214, 0.00029726),
}
"""Mean and deviation of the middle of one truth of each kind. Where drawing changes, so does the set: its figures then
compare with no older ones, and its version must say so."""

SMALL = {
    "version": 1,
    "description": "two small scans",
    "scans": [
        {"name": "foam", "kind": "foam", "seed": 950_500_001, "columns": 96, "width": 1.5, "exposure": {"angles": 20}},
        {
            "name": "fine",
            "kind": "details",
            "seed": 950_500_002,
            "columns": 96,
            "exposure": {"angles": 20, "blur": 0.5},
        },
    ],
}


def written(tmp_path, **changes):
    path = tmp_path / "set.json"
    path.write_text(json.dumps(SMALL | changes))
    return path


def test_the_shipped_set_covers_kinds_doses_and_views():
    plans = test_set.read_test_set(SHIPPED).plans
    assert {plan.kind for plan in plans} == {*KINDS, "details"}
    doses = np.array([plan.exposure.counts * plan.exposure.angles for plan in plans])
    for least, most in ((0, 1.5e5), (1.5e5, 1.5e6), (1.5e6, 1e8), (1e8, 1e10)):
        assert ((doses >= least) & (doses < most)).sum() >= 3
    views = [plan.exposure.angles for plan in plans]
    assert (min(views), max(views)) == (64, 720)
    assert sum(plan.width > 1 for plan in plans) >= 2
    assert all(plan.columns == 512 for plan in plans)


def test_no_pairs_share_a_seed_with_the_shipped_set():
    for plan in test_set.read_test_set(SHIPPED).plans:
        assert plan.seed in RESERVED
        assert plan.seed // SEEDS in range(900, 1000)


@pytest.mark.parametrize("name", AS_DRAWN)
def test_the_shipped_set_is_still_the_one_that_was_judged_by(name):
    plan = next(plan for plan in test_set.read_test_set(SHIPPED).plans if plan.name == name)
    quick = replace(plan, exposure=replace(plan.exposure, angles=8))
    middle = test_set.simulate(quick).simulated.truth()[200:312, 200:312]
    assert (middle.mean(), middle.std()) == pytest.approx(AS_DRAWN[name], rel=1e-3)


def test_a_set_gives_the_same_scans_each_time(tmp_path):
    cases = test_set.read_test_set(written(tmp_path))
    assert len(cases) == 2
    for first, again in zip(cases, cases, strict=True):
        assert (first.name, first.kind) == (again.name, again.kind)
        assert np.array_equal(first.simulated.scan.projections, again.simulated.scan.projections)
        assert np.array_equal(first.features, again.features)


def test_only_details_have_features_and_only_wide_objects_a_brightened_truth(tmp_path):
    foam, fine = test_set.read_test_set(written(tmp_path))
    assert foam.features.shape == (0, 8)
    assert fine.features.shape[0] > 0
    assert (foam.truncated, fine.truncated) == (True, False)
    assert (foam.blur, fine.blur) == (0, 0.5)
    assert np.array_equal(fine.truth(), fine.simulated.truth())
    assert foam.truth()[30:60, 30:60].mean() > foam.simulated.truth()[30:60, 30:60].mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version: "),
        ({"scans": []}, "scans: must list at least one scan"),
        ({"scans": [SMALL["scans"][0]] * 2}, "scans: each needs its own name, there is more than one 'foam'"),
        ({"scans": [SMALL["scans"][0] | {"seed": 5}]}, r"scans\.0\.seed: must lie between 900000000 and 999999999"),
        ({"scans": [SMALL["scans"][0] | {"kind": "fruit"}]}, r"scans\.0\.kind: must be one of ellipses"),
        ({"scans": [SMALL["scans"][0] | {"widht": 1}]}, "widht: no such option; did you mean 'width'"),
        ({"scans": [SMALL["scans"][0] | {"width": 9}]}, r"width: must lie between 0\.2 and 2"),
        ({"scans": [SMALL["scans"][0] | {"columns": 8}]}, "columns: must be at least 64"),
        ({"scans": [SMALL["scans"][0] | {"exposure": {"angles": 0}}]}, r"scans\.0\.exposure\.angles: must be at least"),
        ({"scans": [SMALL["scans"][0] | {"exposure": {"counts": "many"}}]}, r"scans\.0\.exposure\.counts: "),
    ],
)
def test_a_wrong_set_is_refused_with_file_and_field(tmp_path, change, message):
    path = written(tmp_path, **change)
    with pytest.raises(DataError, match=message) as raised:
        test_set.read_test_set(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_none_or_no_json_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        test_set.read_test_set(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"version": 1,')
    with pytest.raises(DataError, match="is no JSON"):
        test_set.read_test_set(tmp_path / "torn.json")
