"""What was timed as bars, one for each runtime and model, above those of the paper: its Fig. 7 for this machine."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from pathlib import Path

from tomopy_edge.drawing import FAINT, INK, LARGE, Colour, Sheet
from tomopy_edge.machine.paper import EDGE, PUBLISHED
from tomopy_edge.machine.timing import PARTS, Spread, Timing
from tomopy_edge.machine.timing_table import times_as_large

COLOURS: Mapping[str, Colour] = {
    "fbp": (136, 136, 136),
    "quantize": (204, 187, 68),
    "tile": (102, 204, 238),
    "infer": (68, 119, 170),
    "stitch": (34, 136, 51),
    "fine-tune": (238, 102, 119),
    "write": (170, 51, 119),
    "other": (221, 221, 221),
}
"""Of the parts; told apart by the colour-blind too (P. Tol, "Colour schemes", SRON/EPS/TN/09-002, bright)."""

MARGIN, LABELS, WIDTH, NUMBERS, ROW, TITLE = 24, 400, 760, 90, 30, 40
"""Pixels: around all, width of the names, of the scale and of the totals, height of a row, of a title."""

LINE = 20
"""Height of a line of small words, pixels."""

INNER = 5
"""From a row's edge to its bar, pixels."""

GRID: Colour = (225, 225, 225)

TICKS = 8
"""At most, along the scale."""


def draw_bars(timing: Timing, path: Path) -> None:
    """Draw a bar of the parts' medians for each line that has any, and the paper's bars below on the same scale.

    Parameters
    ----------
    timing : what was timed
    path : the PNG to write

    References
    ----------
    V. Abeykoon et al., "Scientific Image Restoration Anywhere" (2019), Fig. 7 and Table I.

    Raises
    ------
    OutputError : where the file cannot be written
    """
    bars = _own(timing)
    published = _published()
    spreads = {row.title: row.total for row in timing.rows if row.total is not None}
    longest = max(sum(parts.values()) for parts in [*bars.values(), *published.values()])
    longest = max([longest, *(spread.upper for spread in spreads.values())])
    left, top = MARGIN + LABELS, MARGIN + 2 * TITLE + LINE * (timing.warning is not None)
    middle = top + ROW * len(bars) + ROW // 2
    bottom = middle + TITLE + ROW * len(published)
    sheet = Sheet(left + WIDTH + NUMBERS + MARGIN, bottom + 2 * ROW + TITLE)
    edge = timing.columns
    sheet.write((MARGIN, MARGIN), f"seconds for a slice of {edge} x {edge}: {timing.machine.cpu}", size=LARGE)
    said = f"{timing.made}; numbers are medians of the total, and lines go from quartile to quartile of it"
    for number, words in enumerate(filter(None, (said, timing.warning))):
        sheet.write((MARGIN, MARGIN + ROW + number * LINE), words, ink=FAINT)
    sheet.write((MARGIN, middle), f"the paper, for {EDGE} x {EDGE}{times_as_large(timing)}", size=LARGE)
    for tick in _ticks(longest):
        x = left + round(tick / longest * WIDTH)
        sheet.outline((x, top), 1, bottom - top, GRID)
        sheet.write((x, bottom + 4), f"{tick:g} s" if tick else "0", ink=FAINT, anchor="ma")
    for first, group in ((top, bars), (middle + TITLE, published)):
        for number, (label, parts) in enumerate(group.items()):
            spread = spreads.get(label)
            _draw_bar(sheet, (left, first + number * ROW), label, parts, WIDTH / longest, spread)
    _draw_legend(sheet, (MARGIN, bottom + ROW + 8))
    sheet.save(path)


def _ticks(longest: float) -> list[float]:
    """Return round numbers from 0 up to `longest`."""
    power = 10.0 ** floor(log10(longest / TICKS))
    step = next(power * digit for digit in (1, 2, 5, 10) if longest / (power * digit) <= TICKS)
    return [round(number * step, 12) for number in range(floor(longest / step) + 1)]


def _own(timing: Timing) -> dict[str, dict[str, float]]:
    bars = {}
    for row in timing.rows:
        spreads = {name: row.part(name) for name in PARTS}
        if row.total is not None:
            bars[row.title] = {name: spread.median for name, spread in spreads.items() if spread is not None}
    return bars


def _published() -> dict[str, dict[str, float]]:
    bars = {}
    for one in PUBLISHED:
        named = {"fbp": one.fbp, "infer": one.tomogan, "stitch": one.stitching, "fine-tune": one.fine_tune}
        bars[one.device] = {name: seconds for name, seconds in named.items() if seconds is not None}
    return bars


def _draw_bar(
    sheet: Sheet,
    corner: tuple[int, int],
    label: str,
    parts: Mapping[str, float],
    scale: float,
    spread: Spread | None,
) -> None:
    left, top = corner
    sheet.write((MARGIN, top + INNER), label)
    reached = 0.0
    for name, seconds in parts.items():
        start, reached = reached, reached + seconds
        x = left + round(start * scale)
        _fill(sheet, (x, top + INNER), left + round(reached * scale) - x, ROW - 2 * INNER, COLOURS[name])
    if spread is not None:
        x = left + round(spread.lower * scale)
        _fill(sheet, (x, top + ROW // 2 - 1), left + round(spread.upper * scale) - x, 2, INK)
    total, right = (reached, reached) if spread is None else (spread.median, max(reached, spread.upper))
    sheet.write((left + round(right * scale) + 8, top + INNER), f"{total:.3f}", ink=INK)


def _draw_legend(sheet: Sheet, corner: tuple[int, int]) -> None:
    left, top = corner
    for number, (name, colour) in enumerate(COLOURS.items()):
        x = left + number * (LABELS + WIDTH) // len(COLOURS)
        _fill(sheet, (x, top), ROW - 2 * INNER, ROW - 2 * INNER, colour)
        sheet.write((x + ROW, top), name)


def _fill(sheet: Sheet, corner: tuple[int, int], width: int, height: int, colour: Colour) -> None:
    """Fill a rectangle, which is an outline as thick as half of its shorter side."""
    if width > 0:
        sheet.outline(corner, width, height, colour, ceil(min(width, height) / 2))
