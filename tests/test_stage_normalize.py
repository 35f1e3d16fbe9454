"""Counts become transmission; whatever is wrong with them is counted, noted or refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomopy_edge.data import Scan
from tomopy_edge.errors import DataError
from tomopy_edge.job import Job
from tomopy_edge.readers import ArrayScan
from tomopy_edge.stages.normalize import NormalizeOptions, normalize

ANGLES, ROWS, COLUMNS = 24, 5, 16


def make_scan(seed=0, dtype=np.uint16, frames=3):
    rng = np.random.default_rng(seed)
    darks = rng.integers(90, 110, (frames, ROWS, COLUMNS)).astype(dtype)
    flats = rng.integers(1900, 2100, (frames, ROWS, COLUMNS)).astype(dtype)
    projections = rng.integers(500, 2000, (ANGLES, ROWS, COLUMNS)).astype(dtype)
    return Scan(projections, flats, darks, np.linspace(0, np.pi, ANGLES, endpoint=False), first_row=7, pixel_size=1.5)


def change(scan, **arrays):
    return Scan(**{**vars(scan), **arrays})


def test_transmission_is_counts_less_dark_over_flat_less_dark():
    scan, job = make_scan(), Job()
    got = normalize(scan, NormalizeOptions(), job)
    dark, flat = scan.darks.mean(0), scan.flats.mean(0)
    expected = ((scan.projections - dark) / (flat - dark)).transpose(1, 0, 2)
    np.testing.assert_allclose(got.sinograms, expected, rtol=1e-5)
    assert got.sinograms.dtype == np.float32
    assert got.sinograms.flags.c_contiguous
    assert (got.first_row, got.pixel_size) == (7, 1.5)
    assert not job.tally.counts
    assert not job.tally.notes


def test_the_median_withstands_a_zinger_in_a_flat():
    scan = make_scan()
    flats = scan.flats.copy()
    flats[1, 2, 3] = 60000
    clean = normalize(scan, NormalizeOptions(average="median"), Job()).sinograms
    struck = normalize(change(scan, flats=flats), NormalizeOptions(average="median"), Job()).sinograms
    np.testing.assert_allclose(struck, clean, rtol=0.1)


def test_missing_darks_are_zeros_with_a_warning(caplog):
    scan, job = make_scan(), Job()
    none = change(scan, darks=scan.darks[:0])
    got = normalize(none, NormalizeOptions(), job)
    normalize(none, NormalizeOptions(), job)
    np.testing.assert_allclose(got.sinograms, (scan.projections / scan.flats.mean(0)).transpose(1, 0, 2), rtol=1e-5)
    assert "no darks" in job.tally.notes["normalize"][0]
    assert caplog.text.count("no darks") == 1


def test_missing_darks_can_be_refused():
    scan = make_scan()
    with pytest.raises(DataError, match=r"no darks.*missing_darks: zeros"):
        normalize(change(scan, darks=scan.darks[:0]), NormalizeOptions(missing_darks="refuse"), Job())


def test_missing_flats_are_refused_and_the_choice_is_named():
    scan = make_scan()
    with pytest.raises(DataError, match=r"no flats.*missing_flats: brightest"):
        normalize(change(scan, flats=scan.flats[:0]), NormalizeOptions(), Job())


def test_the_brightest_views_stand_in_for_flats():
    scan, job = make_scan(), Job()
    projections = scan.projections.copy()
    projections[5:9] = 2000
    scan = change(scan, projections=projections, flats=scan.flats[:0])
    got = normalize(scan, NormalizeOptions(missing_flats="brightest", brightest_share=0.1), job)
    np.testing.assert_allclose(got.sinograms[:, 5:9], 1, rtol=1e-6)
    assert "brightest 10 %" in job.tally.notes["normalize"][0]


@pytest.mark.parametrize("flat", [0, 100])
def test_a_zero_flat_is_counted_and_its_column_is_the_neighbours(flat):
    scan, job = make_scan(), Job()
    darks, flats = scan.darks.copy(), scan.flats.copy()
    darks[:, 1, 4], flats[:, 1, 4] = 100, flat
    got = normalize(change(scan, flats=flats, darks=darks), NormalizeOptions(), job).sinograms
    np.testing.assert_array_equal(got[1, :, 4], got[1, :, 3])
    assert job.tally.counts["normalize"] == {"pixels without beam replaced by their neighbour": 1}


@pytest.mark.parametrize("which", ["flats", "darks"])
def test_a_nan_in_a_frame_is_a_pixel_without_beam(which):
    scan, job = make_scan(dtype=np.float32), Job()
    frames = getattr(scan, which).copy()
    frames[0, 0, 0] = np.nan
    got = normalize(change(scan, **{which: frames}), NormalizeOptions(), job).sinograms
    np.testing.assert_array_equal(got[0, :, 0], got[0, :, 1])
    assert job.tally.counts["normalize"] == {"pixels without beam replaced by their neighbour": 1}


def test_counts_that_are_nan_are_counted_and_replaced_from_the_same_view():
    scan, job = make_scan(dtype=np.float32), Job()
    projections = scan.projections.copy()
    projections[3, 2, 5], projections[4, 2, 0] = np.nan, np.inf
    got = normalize(change(scan, projections=projections), NormalizeOptions(), job).sinograms
    assert got[2, 3, 5] == got[2, 3, 4]
    assert got[2, 4, 0] == got[2, 4, 1]
    assert job.tally.counts["normalize"] == {"counts not finite replaced by their neighbour": 2}


def test_a_lost_view_is_counted_and_replaced_by_the_nearest():
    scan, job = make_scan(dtype=np.float32), Job()
    projections = scan.projections.copy()
    projections[0] = np.nan
    got = normalize(change(scan, projections=projections), NormalizeOptions(), job).sinograms
    np.testing.assert_array_equal(got[:, 0], got[:, 1])
    assert job.tally.counts["normalize"]["counts not finite replaced by their neighbour"] == ROWS * COLUMNS


def test_a_row_that_is_mostly_bad_is_refused_and_named_by_its_place_in_the_scan():
    scan = make_scan()
    flats = scan.flats.copy()
    flats[:, 2, :9] = 0
    with pytest.raises(DataError, match="row 9, 9 of 16 pixels saw no beam"):
        normalize(change(scan, flats=flats), NormalizeOptions(), Job())
    projections = scan.projections.astype(np.float32)
    projections[:, 3, :9] = np.nan
    with pytest.raises(DataError, match="row 10, 216 of 384 counts are NaN"):
        normalize(change(scan, projections=projections), NormalizeOptions(), Job())


def test_counts_at_the_limit_of_the_detector_are_counted_and_kept():
    scan, job = make_scan(), Job()
    projections = scan.projections.copy()
    projections[0, 0, :3] = 65535
    got = normalize(change(scan, projections=projections), NormalizeOptions(), job).sinograms
    assert job.tally.counts["normalize"] == {"counts at the limit of 65535, kept": 3}
    assert (got[0, 0, :3] > 30).all()


@pytest.mark.parametrize("stored", ["uint8", "int8", "uint16", ">u2", "int16", "int32", "uint32", "int64", "uint64"])
def test_saturation_is_that_of_the_type_the_counts_were_stored_in(stored):
    limit = np.iinfo(stored).max
    scan = make_scan()
    projections = np.random.default_rng(1).integers(20, 100, (ANGLES, ROWS, COLUMNS)).astype(stored)
    projections[0, 0, :3] = projections[5, 4, 0] = limit
    job = Job()
    counts = ArrayScan(projections, scan.theta, scan.flats, scan.darks).read(0, ROWS)
    got = normalize(counts, NormalizeOptions(), job).sinograms
    assert job.tally.counts["normalize"] == {f"counts at the limit of {limit}, kept": 4}
    assert (got[0, 0, :3] > got[0, 1:].max()).all()


def test_counts_of_a_wider_type_are_not_saturated_at_the_limit_of_the_arrays_type():
    scan, job = make_scan(), Job()
    projections = scan.projections.copy()
    projections[0, 0, :3] = 65535
    normalize(change(scan, projections=projections, full_scale=2**32 - 1), NormalizeOptions(), job)
    assert not job.tally.counts


@pytest.mark.parametrize("angles", [0, 1])
def test_a_scan_of_no_or_one_projection_is_refused(angles):
    scan = make_scan()
    with pytest.raises(DataError, match=f"at least 2 projections.*has {angles}"):
        normalize(
            change(scan, projections=scan.projections[:angles], theta=scan.theta[:angles]), NormalizeOptions(), Job()
        )


@given(
    cut=st.integers(1, ROWS - 1),
    seed=st.integers(0, 99),
    flats=st.booleans(),
    average=st.sampled_from(["mean", "median"]),
)
@settings(max_examples=30, deadline=None)
def test_a_row_depends_on_itself_alone(cut, seed, flats, average):
    scan = make_scan(seed, np.float32)
    projections = scan.projections.copy()
    projections[np.random.default_rng(seed).random(projections.shape) < 0.1] = np.nan
    scan = change(scan, projections=projections, flats=scan.flats if flats else scan.flats[:0])
    options = NormalizeOptions(missing_flats="brightest", average=average)
    whole = normalize(scan, options, Job()).sinograms
    parts = [
        normalize(
            change(scan, **{n: getattr(scan, n)[:, rows] for n in ("projections", "flats", "darks")}), options, Job()
        )
        for rows in (slice(0, cut), slice(cut, None))
    ]
    np.testing.assert_array_equal(whole, np.concatenate([part.sinograms for part in parts]))


@pytest.mark.parametrize(
    ("wrong", "name"), [({"brightest_share": 0}, "brightest_share"), ({"most_bad": 1}, "most_bad")]
)
def test_shares_out_of_range_are_refused_by_name(wrong, name):
    with pytest.raises(ValueError, match=f"^{name}: "):
        NormalizeOptions(**wrong)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("flats", [True, False])
def test_transmission_is_that_of_numpy_to_the_bit(dtype, flats):
    scan = make_scan(3, dtype)
    scan = change(scan, projections=scan.projections, flats=scan.flats if flats else scan.flats[:0])
    dark = scan.darks.mean(0, dtype=np.float64).astype(np.float32)
    above = scan.projections - dark
    brightest = np.sort(above, axis=0)[-round(0.05 * ANGLES) :].mean(0, dtype=np.float64).astype(np.float32)
    beam = scan.flats.mean(0, dtype=np.float64).astype(np.float32) - dark if flats else brightest
    got = normalize(scan, NormalizeOptions(missing_flats="brightest"), Job(ncore=3)).sinograms
    np.testing.assert_array_equal(got, (above / beam).transpose(1, 0, 2))


@pytest.mark.parametrize("dtype", [">u2", np.int32, np.float64, np.uint8])
def test_counts_of_other_types_are_taken_as_numbers(dtype):
    scan = make_scan()
    projections = (scan.projections // 8).astype(dtype)
    across = np.asfortranarray(projections)
    wanted = normalize(change(scan, projections=(scan.projections // 8).astype(np.float32)), NormalizeOptions(), Job())
    for counts in (projections, across):
        got = normalize(change(scan, projections=counts), NormalizeOptions(), Job())
        np.testing.assert_array_equal(got.sinograms, wanted.sinograms)


def test_threads_change_neither_counts_nor_what_is_refused():
    scan = make_scan(dtype=np.float32)
    flats, projections = scan.flats.copy(), scan.projections.copy()
    flats[:, 1:3, 4] = 0
    projections[2, 1:, 7] = np.nan
    tallies = []
    for ncore in (1, 3):
        job = Job(ncore=ncore)
        normalize(change(scan, flats=flats, projections=projections), NormalizeOptions(), job)
        tallies.append(job.tally.counts["normalize"])
        with pytest.raises(DataError, match="row 7, "):
            normalize(change(scan, flats=flats * 0, projections=projections), NormalizeOptions(most_bad=0.9), job)
    assert tallies[0] == tallies[1]
    assert list(tallies[0].values()) == [2, 4]
