"""Real scans: parts that have nothing in common but the object, and how near they come to each other."""

import numpy as np
import pytest

from tomopy_edge.data import Scan
from tomopy_edge.errors import DataError
from tomopy_edge.evaluation.bench import Bench
from tomopy_edge.evaluation.cases import Source
from tomopy_edge.evaluation.halves import Half, every_nth, halves_of, thinned
from tomopy_edge.evaluation.methods import methods_of
from tomopy_edge.evaluation.near_table import near_lines
from tomopy_edge.evaluation.nearness import circle, compare, distance

SIZE = 64


def scan(angles=128, counts=4000, dark=100):
    """A scan of a disc in the middle, three rows."""
    rng = np.random.default_rng(1)
    chord = 0.04 * np.sqrt(np.maximum(0, 20.0**2 - (np.arange(SIZE) - SIZE / 2) ** 2))
    expected = np.broadcast_to(counts * np.exp(-chord), (angles, 3, SIZE))
    projections = (rng.poisson(expected) + dark).astype(np.uint16)
    flats = (rng.poisson(counts, (20, 3, SIZE)) + dark).astype(np.uint16)
    theta = np.arange(angles) * np.pi / angles
    return Scan(projections, flats, np.full((5, 3, SIZE), dark, np.uint16), theta, full_scale=65535)


def compared(*halves, catalogue, methods=("noisy", "tv", "tv-best")):
    source = Source("a disc", len(halves), lambda: iter(halves))
    return compare(source, Bench(methods_of([], catalogue, methods)[0], catalogue, ncore=1))


def near(comparison, title, part=None):
    parts = [one for one in comparison.near if one.method.title == title and part in {None, one.part}]
    assert len(parts) == 1
    return parts[0]


def test_no_view_is_in_both_parts_and_none_is_lost():
    half = every_nth(scan(), 4, 32.0)
    assert len(half.part.theta) == 32
    np.testing.assert_array_equal(np.sort([*half.part.theta, *half.others.theta]), scan().theta)
    np.testing.assert_array_equal(half.part.projections, scan().projections[::4])
    assert not set(half.part.theta) & set(half.others.theta)


@pytest.mark.parametrize("every", [1, 9])
def test_parts_of_too_few_views_are_refused(every):
    with pytest.raises(DataError, match=f"--every {every}: takes .* at least 16 views, so give a number from 2 to 8"):
        every_nth(scan(), every, 32.0)


def test_thinned_parts_add_up_to_the_photons_and_share_the_flats():
    half = thinned(scan(), 0.25, 32.0)
    together = half.part.projections + half.others.projections
    np.testing.assert_array_equal(together, scan().projections.astype(np.float32) - 100)
    assert half.part.flats.mean() == pytest.approx(1000, rel=0.01)
    assert half.part.darks.max() == half.others.darks.max() == 0
    np.testing.assert_array_equal(half.part.projections, thinned(scan(), 0.25, 32.0).part.projections)


def test_the_noise_of_thinned_parts_is_independent():
    empty = scan(angles=400)
    beam = np.random.default_rng(3).poisson(500, empty.projections.shape)
    half = thinned(Scan(beam.astype(np.float32), empty.flats, empty.darks - 100, empty.theta), 0.3, 32.0)
    pair = np.corrcoef(half.part.projections.ravel(), half.others.projections.ravel())
    assert abs(pair[0, 1]) < 4 / np.sqrt(beam.size)


@pytest.mark.parametrize("share", [0, 1, 1.5])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        thinned(scan(), share, 32.0)


def test_counts_without_flats_cannot_be_thinned():
    bare = Scan(scan().projections, scan().flats[:0], scan().darks, scan().theta)
    with pytest.raises(DataError, match="without flats"):
        thinned(bare, 0.5, 32.0)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_a_slice_without_noise_is_nearer_by_the_most_that_is_possible(share):
    rng = np.random.default_rng(0)
    truth = np.zeros((256, 256), np.float32)
    part = rng.normal(0, share**-0.5, truth.shape).astype(np.float32)
    others = rng.normal(0, (1 - share) ** -0.5, truth.shape).astype(np.float32)
    gain = 20 * np.log10(distance(part, others) / distance(truth, others))
    assert gain == pytest.approx(Half("", scan(), scan(), share, 32.0).most, abs=0.1)


def test_the_raw_part_is_not_nearer_and_a_smoothed_one_is(catalogue):
    found = compared(every_nth(scan(counts=300), 2, 32.0), catalogue=catalogue)
    raw, smooth, best = (near(found, method.title) for method in found.methods)
    assert raw.gain == pytest.approx(0)
    assert raw.ssim_to_input == pytest.approx(1)
    assert raw.grey == pytest.approx(0)
    assert 1 < smooth.gain <= best.gain
    assert smooth.ssim_to_input < 0.95
    assert best.most == pytest.approx(3.01, abs=0.01)
    assert smooth.distance < raw.distance


def test_a_whole_scan_has_nothing_to_be_near_to_and_no_oracle(catalogue):
    found = compared(Half("all", scan(), None, 1.0, 32.0), catalogue=catalogue)
    assert [one.method.name for one in found.near] == ["noisy", "tv"]
    assert {(one.distance, one.gain, one.most) for one in found.near} == {(None, None, None)}
    assert found.examples == ()
    assert near(found, "noisy FBP").ssim_to_input == pytest.approx(1)


def test_distance_is_measured_inside_the_circle_alone():
    slices = np.zeros((2, SIZE, SIZE), np.float32)
    slices[0][~circle((SIZE, SIZE))] = 5
    slices[0][circle((SIZE, SIZE))] = 0.5
    assert distance(slices[0], slices[1]) == pytest.approx(0.5)


def test_the_axis_of_a_scan_is_found_once_for_all_its_parts(scan_file, catalogue):
    source = halves_of(scan_file, catalogue, 1)
    halves = [*source.cases()]
    assert [half.name for half in halves] == ["1 view in 2 (60)", "1 view in 4 (30)", "all views (120)"]
    assert {half.center for half in halves} == {halves[0].center}
    assert halves[0].center == pytest.approx(45.2, abs=0.3)
    assert "disc.h5, row 3, rotation axis at column 45." in source.description


def test_what_is_asked_for_is_what_is_compared(scan_file, catalogue):
    source = halves_of(scan_file, catalogue, 1, every=[3], thin=[0.5, 0.1], center=45.2)
    names = [half.name for half in source.cases()]
    assert names == ["1 view in 3 (40)", "0.5 of the counts", "0.1 of the counts", "all views (120)"]
    only_thin = halves_of(scan_file, catalogue, 1, thin=[0.5], center=45.2)
    assert [half.name for half in only_thin.cases()] == ["0.5 of the counts", "all views (120)"]


def test_the_table_tells_every_part_and_what_is_possible(catalogue):
    halves = [thinned(scan(), 0.25, 32.0), Half("all views", scan(), None, 1.0, 32.0)]
    told = near_lines(compared(*halves, catalogue=catalogue, methods=("noisy",)))
    assert told[0] == "a disc"
    assert told[2].startswith("0.25 of the counts")
    assert "6.02" in told[3]
    assert told[6].split()[2:5] == ["-", "-", "-"]
