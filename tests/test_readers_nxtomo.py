import h5py
import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.readers import open_scan

KEYS = np.array([2, 1, 0, 0, 3, 0, 1])
DEGREES = np.array([0.0, 0, 0, 60, 90, 120, 120])
FRAMES = np.arange(7 * 4 * 5, dtype=np.uint16).reshape(7, 4, 5)


def write(path, **extra):
    """Write a small NXtomo scan; extra datasets and links by path, None to leave one out."""
    members = {
        "entry/definition": "NXtomo",
        "entry/instrument/detector/data": FRAMES,
        "entry/instrument/detector/image_key": KEYS,
        "entry/sample/rotation_angle": DEGREES,
        **{name.replace("__", "/"): value for name, value in extra.items()},
    }
    with h5py.File(path, "w") as file:
        for name, value in members.items():
            if value is not None:
                file[name] = value
    return path


def test_frames_are_sorted_by_their_key_and_invalid_ones_left_out(tmp_path):
    with open_scan(write(tmp_path / "scan.nxs")) as scan:
        part = scan.read(1, 3)
        assert "1 of 7 frames are marked invalid and were left out" in scan.notes
    np.testing.assert_array_equal(part.projections, FRAMES[[2, 3, 5], 1:3])
    np.testing.assert_array_equal(part.flats, FRAMES[[1, 6], 1:3])
    np.testing.assert_array_equal(part.darks, FRAMES[[0], 1:3])
    np.testing.assert_allclose(part.theta, np.deg2rad([0, 60, 120]))


def test_alignment_frames_of_esrf_are_left_out(tmp_path):
    control = np.where(np.arange(7) == 5, -1, KEYS)
    path = write(tmp_path / "scan.nxs", entry__instrument__detector__image_key_control=control)
    with open_scan(path) as scan:
        assert scan.angles == 2
        assert "1 frames are for alignment, as image_key_control says" in scan.notes


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            {"entry__instrument__detector__image_key": None},
            "no detector has an image_key.*Detectors with data: /entry/ins",
        ),
        (
            {"entry__instrument__detector__image_key": KEYS[:5]},
            r"image_key: has the shape \(5,\).*each of the 7 frames",
        ),
        ({"entry__instrument__detector__image_key": KEYS + 4}, r"keys are 0 \(projection\).*found \[4, 5, 6, 7\]"),
        ({"entry__instrument__detector__image_key": np.ones(7, int)}, "0 projections; a reconstruction needs"),
        ({"entry__instrument__detector__data": np.ones((7, 20))}, r"must have the axes \(angle, row, column\)"),
        ({"entry__instrument__detector__data": None}, "no /entry/instrument/detector/data; .* holds image_key"),
        (
            {"entry__sample__rotation_angle": DEGREES[KEYS == 0]},
            r"has the shape \(3,\).*each of the 7 frames, flats and",
        ),
        ({"entry__sample__rotation_angle": None}, "no /entry/sample/rotation_angle, and no axis named like a rotation"),
    ],
)
def test_a_faulty_nxtomo_file_is_refused(tmp_path, extra, message):
    with pytest.raises(DataError, match=message):
        open_scan(write(tmp_path / "scan.nxs", **extra))


def test_a_link_to_a_missing_file_names_the_file_it_looked_for(tmp_path):
    link = h5py.ExternalLink("frames/detector.h5", "/data")
    path = write(tmp_path / "scan.nxs", entry__instrument__detector__data=link)
    with pytest.raises(
        DataError, match=rf"data is a link into another file, {tmp_path}/frames/detector\.h5, which is not"
    ):
        open_scan(path)
    (tmp_path / "frames").mkdir()
    with h5py.File(tmp_path / "frames" / "detector.h5", "w") as file:
        file["other"] = FRAMES
    with pytest.raises(DataError, match=r"is a link to /data in .*detector\.h5, which does not hold it"):
        open_scan(path)
    with h5py.File(tmp_path / "frames" / "detector.h5", "r+") as file:
        file["data"] = FRAMES
    with open_scan(path) as scan:
        assert scan.angles == 3


def test_a_soft_link_to_nowhere_says_where_it_leads(tmp_path):
    path = write(tmp_path / "scan.nxs", entry__instrument__detector__data=h5py.SoftLink("/entry/raw"))
    with pytest.raises(DataError, match="data is a link to /entry/raw, which is not there"):
        open_scan(path)


def test_a_second_detector_is_noted(tmp_path):
    path = write(
        tmp_path / "scan.nxs", entry__instrument__later__data=FRAMES * 0, entry__instrument__later__image_key=KEYS
    )
    with open_scan(path) as scan:
        assert "frames were taken from /entry/instrument/detector; not from /entry/instrument/later" in scan.notes
        assert scan.read(0, 4).projections.any()


def test_angles_may_stand_beside_the_plotted_data(tmp_path):
    path = write(tmp_path / "scan.nxs", entry__sample__rotation_angle=None, entry__detector__sample_theta=DEGREES)
    with open_scan(path) as scan:
        np.testing.assert_allclose(scan.theta, np.deg2rad([0, 60, 120]))
        assert any("angles were taken from /entry/detector/sample_theta" in note for note in scan.notes)


@pytest.mark.parametrize(
    ("extra", "size"),
    [
        ({}, 6.5),
        ({"entry__instrument__detector__magnification": 10.0}, 0.65),
        ({"entry__sample__x_pixel_size": 0.7, "entry__instrument__detector__magnification": 10.0}, 0.7),
    ],
)
def test_the_pixel_size_is_the_one_at_the_sample(tmp_path, extra, size):
    path = write(tmp_path / "scan.nxs", entry__instrument__detector__x_pixel_size=6.5e-6, **extra)
    with h5py.File(path, "r+") as file:
        file["entry/instrument/detector/x_pixel_size"].attrs["units"] = "m"
    with open_scan(path) as scan:
        assert scan.pixel_size == pytest.approx(size)
