"""Outputs open in napari: what is ours is known, layers lie where their rows do, and are read as they are seen."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError
from tomopy_edge.napari import get_reader, read
from tomopy_edge.writers.hdf5 import Hdf5Writer
from tomopy_edge.writers.tiff import TiffStackWriter
from tomopy_edge.writers.zarr import ZarrWriter

pytest.importorskip("dask.array")
SLICES = np.random.default_rng(2).random((5, 300, 300)).astype(np.float32)
MANIFEST = Path(importlib.import_module("tomopy_edge").__file__).with_name("napari.yaml")


def write(folder, kind, pixel_size=1.5):
    folder.mkdir()
    volume = Volume(SLICES, first_row=10, pixel_size=pixel_size)
    if kind == "tiff":
        TiffStackWriter(folder).write(volume)
        return folder
    if kind == "zarr":
        pytest.importorskip("tensorstore")
    with {"hdf5": Hdf5Writer, "zarr": ZarrWriter}[kind](folder, (10, 15)) as writer:
        writer.write(volume)
    return folder


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a layer's file stays open as long as it is looked at
@pytest.mark.parametrize("kind", ["hdf5", "zarr", "tiff"])
def test_an_output_folder_is_a_layer_in_its_place(tmp_path, kind):
    folder = write(tmp_path / "bone_rec", kind)
    reader = get_reader(str(folder))
    ((data, told, layer),) = reader(str(folder))
    assert layer == "image"
    levels = data if told["multiscale"] else [data]
    assert len(levels) == (2 if kind == "zarr" else 1)
    np.testing.assert_array_equal(np.asarray(levels[0]), SLICES)
    assert told["name"] == "bone_rec"
    size = 1.0 if kind == "tiff" else 1.5
    assert told["scale"] == (size,) * 3
    assert told["translate"] == (10 * size, 0.0, 0.0)
    low, high = told["contrast_limits"]
    assert 0 <= low < 0.02
    assert 0.98 < high <= 1


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("kind", "name"), [("hdf5", "recon.h5"), ("zarr", "recon.zarr")])
def test_the_file_in_it_can_be_opened_too(tmp_path, kind, name):
    path = write(tmp_path / "bone_rec", kind, None) / name
    ((_, told, _),) = get_reader(str(path))(str(path))
    assert told["name"] == "bone_rec"
    assert told["scale"] == (1.0,) * 3


def test_what_is_not_ours_is_left_to_other_readers(tmp_path):
    (tmp_path / "scan.h5").touch()
    for path in (tmp_path, tmp_path / "scan.h5", tmp_path / "nothing"):
        assert get_reader(str(path)) is None
    assert get_reader([]) is None
    with pytest.raises(DataError, match=r"is no output of tomopy-edge: there is no recon\.zarr"):
        read(str(tmp_path))


def test_several_outputs_are_several_layers(tmp_path):
    paths = [str(write(tmp_path / name, "tiff")) for name in ("a_rec", "b_rec")]
    assert [told["name"] for _, told, _ in get_reader(paths)(paths)] == ["a_rec", "b_rec"]


def test_the_manifest_names_what_there_is():
    manifest = yaml.safe_load(MANIFEST.read_text())
    (command,) = manifest["contributions"]["commands"]
    (reader,) = manifest["contributions"]["readers"]
    module, _, name = command["python_name"].partition(":")
    assert getattr(importlib.import_module(module), name) is get_reader
    assert reader["command"] == command["id"]
    npe2 = pytest.importorskip("npe2")
    npe2.PluginManifest.from_file(MANIFEST)
