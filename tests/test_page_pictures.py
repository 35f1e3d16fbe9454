"""Of many slices a page shows flagged ones first, then some that are spread evenly, in as many bytes as it may take."""

import io
from base64 import b64decode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tomopy_edge.page.pictures import MOST, chosen_rows, sheet_picture, slice_pictures
from tomopy_edge.trust.pictures import picture_path


def test_flagged_rows_come_first_and_others_are_spread():
    assert chosen_rows(range(0, 100, 10), [50, 20]) == [20, 50, 10, 40, 70, 90]
    assert chosen_rows([1, 2, 3], []) == [1, 2, 3]
    assert chosen_rows(range(600), range(600)) == [50, 150, 250, 350, 450, 550]


@given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 300)))
def test_no_more_than_some_are_shown_and_none_twice(examined, flagged):
    rows = sorted(examined)
    shown = chosen_rows(rows, sorted(flagged & examined))
    assert len(shown) == len({*shown}) == min(len(rows), MOST)
    assert {*shown} <= examined
    assert len(flagged & {*shown}) == min(len(flagged & examined), MOST)


@pytest.fixture
def noisy(tmp_path):
    """An output with pictures of a row, all of them noise, which no compression makes small."""
    rng = np.random.default_rng(3)
    (tmp_path / "trust").mkdir()
    for kind in ("raw", "denoised", "residual"):
        Image.fromarray(rng.integers(0, 255, (300, 300), np.uint8)).save(picture_path(tmp_path, 7, kind))
    return tmp_path


@pytest.mark.parametrize("room", [400_000, 100_000, 30_000])
def test_pictures_keep_to_their_room_all_of_one_size(noisy, room):
    packed = slice_pictures(noisy, 7, room)
    assert packed.keys() == {"raw", "denoised", "residual"}
    assert sum(len(one.url) for one in packed.values()) <= room
    assert len({(one.width, one.height) for one in packed.values()}) == 1
    for one in packed.values():
        picture = Image.open(io.BytesIO(b64decode(one.url.partition(",")[2])))
        assert (picture.format, picture.size) == ("JPEG", (one.width, one.height))


def test_a_picture_is_what_it_was_but_for_little(tmp_path):
    (tmp_path / "trust").mkdir()
    y, x = np.mgrid[:128, :128]
    smooth = np.stack([x + y, 255 - x, 128 + 0 * x], -1).astype(np.uint8)
    Image.fromarray(smooth).save(picture_path(tmp_path, 7, "residual"))
    packed = slice_pictures(tmp_path, 7, 10**6)["residual"]
    back = np.asarray(Image.open(io.BytesIO(b64decode(packed.url.partition(",")[2]))), int)
    assert np.abs(back - smooth).mean() < 2


def test_a_contact_sheet_that_is_not_there_is_none(tmp_path):
    assert sheet_picture(tmp_path / "contact_sheet.png") is None
