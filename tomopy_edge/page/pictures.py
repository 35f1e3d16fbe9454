"""Which slices a page has pictures of, and how these are packed into it: as JPEG, within a number of bytes."""

from __future__ import annotations

import io
import logging
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomopy_edge.trust.pictures import KINDS, picture_path

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

MOST = 6
"""Slices with pictures in a page."""

ROOM = 5_200_000
"""Bytes that all pictures of a page may take, in the letters that a page holds them in."""

SHEET_ROOM = 900_000
"""Of these, what the contact sheet may take."""

WIDEST = 1600
"""Pixels of a contact sheet from left to right."""

QUALITIES = (88, 78, 66, 52, 40)
"""Of JPEG, tried in turn until pictures are small enough; below, pictures are made smaller instead."""

SMALLER = 0.7
"""Factor by which edges become smaller then."""

SMALLEST = 64
"""Pixels below which no picture is shrunk."""


@dataclass(frozen=True)
class Embedded:
    """A picture as a page holds it.

    Attributes
    ----------
    url : with all of the picture
    width, height : pixels
    """

    url: str
    width: int
    height: int


def chosen_rows(examined: Sequence[int], flagged: Sequence[int], most: int = MOST) -> list[int]:
    """Return which examined rows are shown: flagged ones first, others spread evenly, each in the order of rows."""
    some = _spread([row for row in examined if row in set(flagged)], most)
    others = [row for row in examined if row not in set(flagged)]
    return some + _spread(others, most - len(some))


def _spread(rows: Sequence[int], most: int) -> list[int]:
    if len(rows) <= most:
        return [*rows]
    # In the middle of equal parts.
    places = (np.arange(most) + 0.5) / most * len(rows)
    return [rows[int(place)] for place in places]


def has_pictures(output: Path, row: int) -> bool:
    """Return whether an output has the pictures that slices are compared by."""
    return all(picture_path(output, row, kind).is_file() for kind in ("raw", "denoised"))


def slice_pictures(output: Path, row: int, room: int) -> dict[str, Embedded]:
    """Return the pictures of a row, by kind, in at most about `room` bytes; those that cannot be read are left out."""
    found = {kind: _opened(picture_path(output, row, kind)) for kind in KINDS}
    return _packed({kind: picture for kind, picture in found.items() if picture is not None}, room)


def sheet_picture(path: Path) -> Embedded | None:
    """Return a contact sheet; None where there is none that can be read."""
    picture = _opened(path)
    if picture is None:
        return None
    if picture.width > WIDEST:
        picture = _shrunk(picture, WIDEST / picture.width)
    return _packed({"sheet": picture}, SHEET_ROOM)["sheet"]


def _opened(path: Path) -> Image | None:
    from PIL import Image

    if not path.is_file():
        return None
    try:
        with Image.open(path) as picture:
            return picture.convert("L" if picture.mode == "L" else "RGB")
    except Exception as error:  # noqa: BLE001 - Pillow raises many sorts for damaged files; the page goes on without
        log.warning("%s: cannot be shown (%s)", path, error)
        return None


def _packed(pictures: dict[str, Image], room: int) -> dict[str, Embedded]:
    while True:
        for quality in QUALITIES:
            packed = {kind: _jpeg(picture, quality) for kind, picture in pictures.items()}
            if sum(len(one.url) for one in packed.values()) <= room:
                return packed
        if not packed or min(min(picture.size) for picture in pictures.values()) * SMALLER < SMALLEST:
            return packed
        pictures = {kind: _shrunk(picture, SMALLER) for kind, picture in pictures.items()}


def _shrunk(picture: Image, factor: float) -> Image:
    from PIL import Image

    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BOX)


def _jpeg(picture: Image, quality: int) -> Embedded:
    packed = io.BytesIO()
    # Colours at full resolution: marks are of few pixels.
    picture.save(packed, "JPEG", quality=quality, subsampling=0, optimize=False)
    url = f"data:image/jpeg;base64,{b64encode(packed.getvalue()).decode('ascii')}"
    return Embedded(url, picture.width, picture.height)
