"""Scans in numpy's files and in Zarr stores: rows are read alone, and what is missing or damaged is named."""

import json

import numpy as np
import pytest

from tomopy_edge.errors import DataError
from tomopy_edge.readers import numpy_files, open_scan

ANGLES, ROWS, COLUMNS = 6, 20, 9
COUNTS = np.random.default_rng(4).integers(0, 60000, (ANGLES, ROWS, COLUMNS)).astype(np.uint16)
FLATS, DARKS = COUNTS[:3] // 2, COUNTS[3:5] // 100
THETA = np.arange(ANGLES) * np.pi / ANGLES
PARTS = {"projections": COUNTS, "flats": FLATS, "darks": DARKS, "theta": THETA}


def expect_whole(path):
    with open_scan(path) as scan:
        assert (scan.angles, scan.rows, scan.columns) == (ANGLES, ROWS, COLUMNS)
        for first, last in ((3, 8), (0, ROWS), (19, 20)):
            part = scan.read(first, last)
            for read, written in ((part.projections, COUNTS), (part.flats, FLATS), (part.darks, DARKS)):
                np.testing.assert_array_equal(read, written[:, first:last])
        np.testing.assert_allclose(part.theta, THETA)
        assert part.full_scale == 65535
        return scan.notes


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", ["projections flats darks theta", "data data_white data_dark angles"])
def test_an_npz_file_is_a_scan(tmp_path, save, names):
    save(tmp_path / "scan.npz", **dict(zip(names.split(), PARTS.values(), strict=True)))
    notes = expect_whole(tmp_path / "scan.npz")
    assert any("was unpacked into" in note for note in notes) == (save is np.savez_compressed)


def test_a_folder_of_npy_files_is_a_scan(tmp_path):
    for name, array in PARTS.items():
        np.save(tmp_path / f"{name}.npy", array)
    expect_whole(tmp_path)
    expect_whole(tmp_path / "projections.npy")


def test_numbers_of_another_byte_order_are_read(tmp_path):
    np.savez(
        tmp_path / "scan.npz", **{name: array.astype(array.dtype.newbyteorder(">")) for name, array in PARTS.items()}
    )
    expect_whole(tmp_path / "scan.npz")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"projections": None}, "no projections: expected projections or data or tomo, got flats, darks, theta"),
        ({"theta": None}, "no theta: expected theta"),
        ({"theta": THETA[1:]}, r"there are 6 projections, but theta has the shape \(5,\)"),
        ({"projections": COUNTS[0]}, "must have the axes"),
        ({"projections": np.array([None, 1], object)}, "holds Python objects"),
        ({"projections": np.asfortranarray(COUNTS)}, "Fortran order"),
        ({"flats": FLATS[:, 1:]}, "flats: must have the axes .* 20 rows"),
        ({"theta": np.ones((2, 3))}, r"theta: must hold one angle for each projection, got float64 \(2, 3\)"),
    ],
)
def test_a_faulty_npz_file_is_refused(tmp_path, changed, message):
    parts = {name: array for name, array in {**PARTS, **changed}.items() if array is not None}
    np.savez(tmp_path / "scan.npz", **parts)
    with pytest.raises(DataError, match=message):
        open_scan(tmp_path / "scan.npz")


def test_an_npz_file_that_is_cut_off_is_told(tmp_path):
    path = tmp_path / "scan.npz"
    np.savez(path, **PARTS)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"scan\.npz: this \.npz file is damaged"):
        open_scan(path)


def test_an_npz_file_whose_packed_bytes_are_damaged_is_told(tmp_path):
    path = tmp_path / "scan.npz"
    np.savez_compressed(path, **PARTS)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"scan\.npz:projections: cannot be unpacked"):
        open_scan(path)


def test_a_header_that_is_damaged_is_told(tmp_path):
    for name in ("projections", "theta"):
        np.save(tmp_path / f"{name}.npy", PARTS[name])
    for name, message in (("theta", "is no array of angles"), ("projections", "is no array of numpy")):
        path = tmp_path / f"{name}.npy"
        path.write_bytes(path.read_bytes().replace(b"(", b"[", 1))
        with pytest.raises(DataError, match=rf"{name}\.npy: {message}"):
            open_scan(tmp_path)
        np.save(path, PARTS[name])


def test_an_npy_file_that_is_cut_off_is_told_when_it_is_opened_and_when_it_is_read(tmp_path):
    for name, array in PARTS.items():
        np.save(tmp_path / f"{name}.npy", array)
    path = tmp_path / "projections.npy"
    with open_scan(path) as scan:
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(DataError, match=r"projections\.npy, frame 3: is cut off"):
            scan.read(0, ROWS)
    with pytest.raises(DataError, match=r"projections\.npy: is cut off"):
        open_scan(path)


def test_where_there_is_no_room_to_unpack_that_is_said(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "scan.npz", **PARTS)
    monkeypatch.setattr(numpy_files, "has_room", lambda *_: False)
    with pytest.raises(DataError, match=r"scan\.npz:projections is compressed, and .* has no room"):
        open_scan(tmp_path / "scan.npz")


def put_array(folder, array, version, chunks, units=None):
    """Write an array as zarr-python does; of version 2, without TensorStore's `.zattrs`."""
    tensorstore = pytest.importorskip("tensorstore")
    if version == 2:
        spec = {"driver": "zarr", "metadata": {"chunks": chunks, "compressor": {"id": "zlib", "level": 1}}}
    else:
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip"}]
        if version == "sharded":
            inner = {"chunk_shape": [1, *chunks[1:]] if len(chunks) > 1 else chunks, "codecs": codecs}
            codecs = [{"name": "sharding_indexed", "configuration": inner}]
        grid = {"name": "regular", "configuration": {"chunk_shape": chunks}}
        spec = {"driver": "zarr3", "metadata": {"chunk_grid": grid, "codecs": codecs}}
    spec["kvstore"] = {"driver": "file", "path": f"{folder}/"}
    store = tensorstore.open(spec, create=True, dtype=array.dtype, shape=array.shape).result()
    store.write(array).result()
    if units and version == 2:
        (folder / ".zattrs").write_text(json.dumps({"units": units}))
    elif units:
        document = json.loads((folder / "zarr.json").read_text())
        (folder / "zarr.json").write_text(json.dumps({**document, "attributes": {"units": units}}))


@pytest.fixture(params=[2, 3, "sharded"])
def store(request, tmp_path):
    """A store as of DataExchange, in each version."""
    return put_store(tmp_path / "scan.zarr", request.param)


def put_store(path, version, prefix="exchange/", names=("data", "data_white", "data_dark", "theta")):
    group = {2: (".zgroup", '{"zarr_format": 2}')}.get(
        version, ("zarr.json", '{"zarr_format": 3, "node_type": "group"}')
    )
    for folder in (path, path / prefix):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / group[0]).write_text(group[1])
    for name, array in zip(names, PARTS.values(), strict=True):
        if name == "theta":
            put_array(path / prefix / name, np.rad2deg(array), version, [ANGLES], "degrees")
        else:
            put_array(path / prefix / name, array, version, [2, 8, COLUMNS])
    return path


def test_a_zarr_store_is_a_scan(store):
    assert expect_whole(store) == ()


def test_the_plain_names_of_a_store_are_known(tmp_path):
    put_store(tmp_path / "scan", 3, "", ("projections", "flats", "darks", "theta"))
    expect_whole(tmp_path / "scan")


def test_a_chunk_is_unpacked_once_for_many_rows(store):
    with open_scan(store) as scan:
        assert scan.stacks[0].rows_together == 8
        assert scan.stacks[0].frames_together in {1, 2}


def test_a_chunk_that_was_never_written_is_noted(store):
    chunk = next(
        path
        for path in sorted((store / "exchange" / "data").rglob("*"))
        if path.name in {"0.0.0", "0"} and path.is_file()
    )
    chunk.unlink()
    with open_scan(store) as scan:
        assert any("some of its chunks are not stored, and are read as" in note for note in scan.notes)
        assert not scan.read(0, 1).projections[0].any()


def test_a_chunk_that_is_damaged_is_told_with_its_frames(store):
    chunk = next(
        path
        for path in sorted((store / "exchange" / "data").rglob("*"))
        if path.name in {"1.0.0", "0"} and path.is_file()
    )
    chunk.write_bytes(b"\x00nonsense")
    with open_scan(store) as scan, pytest.raises(DataError, match=r"exchange/data: frames 0 to 5 cannot be read"):
        scan.read(0, 4)


def test_a_store_of_another_kind_is_told_by_what_is_in_it(tmp_path):
    put_store(tmp_path / "scan.zarr", 3, names=("date", "data_white", "data_dark", "theta"))
    with pytest.raises(
        DataError, match=r"no projections: expected exchange/data or .*exchange/data_dark.*did you mean"
    ):
        open_scan(tmp_path / "scan.zarr")


def test_one_array_has_no_angles_until_a_scan_yaml_gives_them(tmp_path):
    put_array(tmp_path / "data.zarr", COUNTS, 3, [2, 8, COLUMNS])
    with pytest.raises(DataError, match=r"one Zarr array, which has no angles.*`projections: data\.zarr`"):
        open_scan(tmp_path / "data.zarr")
    for name, array in (("flats", FLATS), ("darks", DARKS)):
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "scan.yaml").write_text("projections: data.zarr\ntheta: {start: 0, stop: 180, endpoint: false}\n")
    expect_whole(tmp_path)


def test_without_tensorstore_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    store = put_store(tmp_path / "scan.zarr", 3)
    monkeypatch.setitem(__import__("sys").modules, "tensorstore", None)
    with pytest.raises(DataError, match=r"pip install 'tomopy-edge\[zarr\]'"):
        open_scan(store)
