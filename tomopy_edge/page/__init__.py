"""The page `report.html` of an output: one file, which opens anywhere, with the verdict and what it rests on."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template

from tomopy_edge.page import about, along, pictures, slices, top
from tomopy_edge.page.examined import Examined, examined_of
from tomopy_edge.page.markup import Markup, join, tag, text_of
from tomopy_edge.page.words import Lengths
from tomopy_edge.report import Report
from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.failures import told

PAGE = "report.html"
"""The file, within an output."""


def write_page(folder: Path, report: Report) -> None:
    """Write `report.html` into an output folder, whole or not at all; an earlier one goes in any case.

    Parameters
    ----------
    folder : with `contact_sheet.png`, `recipe.yaml` and the folder `trust`; what is missing there is said in the page
    report : what `report.json` holds

    Raises
    ------
    OutputError : where it cannot be written
    """
    with told(folder / PAGE):
        # One that tells of other slices would be worse than none.
        (folder / PAGE).unlink(missing_ok=True)
    text = page_of(folder, report)
    with told(folder / PAGE):
        put_text(folder / PAGE, text)


def page_of(folder: Path, report: Report) -> str:
    """Return the page as text: one file, which loads nothing from anywhere."""
    examined = examined_of(report.trust)
    shown: list[int] = []
    if examined is not None:
        rows = examined.rows
        # Where a row's pictures are lost, one that has some is worth more.
        drawn = [row for row in rows if pictures.has_pictures(folder, row)] or rows
        shown = pictures.chosen_rows(drawn, [*examined.flagged])
    parts = [top.verdict(report, examined, shown), _contents(examined), top.facts(report)]
    if examined is not None and examined.rows:
        parts += [_slices(folder, report, examined, shown), along.charts(examined, shown)]
        parts.append(along.all_rows(examined, shown, _lengths(report)))
    parts += [about.sheet(pictures.sheet_picture(folder / "contact_sheet.png")), Markup(_asset("reading.html"))]
    parts += [about.times(report), about.counts(report), about.recipe(folder, report), about.made_by(report)]
    word = (examined.word if examined else "") or "Not examined"
    return _filled(f"{word}: {top.name_of(report)}", join(*parts), report)


def _slices(folder: Path, report: Report, examined: Examined, shown: list[int]) -> Markup:
    room = (pictures.ROOM - pictures.SHEET_ROOM) // max(len(shown), 1)
    edge = max(report.slices[1:], default=0) or int(report.scan.get("columns", 0)) or 1
    parts = [tag("h2", "Examined slices"), slices.choice(shown, examined)]
    for row in shown:
        drawn = pictures.slice_pictures(folder, row, room)
        parts.append(slices.one_slice(row, examined, drawn, edge, _lengths(report)))
    return tag("section", *parts, id="slices")


def _lengths(report: Report) -> Lengths:
    size = report.scan.get("pixel_size")
    return Lengths(float(size) if size else None)


def _contents(examined: Examined | None) -> Markup:
    names = {"slices": "Slices", "along": "Along the scan"} if examined is not None and examined.rows else {}
    names |= {"sheet": "Contact sheet", "reading": "How to read this", "times": "Times", "counts": "Counts and notes"}
    names |= {"recipe": "Recipe", "made-by": "Made by"}
    links = [tag("a", name, href=f"#{place}") for place, name in names.items()]
    return tag("nav", *links, class_="contents", aria_label="Parts of this page")


def _filled(title: str, body: Markup, report: Report) -> str:
    template, style, script = (_asset(name) for name in ("page.html", "page.css", "page.js"))
    version = report.versions.get("tomopy-edge", "")
    return Template(template).substitute(
        title=text_of(title),
        version=text_of(f"tomopy-edge {version}".strip()),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        body=body,
    )


def _asset(name: str) -> str:
    return (files(__name__) / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what a content security policy calls a text by: nothing but this one style and script may run."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"
