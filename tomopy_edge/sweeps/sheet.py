"""The sheet of a sweep: what each recipe made of one row, labelled, all in one grey range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tomopy_edge.contact_sheet import Layout, Units, most_structured
from tomopy_edge.data import Float32
from tomopy_edge.drawing import FAINT, FRAME, INK, LARGE, MARK, SMALL, WARM, Scale, Sheet
from tomopy_edge.fbp.axis import radii
from tomopy_edge.sweeps.results import Picture, Result, read_slice
from tomopy_edge.sweeps.scores import RADIUS, framed
from tomopy_edge.sweeps.values import Axis

EDGES = ((6, 384), (20, 288), (256, 224))
"""So many pictures at most -> edge of a panel, pixels, at most."""

ENDS = (0.2, 99.8)
"""Percentiles of a slice that become black and white; of all slices the median of theirs."""

GAP, INSET, MARGIN, HEADER, LINE, CAPTION, SCALE = 22, 4, 28, 60, 18, 48, 54
"""Distances in the sheet, pixels: between recipes, between the panels of one, around all, and heights of words."""

LARGE_SLICE = 4
"""Pixels averaged into one of a panel, above which the part is shown pixel by pixel."""

SHAPE = 1.4
"""How much wider than high a sheet is, about."""


@dataclass(frozen=True)
class Panels:
    """What the sheet shows of a slice: whole and its enlarged part, (y, x) each, attenuation per pixel."""

    whole: Float32
    part: Float32


@dataclass(frozen=True)
class Cell:
    """What the sheet shows of one recipe.

    Attributes
    ----------
    words, small : the two lines above it
    views : from above: raw and final, or one of them; none where the recipe failed
    best : whether it is marked
    """

    words: str
    small: str
    views: tuple[Panels, ...]
    best: bool = False


@dataclass(frozen=True)
class Look:
    """How all slices of a sheet are shown.

    Attributes
    ----------
    shape : that they are framed to, pixels
    layout : size of panels
    magnified : copies of each pixel of the part
    grey : range
    box : which part
    """

    shape: tuple[int, ...]
    layout: Layout
    magnified: int
    grey: Scale
    box: tuple[int, int, int]

    def panels(self, slice_: Float32) -> Panels:
        """Return what is shown of a slice (y, x)."""
        row, column, edge = self.box
        slice_ = framed(slice_, self.shape)
        part = slice_[row : row + edge, column : column + edge]
        return Panels(self.layout.whole(slice_), part.repeat(self.magnified, axis=0).repeat(self.magnified, axis=1))


def draw_sweep(  # noqa: PLR0913 - results, row, and how they are told
    folder: Path,
    name: str,
    row: int,
    axes: Sequence[Axis],
    results: Sequence[Result],
    *,
    best: Result | None,
    raw_once: bool,
    pixel_size: float | None,
    title: str,
    note: str = "",
) -> None:
    """Draw what all recipes of a sweep made of a row.

    Two sweeps are drawn as a grid, the first down and the second across. Each recipe has its raw slice above the
    denoised one, whole and a part enlarged; where all have the same raw slice, that is shown once, first. Around
    slices smaller than the largest there is nothing.

    Parameters
    ----------
    folder : the output, which the slices are read from
    name : of the PNG to write there
    results : of all recipes, in their order
    best : the one that is marked
    note : what is to be known of all slices, in a line

    Raises
    ------
    OutputError : where the file cannot be written
    """
    pictures = {result.name: picture for result in results for picture in result.pictures if picture.row == row}
    shown = pictures[best.name] if best and best.name in pictures else next(iter(pictures.values()))
    look = _look(folder, shown, [*pictures.values()], len(results))
    units = Units(pixel_size)
    cells = [
        _cell(folder, result, pictures.get(result.name), look, units, axes, best=result is best, raw_once=raw_once)
        for result in results
    ]
    before = []
    if raw_once:
        small = f"sharpness {shown.raw.sharpness:.5g}, noise {units.attenuation(shown.raw.noise)} {units.name}"
        before = [Cell("raw", small, (look.panels(read_slice(folder, shown.raw_file)),))]
    explained = [*_explanation(row, units, look, cells, best), *([note] if note else [])]
    _draw(folder / name, before, cells, look, axes, (title, explained), units)


def _look(folder: Path, shown: Picture, pictures: Sequence[Picture], count: int) -> Look:
    edge = next(edge for most, edge in EDGES if count <= most)
    ends, shapes = [], []
    for picture in pictures:
        slice_ = read_slice(folder, picture.file)
        inside = radii(slice_.shape) < RADIUS * min(slice_.shape) / 2
        ends.append(np.percentile(slice_[inside], ENDS))
        shapes.append(slice_.shape)
    low, high = (float(end) for end in np.median(ends, axis=0))
    reference = framed(read_slice(folder, shown.file), max(shapes))
    layout = Layout.of(reference.shape, edge, edge // 2)
    # Of a large slice the part would be a speck, in which no fork of an edge can be seen.
    magnified = layout.magnified if layout.shrink <= LARGE_SLICE else 1
    part = min(layout.edge // magnified, *reference.shape)
    return Look(reference.shape, layout, magnified, Scale.grey(low, high), most_structured(reference, part))


def _cell(
    folder: Path,
    result: Result,
    picture: Picture | None,
    look: Look,
    units: Units,
    axes: Sequence[Axis],
    *,
    best: bool,
    raw_once: bool,
) -> Cell:
    words = ", ".join(f"{axis.name} {label}" for axis, label in zip(axes, result.labels, strict=True))
    if picture is None:
        return Cell(words, f"failed: {result.failed}", ())
    of = [picture.raw, picture.final] if picture.raw_file != picture.file and not raw_once else [picture.final]
    files = [picture.raw_file, picture.file] if len(of) > 1 else [picture.file]
    sharp = " / ".join(f"{one.sharpness:.5g}" for one in of)
    noise = " / ".join(units.attenuation(one.noise) for one in of)
    # With its number its files begin.
    small = f"no. {result.name.split('_')[0]}: sharpness {sharp}, noise {noise}"
    return Cell(words, small, tuple(look.panels(read_slice(folder, file)) for file in files), best)


def _explanation(row: int, units: Units, look: Look, cells: Sequence[Cell], best: Result | None) -> list[str]:
    layout = look.layout
    size = "pixel size unknown" if units.pixel_size is None else f"pixels of {units.pixel_size:.4g} um"
    times = f"{layout.shrink} x {layout.shrink} pixels averaged" if layout.shrink > 1 else f"{layout.grow}:1"
    both = any(len(cell.views) > 1 for cell in cells)
    above = "raw above denoised (numbers: raw / denoised), " if both else ""
    marked = "; the sharpest raw slice is framed" if best else ""
    return [
        f"row {row}; {size}; {above}whole slice ({times}), and beside it the part in yellow ({look.magnified}:1)",
        f"one grey range for all; noise in attenuation {units.name}{marked}",
    ]


def _draw(
    path: Path,
    before: Sequence[Cell],
    cells: Sequence[Cell],
    look: Look,
    axes: Sequence[Axis],
    words: tuple[str, list[str]],
    units: Units,
) -> None:
    edge = look.layout.edge
    views = max((len(cell.views) for cell in cells), default=1) or 1
    wide, tall = 2 * edge + INSET, CAPTION + views * (edge + INSET) - INSET
    if len(axes) > 1:
        across = len(axes[1].values)
        places = [divmod(n, across) for n in range(len(cells))]
        places = [(line + len(before), column) for line, column in places]
    else:
        count = len(before) + len(cells)
        across = max(1, min(count, round((count * SHAPE * (tall + GAP) / (wide + GAP)) ** 0.5)))
        places = [divmod(n, across) for n in range(len(before), count)]
    lines = max(line for line, _ in places) + 1
    title, explained = words
    top = HEADER + LINE * len(explained)
    sheet = Sheet(
        2 * MARGIN + max(across * (wide + GAP) - GAP, 2 * 384),
        top + lines * (tall + GAP) + SCALE + MARGIN,
    )
    sheet.write((MARGIN, 16), title, size=24)
    for number, sentence in enumerate(explained):
        sheet.write((MARGIN, 46 + LINE * number), sentence, ink=FAINT)
    for number, (cell, (line, column)) in enumerate(
        zip([*before, *cells], [*((0, n) for n in range(len(before))), *places], strict=True)
    ):
        corner = (MARGIN + column * (wide + GAP), top + line * (tall + GAP))
        _draw_cell(sheet, corner, (wide, tall), cell, look, units if not number else None)
    ends = [units.attenuation(level) for level in (look.grey.low, look.grey.high)]
    sheet.draw_scale((MARGIN, top + lines * (tall + GAP)), 2 * 384, look.grey, ends, f"attenuation {units.name}")
    sheet.save(path)


def _draw_cell(
    sheet: Sheet, corner: tuple[int, int], size: tuple[int, int], cell: Cell, look: Look, units: Units | None
) -> None:
    (left, top), (wide, tall), edge = corner, size, look.layout.edge
    if cell.best:
        sheet.outline((left - 9, top - 7), wide + 18, tall + 16, MARK, 6)
        sheet.write((left + wide, top), "sharpest", size=LARGE, anchor="ra", boxed=False)
    sheet.write((left, top), _fitted(cell.words, wide - 90 * cell.best, LARGE), size=LARGE, ink=INK)
    sheet.write((left, top + 24), _fitted(cell.small, wide, SMALL), ink=FAINT if cell.views else WARM)
    for number, view in enumerate(cell.views):
        below = top + CAPTION + number * (edge + INSET)
        for beside, values in enumerate((view.whole, view.part)):
            place = (left + beside * (edge + INSET), below)
            sheet.paste(place, values, look.grey)
            sheet.outline(place, edge, edge, FRAME)
        row, column, part = look.box
        zoom = look.layout.zoom
        sheet.outline((left + column * zoom, below + row * zoom), part * zoom, part * zoom, MARK, 1)
        if units is not None and not number:
            for beside, scale in enumerate((zoom, look.magnified)):
                length, told = units.bar(edge / 3 / scale)
                sheet.draw_length((left + beside * (edge + INSET) + 10, below + edge - 10), length * scale, told)
    if not cell.views:
        sheet.outline((left, top + CAPTION), wide, tall - CAPTION, FRAME)


def _fitted(words: str, width: int, size: int) -> str:
    """Return words, shortened to about `width` pixels."""
    most = max(int(width / (0.52 * size)), 8)
    return words if len(words) <= most else f"{words[: most - 3]}..."
