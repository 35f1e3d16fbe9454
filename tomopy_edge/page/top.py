"""What a page begins with: the verdict, which slices it is about and why, and what was scanned."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tomopy_edge.page.examined import Examined
from tomopy_edge.page.markup import Markup, join, listed, tag
from tomopy_edge.page.untold import untold
from tomopy_edge.page.words import NONE, figure, many
from tomopy_edge.report import Report

SIGNS = {
    "OK": ("M24 4a20 20 0 1 1 0 40 20 20 0 1 1 0-40z", "M14 25l7 7 13-15"),
    "CHECK": ("M24 4L46 43H2z", "M24 17v13M24 35v3"),
    "STOP": ("M16 4h16l12 12v16L32 44H16L4 32V16z", "M16 16l16 16M32 16L16 32"),
    "": ("M24 4a20 20 0 1 1 0 40 20 20 0 1 1 0-40z", "M14 24h20"),
}
"""Word -> outline and inside of its sign: no two have one shape, as not all see their colours."""

ADVICE = {
    "OK": "What was examined agrees with the scan.",
    "CHECK": "Look at these slices, and at those beside them, before you use them.",
    "STOP": "Do not measure on the denoised slices: take raw ones, or a network that was made for such a scan.",
    "": "Nothing is known of whether the denoised slices agree with the scan.",
}
"""What to do."""

OPEN = 12
"""Flagged rows that are told at once; the others can be unfolded."""


def name_of(report: Report) -> str:
    """Return what a scan is called: the name of its file."""
    source = str(report.scan.get("source", ""))
    return Path(source).name or source or "a scan"


def anchor(row: int, shown: Collection[int]) -> str:
    """Return where a page tells of a row: its pictures, or its line in the table."""
    return f"#slice-{row}" if row in shown else f"#row-{row}"


def verdict(report: Report, examined: Examined | None, shown: Collection[int]) -> Markup:
    """Return the verdict with its reasons, each with a link to the slice."""
    word = examined.word if examined else ""
    outline, inside = SIGNS[word]
    sign = tag(
        *("svg", tag("path", d=outline, class_="outline"), tag("path", d=inside, class_="inside")),
        viewBox="0 0 48 48",
        class_="sign",
        aria_hidden="true",
    )
    title = tag("h1", sign, tag("span", word or "NOT EXAMINED"))
    line = tag("p", _line(report, examined, word), class_="line")
    parts = [title, line, tag("p", ADVICE[word], _between(report, examined))]
    if examined is not None and (told := untold(examined)):
        parts.append(tag("p", told))
    if examined is not None and examined.flagged:
        lines = [_flagged(row, reasons, shown) for row, reasons in examined.flagged.items()]
        parts.append(tag("h2", "Why"))
        parts += _foldable(lines, "flagged")
    if report.failed:
        missing = [join(tag("b", f"row {row}"), f": {why}") for row, why in report.failed.items()]
        parts.append(tag("h2", f"{many(len(missing), 'slice')} could not be made"))
        parts += _foldable(missing, "failed")
    return tag("header", *parts, class_=f"verdict {word.lower() or 'none'}", id="verdict")


def _line(report: Report, examined: Examined | None, word: str) -> str:
    if examined is not None:
        line = examined.line.removeprefix(word).lstrip(": ,")
        return line[:1].upper() + line[1:]
    if not report.recipe or any("trust" in stage for stage in report.recipe):
        return "The report says nothing of examined slices: it was written by another version."
    return "No slice was examined: the recipe has no stage “trust” (put “- trust” before “- write”)."


def _between(report: Report, examined: Examined | None) -> str:
    made = report.slices[0] - len(report.failed) if report.slices else 0
    some = len(examined.rows) if examined is not None else 0
    return f" {some} of {many(made, 'slice')} {'was' if some == 1 else 'were'} examined." if 0 < some < made else ""


def _flagged(row: int, reasons: tuple[str, ...], shown: Collection[int]) -> Markup:
    return join(tag("a", f"Row {row}", href=anchor(row, shown)), ": ", "; ".join(reasons), ".")


def _foldable(lines: list[Markup], class_: str) -> list[Markup]:
    made = [listed(lines[:OPEN], class_=class_)]
    if lines[OPEN:]:
        summary = tag("summary", f"{len(lines) - OPEN} more")
        made.append(tag("details", summary, listed(lines[OPEN:], class_=class_)))
    return made


def facts(report: Report) -> Markup:
    """Return what was scanned and made, in numbers."""
    scan = report.scan
    rows, size = scan.get("rows"), scan.get("pixel_size")
    first_last = f"{rows[0]} to {rows[1] - 1}" if isinstance(rows, list | tuple) and rows else NONE
    shape = " \N{MULTIPLICATION SIGN} ".join(str(length) for length in report.slices)
    told: list[tuple[str, object]] = [
        ("Scan", tag("bdi", name_of(report))),
        ("From", tag("bdi", scan.get("source", NONE))),
        ("Projections", f"{scan.get('angles', NONE)}, {scan.get('columns', NONE)} columns wide"),
        ("Rows", first_last),
        ("Pixel size", "not known" if size is None else f"{size:g} µm"),
        ("Slices (z, y, x)", shape or NONE),
        ("Begun", report.started.replace("T", " ") or NONE),
        ("Took", f"{figure(report.seconds, 4)} s, of which {figure(report.settling, 3)} s to settle the recipe"),
        ("Settings", ", ".join(f"{name} {value}" for name, value in report.settings.items()) or NONE),
    ]
    pairs = [tag("div", tag("dt", name), tag("dd", value)) for name, value in told]
    return tag("section", tag("h2", "Scan"), tag("dl", *pairs, class_="facts"), id="scan")
