"""How `make docs` makes one site of the pages: which files are pages, their order, and nothing from the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "tutorial": ("Tutorial", ["first-scan", "first-plugin"]),
    "how-to": (
        "How to",
        [
            "install",
            "start-with-a-scan",
            "read-your-files",
            "read-a-compressed-scan",
            "recipe-cookbook",
            "choose-options",
            "read-the-report",
            "run-many-scans",
            "go-on-after-a-stop",
            "look-at-a-large-volume",
            "cluster",
            "run-on-a-device",
            "use-a-coral",
            "use-a-jetson",
            "use-from-tomopy",
            "use-in-httomo",
            "make-a-model",
            "adapt-a-model",
            "judge-a-model",
            "write-a-denoiser",
        ],
    ),
    "reference": (
        "Reference",
        ["recipe", "command", "python", "conventions", "report", "hooks", "model-manifest"],
    ),
    "explanation": (
        "Explanation",
        ["network", "trust", "units", "tiles-and-codes", "models", "design", "decisions", "performance"],
    ),
}
"""Folder of pages -> its heading, and its pages in their order; pages that are not named here come after them."""

project = "tomopy-edge"
project_copyright = "the tomopy-edge developers"
version = release = (ROOT / "tomopy_edge" / "version.py").read_text(encoding="utf-8").split('"')[-2]

extensions = ["myst_parser"]
# From the repository's root, so that a link means the same here and where the repository is read as it is.
root_doc = "docs/index"
include_patterns = ["docs/**.md", "models/*/README.md", "README.md", "CHANGELOG.md"]
exclude_patterns = [".*", "**/__pycache__", "benchmarks", "demo", "site", "tests", "tomopy_edge"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # the cards of models begin where they begin

html_theme = "furo"
html_title = f"tomopy-edge {version}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False


def _pages(folder: str, order: list[str]) -> list[str]:
    """Return the pages of a folder of the docs, in their order."""
    found = {path.stem for path in (ROOT / "docs" / folder).glob("*.md")}
    return [f"/docs/{folder}/{name}" for name in [*order, *sorted(found - {*order})] if name in found]


def _navigate(_: Sphinx, page: str, text: list[str]) -> None:
    """Put the navigation below the index, where those who read it in the repository do not see it."""
    if page == root_doc:
        parts = {title: _pages(folder, order) for folder, (title, order) in FOLDERS.items()}
        models = sorted(path.parent.name for path in ROOT.glob("models/*/README.md"))
        parts["Cards and changes"] = [
            *(f"/models/{name}/README" for name in models),
            "/docs/pictures/README",
            "/README",
            "/CHANGELOG",
        ]
        for title, pages in parts.items():
            listed = "\n".join(pages)
            text[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{listed}\n```\n"


def _open_at_the_index(app: Sphinx, failed: Exception | None) -> None:
    if failed is None:
        to_index = f'<meta http-equiv="refresh" content="0; url={root_doc}.html">'
        title = f"<title>{html_title}</title>"
        (Path(app.outdir) / "index.html").write_text(f"<!doctype html>{title}{to_index}\n", encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Have Sphinx call what is here."""
    app.connect("source-read", _navigate)
    app.connect("build-finished", _open_at_the_index)
