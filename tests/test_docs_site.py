"""The documentation builds as one site without a warning, holds every page, and loads nothing from the network."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADED = re.compile(r"<(?:script|link|img|iframe|source|object|embed)\b[^>]*?(?:src|href|data)=\"(?:https?:)?//[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    for needed in ("furo", "myst_parser", "sphinx"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed; it comes with the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-c", "docs"]
    command += ["-d", folder / "doctrees", ".", folder / "html"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_and_card_is_in_the_site_and_in_its_navigation(site):
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("models/*/README.md"), ROOT / "CHANGELOG.md"]
    navigation = (site / "docs" / "index.html").read_text()
    for page in pages:
        built = page.relative_to(ROOT).with_suffix(".html")
        assert (site / built).is_file(), built
        if page != ROOT / "docs" / "index.md":
            target = f"../{built}" if built.parts[0] != "docs" else str(Path(*built.parts[1:]))
            assert f'href="{target}"' in navigation, target


def test_the_front_page_leads_to_the_index(site):
    assert "url=docs/index.html" in (site / "index.html").read_text()


def test_there_is_a_search_box_and_what_it_searches(site):
    assert 'action="../search.html"' in (site / "docs" / "index.html").read_text()
    assert "remove_stripes" in (site / "searchindex.js").read_text()


def test_nothing_is_loaded_from_the_network(site):
    for page in site.rglob("*.html"):
        assert not LOADED.findall(page.read_text()), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet


def test_what_is_loaded_from_the_network_would_be_found():
    for found in (
        '<script src="https://a/b.js">',
        '<link rel="x" href="//a/b.css">',
        '<img alt="" src="http://a/b.png">',
    ):
        assert LOADED.search(found)
    assert not LOADED.search('<a href="https://a">')


def test_links_to_files_and_pictures_lead_to_what_is_there(site):
    for page in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text()):
            if not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page}: {target}"


def test_pictures_are_small():
    for picture in (ROOT / "docs" / "pictures").glob("*.webp"):
        assert picture.stat().st_size < 150_000
