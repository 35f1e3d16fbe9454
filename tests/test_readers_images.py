"""Scans of TIFF files: what is what is told by names or a scan.yaml, rows are read alone, and damage has a name."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tomopy_edge.errors import DataError, ScanLostError
from tomopy_edge.readers import open_scan, row_reader, tiff
from tomopy_edge.readers.description import read_description
from tomopy_edge.readers.part_names import part_of
from tomopy_edge.readers.theta_files import read_theta
from tomopy_edge.readers.tiff import TiffStack

ANGLES, ROWS, COLUMNS = 12, 50, 37
COUNTS = np.random.default_rng(4).integers(0, 60000, (ANGLES, ROWS, COLUMNS)).astype(np.uint16)
FLATS, DARKS = COUNTS[:3] // 2, COUNTS[3:5] // 100
DEGREES = np.arange(ANGLES) * 15.0

WAYS = {
    "plain": {},
    "big endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 16)},
    "packed": {"compression": "zlib"},
    "packed strips": {"compression": "zlib", "rowsperstrip": 8, "predictor": True},
    "packed tiles": {"compression": "zlib", "tile": (16, 32)},
    "packed big endian": {"compression": "zlib", "rowsperstrip": 8, "byteorder": ">"},
}


def write(folder, prefix, frames, first=0, **way):
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, first):
        tifffile.imwrite(folder / f"{prefix}{number}.tif", frame, **way)


def write_pages(path, frames, **way):
    """Write pages one by one, as detectors do, so that nothing says that they belong together."""
    whole = {name: way.pop(name) for name in ("byteorder", "bigtiff") if name in way}
    with tifffile.TiffWriter(path, **whole) as file:
        for frame in frames:
            file.write(frame, metadata=None, **way)
    return path


@pytest.fixture
def scan_folder(tmp_path):
    """A folder with everything that a scan has."""
    folder = tmp_path / "bone"
    write(folder / "projections", "proj_", COUNTS)
    write(folder / "flats", "flat_", FLATS)
    write(folder / "darks", "dark_", DARKS)
    (folder / "theta.txt").write_text("".join(f"{angle}\n" for angle in DEGREES))
    return folder


def expect_whole(path):
    with open_scan(path) as scan:
        assert (scan.angles, scan.rows, scan.columns) == (ANGLES, ROWS, COLUMNS)
        part = scan.read(9, 23)
        for read, written in ((part.projections, COUNTS), (part.flats, FLATS), (part.darks, DARKS)):
            np.testing.assert_array_equal(read, written[:, 9:23])
            assert read.dtype == np.uint16
        np.testing.assert_allclose(part.theta, np.deg2rad(DEGREES))
        assert (part.first_row, part.full_scale) == (9, 65535)
        return scan.notes


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", ["files", "series", "pages", "files of pages"])
def test_rows_are_those_that_were_written_whatever_the_way(tmp_path, way, kind):
    if kind == "files":
        write(tmp_path, "p", COUNTS, **way)
        files = [tmp_path / f"p{n}.tif" for n in range(ANGLES)]
    elif kind == "series":
        tifffile.imwrite(tmp_path / "all.tif", COUNTS, **way)
        files = [tmp_path / "all.tif"]
    else:
        halves = np.split(COUNTS, 2) if kind == "files of pages" else [COUNTS]
        files = [write_pages(tmp_path / f"{n}.tif", half, **way) for n, half in enumerate(halves)]
    stack = TiffStack.of(files)
    assert stack.shape == COUNTS.shape
    for first, last in ((0, ROWS), (9, 23), (49, 50), (16, 32)):
        np.testing.assert_array_equal(stack.read(first, last), COUNTS[:, first:last])


def test_an_imagej_stack_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", COUNTS, imagej=True)
    np.testing.assert_array_equal(TiffStack.of([tmp_path / "stack.tif"]).read(3, 5), COUNTS[:, 3:5])


def test_three_frames_that_were_taken_for_colours_are_frames(tmp_path):
    tifffile.imwrite(tmp_path / "flats.tif", FLATS, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(TiffStack.of([tmp_path / "flats.tif"]).read(3, 5), FLATS[:, 3:5])


def test_of_what_is_not_packed_only_the_rows_are_read(tmp_path, monkeypatch):
    write(tmp_path, "p", COUNTS)
    stack, read = TiffStack.of([tmp_path / f"p{n}.tif" for n in range(ANGLES)]), []
    lines = tiff.read_lines
    monkeypatch.setattr(tiff, "read_lines", lambda *given: read.append(given[3].nbytes) or lines(*given))
    stack.read(9, 11)
    assert read == [2 * COLUMNS * 2] * ANGLES


def test_packed_frames_are_unpacked_once_for_many_rows(scan_folder, monkeypatch):
    write(scan_folder / "projections", "proj_", COUNTS, compression="zlib")
    unpacked = []
    before = tiff._unpacked
    monkeypatch.setattr(tiff, "_unpacked", lambda *given: unpacked.append(given[0]) or before(*given))
    with open_scan(scan_folder) as scan:
        for first in range(0, ROWS, 10):
            np.testing.assert_array_equal(scan.read(first, first + 10).projections, COUNTS[:, first : first + 10])
    assert len(unpacked) == ANGLES
    # Where they do not fit into memory, they go through a scratch file.
    monkeypatch.setattr(row_reader, "free_memory", lambda: 8 * 10 * (ANGLES + 5) * COLUMNS * 2)
    monkeypatch.setattr(row_reader, "SCRATCH_RATE", 1e12)
    with open_scan(scan_folder) as scan:
        for first in range(0, ROWS, 10):
            np.testing.assert_array_equal(scan.read(first, first + 10).projections, COUNTS[:, first : first + 10])
        assert any("moved to a scratch file" in note for note in scan.notes)


def test_a_folder_of_folders_is_a_scan(scan_folder):
    assert expect_whole(scan_folder) == (f"{scan_folder / 'theta.txt'} has no units and spans 165; taken as degrees",)


def test_a_folder_of_files_is_a_scan(tmp_path):
    for prefix, frames in (("scan_proj_", COUNTS), ("scan_flat_", FLATS), ("scan_dark_", DARKS)):
        write(tmp_path, prefix, frames)
    np.save(tmp_path / "angles.npy", np.deg2rad(DEGREES))
    expect_whole(tmp_path)


def test_flats_before_and_after_are_taken_together_and_a_view_to_align_by_is_left_out(tmp_path):
    write(tmp_path / "Tomo", "IMG_", COUNTS)
    write(tmp_path / "Flat_Before", "IMG_", FLATS[:2])
    write(tmp_path / "Flat_After", "IMG_", FLATS[2:])
    write(tmp_path / "Dark_Before", "IMG_", DARKS)
    write(tmp_path / "180deg", "IMG_", COUNTS[:1])
    np.savetxt(tmp_path / "theta.csv", DEGREES, header="theta", comments="")
    with open_scan(tmp_path) as scan:
        part = scan.read(0, 5)
        np.testing.assert_array_equal(np.sort(part.flats, axis=0), np.sort(FLATS[:, :5], axis=0))
        assert any("180deg was not read" in note for note in scan.notes)


def test_a_file_of_all_projections_finds_what_lies_beside_it(tmp_path):
    tifffile.imwrite(tmp_path / "bone.tif", COUNTS)
    tifffile.imwrite(tmp_path / "bone_flat.tif", FLATS, photometric="minisblack")
    tifffile.imwrite(tmp_path / "bone_dark.tif", DARKS)
    (tmp_path / "bone_theta.txt").write_text("\n".join(map(str, DEGREES)))
    expect_whole(tmp_path / "bone.tif")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("proj_0001", "projections"),
        ("Flat_Before", "flats"),
        ("data_white", "flats"),
        ("darkField", "darks"),
        ("ob_0001", "flats"),
        ("sample_ob_0001", "projections"),
        ("rotation_angles", "theta"),
        ("bone_0001", None),
        ("open_beam", "flats"),
    ],
)
def test_names_say_what_files_hold(name, part):
    assert part_of(name) == part


def test_frames_are_in_the_order_of_their_numbers(scan_folder):
    # proj_10 comes after proj_9.
    with open_scan(scan_folder) as scan:
        np.testing.assert_array_equal(scan.read(0, 1).projections, COUNTS[:, :1])


def test_two_kinds_of_projections_are_not_guessed_between(tmp_path):
    write(tmp_path, "bone_", COUNTS)
    write(tmp_path, "tooth_", COUNTS)
    with pytest.raises(
        DataError,
        match=r"which of these are the projections\? bone_\*\.tif \(12 files\), tooth_\*\.tif.*`projections: bone_\*",
    ):
        open_scan(tmp_path)


def test_a_projection_that_is_missing_is_named(scan_folder):
    (scan_folder / "projections" / "proj_5.tif").unlink()
    with pytest.raises(DataError, match=r"between proj_4\.tif and proj_6\.tif 1 of the projections are missing"):
        open_scan(scan_folder)


def test_angles_that_are_not_told_are_not_guessed(scan_folder):
    (scan_folder / "theta.txt").unlink()
    with pytest.raises(DataError, match=r"no angles: there is no theta\.txt.*`theta: \{start: 0, stop: 180, endpoint"):
        open_scan(scan_folder)


def test_angles_of_another_number_are_refused(scan_folder):
    (scan_folder / "theta.txt").write_text("0\n90\n")
    with pytest.raises(DataError, match=r"there are 12 projections, but .*theta\.txt has the shape \(2,\)"):
        open_scan(scan_folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\n1\n2 3\n", "line 3 must hold one angle, got '2 3'"),
        ("0\nnan 1\n", "line 2 must hold one angle"),
        ("theta\nangle\n", "line 2 must hold one angle"),
    ],
)
def test_a_line_that_is_no_angle_is_named(tmp_path, text, message):
    path = tmp_path / "theta.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_theta(path, None)


def test_angles_may_have_a_heading_comments_and_blank_lines(tmp_path):
    path = tmp_path / "theta.csv"
    path.write_text("angle\n# degrees\n0,\n\n90 # the middle\n180\n")
    np.testing.assert_allclose(read_theta(path, "degrees")[0], [0, np.pi / 2, np.pi])


def describe(folder, text):
    (folder / "scan.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("said", "degrees"),
    [
        ("{start: 0, stop: 180, endpoint: false}", np.linspace(0, 180, ANGLES, endpoint=False)),
        ("{start: 0, stop: 180, endpoint: true}", np.linspace(0, 180, ANGLES)),
        ("{start: 10, step: -2}", 10 - 2.0 * np.arange(ANGLES)),
        ("{start: 0, step: 0.1, unit: radians}", np.rad2deg(0.1 * np.arange(ANGLES))),
        ("theta.txt", DEGREES),
        ("{file: theta.txt, unit: degrees}", DEGREES),
    ],
)
def test_a_scan_yaml_says_how_angles_are_spaced(scan_folder, said, degrees):
    with open_scan(describe(scan_folder, f"theta: {said}\npixel_size: 0.65\n")) as scan:
        np.testing.assert_allclose(scan.theta, np.deg2rad(degrees))
        assert scan.pixel_size == scan.read(0, 1).pixel_size == 0.65
        np.testing.assert_array_equal(scan.read(3, 4).flats, FLATS[:, 3:4])


def test_a_description_under_any_name_tells_frames_of_one_file_apart(tmp_path):
    # As where darks and flats come first, in the same series.
    write(tmp_path, "frame_", np.concatenate([DARKS, FLATS, COUNTS]))
    path = tmp_path / "night.yml"
    path.write_text(
        "projections: {files: frame_*.tif, frames: [5, 17]}\n"
        "flats: {files: frame_*.tif, frames: [2, 5]}\n"
        "darks: {files: [frame_0.tif, frame_1.tif]}\n"
        "theta: {start: 0, step: 15}\n"
    )
    expect_whole(path)


def test_what_names_say_can_be_left_out(scan_folder):
    with open_scan(describe(scan_folder, "without: [darks]\n")) as scan:
        assert scan.read(0, 1).darks.shape == (0, 1, COLUMNS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flat: flats\n", "flat: no such option; did you mean 'flats'"),
        ("theta: {start: 0, stop: 180}\n", "endpoint: must be given with stop"),
        ("theta: {start: 0}\n", "give a file, or start with stop and endpoint, or start with step"),
        ("theta: {file: a, start: 0}\n", "file: gives all angles"),
        ("pixel_size: -1\n", "pixel_size: must be above 0 micrometres, got -1"),
        ("pixel_size: 650 nm\n", "pixel_size: input should be a valid number"),
        ("darks: dark\n", r"dark: is named as a part of the scan, and is not there; did you mean 'darks'"),
        ("flats: {files: flats, frames: [0, 9]}\n", "flats are frames 0 to 8, and there are 3"),
        ("projections: p/*.tif\n", r"no file fits the pattern 'p/\*\.tif'"),
        ("projections: theta.txt\n", r"theta\.txt: is neither a TIFF nor"),
        ("without: [darks]\ndarks: darks\n", "without: darks are given, too"),
        ("[projections]\n", "must be a mapping such as"),
        ("projections: [\n", "is no YAML that can be read"),
    ],
)
def test_a_fault_in_a_scan_yaml_is_told_with_its_place(scan_folder, text, message):
    with pytest.raises(DataError, match=message):
        open_scan(describe(scan_folder, text))


def test_a_file_and_a_scan_yaml_about_others_are_not_mixed(scan_folder):
    other = scan_folder / "other.tif"
    tifffile.imwrite(other, COUNTS)
    describe(scan_folder, "projections: projections\n")
    with pytest.raises(DataError, match=r"scan\.yaml is about other projections"):
        open_scan(other)
    describe(scan_folder, "projections: other.tif\n")
    expect_whole(other)


def test_the_description_goes_into_the_output(scan_folder, tmp_path):
    h5py = pytest.importorskip("h5py")
    with open_scan(describe(scan_folder, "pixel_size: 1.5\n")) as scan, h5py.File(tmp_path / "out.h5", "w") as file:
        scan.copy_metadata(file)
        assert file["scan.yaml"].asstr()[()] == "pixel_size: 1.5\n"


def test_a_file_that_is_cut_off_is_named(scan_folder):
    path = scan_folder / "projections" / "proj_7.tif"
    path.write_bytes(path.read_bytes()[:2000])
    with open_scan(scan_folder) as scan:
        np.testing.assert_array_equal(scan.read(0, 3).projections, COUNTS[:, :3])
        with pytest.raises(DataError, match=r"proj_7\.tif: is cut off: .* the file ends at 2000"):
            scan.read(40, 50)


def test_a_packed_file_that_is_damaged_is_named(scan_folder):
    write(scan_folder / "projections", "proj_", COUNTS, compression="zlib")
    path = scan_folder / "projections" / "proj_7.tif"
    content = bytearray(path.read_bytes())
    content[600:1000] = bytes(400)
    path.write_bytes(content)
    with open_scan(scan_folder) as scan, pytest.raises(DataError, match=r"proj_7\.tif: this TIFF cannot be read"):
        scan.read(0, 3)


def test_what_is_no_tiff_is_named(scan_folder):
    (scan_folder / "projections" / "proj_0.tif").write_bytes(b"II*\x00nonsense")
    with pytest.raises(DataError, match=r"proj_0\.tif: this TIFF "):
        open_scan(scan_folder)


@pytest.mark.parametrize("frame", [COUNTS[0, :40], COUNTS[0].astype(np.float32)], ids=["shape", "type"])
def test_a_frame_unlike_the_others_is_named(scan_folder, frame):
    tifffile.imwrite(scan_folder / "projections" / "proj_7.tif", frame)
    with open_scan(scan_folder) as scan, pytest.raises(DataError, match=r"proj_7\.tif: a frame of .* must be alike"):
        scan.read(0, 3)


def test_flats_of_another_size_are_refused(scan_folder):
    write(scan_folder / "flats", "flat_", FLATS[:, :, 1:])
    with pytest.raises(DataError, match=r"flat_0\.tif to flat_2\.tif: must have the axes .* 37 columns"):
        open_scan(scan_folder)


def test_colours_are_no_counts(scan_folder):
    tifffile.imwrite(scan_folder / "projections" / "proj_0.tif", np.zeros((ROWS, COLUMNS, 3), np.uint8))
    with pytest.raises(DataError, match=r"proj_0\.tif: this TIFF holds an array of the shape .* must be grey"):
        open_scan(scan_folder)


def test_a_file_that_goes_away_is_told_as_a_scan_that_is_lost(scan_folder):
    with open_scan(scan_folder) as scan:
        scan.read(0, 1)
        (scan_folder / "projections" / "proj_7.tif").unlink()
        with pytest.raises(ScanLostError, match=r"proj_7\.tif: was there when the scan was opened"):
            scan.read(1, 2)


def test_projections_can_be_thinned_and_narrowed(scan_folder):
    with open_scan(scan_folder) as scan:
        some = scan.narrowed(2, 7)
        np.testing.assert_array_equal(some.read(5, 6).projections, COUNTS[2:7, 5:6])


GUIDE = (Path(__file__).parents[1] / "docs" / "how-to" / "read-your-files.md").read_text()


def test_the_script_of_the_guide_runs(scan_folder):
    (script,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    names = {"folder": str(scan_folder)}
    exec(script, names)  # noqa: S102 - our own page
    np.testing.assert_array_equal(names["rows"].projections, COUNTS[:, :2])


def test_the_scan_yaml_of_the_guide_has_no_faults(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
    (tmp_path / "scan.yaml").write_text(text)
    description, _ = read_description(tmp_path / "scan.yaml")
    assert description.darks.frames == (0, 20)
    assert description.flats.files == ("flats_before", "flats_after")
    for said in re.findall(r"`(theta: [^`]*)`", GUIDE):
        (tmp_path / "scan.yaml").write_text(said)
        assert read_description(tmp_path / "scan.yaml")[0].theta is not None
