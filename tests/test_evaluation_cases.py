"""Where scans with a known truth come from."""

import json

import h5py
import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.evaluation.cases import TEST_SET, Case, own_test_set, phantom_file
from tomopy_edge.evaluation.features import visible_details
from tomopy_edge.shipped import shipped

PLAN = {"name": "small", "kind": "details", "seed": 950_000_099, "width": 0.8, "columns": 160}


def write_phantom(path, name="00", counts=2000, **changes):
    """A file with a disc above the axis, whose truth has y upward."""
    v, u = np.mgrid[:64, :64]
    truth = np.where(np.hypot(v - 40, u - 32) < 12, 0.01, 0).astype(np.float32)
    content = {
        "projections": np.full((90, 3, 64), min(counts, 65_535), np.uint16),
        "theta": np.arange(90) * 2.0,
        "truth": truth,
    }
    with h5py.File(path, "a") as file:
        group = file.create_group(name)
        group.attrs.update({"I0": counts, "kind": "disc"})
        for key, value in {**content, **changes}.items():
            if value is not None:
                group[key] = value
    return path


def test_the_rows_of_a_phantom_file_are_turned_to_go_down(tmp_path):
    (case,) = phantom_file(write_phantom(tmp_path / "phantoms.h5")).cases()
    assert np.flatnonzero(case.truth.any(axis=1)).mean() == pytest.approx(63 - 40)
    assert case.truth.dtype == np.float32
    assert case.center == 32
    assert case.scan.theta[-1] == pytest.approx(np.deg2rad(178))


@pytest.mark.parametrize(
    ("counts", "dose"), [(1000, "low"), (2000, "medium"), (20_000, "high"), (60_000, "high"), (600_000, "clean")]
)
def test_the_dose_is_that_of_all_views_together(tmp_path, counts, dose):
    projections = np.full((90, 3, 64), counts, np.float32)
    (case,) = phantom_file(write_phantom(tmp_path / "p.h5", counts=counts, projections=projections)).cases()
    assert case.counts == pytest.approx(90 * counts)
    assert case.dose == dose


def test_a_file_has_its_scans_in_order_and_may_be_gone_through_again(tmp_path):
    for name in ("01", "00", "02"):
        path = write_phantom(tmp_path / "phantoms.h5", name)
    source = phantom_file(path)
    assert source.total == 3
    for _ in range(2):
        assert [case.name for case in source.cases()] == ["00", "01", "02"]


def test_a_group_without_truth_is_named_with_what_is_missing(tmp_path):
    source = phantom_file(write_phantom(tmp_path / "phantoms.h5", "07", truth=None))
    with pytest.raises(DataError, match=r"07 is no simulated scan.*truth"):
        list(source.cases())


def test_a_truth_of_another_size_is_refused(tmp_path):
    source = phantom_file(write_phantom(tmp_path / "phantoms.h5", truth=np.zeros((64, 60))))
    with pytest.raises(DataError, match="scan 00: the truth must have 64 x 64 pixels"):
        list(source.cases())


def test_a_file_that_is_no_hdf5_is_told(tmp_path):
    (tmp_path / "no.h5").write_text("no")
    with pytest.raises(DataError, match=r"no\.h5: cannot be opened"):
        phantom_file(tmp_path / "no.h5")


def test_details_of_a_test_set_lie_where_its_truth_has_them(tmp_path):
    path = tmp_path / "tests.json"
    blurred = {"angles": 60, "counts": 4000.0, "blur": 0.6, "offset": 3.0}
    plans = [{**PLAN, "exposure": blurred}]
    path.write_text(json.dumps({"version": 1, "description": "one", "scans": plans}))
    source = own_test_set(path)
    (case,) = source.cases()
    assert (source.total, case.name, case.kind, case.center) == (1, "small", "details", 83)
    details = visible_details(case.truth, case.features, case.blur)
    assert details
    for detail in details:
        alone, rest, _ = detail.parts.T
        # What remains of the truth without the detail is calm.
        assert np.ptp(rest) < 0.2 * np.ptp(alone)


def test_the_projects_own_test_set_is_there():
    source = own_test_set()
    assert source.total > 20
    assert TEST_SET in source.description
    assert (shipped("models") / TEST_SET).is_file()


def test_features_of_another_form_are_refused(tmp_path):
    (case,) = phantom_file(write_phantom(tmp_path / "phantoms.h5")).cases()
    with pytest.raises(DataError, match=r"features must have the axes \(detail, 8\)"):
        Case("a", "disc", case.scan, 32, case.truth, np.zeros((2, 7)))


def test_a_file_of_pairs_is_refused_as_no_file_of_scans(tmp_path):
    path = tmp_path / "pairs.h5"
    with h5py.File(path, "w") as file:
        file["train_ns"] = np.zeros((2, 8, 8, 3), np.float32)
    with pytest.raises(DataError, match=r"pairs.h5: train_ns is no simulated scan"):
        next(phantom_file(path).cases())


def test_an_empty_file_of_scans_is_refused(tmp_path):
    path = tmp_path / "nothing.h5"
    h5py.File(path, "w").close()
    with pytest.raises(DataError, match="holds no scans"):
        phantom_file(path)
