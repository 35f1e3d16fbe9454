"""Curves and points as SVG, with axes, drawn large enough to be read on a phone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tomopy_edge.page.markup import Markup, join, tag

WIDTH = 420
"""Of a chart, in its own units; letters are 12 high, as pixels of a phone are."""

LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40
"""Room around what is drawn, for numbers and names."""

TICKS = 5
"""Numbers along an axis, about."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """Two axes with numbers, names and units.

    Attributes
    ----------
    x, y : least and largest number along each
    x_name, y_name : with units
    height : of the whole chart; its width is always the same
    whole_x : whether numbers along x are whole
    """

    x: tuple[float, float]
    y: tuple[float, float]
    x_name: str
    y_name: str
    height: int = 250
    whole_x: bool = False

    def right(self, x: float) -> float:
        """Return where a number along x lies in the chart."""
        share = (x - self.x[0]) / (self.x[1] - self.x[0])
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def down(self, y: float) -> float:
        """Return where a number along y lies in the chart, from its top."""
        share = (y - self.y[0]) / (self.y[1] - self.y[0])
        return round(self.height - BOTTOM - share * (self.height - TOP - BOTTOM), 1)

    def drawn(self, *marks: Markup, title: str, role: str = "img") -> Markup:
        """Return the chart with marks in it.

        Parameters
        ----------
        title : what it shows, for those who cannot see it
        role : "img", or "group" where there are links in it
        """
        bottom, end = self.height - BOTTOM, WIDTH - RIGHT
        middle = (TOP + bottom) / 2
        frame = [
            tag("line", x1=LEFT, y1=bottom, x2=end, y2=bottom, class_="axis"),
            tag("line", x1=LEFT, y1=TOP, x2=LEFT, y2=bottom, class_="axis"),
            tag("text", self.x_name, x=(LEFT + end) / 2, y=self.height - 6, class_="name"),
            tag("text", self.y_name, x=12, y=middle, class_="name", transform=f"rotate(-90 12 {middle:g})"),
        ]
        numbers = [self._along_x(tick) for tick in ticks(*self.x, whole=self.whole_x)]
        numbers += [self._along_y(tick) for tick in ticks(*self.y)]
        return tag(
            *("svg", tag("title", title), *frame, *numbers, *marks),
            viewBox=f"0 0 {WIDTH} {self.height}",
            class_="chart",
            role=role,
            aria_label=title,
        )

    def _along_x(self, tick: float) -> Markup:
        x, bottom = self.right(tick), self.height - BOTTOM
        mark = tag("line", x1=x, y1=bottom, x2=x, y2=bottom + 4, class_="axis")
        return join(mark, tag("text", f"{tick:g}", x=x, y=bottom + 17, class_="tick"))

    def _along_y(self, tick: float) -> Markup:
        y = self.down(tick)
        grid = tag("line", x1=LEFT, y1=y, x2=WIDTH - RIGHT, y2=y, class_="grid")
        told = f"{tick:g}".replace("-", "\N{MINUS SIGN}")
        return join(grid, tag("text", told, x=LEFT - 6, y=round(y + 4, 1), class_="tick left"))

    def curve(self, points: Points, name: str) -> Markup:
        """Return a line through points; where a number is missing it is broken."""
        path, pen = [], "M"
        for x, y in points:
            if math.isfinite(x) and math.isfinite(y):
                path.append(f"{pen}{self.right(x):g} {self.down(y):g}")
                pen = "L"
            else:
                pen = "M"
        return tag("path", d="".join(path), class_=f"curve {name}")

    def level(self, y: float, words: str) -> Markup:
        """Return a line across the chart, with words at its end."""
        at = self.down(y)
        # Above the line, but for one at the upper end.
        above = at - 5 if at > TOP + 16 else at + 14
        line = tag("line", x1=LEFT, y1=at, x2=WIDTH - RIGHT, y2=at, class_="limit")
        return join(line, tag("text", words, x=WIDTH - RIGHT - 2, y=round(above, 1), class_="tick left"))

    def post(self, x: float, words: str) -> Markup:
        """Return an upright line, with words beside its upper end."""
        at = self.right(x)
        line = tag("line", x1=at, y1=TOP, x2=at, y2=self.height - BOTTOM, class_="post")
        late = at > (LEFT + WIDTH) / 2
        told = tag("text", words, x=at + (-6 if late else 6), y=TOP + 11, class_="tick left" if late else "tick right")
        return join(line, told)


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Return round numbers between two others."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def around(values: Iterable[float], *, least: float = 1e-9) -> tuple[float, float]:
    """Return a range that holds all values, with some room, and is at least so wide."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    room = max(0.08 * (high - low), least / 2)
    return low - room, high + room
