import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tomopy_edge.data import Volume
from tomopy_edge.errors import OutputError
from tomopy_edge.writers import digest, durable, zarr_metadata, zarr_planes
from tomopy_edge.writers.durable import sweep
from tomopy_edge.writers.zarr import ZarrWriter
from tomopy_edge.writers.zarr_halving import halved
from tomopy_edge.writers.zarr_metadata import Level, array_document, group_document, levels
from tomopy_edge.writers.zarr_parameters import write_parameters

ts = pytest.importorskip("tensorstore", reason="the extra zarr is not installed")

ROWS = (5, 12)
MADE_WITH = {"recipe": [{"reconstruct": {"mask": None, "cutoff": 0.8}}], "scan": {"name": "a.h5"}, "versions": {}}
TINY = "from tomopy_edge.writers import zarr_metadata as m; m.SMALL = m.CHUNK = 4"


@pytest.fixture(autouse=True)
def _tiny_chunks(monkeypatch):
    monkeypatch.setattr(zarr_metadata, "SMALL", 4)
    monkeypatch.setattr(zarr_metadata, "CHUNK", 4)


def slices(count=7, y=14, x=11):
    return np.random.default_rng(count).normal(size=(count, y, x)).astype(np.float32)


def write_all(folder, whole, rows=ROWS, order=None):
    folder.mkdir(exist_ok=True)
    with ZarrWriter(folder, rows) as writer:
        for index in range(len(whole)) if order is None else order:
            writer.write(Volume(whole[index : index + 1], rows[0] + index, pixel_size=0.5))


def content(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def level(folder, number):
    store = {"driver": "file", "path": str(folder / "recon.zarr" / str(number))}
    return ts.open({"driver": "zarr3", "kvstore": store}).result().read().result()


def mean(volume):
    """Means over 2 x 2 x 2, in another way than the writer's."""
    z, y, x = volume.shape
    padded = np.full([-(-n // 2) * 2 for n in volume.shape], np.nan)
    padded[:z, :y, :x] = volume
    blocks = padded.reshape(-(-z // 2), 2, -(-y // 2), 2, -(-x // 2), 2)
    numbers = np.isfinite(blocks)
    count = numbers.sum((1, 3, 5))
    total = np.where(numbers, blocks, 0).sum((1, 3, 5))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(7)), cuts=st.sets(st.integers(1, 6)))
def test_the_store_is_the_same_in_whatever_order_and_chunks_slices_come(tmp_path_factory, order, cuts):
    whole, one, other = slices(), tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    write_all(one, whole, order=order)
    with ZarrWriter(other, ROWS) as writer:
        for start, end in itertools.pairwise([0, *sorted(cuts), 7]):
            writer.write(Volume(whole[start:end], ROWS[0] + start, pixel_size=0.5))
    assert content(one) == content(other)
    np.testing.assert_array_equal(level(one, 0), whole)


def test_each_level_is_the_mean_of_the_one_below(tmp_path):
    write_all(tmp_path, slices())
    assert [level(tmp_path, n).shape for n in range(3)] == [(7, 14, 11), (4, 7, 6), (2, 4, 3)]
    assert not (tmp_path / "recon.zarr/3").exists()
    for number in (1, 2):
        np.testing.assert_allclose(level(tmp_path, number), mean(level(tmp_path, number - 1)), rtol=1e-4, atol=1e-6)


def test_voxels_that_are_no_numbers_do_not_enter_a_mean():
    nan = np.nan
    planes = [
        np.array([[1, nan, nan], [3, nan, nan]], np.float32),
        np.array([[nan, 5, nan], [7, nan, nan]], np.float32),
    ]
    np.testing.assert_array_equal(halved(planes), np.array([[4, nan]], np.float32))


def test_a_row_left_out_is_nan_and_not_in_the_pyramid(tmp_path):
    whole = slices()
    write_all(tmp_path, whole)
    with ZarrWriter(tmp_path, ROWS) as writer:
        for row in (5, 7, 8, 11):
            writer.leave_out(row)
            assert writer.read(row) is None
    whole[[0, 2, 3, 6]] = np.nan
    np.testing.assert_array_equal(level(tmp_path, 0), whole)
    np.testing.assert_allclose(level(tmp_path, 1), mean(whole), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(level(tmp_path, 2), mean(mean(whole)), rtol=1e-4, atol=1e-6)
    assert sorted(path.parent.parent.name for path in (tmp_path / "recon.zarr/1/c").glob("*/0/0")) == ["0", "2"]


def test_rows_left_out_before_or_after_make_the_same_store(tmp_path):
    whole = slices()
    write_all(tmp_path / "all", whole)
    write_all(tmp_path / "some", whole, order=[0, 1, 3, 4, 5, 6])
    for folder in ("all", "some"):
        with ZarrWriter(tmp_path / folder, ROWS) as writer:
            writer.leave_out(7)
    assert content(tmp_path / "all") == content(tmp_path / "some")


def test_nothing_is_left_out_of_a_store_that_there_is_not(tmp_path):
    with ZarrWriter(tmp_path, ROWS) as writer:
        writer.leave_out(7)
        assert writer.read(7) is None
    assert not any(tmp_path.iterdir())


def test_a_slice_is_read_as_it_was_written(tmp_path):
    whole = slices()
    whole[3] = np.nan  # not the same as one that is missing
    backwards = np.ascontiguousarray(whole[:, ::-1])[:, ::-1]
    with ZarrWriter(tmp_path, ROWS) as writer:
        writer.write(Volume(backwards, ROWS[0]))
        assert [digest(writer.read(row)) for row in range(*ROWS)] == [digest(slice_) for slice_ in whole]
        assert writer.read(4) is None
        assert writer.read(12) is None


@pytest.mark.parametrize("damage", ["bit", "short", "empty", "gone"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_damaged_slice_is_not_there_and_writing_it_again_mends_the_store(tmp_path, damage, number):
    whole = slices()
    write_all(tmp_path, whole)
    right = content(tmp_path)
    path = tmp_path / f"recon.zarr/{number}/c/1/0/0"
    flipped = bytearray(path.read_bytes())
    flipped[40] ^= 4
    path.write_bytes({"bit": bytes(flipped), "short": flipped[:-9], "empty": b"", "gone": b""}[damage])
    if damage == "gone":
        path.unlink()
    with ZarrWriter(tmp_path, ROWS) as writer:
        row, index = (6, 1) if number == 0 else (7, 2)
        if number == 0:
            assert writer.read(row) is None
            # Until then its pair goes on without it.
            writer.write(Volume(whole[:1], 5, pixel_size=0.5))
            np.testing.assert_allclose(level(tmp_path, 1)[0], mean(whole[:1])[0], rtol=1e-4)
        writer.write(Volume(whole[index : index + 1], row, pixel_size=0.5))
    assert content(tmp_path) == right


def test_a_pyramid_can_be_made_anew(tmp_path):
    write_all(tmp_path, slices())
    right = content(tmp_path)
    for path in (tmp_path / "recon.zarr/1/c").glob("*/0/0"):
        path.write_bytes(b"")
    with ZarrWriter(tmp_path, ROWS) as writer:
        writer.remake(range(*ROWS))
    assert content(tmp_path) == right


WRITE = f"""
import sys, numpy as np
from pathlib import Path
{TINY}
from tomopy_edge.data import Volume
from tomopy_edge.writers.zarr import ZarrWriter
whole = np.random.default_rng(24).normal(size=(24, 64, 40)).astype(np.float32)
print("ready", flush=True)
with ZarrWriter(Path(sys.argv[1]), (0, 24)) as writer:
    for row in eval(sys.argv[2]):
        sys.stdin.readline()
        writer.write(Volume(whole[row : row + 1], row, pixel_size=0.5))
        print(row, flush=True)
"""


def start(folder, rows):
    """Start a writer of its own process, which waits before each row until it is let."""
    command = [sys.executable, "-c", WRITE, str(folder), rows]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    assert writer.stdout.readline() == "ready\n"
    return writer


def let(writer, rows):
    writer.stdin.write("\n" * rows)
    writer.stdin.flush()


def reference(folder):
    write_all(folder, np.random.default_rng(24).normal(size=(24, 64, 40)).astype(np.float32), (0, 24))
    return content(folder)


def test_a_store_whose_writer_was_killed_is_gone_on_with(tmp_path):
    right = reference(tmp_path / "right")
    (tmp_path / "killed").mkdir()
    written = set()
    for rows, milliseconds in ((1, 1), (1, 3), (4, 0), (3, 2), (2, 1), (4, 4)):
        writer = start(tmp_path / "killed", str(sorted(set(range(24)) - written)))
        let(writer, rows)
        # All but the last of them, and then somewhere in that one.
        written |= {int(writer.stdout.readline()) for _ in range(rows - 1)}
        time.sleep(milliseconds / 1e3)
        writer.send_signal(signal.SIGKILL)
        written |= {int(line) for line in writer.communicate()[0].split()}
        whole = content(tmp_path / "killed")
        # Of the metadata and of the full resolution, what is there is what will be there at last.
        for name in whole:
            if name in right and ("recon.zarr/0/" in name or name.endswith("zarr.json")):
                assert whole[name] == right[name]
        assert {f"recon.zarr/0/c/{row}/0/0" for row in written} <= set(whole)
    writer = start(tmp_path / "killed", str(sorted(set(range(24)) - written)))
    let(writer, 24)
    writer.communicate()
    assert writer.returncode == 0
    assert 9 <= len(written) <= 15
    sweep(tmp_path / "killed")
    assert content(tmp_path / "killed") == right


def test_writers_in_several_processes_make_the_same_store(tmp_path):
    right = reference(tmp_path / "right")
    (tmp_path / "shared").mkdir()
    writers = [start(tmp_path / "shared", f"range({first}, 24, 3)") for first in range(3)]
    for writer in writers:
        let(writer, 8)
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert content(tmp_path / "shared") == right


def test_a_mean_that_another_writer_overtook_is_made_again(tmp_path, monkeypatch):
    whole = slices()
    write_all(tmp_path / "right", whole)
    raced = tmp_path / "two"
    write_all(raced, whole, order=[2, 3, 4, 5, 6])
    write = zarr_planes.Planes.write

    def overtaken(self, planes):
        # Between this writer's reading and its writing of the pair's mean, another one brings the other slice.
        if self._folder.name == "1":
            monkeypatch.setattr(zarr_planes.Planes, "write", write)
            write_all(raced, whole, order=[1])
        write(self, planes)

    with ZarrWriter(raced, ROWS) as writer:
        monkeypatch.setattr(zarr_planes.Planes, "write", overtaken)
        writer.write(Volume(whole[:1], 5, pixel_size=0.5))
    assert content(raced) == content(tmp_path / "right")


def test_metadata_that_a_killed_writer_did_not_end_are_made_again(tmp_path):
    whole = slices()
    write_all(tmp_path / "right", whole)
    write_all(tmp_path / "killed", whole, order=[])
    store = tmp_path / "killed/recon.zarr"
    (store / "0").mkdir(parents=True)
    (store / "0/zarr.json").write_text("{}")
    write_all(tmp_path / "killed", whole)
    assert content(tmp_path / "killed") == content(tmp_path / "right")


def test_folders_of_new_slices_are_flushed(tmp_path, monkeypatch):
    flushed = []
    for module in (durable, zarr_planes):
        monkeypatch.setattr(module, "flush", lambda path: flushed.append(str(path.relative_to(tmp_path))))
    with ZarrWriter(tmp_path, (5, 6)) as writer:
        writer.write(Volume(slices(1, 4, 4), 5))
    assert flushed[-4:] == ["recon.zarr/0/c/0/0", "recon.zarr/0/c/0", "recon.zarr/0/c", "recon.zarr/0"]


def test_a_level_has_the_size_and_factors_of_its_voxels():
    assert levels((1, 9, 4)) == [Level((1, 9, 4)), Level((1, 5, 2), (1, 2, 2)), Level((1, 3, 1), (1, 4, 4))]
    assert Level((3, 5, 1), (4, 4, 1)).halved() == Level((2, 3, 1), (8, 8, 1))


def test_voxels_lie_where_their_detector_rows_do():
    # Level 1: voxels of 1 um whose middles lie 0.25 um behind those of the first of their two.
    document = group_document(levels((7, 8, 8)), 10, 0.5)
    multiscale = document["attributes"]["ome"]["multiscales"][0]
    assert multiscale["axes"] == [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    assert [dataset["coordinateTransformations"] for dataset in multiscale["datasets"]] == [
        [{"type": "scale", "scale": [0.5] * 3}, {"type": "translation", "translation": [5.0, 0.0, 0.0]}],
        [{"type": "scale", "scale": [1.0] * 3}, {"type": "translation", "translation": [5.25, 0.25, 0.25]}],
    ]
    assert document["attributes"]["first_row"] == 10
    assert document["attributes"]["units"] == "attenuation per pixel"


def test_lengths_are_pixels_where_the_pixel_size_is_not_known():
    multiscale = group_document(levels((7, 4, 4)), 0, None)["attributes"]["ome"]["multiscales"][0]
    assert multiscale["axes"][0] == {"name": "z", "type": "space"}
    assert multiscale["datasets"][0]["coordinateTransformations"][0] == {"type": "scale", "scale": [1.0] * 3}


def test_a_slice_is_one_file_of_chunks_that_can_be_fetched_alone(monkeypatch):
    monkeypatch.setattr(zarr_metadata, "CHUNK", 512)
    document = array_document(Level((7, 1300, 400)), 0)
    assert document["chunk_grid"]["configuration"]["chunk_shape"] == [1, 1536, 400]
    assert document["codecs"][0]["configuration"]["chunk_shape"] == [1, 512, 400]


@pytest.mark.filterwarnings("ignore")  # of libraries that the package itself does not use
def test_zarr_python_reads_it(tmp_path):
    zarr = pytest.importorskip("zarr", "3", reason="zarr-python 3 is not installed")
    whole = slices()
    write_all(tmp_path, whole, order=[0, 1, 2, 3, 4, 5])
    group = zarr.open_group(tmp_path / "recon.zarr", mode="r")
    np.testing.assert_array_equal(group["0"][:6], whole[:6])
    assert np.isnan(group["0"][6]).all()
    np.testing.assert_array_equal(group["2"][:], level(tmp_path, 2))
    assert group["0"].metadata.dimension_names == ("z", "y", "x")
    assert group["0"].attrs.asdict() == {"description": "ReconData", "units": "attenuation per pixel", "first_row": 5}


@pytest.mark.filterwarnings("ignore")  # of libraries that the package itself does not use
@pytest.mark.parametrize("pixel_size", [None, 0.65])
def test_it_is_valid_ome_zarr(tmp_path, pixel_size):
    zarr = pytest.importorskip("zarr", "3", reason="zarr-python 3 is not installed")
    models = pytest.importorskip("ome_zarr_models.v05", reason="ome-zarr-models is not installed")
    with ZarrWriter(tmp_path, ROWS) as writer:
        writer.write(Volume(slices(), ROWS[0], pixel_size))
    write_parameters(tmp_path / "recon.zarr", MADE_WITH)
    assert zarr.open_group(tmp_path / "recon.zarr", mode="r").attrs["tomopy_edge"] == MADE_WITH
    image = models.Image.from_zarr(zarr.open_group(tmp_path / "recon.zarr", mode="r"))
    assert len(image.ome_attributes.multiscales[0].datasets) == 3


@pytest.mark.filterwarnings("ignore")  # of libraries that the package itself does not use
def test_ome_zarr_reads_it(tmp_path):
    reader = pytest.importorskip("ome_zarr.reader", reason="ome-zarr is not installed")
    from ome_zarr.io import parse_url

    whole = slices()
    write_all(tmp_path, whole)
    (node,) = reader.Reader(parse_url(tmp_path / "recon.zarr"))()
    assert [array.shape for array in node.data] == [(7, 14, 11), (4, 7, 6), (2, 4, 3)]
    np.testing.assert_array_equal(node.data[0].compute(), whole)


def attributes(folder):
    store = {"driver": "file", "path": str(folder / "recon.zarr/zarr.json")}
    return ts.open({"driver": "json", "kvstore": store, "json_pointer": "/attributes"}).result().read().result().item()


def test_what_it_was_made_with_stands_beside_what_ome_zarr_says(tmp_path):
    write_all(tmp_path, slices(), order=[0, 1])
    before = attributes(tmp_path)
    for parameters in ({"recipe": ["another"]}, MADE_WITH):
        write_parameters(tmp_path / "recon.zarr", parameters)
        assert attributes(tmp_path) == before | {"tomopy_edge": parameters}
    once = content(tmp_path)
    write_parameters(tmp_path / "recon.zarr", MADE_WITH)
    assert content(tmp_path) == once
    # A run that goes on with the store neither minds nor loses it.
    write_all(tmp_path, slices(), order=[2])
    assert attributes(tmp_path)["tomopy_edge"] == MADE_WITH
    with pytest.raises(OutputError, match=r"recon\.zarr: cannot be written"):
        write_parameters(tmp_path / "absent/recon.zarr", MADE_WITH)


def test_a_store_of_other_rows_or_sizes_is_refused(tmp_path):
    write_all(tmp_path, slices())
    with pytest.raises(OutputError, match=r"holds other rows than 5 to 12; remove it"):
        ZarrWriter(tmp_path, (5, 13))
    with ZarrWriter(tmp_path, ROWS) as writer:
        with pytest.raises(ValueError, match=r"slices: expected \(14, 11\), got \(6, 7\)"):
            writer.write(Volume(slices(1, 6, 7), 5))
        with pytest.raises(ValueError, match="row 12: the store has the rows 5 to 11"):
            writer.write(Volume(slices(2), 11))
        with pytest.raises(ValueError, match="row 4: "):
            writer.leave_out(4)
    (tmp_path / "empty").mkdir()
    with ZarrWriter(tmp_path / "empty", ROWS) as writer, pytest.raises(ValueError, match="row 12: "):
        writer.write(Volume(slices(2), 11))
    assert not any((tmp_path / "empty").iterdir())


@pytest.mark.parametrize("name", ["zarr.json", "1/zarr.json"])
@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"attributes": 3}'])
def test_a_store_with_damaged_metadata_is_refused(tmp_path, name, text):
    write_all(tmp_path, slices())
    (tmp_path / "recon.zarr" / name).write_text(text)
    with pytest.raises(OutputError, match=r"recon\.zarr: cannot be gone on with"):
        ZarrWriter(tmp_path, ROWS)


def changed(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_paths_that_metadata_give_are_not_followed(tmp_path):
    whole = slices()
    write_all(tmp_path / "foreign", whole)
    write_all(tmp_path / "own", whole, order=[0])
    before = content(tmp_path / "foreign")

    def lead_out(document):
        document["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = str(tmp_path / "foreign/recon.zarr/0")

    changed(tmp_path / "own/recon.zarr/zarr.json", lead_out)
    with ZarrWriter(tmp_path / "own", ROWS) as writer:
        writer.write(Volume(-whole, 5))
    assert content(tmp_path / "foreign") == before
    np.testing.assert_array_equal(level(tmp_path / "own", 0), -whole)


@pytest.mark.parametrize("shape", [[4, 7, 5], [4, 7], [], [20, 14, 11]])
@pytest.mark.parametrize("number", [0, 1])
def test_levels_that_are_not_halves_are_refused(tmp_path, shape, number):
    write_all(tmp_path, slices())
    changed(tmp_path / f"recon.zarr/{number}/zarr.json", lambda document: document.update(shape=shape))
    with pytest.raises(OutputError, match=r"cannot be gone on with|not halves"):
        ZarrWriter(tmp_path, ROWS)


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        ZarrWriter(tmp_path / "absent", ROWS)


def test_a_full_disk_is_an_output_error_and_leaves_what_was_there(tmp_path, monkeypatch):
    write_all(tmp_path, slices(), order=[0])
    before = content(tmp_path)

    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(durable, "flush", full)
    with ZarrWriter(tmp_path, ROWS) as writer, pytest.raises(OutputError, match=r"recon\.zarr: .* the disk is full"):
        writer.write(Volume(slices()[1:2], 6))
    assert content(tmp_path) == before


def test_without_its_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    with pytest.raises(OutputError, match=r"pip install 'tomopy-edge\[zarr\]'"):
        ZarrWriter(tmp_path, ROWS)
