"""The pictures in the docs show what the package makes of the scans they name, and say whose those are."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def make_pictures():
    spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tooth_is_what_is_made_of_it(scans, make_pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_pictures, "PICTURES", tmp_path)
    make_pictures.save(make_pictures.tooth(scans), "tooth")
    made, kept = (
        np.asarray(Image.open(folder / "tooth.webp").convert("L"), np.float32)
        for folder in (tmp_path, DOCS / "pictures")
    )
    assert made.shape == kept.shape
    # Compression and another runtime's rounding change single pixels; another network changes the middle part.
    assert np.abs(made - kept)[:, 306:606].mean() < 3


def test_the_parts_of_a_picture_share_the_grey_range_of_the_last(make_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(make_pictures, "PICTURES", tmp_path)
    last = np.linspace(0, 1, 64 * 64).reshape(64, 64)
    make_pictures.save([last + 0.5, last], "ramp")
    grey = np.asarray(Image.open(tmp_path / "ramp.webp").convert("L"), int)
    assert abs(grey[1, :64].mean() - grey[33, 70:].mean()) < 4
    assert grey[60, :64].min() > 250


def test_every_picture_is_credited():
    page = (DOCS / "pictures" / "README.md").read_text()
    shown = {path.name for path in (DOCS / "pictures").iterdir()} - {"README.md"}
    assert shown == set(re.findall(r"^`(.+?)`:", page, re.MULTILINE))
