"""What data look like in a notebook: what they are, in words that are escaped, and a picture that costs nothing."""

import base64
import io
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tomopy_edge import notebook
from tomopy_edge.data import Scan, Volume


def scan(angles=90, rows=40, columns=64, **extra):
    projections = np.arange(angles * rows * columns, dtype=np.uint16).reshape(angles, rows, columns)
    frames = np.ones((3, rows, columns), np.uint16)
    return Scan(projections, frames, frames[:2], np.linspace(0, np.pi, angles), first_row=7, **extra)


def picture(text):
    encoded = re.search(r"data:image/png;base64,([^']+)'", text).group(1)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def test_a_scan_shows_axes_counts_angles_and_the_middle_projection():
    text = scan(pixel_size=0.65)._repr_html_()
    for said in (
        "90 x 40 x 64 (angle, row, column), uint16",
        "3, 2 frames",
        "0 to 180 degrees",
        "0.65 µm",
        "from 7 of",
    ):
        assert said in text
    assert picture(text).shape == (40, 64)
    assert "middle projection" in text


def test_a_scan_of_few_rows_shows_a_sinogram():
    text = scan(rows=2)._repr_html_()
    assert picture(text).shape == (90, 64)
    assert "sinogram of the middle row" in text


def test_a_volume_shows_axes_range_and_the_middle_slice():
    slices = np.zeros((3, 32, 32), np.float32)
    slices[1, 8:24, 8:24] = 0.5
    text = Volume(slices, first_row=4, unit=0.5, precision="int8")._repr_html_()
    for said in ("3 x 32 x 32 (z, y, x), float32", "0 to 0.5", "not known", "int8", "0.5 per pixel"):
        assert said in text
    shown = picture(text)
    assert shown[16, 16] == 255
    assert shown[0, 0] == 0


def test_what_is_large_is_shown_from_a_part_of_it():
    # A terabyte, of which no more than a page is there.
    slices = np.broadcast_to(np.float32(0.25), (4096, 8192, 8192))
    start = time.perf_counter()
    text = Volume(slices)._repr_html_()
    assert time.perf_counter() - start < 2
    assert "1024.00 GiB" in text
    assert re.search(r"0\.25 to 0\.25, from \d+ of 274877906944 values", text)
    assert max(picture(text).shape) <= notebook.WIDEST
    assert len(text) < 100_000


def test_values_that_are_not_finite_are_told_and_break_nothing():
    slices = np.ones((1, 16, 16), np.float32)
    slices[0, 3, 4:6] = np.nan, np.inf
    text = Volume(slices)._repr_html_()
    assert "1 to 1; 2 not finite" in text
    assert picture(text).shape == (16, 16)
    nothing = Volume(np.full((1, 16, 16), np.nan, np.float32))._repr_html_()
    assert "nothing finite" in nothing
    assert "<img" not in nothing


@pytest.mark.parametrize("shape", [(0, 16, 16), (2, 0, 0)])
def test_what_is_empty_is_shown_without_a_picture(shape):
    assert "<img" not in Volume(np.empty(shape, np.float32))._repr_html_()


def test_a_report_is_escaped_and_short():
    lines = [f"read: note {n}" for n in range(20)]
    report = SimpleNamespace(
        scan={"source": "/data/<script>.h5"},
        slices=(3, 64, 64),
        started="2026-01-01",
        seconds=2.04,
        lines=lambda: [*lines, "3 slices in 2.0 s & more"],
    )
    text = notebook.report_html(report)
    assert "/data/&lt;script&gt;.h5" in text
    assert "<script>" not in text
    assert "3 x 64 x 64 (z, y, x)" in text
    assert "2.0 s &amp; more" in text
    assert "2.0 s</td>" in text
    assert "note 8" in text
    assert "note 9" not in text
    assert "and 9 more" in text
    assert "note 19" in text
