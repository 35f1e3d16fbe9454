"""Unfinished and finished outputs that someone, or a disk, damaged: what is not as it was is made again."""

import json
import shutil

import h5py
import numpy as np
import pytest

FORMATS = ["tiff", "hdf5", "zarr"]


def flip(path, where):
    content = bytearray(path.read_bytes())
    content[where if where >= 0 else len(content) + where] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def flip_middle(path):
    flip(path, path.stat().st_size // 2)


def flip_end(path):
    flip(path, -1)


DAMAGES = [flip_middle, flip_end, cut, empty, remove]


@pytest.fixture
def unfinished(run, at_fault, tmp_path):
    """An output in all formats of which half is there."""
    at_fault("is interrupted", 3)
    assert run(tmp_path / "out", formats=FORMATS).code == 130
    at_fault(None)
    return tmp_path / "out.part"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_slice_that_is_damaged_is_made_again(unfinished, made_whole, tmp_path, damage):
    damage(unfinished / "recon_00001.tiff")
    damage(unfinished / "recon.zarr/0/c/2/0/0")
    done = made_whole(tmp_path / "out", formats=FORMATS)
    for row in (1, 2):
        assert f"row {row}: its slice is not what was written, and is made again" in done.said


def test_a_slice_that_is_damaged_in_hdf5_is_made_again(unfinished, made_whole, tmp_path):
    with h5py.File(unfinished / "recon.h5", "r+") as file:
        file["exchange/data"][1, 20, 20] += np.float32(1e-3)
    done = made_whole(tmp_path / "out", formats=FORMATS)
    assert "row 1: its slice is not what was written, and is made again" in done.said


@pytest.mark.parametrize("name", ["recon.h5", "recon.zarr/zarr.json", "recon.zarr/0/zarr.json"])
@pytest.mark.parametrize("damage", [cut, empty])
def test_a_file_of_slices_that_cannot_be_opened_any_more_is_named_to_be_removed(
    unfinished, run, made_whole, kept, tmp_path, name, damage
):
    damage(unfinished / name)
    ended = run(tmp_path / "out", "--resume", formats=FORMATS)
    assert ended.code == 2
    store = unfinished / name.split("/")[0]
    assert f"{store}: cannot be gone on with" in ended.said
    assert "remove it" in ended.said
    assert kept(tmp_path / "out") == 4
    if store.is_dir():
        shutil.rmtree(store)
    else:
        store.unlink()
    made_whole(tmp_path / "out", formats=FORMATS)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_ledger_that_is_damaged_costs_the_slices_that_it_no_longer_vouches_for(
    unfinished, made_whole, tmp_path, damage
):
    damage(unfinished / "slices.jsonl")
    made_whole(tmp_path / "out", formats=FORMATS)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\x00",
        b"[]",
        b'{"row": 1e999, "sha256": ""}',
        b'{"row": -3, "sha256": "0"}',
        b'{"row": 70000, "sha256": "0"}',
        b'{"row": null}',
        b"[" * 100_000,
    ],
    ids=["no text", "a list", "infinite", "negative", "of another scan", "no number", "deep"],
)
def test_a_ledger_with_nonsense_in_it_harms_nothing(unfinished, made_whole, tmp_path, line):
    with (unfinished / "slices.jsonl").open("ab") as file:
        file.write(line + b"\n")
    made_whole(tmp_path / "out", formats=FORMATS)


@pytest.mark.parametrize("damage", [flip_middle, cut, empty])
def test_a_beginning_that_is_damaged_is_not_gone_on_with(unfinished, run, made_whole, kept, tmp_path, damage):
    damage(unfinished / "begun.json")
    ended = run(tmp_path / "out", "--resume", formats=FORMATS)
    assert ended.code == 2
    assert "begun.json" in ended.said
    assert "begin anew (--overwrite)" in ended.said
    assert kept(tmp_path / "out") == 4
    made_whole(tmp_path / "out", "--overwrite", formats=FORMATS)


def test_a_number_that_was_changed_in_the_beginning_is_found_out(unfinished, run, made_whole, kept, tmp_path):
    beginning = unfinished / "begun.json"
    settled = json.loads(beginning.read_text())
    settled["settled"][3]["find_center"]["center"] = 24.5
    beginning.write_text(json.dumps(settled, indent=2) + "\n")
    ended = run(tmp_path / "out", "--resume", formats=FORMATS)
    assert ended.code == 2
    assert "begun.json: cannot be read (it is damaged)" in ended.said
    assert kept(tmp_path / "out") == 4
    made_whole(tmp_path / "out", "--overwrite", formats=FORMATS)


def test_slices_of_which_nobody_knows_how_they_were_made_are_made_again(unfinished, run, undisturbed, tmp_path):
    (unfinished / "begun.json").unlink()
    # With another recipe they would be others.
    denoise = {"denoiser": "none"}
    assert run(tmp_path / "out", "--resume", denoise=denoise, formats=FORMATS).code == 0
    other = undisturbed(denoise=denoise, formats=FORMATS)
    for name in other:
        if name.endswith(".tiff"):
            assert (tmp_path / "out" / name).read_bytes() == other[name]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_finished_output_that_is_damaged_is_gone_over(run, made_whole, tmp_path, damage):
    assert run(tmp_path / "out", formats=FORMATS).code == 0
    slices = ["recon_00001.tiff", "recon.zarr/0/c/2/0/0", "recon.zarr/0/c/3/0/0"]
    for name in [*slices, "slices.jsonl", "contact_sheet.png", "recipe.yaml"]:
        damage(tmp_path / "out" / name)
    made_whole(tmp_path / "out", formats=FORMATS)
