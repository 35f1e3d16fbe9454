"""What a page tells of how slices were made: times, counts, notes, the recipe, versions, the machine."""

from __future__ import annotations

from pathlib import Path

from tomopy_edge.page.markup import Markup, join, listed, number, table, tag
from tomopy_edge.page.pictures import Embedded
from tomopy_edge.page.words import NONE, figure
from tomopy_edge.report import Report

BAR = 100
"""Length of the longest bar."""


def sheet(picture: Embedded | None) -> Markup:
    """Return the contact sheet, or that there is none."""
    if picture is None:
        content = tag("p", "There is no contact_sheet.png beside this page that could be shown.", class_="faint")
    else:
        alt = "Contact sheet: some slices raw, denoised and their difference, with a part of each enlarged"
        content = tag("img", src=picture.url, width=picture.width, height=picture.height, alt=alt)
    return tag("section", tag("h2", "Contact sheet"), content, id="sheet")


def times(report: Report) -> Markup:
    """Return seconds per slice of each part of each stage."""
    longest = max((parts.get("total", 0.0) for parts in report.timings.values()), default=0.0) or 1.0
    rows: list[list[object]] = []
    for stage, parts in report.timings.items():
        whole = parts.get("total")
        rows.append([tag("b", stage), number(tag("b", _seconds(whole))), _bar(whole or 0.0, longest)])
        rows += [
            [tag("span", part, class_="part"), number(_seconds(spent)), _bar(spent, longest)]
            for part, spent in parts.items()
            if part != "total"
        ]
    if not rows:
        return tag("section", tag("h2", "Times"), tag("p", "The report holds none.", class_="faint"), id="times")
    count = report.slices[0] if report.slices else 0
    each = f" The run took {figure(report.seconds / count)} s for each slice." if count else ""
    note = f"Stages work at the same time where there is memory for it, so that they may add up to more.{each}"
    whole_table = table(["Stage and part", "Seconds", ""], rows, "Seconds per slice", class_="times")
    return tag("section", tag("h2", "Times"), whole_table, tag("p", note, class_="faint"), id="times")


def _seconds(seconds: float | None) -> str:
    return NONE if seconds is None else f"{seconds:.4f}"


def _bar(seconds: float, longest: float) -> Markup:
    width = f"{max(0.0, BAR * seconds / longest):.1f}"
    bar = tag("rect", x=0, y=0, width=width, height=8)
    drawn = tag("svg", bar, viewBox=f"0 0 {BAR} 8", class_="bar", aria_hidden="true", preserveAspectRatio="none")
    return tag("td", drawn, class_="bars")


def counts(report: Report) -> Markup:
    """Return what was clipped, saturated or replaced, what was assumed or found, and what was measured."""
    lines = [
        join(tag("b", stage), f": {counted} {what}")
        for stage, some in report.counts.items()
        for what, counted in some.items()
    ]
    parts: list[Markup] = [tag("h2", "Counts and notes")]
    parts.append(listed(lines) if lines else tag("p", "Nothing was clipped, saturated or replaced."))
    notes = [join(tag("b", stage), f": {note}") for stage, some in report.notes.items() for note in some]
    if notes:
        parts.append(listed(notes))
    rows: list[list[object]] = [
        [f"{stage}: {what}", *(number(figure(some.get(name), 4)) for name in ("median", "worst", "slices"))]
        for stage, measured in report.measures.items()
        for what, some in measured.items()
    ]
    if rows:
        parts.append(table(["Measure", "Median", "Worst", "Slices"], rows, "Measured on every slice"))
    return tag("section", *parts, id="counts")


def recipe(folder: Path, report: Report) -> Markup:
    """Return the settled recipe: the one beside the slices or, where there is none, that in the report."""
    try:
        text = (folder / "recipe.yaml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        import yaml

        text = yaml.safe_dump(report.recipe, sort_keys=False)
    told = "Running it again on the same scan makes the same slices."
    code = tag("pre", tag("code", text), tabindex="0", role="region", aria_label="Recipe")
    return tag("section", tag("h2", "Recipe, settled"), tag("p", told, class_="faint"), code, id="recipe")


def made_by(report: Report) -> Markup:
    """Return versions and the machine."""
    both = [
        table(head, [[name, str(value)] for name, value in some.items()], caption)
        for head, some, caption in (
            (["Package", "Version"], report.versions, "Versions"),
            (["Part", "What"], {part: what for part, what in report.machine.items() if what != ""}, "Machine"),
        )
        if some
    ]
    return tag("section", tag("h2", "Made by"), tag("div", *both, class_="grid"), id="made-by")
