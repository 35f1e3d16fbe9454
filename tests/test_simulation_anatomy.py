"""Objects cut from volumes of real scans."""

import numpy as np
import pytest
import tifffile

from tomopy_edge.errors import DataError
from tomopy_edge.simulation.anatomy import VoxelVolume, cut, read_volumes
from tomopy_edge.simulation.phantoms import draw_phantom
from tomopy_edge.simulation.voxel_kernels import sample_volume


@pytest.fixture
def bar():
    """A dense bar in noise, as a file would hold it."""
    volume = np.random.default_rng(1).normal(60, 8, (24, 30, 36))
    volume[:, 10:20, 10:20] += 120
    return volume.clip(0, 255).astype(np.uint8)


def test_volumes_are_read_in_the_order_of_their_names_and_scaled(tmp_path, bar):
    for name in ("b.tif", "a.tiff"):
        tifffile.imwrite(tmp_path / name, bar)
    (tmp_path / "notes.txt").write_text("no volume")
    volumes = read_volumes(tmp_path)
    assert [volume.name for volume in volumes] == ["a.tiff", "b.tif"]
    density = volumes[0].density
    assert density.min() == 0
    assert 0.9 < density[5:-5, 13:17, 13:17].mean() < 1.1


def test_the_noise_of_a_volume_is_taken_from_its_truth(tmp_path, bar):
    tifffile.imwrite(tmp_path / "bar.tif", bar)
    density = read_volumes(tmp_path)[0].density
    raw = bar[5:-5, 13:17, 13:17].std() / 120
    assert density[5:-5, 13:17, 13:17].std() < raw / 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no .tif stacks"),
        (b"no tiff", "cannot be read as TIFF"),
        (np.zeros((30, 30), np.uint8), r"expected a volume \(z, y, x\)"),
        (np.zeros((5, 30, 30), np.uint8), "at least 16 voxels"),
        (np.full((20, 20, 20), 7, np.uint8), "is the same everywhere"),
        (np.full((20, 20, 20), np.nan, np.float32), "not finite"),
    ],
)
def test_what_is_no_volume_is_refused_with_its_name(tmp_path, content, message):
    path = tmp_path / "wrong.tif"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        tifffile.imwrite(path, content)
    with pytest.raises(DataError, match=message) as raised:
        read_volumes(tmp_path)
    assert str(tmp_path if content is None else path) in str(raised.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no folder"):
        read_volumes(tmp_path / "none")


def test_sampling_along_the_voxels_gives_the_voxels_and_their_mirror_images():
    volume = np.random.default_rng(1).random((4, 5, 6), np.float32)
    sampled = np.empty((7, 9, 11), np.float32)
    sample_volume(volume, np.zeros(3), np.eye(3), sampled)
    mirrored = np.pad(volume, ((0, 3), (0, 4), (0, 5)), mode="reflect")
    np.testing.assert_allclose(sampled, mirrored)


def test_a_sample_between_voxels_is_interpolated():
    z, y, x = np.mgrid[:6, :6, :6].astype(np.float32)
    sampled = np.empty((2, 2, 2), np.float32)
    steps = np.array([[0.5, 0.25, 0], [0, 0.5, 0.25], [0.25, 0, 0.5]])
    sample_volume(z + 10 * y + 100 * x, np.array([1.0, 1.5, 2.25]), steps, sampled)
    place = np.array([1.0, 1.5, 2.25]) + np.indices((2, 2, 2)).reshape(3, -1).T @ steps
    np.testing.assert_allclose(sampled.ravel(), place @ [1, 10, 100], rtol=1e-5)


def test_cuts_of_a_seed_are_the_same_and_neighbours_differ_little(bar):
    volume = VoxelVolume("bar", bar.astype(np.float32) / 180)
    first, again = (cut(np.random.default_rng(2), volume, 40, 3, 96)[:] for _ in range(2))
    assert np.array_equal(first, again)
    assert np.abs(first[0] - first[1]).mean() < first[1].mean()
    assert first[:, 0].max() == 0


def test_a_volume_phantom_needs_volumes(bar):
    with pytest.raises(ValueError, match="'volume' needs volumes"):
        draw_phantom(np.random.default_rng(1), "volume", 96)
    volume = VoxelVolume("bar", bar.astype(np.float32) / 180)
    phantom = draw_phantom(np.random.default_rng(1), "volume", 96, volumes=(volume,), rows=5)
    assert phantom.line_integrals(np.zeros(1), 5, 96, 48).max() > 5
