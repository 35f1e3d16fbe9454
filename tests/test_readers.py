import sys
import types

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tomopy_edge.errors import DataError
from tomopy_edge.readers import ArrayScan, open_scan
from tomopy_edge.readers.angles import to_radians
from tomopy_edge.readers.lengths import to_micrometres

TYPES = ("uint8", "uint16", ">u2", "int16", "int32", "float32", "float64")

layouts = st.sampled_from(["data_exchange", "nxtomo"])


def write_data_exchange(path, frames, keys, degrees, units="deg"):
    with h5py.File(path, "w") as file:
        file["implements"] = "exchange"
        for key, name in enumerate(("data", "data_white", "data_dark")):
            if (keys == key).any():
                file[f"exchange/{name}"] = frames[keys == key]
        file["exchange/theta"] = degrees[keys == 0]
        if units:
            file["exchange/theta"].attrs["units"] = units


def write_nxtomo(path, frames, keys, degrees):
    with h5py.File(path, "w") as file:
        file["entry/definition"] = "NXtomo"
        file["entry/instrument/detector/data"] = frames
        file["entry/instrument/detector/image_key"] = keys
        file["entry/sample/rotation_angle"] = degrees
        file["entry/sample/rotation_angle"].attrs["units"] = "degrees"


def write_scan(path, angles=6, rows=4, columns=5, **extra):
    """Write a small DataExchange scan; extra datasets by path, None to leave one out."""
    datasets = {
        "exchange/data": np.arange(angles * rows * columns, dtype=np.uint16).reshape(angles, rows, columns),
        "exchange/data_white": np.full((2, rows, columns), 9, np.uint16),
        "exchange/data_dark": np.ones((2, rows, columns), np.uint16),
        "exchange/theta": np.arange(angles) * 180 / angles,
        **{name.replace("__", "/"): value for name, value in extra.items()},
    }
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            if value is not None:
                file[name] = value
        if "exchange/theta" in file:
            file["exchange/theta"].attrs["units"] = "degrees"
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), layout=layouts, kind=st.sampled_from(TYPES))
def test_whatever_is_written_comes_back_row_by_row(tmp_path, data, layout, kind):
    keys = np.array([*data.draw(st.lists(st.integers(0, 3), min_size=2, max_size=24)), 0, 0])
    if layout == "data_exchange":
        keys[keys == 3] = 0
    rows, columns = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    random = np.random.default_rng(len(keys))
    frames = random.integers(0, 200, (len(keys), rows, columns)).astype(kind)
    # Far from a whole turn in radians.
    degrees = random.permutation(len(keys)) * 13.7
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    path = tmp_path / "scan.anything"
    (write_data_exchange if layout == "data_exchange" else write_nxtomo)(path, frames, keys, degrees)
    with open_scan(path) as scan:
        part = scan.read(first, last)
        assert (scan.angles, scan.rows, scan.columns) == ((keys == 0).sum(), rows, columns)
    assert part.projections.dtype == (np.uint16 if np.dtype(kind).kind == "u" else np.float32)
    assert part.projections.dtype.isnative
    assert part.first_row == first
    assert part.full_scale == (None if np.dtype(kind).kind == "f" else np.iinfo(kind).max)
    for key, read in enumerate((part.projections, part.flats, part.darks)):
        np.testing.assert_array_equal(read, frames[keys == key, first:last].astype(read.dtype))
    np.testing.assert_allclose(part.theta, np.deg2rad(degrees[keys == 0]))


@pytest.mark.parametrize("kind", TYPES)
def test_the_limit_of_the_stored_type_comes_with_the_rows(kind):
    flats = np.ones((2, 4, 5), np.float32)
    part = ArrayScan(np.ones((3, 4, 5), kind), np.array([0.0, 1, 2]), flats).read(1, 3)
    assert part.full_scale == (None if np.dtype(kind).kind == "f" else np.iinfo(kind).max)


@pytest.mark.parametrize("sinogram_order", [False, True])
def test_arrays_in_either_order_are_the_same_scan(sinogram_order):
    projections = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    tomo = projections.swapaxes(0, 1) if sinogram_order else projections
    flats = np.ones((2, 4, 5), np.float64)
    scan = ArrayScan(tomo, np.array([0.0, 1, 2]), flats=flats, sinogram_order=sinogram_order)
    part = scan.read(1, 3)
    np.testing.assert_array_equal(part.projections, projections[:, 1:3])
    assert part.flats.dtype == np.float32
    assert part.darks.shape == (0, 2, 5)


def test_arrays_that_do_not_fit_each_other_are_refused():
    tomo = np.ones((3, 4, 5), np.float32)
    theta = np.array([0.0, 1, 2])
    with pytest.raises(DataError, match=r"theta has the shape \(2,\).*\(3,\)"):
        ArrayScan(tomo, theta[:2])
    with pytest.raises(DataError, match="flats must have the axes"):
        ArrayScan(tomo, theta, flats=np.ones((2, 4, 6)))
    with pytest.raises(DataError, match="must hold counts, got values of type complex64"):
        ArrayScan(tomo.astype(np.complex64), theta)


def test_a_row_the_scan_does_not_have_is_refused(tmp_path):
    with open_scan(write_scan(tmp_path / "scan.h5")) as scan, pytest.raises(DataError, match="has the rows 0 to 3"):
        scan.read(2, 5)


def test_a_missing_file_is_said_with_the_nearest_name(tmp_path):
    write_scan(tmp_path / "sample_42.h5")
    with pytest.raises(DataError, match=r"no such file; did you mean 'sample_42\.h5'\?"):
        open_scan(tmp_path / "sampel_42.h5")
    with pytest.raises(DataError, match="no such file, nor a folder"):
        open_scan(tmp_path / "nowhere" / "sample_42.h5")


def test_a_folder_is_no_scan_but_its_scans_are_named(tmp_path):
    write_scan(tmp_path / "inside.h5")
    with pytest.raises(DataError, match=r"a folder, not a scan; name one of the files in it: inside\.h5"):
        open_scan(tmp_path)


def test_an_unknown_format_is_told_by_its_first_bytes(tmp_path):
    path = tmp_path / "scan.h5"
    path.write_bytes(b"SIMPLE  = a FITS file, in truth")
    with pytest.raises(DataError, match=r"starts with the bytes b'SIMPLE.*Expected HDF5.*TIFF"):
        open_scan(path)


def test_hdf5_of_another_kind_is_told_by_what_is_in_it(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["exchnge/data"] = np.ones((3, 4, 5))
    with pytest.raises(DataError, match=r"Found exchnge/data \(3, 4, 5\) float64; 'exchnge'; did you mean 'exchange'"):
        open_scan(tmp_path / "other.h5")


def test_a_truncated_hdf5_file_is_said_to_be_broken(tmp_path):
    path = write_scan(tmp_path / "scan.h5", exchange__data=np.ones((50, 20, 20)), exchange__theta=np.arange(50) * 3.6)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(DataError, match="is it still being written"):
        open_scan(path)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"exchange__data": None}, r"no /exchange/data; /exchange holds .*data_dark \(2, 4, 5\) uint16"),
        ({"exchange__theta": np.arange(5)}, r"there are 6 projections, but /exchange/theta has the shape \(5,\)"),
        ({"exchange__theta": None}, "no angles. Expected /exchange/theta, or rotation_start and rotation_step in"),
        ({"exchange__theta": np.full(6, 3.0)}, "all 6 angles of /exchange/theta are the same"),
        ({"exchange__theta": np.array([0, 1, 2, np.nan, 4, 5])}, "1 angles of /exchange/theta are not finite"),
        ({"exchange__data": np.ones((1, 4, 5)), "exchange__theta": [0.0]}, "1 projection; a reconstruction needs"),
        (
            {"exchange__data": np.ones((0, 4, 5)), "exchange__theta": np.ones(0)},
            "0 projections; a reconstruction needs",
        ),
        ({"exchange__data": np.ones((6, 20))}, r"must have the axes \(angle, row, column\), got the shape \(6, 20\)"),
        ({"exchange__data": np.ones((6, 0, 5))}, "0 rows and 5 columns"),
        (
            {"exchange__data_white": np.ones((2, 4, 6))},
            r"data_white: must have the axes \(frame, row, column\) with 4 rows",
        ),
        ({"exchange__data_dark": np.ones((4, 5))}, r"data_dark: must have the axes .* got the shape \(4, 5\)"),
        (
            {"exchange__data": np.ones((6, 4, 5), complex)},
            "exchange/data: must hold counts, got values of type complex128",
        ),
    ],
)
def test_a_faulty_data_exchange_file_is_refused(tmp_path, extra, message):
    with pytest.raises(DataError, match=message):
        open_scan(write_scan(tmp_path / "scan.h5", **extra))


def test_the_nearest_name_is_offered_for_a_missing_dataset(tmp_path):
    path = write_scan(tmp_path / "scan.h5", exchange__data=None, exchange__dat=np.ones((6, 4, 5)))
    with pytest.raises(DataError, match="did you mean 'dat'"):
        open_scan(path)


@pytest.mark.parametrize(
    ("axes", "message"), [("z:y:x", "a reconstruction, not a scan"), ("y:theta:x", "swap its first")]
)
def test_axes_in_another_order_are_refused(tmp_path, axes, message):
    path = write_scan(tmp_path / "scan.h5")
    with h5py.File(path, "r+") as file:
        file["exchange/data"].attrs["axes"] = axes
    with pytest.raises(DataError, match=message):
        open_scan(path)


def test_missing_flats_and_darks_are_zero_frames(tmp_path):
    with open_scan(write_scan(tmp_path / "scan.h5", exchange__data_white=None, exchange__data_dark=None)) as scan:
        part = scan.read(1, 3)
    assert part.flats.shape == part.darks.shape == (0, 2, 5)


@pytest.mark.parametrize("prefix", ["rotation_", ""])
def test_angles_of_older_aps_files_come_from_the_rotation_stage_and_are_noted(tmp_path, prefix):
    rotation = "process/acquisition/rotation"
    path = write_scan(
        tmp_path / "scan.h5",
        exchange__theta=None,
        **{f"{rotation}/{prefix}start": [10.0], f"{rotation}/{prefix}step": [30.0], f"{rotation}/num_angles": [6]},
    )
    with open_scan(path) as scan:
        np.testing.assert_allclose(scan.theta, np.deg2rad(10 + 30 * np.arange(6)))
        assert "angles were made from" in scan.notes[0]


def test_a_rotation_stage_that_counts_other_angles_is_refused(tmp_path):
    rotation = "process/acquisition/rotation"
    path = write_scan(
        tmp_path / "scan.h5", exchange__theta=None, **{f"{rotation}/rotation_step": 30.0, f"{rotation}/num_angles": 7}
    )
    with pytest.raises(DataError, match=r"there are 6 projections, but .*/num_angles says 7 angles"):
        open_scan(path)


@pytest.mark.parametrize("whole", [180.0, 360.0])
@pytest.mark.parametrize("angles", [2, 7, 1500])
def test_angles_become_radians_by_their_units(whole, angles):
    degrees = np.linspace(0, whole, angles, endpoint=False)
    for units in ("deg", "Degrees", "degree"):
        theta, notes = to_radians(degrees, units, "theta")
        np.testing.assert_allclose(theta, np.deg2rad(degrees))
        assert not notes
    for units in ("rad", "radians"):
        theta, notes = to_radians(np.deg2rad(degrees), units, "theta")
        np.testing.assert_allclose(theta, np.deg2rad(degrees))
        assert not notes


@pytest.mark.parametrize("angles", [8, 181])
@pytest.mark.parametrize("endpoint", [False, True])
def test_units_that_contradict_the_angles_are_refused(endpoint, angles):
    degrees = np.linspace(0, 180, angles, endpoint=endpoint)
    with pytest.raises(DataError, match="a scan in radians, but their units attribute says 'deg'"):
        to_radians(np.deg2rad(degrees), "deg", "theta")
    with pytest.raises(DataError, match=r"a scan in degrees, .*dataset\.attrs\['units'\] = 'degrees'"):
        to_radians(degrees, "rad", "theta")


def test_angles_without_units_are_guessed_from_their_span_and_noted():
    degrees = np.linspace(0, 180, 181)
    for values, unit in ((degrees, "degrees"), (np.deg2rad(degrees), "radians"), (degrees / 10, "degrees")):
        theta, (note,) = to_radians(values, None, "/exchange/theta")
        assert note == f"/exchange/theta has no units and spans {np.ptp(values):.6g}; taken as {unit}"
        np.testing.assert_allclose(theta, np.deg2rad(values) if unit == "degrees" else values)
    assert "unknown units 'counts'" in to_radians(degrees, "counts", "theta")[1][0]


@pytest.mark.parametrize(
    ("value", "units", "micrometres", "noted"),
    [
        (2.2, "um", 2.2, False),
        ([0.65], "microns", 0.65, False),
        (1.2e-6, "m", 1.2, False),
        (6.5e-3, "mm", 6.5, False),
        (b"0.69", "micrometers", 0.69, False),
        (1.2e-6, None, 1.2, True),
        (0.69, None, 0.69, True),
        (0.0, "um", None, True),
        ("unknown", "um", None, True),
    ],
)
def test_pixel_sizes_become_micrometres(value, units, micrometres, noted):
    size, notes = to_micrometres(value, units, "here")
    assert size == (None if micrometres is None else pytest.approx(micrometres))
    assert bool(notes) == noted


def test_the_pixel_size_at_the_sample_is_the_detectors_over_the_magnification(tmp_path):
    instrument = "measurement/instrument"
    path = write_scan(
        tmp_path / "scan.h5",
        **{f"{instrument}/detector/pixel_size": 6.5, f"{instrument}/detection_system/objective/magnification": b"10x"},
    )
    with open_scan(path) as scan:
        assert scan.pixel_size == pytest.approx(0.65)
        assert "over a magnification of 10" in scan.notes[-1]
    with h5py.File(path, "r+") as file:
        file[f"{instrument}/detection_system/objective/resolution"] = 0.69
    with open_scan(path) as scan:
        assert scan.pixel_size == pytest.approx(0.69)


def test_counts_that_float32_rounds_are_noted(tmp_path):
    with open_scan(write_scan(tmp_path / "scan.h5", exchange__data=np.ones((6, 4, 5), np.uint32))) as scan:
        assert "holds uint32, read as float32" in scan.notes[-1]


def test_metadata_are_copied_without_images(tmp_path):
    path = write_scan(tmp_path / "scan.h5", measurement__sample__name="tooth", process__many=np.zeros(2**18))
    with h5py.File(path, "r+") as file:
        file["measurement"].attrs["note"] = "kept"
        file["measurement/gone"] = h5py.ExternalLink("absent.h5", "/x")
        file["measurement/again"] = h5py.SoftLink("/measurement")
    with open_scan(path) as scan, h5py.File(tmp_path / "copy.h5", "w") as copy:
        copy["implements"] = "exchange:process"
        scan.copy_metadata(copy)
        assert copy["measurement/sample/name"][()] == b"tooth"
        assert copy["measurement"].attrs["note"] == "kept"
        assert sorted(copy["exchange_raw"]) == ["theta"]
        assert copy["exchange_raw/theta"].attrs["units"] == "degrees"
        assert "exchange" not in copy
        left_out = copy.attrs["not_copied"].split("\n")
    images = ["/exchange/data", "/exchange/data_dark", "/exchange/data_white"]
    assert left_out == [*images, "/measurement/gone (a link to nowhere)", "/process/many"]


def test_a_virtual_dataset_with_a_missing_part_is_refused(tmp_path):
    # HDF5 itself would read zeros.
    path = write_scan(tmp_path / "scan.h5", exchange__data=None)
    layout = h5py.VirtualLayout((6, 4, 5), np.uint16)
    layout[:] = h5py.VirtualSource("frames.h5", "data", (6, 4, 5))
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset("exchange/data", layout)
    with pytest.raises(DataError, match=r"put together from other files, and .*frames\.h5 is not there"):
        open_scan(path)
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file["data"] = np.full((6, 4, 5), 7, np.uint16)
    with open_scan(path) as scan:
        assert (scan.read(0, 4).projections == 7).all()


def xradia_file(path):
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    return path


def test_without_dxchange_a_foreign_format_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dxchange", None)
    with pytest.raises(DataError, match="conda install -c conda-forge dxchange"):
        open_scan(xradia_file(tmp_path / "scan.txrm"))


def test_the_unrelated_dxchange_of_pypi_is_recognised(tmp_path, monkeypatch):
    other = types.ModuleType("dxchange")
    other.say_hello = print
    monkeypatch.setitem(sys.modules, "dxchange", other)
    with pytest.raises(DataError, match=r"PyPI's unrelated package of that name\. Remove it"):
        open_scan(xradia_file(tmp_path / "scan.txrm"))


def test_a_txrm_file_goes_through_dxchange(tmp_path, monkeypatch):
    frames = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    asked = []

    def read_txrm(_name, slice_range):
        asked.append(slice_range)
        cut = tuple(slice(*part) for part in slice_range)
        metadata = {
            "thetas": np.array([0, 1, 2.0]),
            "image_height": 4,
            "image_width": 5,
            "number_of_images": 3,
            "pixel_size": 0.5,
            "reference": np.ones((4, 5), np.float32)[cut[1:]],
        }
        return frames[cut], metadata

    dxchange = types.ModuleType("dxchange")
    dxchange.read_als_832h5, dxchange.read_txrm = None, read_txrm
    monkeypatch.setitem(sys.modules, "dxchange", dxchange)
    with open_scan(xradia_file(tmp_path / "scan.txrm")) as scan:
        part = scan.read(1, 3)
    assert (scan.angles, scan.rows, scan.columns, scan.pixel_size) == (3, 4, 5, 0.5)
    np.testing.assert_array_equal(part.projections, frames[:, 1:3])
    assert part.flats.shape == (1, 2, 5)
    assert part.darks.shape == (0, 2, 5)
    assert (part.first_row, part.pixel_size, part.full_scale) == (1, 0.5, 65535)
    assert asked == [((0, 1, 1), (0, 1, 1), (0, None, 1)), ((0, None, 1), (1, 3, 1), (0, None, 1))]


def test_an_als_file_goes_through_dxchange(tmp_path, monkeypatch):
    path = tmp_path / "als.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("sample")
        group.attrs.update({"nangles": b"3", "arange": b"180", "pxsize": b"0.00065"})
        group["sample_0000_0000.tif"] = np.ones((1, 4, 5), np.uint16)
    projections = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)

    def read_als_832h5(_name, sino):
        cut = slice(*sino)
        return projections[:, cut], np.ones((2, 4, 5))[:, cut], np.zeros((2, 4, 5))[:, cut], [0]

    dxchange = types.ModuleType("dxchange")
    dxchange.read_als_832h5 = read_als_832h5
    monkeypatch.setitem(sys.modules, "dxchange", dxchange)
    with open_scan(path) as scan:
        part = scan.read(2, 4)
    np.testing.assert_array_equal(part.projections, projections[:, 2:])
    assert (part.first_row, part.full_scale) == (2, 65535)
    np.testing.assert_allclose(scan.theta, [0, np.pi / 2, np.pi])
    assert scan.pixel_size == pytest.approx(0.65)
    assert "180 degrees, from their attribute arange" in scan.notes[0]


def test_the_tooth_is_read(scans):
    with open_scan(scans / "tooth" / "tooth.h5") as scan:
        assert (scan.angles, scan.rows, scan.columns) == (181, 2, 640)
        assert scan.pixel_size is None
        assert not scan.notes
        part = scan.read(1, 2)
    assert part.flats.shape == part.darks.shape == (10, 1, 640)
    assert np.rad2deg(part.theta[-1]) == pytest.approx(179.00552)
    with h5py.File(scans / "tooth" / "tooth.h5") as file:
        np.testing.assert_array_equal(part.projections, file["exchange/data"][:, 1:2])


def test_tomobank_00076_is_read_in_parts(scans):
    with open_scan(scans / "tomobank_00076" / "tomobank_00076.h5") as scan:
        assert (scan.angles, scan.rows, scan.columns, scan.pixel_size) == (2000, 5, 2560, 2.2)
        part = scan.read(3, 5)
    assert part.projections.shape == (2000, 2, 2560)
    assert part.projections.dtype == np.uint16


def test_the_k11_nxtomo_scan_is_read_through_its_links(scans):
    with open_scan(scans / "k11_nxtomo" / "k11-18014.nxs") as scan:
        assert (scan.angles, scan.rows, scan.columns) == (3001, 22, 26)
        part = scan.read(0, 22)
        assert any("not from /entry/instrument/EtherCAT" in note for note in scan.notes)
        assert any("angles were taken from /entry/imaging/gts_theta_value" in note for note in scan.notes)
    assert part.flats.shape == part.darks.shape == (100, 22, 26)
    assert part.darks.mean() < 110
    assert part.flats.mean() > 40000
    assert np.rad2deg(np.ptp(part.theta)) == pytest.approx(180, abs=0.2)
