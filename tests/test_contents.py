"""What a file or folder holds is told, whatever it is, and what it should be where it is nothing."""

import fcntl
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import yaml

import tomopy_edge
from tomopy_edge.cli import main
from tomopy_edge.contents import contents_of
from tomopy_edge.contents.found import ranges
from tomopy_edge.errors import DataError, EdgeError, OutputError, RecipeError
from tomopy_edge.shipped import shipped

STAGES = ["read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct"]
WRITE = {"write": {"formats": ["tiff", "hdf5", "zarr"]}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a scan in `raw`, its output in `raw_rec`, and an unfinished one beside that."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "raw").mkdir()
    theta = np.linspace(0, 180, 60, endpoint=False)
    for name in ("a", "b"):
        with h5py.File(folder / "raw" / f"{name}.h5", "w") as file:
            file["exchange/data"] = np.random.default_rng(1).poisson(900, (60, 4, 48)).astype(np.uint16)
            file["exchange/data_white"] = np.full((3, 4, 48), 1000, np.uint16)
            file["exchange/theta"] = theta
            file["exchange/theta"].attrs["units"] = "degrees"
    tomopy_edge.run([*STAGES[:3], {"find_center": {"center": 23.5}}, "reconstruct", WRITE], folder / "raw" / "a.h5")
    part = folder / "raw_rec" / "b_rec.part"
    shutil.copytree(folder / "raw_rec" / "a_rec", part)
    (part / "report.json").unlink()
    (part / ".tomopy_edge.lock").touch()
    lines = (part / "slices.jsonl").read_text().splitlines(keepends=True)
    (part / "slices.jsonl").write_text("".join(sorted(lines)[:3]) + '{"row": ')
    return folder


@pytest.fixture
def copied(made, tmp_path):
    """That folder, a test's own."""
    return Path(shutil.copytree(made, tmp_path / "made"))


def test_a_scan_is_told_with_all_that_its_file_says(made):
    found = contents_of(made / "raw" / "a.h5")
    assert found.kind == "scan"
    assert found.told == (
        "scan, DataExchange HDF5: 60 projections of 4 rows and 48 columns",
        "angles: 60 projections over 177 degrees in steps of 3",
        "frames: 3 flats, 0 darks",
        f"counts: uint16, not compressed; {(made / 'raw' / 'a.h5').stat().st_size / 1000:.3g} kB on the disk",
        "pixel size: the scan does not say",
    )
    facts = {"angles": 60, "rows": 4, "columns": 48, "flats": 3, "darks": 0, "type": "uint16", "compression": ""}
    assert facts.items() <= found.facts.items()


def test_compression_and_frames_that_were_never_written_are_told(tmp_path):
    path = tmp_path / "broken.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("exchange/data", (9, 2, 8), "u2", chunks=(1, 2, 8), compression="gzip", shuffle=True)
        data[:5] = 7
        file["exchange/theta"] = np.linspace(0, 160, 9)
    found = contents_of(path)
    assert "shuffle and gzip in chunks of (1, 2, 8)" in found.told[3]
    (unfinished,) = (line for line in found.told if "4 of 9 frames were never written" in line)
    assert unfinished.startswith("UNFINISHED")


def test_a_scan_of_many_frames_is_not_read_to_be_told(made, monkeypatch):
    read = []
    monkeypatch.setattr(
        "tomopy_edge.readers.frames.Frames._fill",
        lambda self, rows, frames, *_: read.append(frames.stop - frames.start),
    )
    contents_of(made / "raw" / "a.h5")
    assert sorted(read) == [2, 3]


def test_real_scans_are_told(scans):
    linked = contents_of(scans / "k11_nxtomo" / "k11-18014.nxs")
    assert linked.told[0] == "scan, NXtomo HDF5: 3001 projections of 22 rows and 26 columns"
    assert "k11-18014-imaging.h5" in linked.told[3]
    assert len(linked.facts["notes"]) == 3
    packed = contents_of(scans / "tomobank_00076" / "tomobank_00076.h5")
    assert "shuffle and gzip in chunks of (100, 5, 2560)" in packed.told[3]
    assert packed.facts["pixel_size"] == pytest.approx(2.2)


def test_a_finished_output_is_told_by_its_folder_and_by_its_report(made):
    found = contents_of(made / "raw_rec" / "a_rec")
    assert found.kind == "output"
    assert found.told[0] == "output, finished: 4 slices of 48 x 48 pixels"
    assert found.told[1] == f"scan: {made / 'raw' / 'a.h5'}, rows 0 to 3"
    assert "find_center 23.5, reconstruct fbp shepp, write tiff+hdf5+zarr" in found.told[3]
    assert found.facts["formats"] == ["tiff", "hdf5", "zarr"]
    assert contents_of(made / "raw_rec" / "a_rec" / "report.json").told == found.told


def changed(output, change):
    path = output / "report.json"
    report = json.loads(path.read_text())
    change(report)
    path.write_text(json.dumps(report))


def test_rows_that_failed_and_the_verdict_are_told(copied):
    output = copied / "raw_rec" / "a_rec"
    trust = {"verdict": "CHECK", "line": "CHECK row 3: seams"}
    changed(output, lambda report: report.update(trust=trust, failed={"1": "read: gone", "2": "read: gone"}))
    told = contents_of(output).told
    assert "FAILED: 2 rows (1 to 2); the first: read: gone" in told
    assert "trust: CHECK row 3: seams" in told
    assert "a.h5: done, 4 slices, 2 FAILED, trust: CHECK" in contents_of(copied / "raw").told


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text('{"slices": []}'),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: changed(path.parent, lambda report: report.update(counts={"read": 3})),
        lambda path: changed(path.parent, lambda report: report.update(failed={"x": "why"})),
    ],
)
def test_a_damaged_report_is_an_error_of_ours(copied, damage):
    damage(copied / "raw_rec" / "a_rec" / "report.json")
    with pytest.raises(OutputError, match="the slices beside it may be whole all the same"):
        contents_of(copied / "raw_rec" / "a_rec")


@pytest.mark.parametrize("name", ["b_rec.part", "b_rec"])
def test_an_unfinished_output_tells_how_many_slices_there_are_and_what_to_type(copied, name):
    found = contents_of(copied / "raw_rec" / name)
    assert found.kind == "unfinished output"
    assert found.told[0] == "output, unfinished: 3 of 4 slices are there"
    assert "left: rows 3" in found.told
    scan, output = copied / "raw" / "b.h5", copied / "raw_rec" / "b_rec"
    assert f"to go on: tomopy-edge run RECIPE {scan} --output {output} --resume" in found.told
    assert (found.facts["slices_made"], found.facts["at_work"]) == (3, False)
    assert found.facts["recipe"][-1] == {"write": {"formats": ["tiff", "hdf5", "zarr"]}}


def test_a_run_that_is_at_work_is_told_and_not_disturbed(copied):
    part = copied / "raw_rec" / "b_rec.part"
    with (part / ".tomopy_edge.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert contents_of(part).told[-1] == "a run is at work on it now"
        assert "b.h5: a run is at work, 3 slices so far" in contents_of(copied / "raw").told


def test_what_an_unfinished_output_was_begun_with_may_be_damaged(copied):
    part = copied / "raw_rec" / "b_rec.part"
    (part / "begun.json").write_text("{}")
    with pytest.raises(OutputError, match=r"begun.json: cannot be read"):
        contents_of(part)
    (part / "begun.json").unlink()
    assert "has made no slice yet" in contents_of(part).told[0]


def test_a_folder_of_scans_tells_how_far_each_has_come(copied):
    shutil.copy(copied / "raw_rec" / "a_rec" / "recon.h5", copied / "raw" / "recon.h5")
    shutil.copy(copied / "raw" / "a.h5", copied / "raw" / "c.h5")
    assert contents_of(copied / "raw").told == (
        "folder: 3 scans",
        "a.h5: done, 4 slices",
        "b.h5: unfinished, 3 slices there",
        "c.h5: not begun",
        "beside them: recon.h5 (slices)",
    )


def test_a_sweep_is_told_with_its_values(copied):
    output = copied / "swept"
    centers = {"find_center": {"center": tomopy_edge.Sweep([23.0, 23.5, 99.0])}}
    tomopy_edge.sweep([*STAGES[:3], centers, "reconstruct", "write"], copied / "raw" / "a.h5", output)
    found = contents_of(output)
    assert found.kind == "sweep"
    assert found.told[0] == "sweep, finished: 3 recipes on row 2"
    assert "find_center.center: 23.0, 23.5, 99.0" in found.told
    assert any(line.startswith("FAILED 3_center_99.0: ") for line in found.told)
    changed(output, lambda report: report.update(sweeps=[3]))
    with pytest.raises(OutputError, match=r"report.json: cannot be read"):
        contents_of(output)


def test_a_folder_of_outputs_tells_them(made):
    assert contents_of(made / "raw_rec").told == (
        "folder: 2 outputs",
        "a_rec: done, 4 slices",
        "b_rec: unfinished, 3 slices there",
    )


def test_slices_are_told_in_each_format(made):
    output = made / "raw_rec" / "a_rec"
    hdf5, zarr = contents_of(output / "recon.h5"), contents_of(output / "recon.zarr")
    assert (hdf5.kind, zarr.kind) == ("hdf5 slices", "zarr slices")
    assert "4 slices of 48 x 48 pixels, rows 0 to 3, attenuation per pixel" in hdf5.told[0]
    assert hdf5.facts["made_by"] == [f"tomopy_edge-{tomopy_edge.__version__}"]
    assert "4 slices of 48 x 48 pixels, rows 0 to 3" in zarr.told[0]
    one = contents_of(output / "recon_00002.tiff")
    assert (one.kind, one.facts["slices"], one.facts["type"]) == ("tiff slices", [1, 48, 48], "float32")


def test_a_folder_of_tiff_slices_tells_what_is_missing(made, tmp_path):
    for number in (0, 1, 3):
        shutil.copy(made / "raw_rec" / "a_rec" / f"recon_{number:05d}.tiff", tmp_path)
    found = contents_of(tmp_path)
    assert found.kind == "tiff slices"
    assert "numbered 0 to 3; MISSING: 2" in found.told


def test_a_folder_of_images_that_make_a_scan_is_one(tmp_path):
    for part, count in (("projections", 12), ("flats", 2), ("darks", 2)):
        (tmp_path / part).mkdir()
        for number in range(count):
            tifffile.imwrite(tmp_path / part / f"{part}_{number:03d}.tif", np.full((3, 8), 100 + number, np.uint16))
    np.savetxt(tmp_path / "theta.txt", np.linspace(0, 180, 12, endpoint=False))
    found = contents_of(tmp_path)
    assert found.told[0] == "scan, TIFF frames: 12 projections of 3 rows and 8 columns"
    (tmp_path / "scan.yaml").write_text("theta: {start: 0, stop: 180, endpoint: true}\n")
    assert contents_of(tmp_path / "scan.yaml").facts["span_deg"] == pytest.approx(180)


def test_a_model_folder_is_told_and_what_it_lacks(tmp_path):
    found = contents_of(shipped("models") / "tomogan-compact")
    assert found.kind == "model"
    assert any(line.startswith("denoise: ") and "int8 in tiles of 64, 128" in line for line in found.told)
    shutil.copy(shipped("models") / "tomogan-compact" / "manifest.json", tmp_path)
    assert "MISSING, though the manifest names them" in " ".join(contents_of(tmp_path).told)


def test_a_recipe_is_told_and_its_faults_are(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump([*STAGES, "write"]))
    found = contents_of(path)
    assert found.told[0] == "recipe: 6 stages, no faults"
    assert "rotation axis: given" in found.told
    path.write_text("- red\n")
    with pytest.raises(RecipeError, match="red: no such stage; did you mean 'read'"):
        contents_of(path)


def test_overrides_of_a_recipe_are_told(tmp_path):
    path = tmp_path / "scan_7.yaml"
    path.write_text("find_center: {center: 3}\n")
    assert contents_of(path).kind == "overrides"
    path.write_text("shopping: [milk]\n")
    with pytest.raises(DataError, match=r"neither a recipe .* nor overrides .* a mapping of shopping"):
        contents_of(path)


def test_pairs_to_train_on_are_told(tmp_path):
    path = tmp_path / "pairs.h5"
    with h5py.File(path, "w") as file:
        for part, count in (("train", 3), ("test", 1)):
            file[f"{part}_ns"] = np.zeros((count, 8, 8, 3), np.float16)
            file[f"{part}_gt"] = np.zeros((count, 8, 8), np.float16)
        file.attrs["seed"] = 4
    found = contents_of(path)
    assert found.kind == "pairs"
    assert found.told[0] == "pairs to train on: 3, and 1 held out, of 8 x 8 pixels, float16"
    assert found.facts["seed"] == 4


def test_numbers_that_follow_each_other_are_told_together():
    assert ranges([0, 1, 2, 5, 7, 8]) == "0 to 2, 5, 7 to 8"
    assert ranges([*range(0, 40, 2)]).endswith("14 and 12 more")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.md", b"# Notes", "is nothing that tomopy-edge reads or writes, it begins with the bytes b'# Notes'"),
        ("empty", b"", "it is empty"),
        ("net.tflite", b"\0\0\0\0TFL3", "see `tomopy-edge models check`"),
        ("cut.h5", b"\x89HDF\r\n\x1a\n" + bytes(40), "cannot be opened"),
        ("slice.tif", b"II*\x00", "cannot be read as TIFF"),
        ("bad.yaml", b"{", "not YAML"),
    ],
)
def test_anything_else_is_a_sentence_with_what_was_expected(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EdgeError) as caught:
        contents_of(tmp_path / name)
    assert said in str(caught.value)


def test_what_is_not_there_has_what_is_near_named(made, tmp_path):
    with pytest.raises(DataError, match=r"no such file or folder; did you mean 'a.h5'"):
        contents_of(made / "raw" / "aa.h5")
    with pytest.raises(DataError, match=r"a folder without anything of tomopy-edge's in it.* it is empty"):
        contents_of(tmp_path)


def test_the_verb_tells_each_of_several_paths_and_names_those_that_are_nothing(made, capsys):
    raw = made / "raw"
    assert main(["status", str(raw / "a.h5"), str(raw / "no.h5"), str(raw)]) == 2
    said, warned = capsys.readouterr()
    assert f"{raw / 'a.h5'}: scan, DataExchange" in said
    assert "folder: 2 scans" in said
    assert "no.h5: no such file" in warned


def test_json_is_one_object_for_one_path_and_a_list_for_several(made, capsys):
    path = str(made / "raw_rec" / "a_rec")
    assert main(["status", path, "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert (one["format"], one["kind"], one["slices"]) == (1, "output", [4, 48, 48])
    main(["status", path, path, "--json"])
    assert json.loads(capsys.readouterr().out) == [one, one]
