"""How findings run along the scan: a chart for each number with its limit, and a table of all examined rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tomopy_edge.page.charts import Axes, around
from tomopy_edge.page.examined import Examined
from tomopy_edge.page.markup import Markup, join, number, table, tag, text_of
from tomopy_edge.page.top import anchor
from tomopy_edge.page.words import Lengths, figure, part, share, worst_bias
from tomopy_edge.trust.findings import Findings


@dataclass(frozen=True)
class Course:
    """A number of each examined slice.

    Attributes
    ----------
    title : what it is
    axis : its name and unit
    limit : number of the verdict's limits -> number on this axis; both, where too much and too little are faults
    of : gives it, or None
    least : width that its axis has at least
    """

    title: str
    axis: str
    of: Callable[[Findings], float | None]
    limit: Callable[[Examined], list[float]]
    least: float


def number_of(found: Findings, check: str, name: str, factor: float = 1) -> float | None:
    """Return a number of one of the checks, `factor` times; None where it was left out, or is not known."""
    number = getattr(getattr(found, check), name, None)
    return None if number is None else factor * float(number)


def _bias(found: Findings) -> float | None:
    bias = worst_bias(found)
    return None if bias is None else 100 * bias


def _named(name: str, factor: float = 1, signs: tuple[int, ...] = (1,)) -> Callable[[Examined], list[float]]:
    return lambda examined: [sign * factor * examined.limits[name] for sign in signs if name in examined.limits]


def _score_limits(examined: Examined) -> list[float]:
    # It follows from the geometry, which all slices share.
    return sorted({round(one.consistency.limit, 3) for one in examined.findings.values() if one.consistency})[:1]


COURSES = (
    Course(
        "Contradiction with the scan",
        "standard deviations",
        lambda found: number_of(found, "consistency", "score"),
        _score_limits,
        least=1.0,
    ),
    Course("Gain, by halves", "gain, dB", lambda found: number_of(found, "halves", "gain"), _named("gain"), least=1.0),
    Course(
        "More than noise taken away",
        "% of the slice",
        lambda found: number_of(found, "residual", "flagged", 100),
        _named("structure", 100),
        least=1.0,
    ),
    Course("Grey values moved", "% of the unit", _bias, _named("bias", 100, (-1, 1)), least=1.0),
    Course("Seams of tiles", "seam index", lambda found: found.seam, _named("seam"), least=0.02),
)


def charts(examined: Examined, shown: Collection[int]) -> Markup:
    """Return a chart of each number along the rows, each mark of a slice with pictures a link to it."""
    made = [_chart(course, examined, shown) for course in COURSES]
    told = (
        "Each mark is an examined slice: a dot where nothing was found, a triangle where the slice is flagged, for "
        "whatever reason; the larger ones lead to pictures. The dashed line is the limit."
    )
    grid = tag("div", *made, class_="grid")
    return tag("section", tag("h2", "Along the scan"), tag("p", told), grid, id="along")


def _chart(course: Course, examined: Examined, shown: Collection[int]) -> Markup:
    known = {row: course.of(found) for row, found in examined.findings.items()}
    points = {row: value for row, value in known.items() if value is not None and math.isfinite(value)}
    title = tag("h3", course.title)
    if not points:
        return tag("figure", title, tag("p", "There is no such number for these slices.", class_="faint"))
    limits = course.limit(examined)
    axes = Axes(
        around(examined.findings, least=2),
        around([*points.values(), *limits], least=course.least),
        *("detector row", course.axis, 210, True),
    )
    # The first of two says what both are.
    marks = [axes.level(limit, "limit" if n == len(limits) - 1 else "") for n, limit in enumerate(limits)]
    ordered = sorted(points.items())
    marks.append(axes.curve(ordered, "thin"))
    marks.append(_marks([one for one in ordered if one[0] not in shown], axes, examined, 2.5))
    for row, value in ordered:
        if row in shown:
            mark = _marks([(row, value)], axes, examined, 4.5)
            words = tag("title", f"row {row}: {figure(value)}" + ", flagged" * (row in examined.flagged))
            # By keyboard, the choice of slices leads there.
            marks.append(tag("a", words, mark, href=anchor(row, shown), tabindex="-1"))
    least, most = min(points.values()), max(points.values())
    told = f"{course.title}, by row: {course.axis} from {figure(least)} to {figure(most)}"
    return tag("figure", title, axes.drawn(*marks, title=told + "".join(f", limit {figure(x)}" for x in limits)))


def _marks(points: list[tuple[int, float]], axes: Axes, examined: Examined, size: float) -> Markup:
    """Return dots and triangles, all dots as one path, and all triangles, as there may be thousands."""
    dots, triangles = [], []
    for row, value in points:
        x, y = axes.right(row), axes.down(value)
        if row in examined.flagged:
            triangles.append(f"M{x:g} {y - 1.6 * size:g}l{1.5 * size:g} {2.6 * size:g}h{-3 * size:g}z")
        else:
            dots.append(f"M{x - size:g} {y:g}a{size} {size} 0 1 1 {2 * size:g} 0a{size} {size} 0 1 1 {-2 * size:g} 0z")
    return join(
        tag("path", d="".join(dots), class_="dot") if dots else None,
        tag("path", d="".join(triangles), class_="flag") if triangles else None,
    )


HEAD = ["Row", "", "Score / limit", "Gain, dB", "Error left", "Resolution, pixels", "More than noise", "Grey", "Seam"]


def all_rows(examined: Examined, shown: Collection[int], lengths: Lengths) -> Markup:
    """Return a table of all examined rows, folded."""
    rows: list[list[object]] = []
    for row in examined.rows:
        found = examined.findings.get(row, Findings(row, math.nan))
        name = tag("a", row, href=f"#slice-{row}") if row in shown else text_of(row)
        state = text_of("findings cannot be read" if row in examined.unread else "")
        if row in examined.flagged:
            state = tag("span", "▲ flagged", class_="flagged", title="; ".join(examined.flagged[row]))
        score, limit = (figure(number_of(found, "consistency", each)) for each in ("score", "limit"))
        cells = [
            f"{score} / {limit}",
            figure(number_of(found, "halves", "gain")),
            part(number_of(found, "halves", "error_left")),
            figure(number_of(found, "halves", "resolution")),
            share(number_of(found, "residual", "flagged")),
            share(worst_bias(found)),
            figure(found.seam, 4),
        ]
        rows.append([join(tag("span", id=f"row-{row}"), name), state, *(number(cell) for cell in cells)])
    whole = table(HEAD, rows, "Every examined row")
    size = "" if lengths.pixel_size is None else f" A pixel is {lengths.pixel_size:g} µm."
    told = f"Grey: how far the mean of the worst material moved, as a share of the unit.{size}"
    note = tag("p", told, class_="faint")
    summary = tag("summary", f"All {len(rows)} examined rows, in numbers")
    return tag("details", summary, whole, note, id="rows")
