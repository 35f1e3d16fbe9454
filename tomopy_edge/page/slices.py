"""One slice of a page: its pictures beside each other, where the checks found something, and the numbers in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tomopy_edge.page.charts import Axes
from tomopy_edge.page.examined import Examined
from tomopy_edge.page.markup import Markup, join, listed, number, table, tag
from tomopy_edge.page.pictures import Embedded
from tomopy_edge.page.words import Lengths, figure, many, share, told_of
from tomopy_edge.trust.findings import Findings
from tomopy_edge.trust.grey import FEWEST
from tomopy_edge.trust.halves import AGREE, Halves
from tomopy_edge.trust.places import Place

CURVE = 240
"""Points of a curve that are drawn at most."""

LEGENDS = {
    "residual": (
        "What was taken away",
        [("warm", "attenuation taken away"), ("plain", "nothing"), ("cold", "attenuation added")],
        "Raw less denoised. It should look like noise alone: no edges, no grains.",
    ),
    "contradiction": (
        "Against the scan",
        [("warm", "the scan shows more than the slice"), ("cold", "the scan shows less")],
        "Where the slice, projected again, disagrees with what was measured. Full colour is the limit.",
    ),
    "signs": (
        "Looks like structure",
        [("warm", "stronger and smoother than noise")],
        "Painted where what was taken away is both stronger and smoother than noise, and not where it is one alone.",
    ),
}
"""Kind of picture -> its title, its colours, how to read it."""


def choice(rows: Sequence[int], examined: Examined) -> Markup:
    """Return the choice of slices, and which were left out."""
    links = []
    for row in rows:
        flag = tag("span", " ▲ flagged", class_="flagged") if row in examined.flagged else None
        links.append(tag("a", f"Row {row}", flag, href=f"#slice-{row}"))
    left = len(examined.rows) - len(rows)
    told = ""
    if left:
        also = sum(row not in rows for row in examined.flagged)
        flagged = f", {also} of them flagged," * bool(also)
        told = (
            f"{many(left, 'examined slice')} more{flagged} {'is' if left == 1 else 'are'} left out here; the numbers "
            "stand in the table below, the pictures lie in the folder “trust” beside this page."
        )
    nav = tag("nav", listed(links), class_="choice", aria_label="Choice of slices")
    return join(nav, tag("p", told, class_="faint") if told else None)


def one_slice(row: int, examined: Examined, pictures: Mapping[str, Embedded], edge: int, lengths: Lengths) -> Markup:
    """Return the section of one slice.

    Parameters
    ----------
    edge : pixels along the longer side of the slice; places are in these
    """
    found = examined.findings.get(row)
    places = found.consistency.places if found and found.consistency else ()
    reasons = examined.flagged.get(row, ())
    heading = tag("h3", f"Row {row}", tag("span", " ▲ flagged", class_="flagged") if reasons else None)
    why = listed([f"{reason}." for reason in reasons], class_="flagged") if reasons else None
    right = tag("div", why, _numbers(found, examined, lengths), _places(places, lengths), class_="numbers")
    top = tag("div", _compared(row, pictures, places, edge), right, class_="beside")
    overlays = [_overlay(row, kind, pictures[kind], places, edge) for kind in LEGENDS if kind in pictures]
    below = [tag("div", *overlays, class_="overlays")] if overlays else []
    if found is not None:
        curve = _curve(row, found.halves, lengths) if found.halves else None
        below.append(tag("div", curve, _grey(found, lengths), class_="grid"))
    return tag("section", heading, top, *below, class_="slice", id=f"slice-{row}")


def _compared(row: int, pictures: Mapping[str, Embedded], places: Sequence[Place], edge: int) -> Markup:
    if not {"raw", "denoised"} <= {*pictures}:
        return tag("p", f"There are no pictures of row {row} in the folder “trust”.", class_="faint")
    figures = [
        tag("figure", _img(pictures[kind], f"Row {row}, {words}"), marks, tag("figcaption", kind), class_=kind)
        for kind, words, marks in (
            ("denoised", "denoised", _marked(places, pictures["denoised"], edge)),
            ("raw", "as it was reconstructed", None),
        )
    ]
    told = f"Share of row {row}, from the left, that is shown raw"
    bar = tag("input", type="range", min=0, max=100, value=50, step=1, aria_label=told)
    how = "Pull the line: left of it is the raw slice, right of it the denoised one."
    return tag("div", tag("div", *figures, class_="compare"), tag("div", bar, how, class_="slider"))


def _img(picture: Embedded, alt: str) -> Markup:
    return tag("img", src=picture.url, width=picture.width, height=picture.height, alt=alt)


def _overlay(row: int, kind: str, picture: Embedded, places: Sequence[Place], edge: int) -> Markup:
    title, colours, how = LEGENDS[kind]
    legend = [tag("span", tag("i", class_=colour), words, class_="key") for colour, words in colours]
    marks = _marked(places, picture, edge) if kind == "contradiction" else None
    return tag(
        *("figure", tag("div", _img(picture, f"Row {row}: {title.lower()}"), marks, class_="picture")),
        tag("figcaption", tag("b", title), ". ", how, tag("span", *legend, class_="legend")),
    )


def _marked(places: Sequence[Place], picture: Embedded, edge: int) -> Markup | None:
    """Return rings around places where something was removed, squares where something was invented, with numbers."""
    if not places:
        return None
    scale = max(picture.width, picture.height) / edge
    size = max(picture.width, picture.height) / 40
    marks = []
    for n, place in enumerate(places, 1):
        x, y = (place.x + 0.5) * scale, (place.y + 0.5) * scale
        if place.sort == "invented":
            name, numbers = "rect", {"x": x - size, "y": y - size, "width": 2 * size, "height": 2 * size}
        else:
            name, numbers = "circle", {"cx": x, "cy": y, "r": size}
        shape = {key: f"{value:.1f}" for key, value in numbers.items()}
        # Beside the mark, on the side where there is room.
        beside, anchor = (x + 1.3 * size, "start") if x < 0.9 * picture.width else (x - 1.3 * size, "end")
        at = {"x": f"{beside:.1f}", "y": f"{y:.1f}", "text_anchor": anchor, "font_size": f"{1.3 * size:.1f}"}
        marks += [tag(name, **shape, class_="halo"), tag(name, **shape, class_="ring"), tag("text", n, **at)]
    box = f"0 0 {picture.width} {picture.height}"
    return tag("svg", *marks, viewBox=box, class_="marks", aria_hidden="true")


def _numbers(found: Findings | None, examined: Examined, lengths: Lengths) -> Markup:
    if found is None:
        return tag("p", "What was found out about this slice cannot be read in the report.", class_="faint")
    told = told_of(found, lengths, examined.limits)
    pairs = [tag("div", tag("dt", name, ": ", tag("b", value)), tag("dd", meaning)) for name, value, meaning in told]
    return tag("dl", *pairs)


def _places(places: Sequence[Place], lengths: Lengths) -> Markup | None:
    if not places:
        return None
    items = [
        tag(
            *("li", tag("b", f"{place.what}, {place.sort}"), f", at row {place.y}, column {place.x} of the slice: "),
            f"{figure(place.score)} standard deviations, {many(place.pixels, 'pixel')}; the slice ",
            f"{'lacks' if place.contrast > 0 else 'has too much by'} {lengths.attenuation(abs(place.contrast))}",
        )
        for place in places
    ]
    told = "Places that contradict the scan, by their numbers in the pictures (ring: removed, square: invented)"
    return join(tag("h4", told), tag("ol", *items))


def _grey(found: Findings, lengths: Lengths) -> Markup:
    title = tag("h4", "Grey values")
    if not found.grey:
        why = dict(found.skipped).get("grey values", f"no material has {FEWEST} pixels away from its border")
        return tag("div", title, tag("p", f"Whether they moved could not be measured: {why}.", class_="faint"))
    rows: list[list[object]] = [
        [
            lengths.attenuation(material.level),
            number(f"{figure(material.bias, 2)} per pixel"),
            number(share(material.bias / found.unit) if found.unit else figure(None)),
            number(material.pixels),
        ]
        for material in found.grey
    ]
    head = ["Mean of the material", "Moved by", "Share of the unit", "Pixels"]
    caption = f"Grey values before and after, by material; the unit is {lengths.attenuation(found.unit)}"
    return tag("div", title, table(head, rows, caption))


def _curve(row: int, halves: Halves, lengths: Lengths) -> Markup:
    """Return the Fourier ring correlation of the halves."""
    step = max(1, -(-len(halves.frequencies) // CURVE))
    axes = Axes((0, 0.5), (min(0.0, *halves.raw, *halves.denoised), 1.02), "cycles per pixel", "correlation")
    raw, denoised = (
        axes.curve([*zip(halves.frequencies, curve, strict=False)][::step], name)
        for curve, name in ((halves.raw, "one"), (halves.denoised, "two"))
    )
    finest = lengths.told(halves.resolution)
    # Two pixels are the shortest period there is, and a number read from a file may be anything.
    post = axes.post(1 / max(halves.resolution, 2.0), finest)
    told = f"Fourier ring correlation of row {row}; the raw halves agree down to {finest}"
    drawn = axes.drawn(axes.level(AGREE, "1/7"), raw, denoised, post, title=told)
    legend = [
        tag("span", tag("i", class_="lineone"), "raw halves with each other", class_="key"),
        tag("span", tag("i", class_="linetwo"), "denoised half with the raw other one", class_="key"),
    ]
    how = (
        "Where a curve is near 1 the halves of the views show the same structure, near 0 only noise. Where the dashed "
        "curve lies below the other one, denoising lost structure that the scan shows."
    )
    caption = tag("figcaption", how, tag("span", *legend, class_="legend"))
    return tag("figure", tag("h4", "Fourier ring correlation"), drawn, caption)
