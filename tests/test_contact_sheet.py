import numpy as np
import pytest
from PIL import Image

from tomopy_edge.contact_sheet import (
    CAPTION,
    GAP,
    HEADER,
    MARGIN,
    Layout,
    Units,
    contact_sheet,
    most_structured,
    shown,
)
from tomopy_edge.drawing import COLD, WARM, Scale
from tomopy_edge.errors import DataError, OutputError


def slices(size=200, count=2):
    v, u = np.mgrid[:size, :size]
    disc = np.hypot(v - size / 2, u - size / 2) < size * 0.3
    clean = np.repeat(disc[np.newaxis] * np.float32(0.01), count, axis=0)
    noisy = clean + np.random.default_rng(0).normal(0, 0.004, clean.shape).astype(np.float32)
    return noisy, clean


def draw(noisy, clean, rows, path, **manner):
    contact_sheet([shown(*one) for one in zip(rows, noisy, clean, strict=True)], path, **manner)


def test_the_sheet_shows_each_slice_whole_and_enlarged(tmp_path):
    noisy, clean = slices()
    draw(noisy, clean, [3, 7], tmp_path / "sheet.png", pixel_size=2.2, title="a disc")
    with Image.open(tmp_path / "sheet.png") as sheet:
        edge = Layout.of((200, 200)).edge
        assert sheet.format == "PNG"
        assert sheet.width == 2 * MARGIN + 3 * edge + 2 * GAP
        assert sheet.height > HEADER + 2 * 2 * edge
        pixels = np.asarray(sheet)
    middle = HEADER + CAPTION + edge // 2
    denoised = pixels[middle, MARGIN + edge + GAP + edge // 2]
    outside = pixels[middle, MARGIN + edge + GAP + 10]
    difference = pixels[middle - 20 : middle + 20, MARGIN + 2 * (edge + GAP) + edge // 2 :][:, :40].reshape(-1, 3)
    assert (denoised == 255).all()
    assert (outside == 0).all()
    assert (difference[:, 0] > difference[:, 2]).any()
    assert (difference[:, 0] < difference[:, 2]).any()


def test_slices_that_do_not_belong_together_are_refused(tmp_path):
    noisy, clean = slices()
    for raw, denoised in ((noisy[0], clean[0, 1:]), (noisy, clean)):
        with pytest.raises(DataError, match=r"row 7: expected the same slice \(y, x\) twice"):
            shown(7, raw, denoised)
    one, other = shown(0, noisy[0], clean[0]), shown(1, noisy[1, 1:], clean[1, 1:])
    for unlike in ([], [one, other]):
        with pytest.raises(DataError, match="needs slices of one size"):
            contact_sheet(unlike, tmp_path / "sheet.png")


def test_a_sheet_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        draw(*slices(64, 1), [0], tmp_path / "absent" / "sheet.png")


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_slices_without_any_contrast_still_make_a_sheet(tmp_path, value):
    flat = np.full((1, 40, 40), value, np.float32)
    draw(flat, flat, [0], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize("shape", [(8, 8), (300, 301), (100, 64), (1025, 1025)])
def test_slices_of_any_size_make_a_sheet(tmp_path, shape):
    noisy = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    draw(noisy, noisy / 2, [0], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("size", "shrink", "grow", "edge"),
    [(64, 1, 6, 384), (200, 1, 2, 400), (256, 1, 2, 512), (640, 1, 1, 640), (1024, 2, 1, 512), (2560, 4, 1, 640)],
)
def test_panels_show_pixels_in_whole_steps(size, shrink, grow, edge):
    assert Layout.of((size, size)) == Layout(shrink, grow, edge)


def test_a_large_slice_is_averaged_into_its_panel():
    ramp = np.arange(1024 * 1024, dtype=np.float32).reshape(1024, 1024)
    view = Layout.of(ramp.shape).whole(ramp)
    assert view.shape == (512, 512)
    assert view[0, 0] == ramp[:2, :2].mean()


def test_the_part_shown_is_the_one_with_most_edges():
    slice_ = np.random.default_rng(0).normal(0, 0.5, (512, 512)).astype(np.float32)
    slice_[320:352, 180:212] += 8
    slice_[100, 100] = 1e5
    row, column, edge = most_structured(slice_, 64)
    assert row <= 320
    assert row + edge >= 352
    assert column <= 180
    assert column + edge >= 212


def test_the_same_value_is_the_same_grey_and_zero_difference_is_white():
    grey = Scale.grey(-1, 1)
    np.testing.assert_array_equal(grey.paint(np.array([[-2, -1, 0, 1, 2]], np.float32))[0, :, 0], [0, 0, 128, 255, 255])
    colours = Scale.around_zero(2).paint(np.array([[-3, 0, 2]], np.float32))
    np.testing.assert_array_equal(colours, [[COLD, (255, 255, 255), WARM]])


@pytest.mark.parametrize(
    ("pixel_size", "widest", "pixels", "words"),
    [
        (None, 130, 100, "100 pixels"),
        (2.2, 160, 200 / 2.2, "200 um"),
        (2.2, 500, 1000 / 2.2, "1 mm"),
        (0.65, 10, 5 / 0.65, "5 um"),
    ],
)
def test_scale_bars_are_round_lengths(pixel_size, widest, pixels, words):
    assert Units(pixel_size).bar(widest) == (pytest.approx(pixels), words)


def test_attenuation_is_per_cm_where_the_pixel_size_is_known():
    assert Units(None).attenuation(0.01234) == "0.0123"
    assert Units(2.0).attenuation(0.01) == "50"
    assert Units(2.0).name == "per cm"
