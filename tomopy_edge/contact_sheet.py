"""The contact sheet: raw, denoised and difference side by side in one PNG, as for a logbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.drawing import FAINT, FRAME, LARGE, MARK, Scale, Sheet
from tomopy_edge.errors import DataError

Box = tuple[int, int, int]
"""First row, first column and edge of a square in a slice, pixels."""

LARGEST_PANEL, SMALLEST_PANEL = 768, 384
"""Edges of a panel in the sheet, pixels."""

ENLARGED = 2
"""How much larger than pixel by pixel the part is shown, or than the whole where that is enlarged already."""

GAP, MARGIN, HEADER, CAPTION, SCALE = 12, 28, 84, 26, 50
"""Distances in the sheet, pixels: between panels, around all, and the heights of three lines of text."""

LOW, HIGH = 0.2, 99.8
"""Percentiles of the denoised slice that become black and white."""

DIFFERENCE = 99.5
"""Percentile of the absolute difference that takes the full colour."""

RADIUS = 0.95
"""Share of the inscribed circle that numbers are taken from."""


@dataclass(frozen=True)
class Units:
    """How attenuation and lengths are told.

    Attributes
    ----------
    pixel_size : micrometres, or None where lengths are in pixels and attenuation is per pixel
    """

    pixel_size: float | None

    @property
    def name(self) -> str:
        """Unit of attenuation."""
        return "per pixel" if self.pixel_size is None else "per cm"

    def attenuation(self, per_pixel: float) -> str:
        """Return an attenuation per pixel in this unit, three digits."""
        return f"{per_pixel if self.pixel_size is None else per_pixel * 1e4 / self.pixel_size:.3g}"

    def bar(self, widest: float) -> tuple[float, str]:
        """Return a round length of at most `widest` pixels: in pixels, and in words."""
        step = 1.0 if self.pixel_size is None else self.pixel_size
        longest = widest * step
        power = 10.0 ** np.floor(np.log10(longest))
        length = float(max(factor * power for factor in (1, 2, 5) if factor * power <= longest))
        if self.pixel_size is None:
            return length, f"{length:g} pixels"
        return length / step, f"{length / 1e3:g} mm" if length >= 1e3 else f"{length:g} um"  # noqa: PLR2004 - micrometres


@dataclass(frozen=True)
class Layout:
    """How slices of one size fill panels, in whole steps, so that no pattern arises that is not in them.

    Attributes
    ----------
    shrink, grow : pixels of the slice averaged into one of the panel, or copies of each; one of them is 1
    edge : of a panel, pixels
    """

    shrink: int
    grow: int
    edge: int

    @classmethod
    def of(cls, shape: tuple[int, ...], largest: int = LARGEST_PANEL, smallest: int = SMALLEST_PANEL) -> Layout:
        """Return the layout for slices of this shape (y, x), with panels of about these edges."""
        longest = max(shape)
        shrink = -(-longest // largest)
        grow = -(-smallest // longest) if shrink == 1 else 1
        return cls(shrink, grow, -(-longest // shrink) * grow)

    @property
    def zoom(self) -> float:
        """How many pixels of the panel show one of the whole slice."""
        return self.grow / self.shrink

    @property
    def magnified(self) -> int:
        """How many pixels of the panel show one of the part."""
        return ENLARGED * self.grow

    def whole(self, values: Float32) -> Float32:
        """Return a slice (y, x) as a panel shows it."""
        y, x = (length // self.shrink for length in values.shape)
        blocks = values[: y * self.shrink, : x * self.shrink].reshape(y, self.shrink, x, self.shrink)
        means: Float32 = blocks.mean(axis=(1, 3), dtype=np.float32)
        return _repeated(means, self.grow)

    def part(self, values: Float32, box: Box) -> Float32:
        """Return the part `box` of a slice as a panel shows it."""
        row, column, edge = box
        return _repeated(values[row : row + edge, column : column + edge], self.magnified)


@dataclass(frozen=True)
class Panel:
    """What the sheet shows of one slice, raw, denoised or their difference.

    Attributes
    ----------
    whole, part : (y, x), attenuation per pixel: the slice as a panel shows it, and its enlarged part
    mean, std : within 95 % of the inscribed circle
    """

    whole: Float32
    part: Float32
    mean: float
    std: float


@dataclass(frozen=True)
class Shown:
    """What the sheet shows of one row of the detector: a small part of the two slices that it was made of.

    Attributes
    ----------
    row : of the detector
    shape : (y, x) of the slices
    box : the part that is enlarged
    ends : attenuations that become black and white
    raw, denoised, removed : the slice before and after denoising, and the difference
    """

    row: int
    shape: tuple[int, ...]
    box: Box
    ends: tuple[float, float]
    raw: Panel
    denoised: Panel
    removed: Panel


def shown(row: int, raw: Float32, denoised: Float32) -> Shown:
    """Return what the sheet shows of a slice, which need not be kept after that.

    Parameters
    ----------
    row : of the detector
    raw, denoised : (y, x), attenuation per pixel

    Raises
    ------
    DataError : where they are not of one shape
    """
    if raw.shape != denoised.shape or raw.ndim != 2 or not raw.size:  # noqa: PLR2004 - axes
        raise DataError(f"row {row}: expected the same slice (y, x) twice, got {raw.shape} and {denoised.shape}")
    layout, circle = Layout.of(raw.shape), _circle(raw.shape, RADIUS)
    box = most_structured(denoised, min(layout.edge // layout.magnified, *raw.shape))
    low, high = (float(level) for level in np.percentile(denoised[circle], [LOW, HIGH]))

    def panel(values: Float32) -> Panel:
        inside = values[circle]
        return Panel(layout.whole(values), layout.part(values, box), float(inside.mean()), float(inside.std()))

    return Shown(row, raw.shape, box, (low, high), panel(raw), panel(denoised), panel(raw - denoised))


def contact_sheet(
    slices: Sequence[Shown], path: Path, *, pixel_size: float | None = None, title: str = "Contact sheet"
) -> None:
    """Draw slices before and after denoising, and what was taken away.

    Each slice is shown whole and, below, its most structured part enlarged. Raw and denoised share one grey range, from
    percentiles of the denoised slice; the difference has ranges symmetric about zero. All ranges are stated, and so are
    mean and standard deviation, taken within 95 % of the inscribed circle.

    Parameters
    ----------
    slices : at least one, all of the same size
    path : the PNG to write
    pixel_size : micrometres; None gives lengths in pixels, and attenuation per pixel instead of per cm
    title : what was denoised and how, for the top line

    Raises
    ------
    DataError : where there are no slices, or of several sizes
    OutputError : where the file cannot be written
    """
    shapes = {one.shape for one in slices}
    if len(shapes) != 1:
        raise DataError(f"a contact sheet needs slices of one size, got {len(slices)} slices of {len(shapes)} sizes")
    units, layout = Units(pixel_size), Layout.of(shapes.pop())
    tall = CAPTION + 2 * layout.edge + 2 * GAP + SCALE
    sheet = Sheet(2 * MARGIN + 3 * layout.edge + 2 * GAP, HEADER + len(slices) * tall + MARGIN - GAP)
    sheet.write((MARGIN, 20), title, size=24)
    sheet.write((MARGIN, 52), _explanation(units, layout), ink=FAINT)
    for number, one in enumerate(slices):
        _draw_slice(sheet, HEADER + number * tall, one, (units, layout))
    sheet.save(path)


def most_structured(slice_: Float32, edge: int) -> Box:
    """Return the square of `edge` pixels, inside the inscribed circle, that holds most edges.

    Noise is averaged away in blocks of 8 first, and single bright specks are clipped, so that neither attracts it.
    """
    block = 8 if min(slice_.shape) >= 64 else 1  # noqa: PLR2004 - pixels
    y, x = (length // block for length in slice_.shape)
    means = slice_[: y * block, : x * block].reshape(y, block, x, block).mean(axis=(1, 3), dtype=np.float64)
    slope = np.hypot(*np.gradient(means)) if min(means.shape) > 1 else np.zeros_like(means)
    slope = np.minimum(slope, np.percentile(slope, 99)) * _circle((y, x), RADIUS - 2.0 / min(y, x))
    window = max(edge // block, 1)
    sums = np.pad(slope, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = sums[window:, window:] - sums[:-window, window:] - sums[window:, :-window] + sums[:-window, :-window]
    row, column = np.unravel_index(np.argmax(inside), inside.shape)
    return int(row) * block, int(column) * block, edge


def _draw_slice(sheet: Sheet, top: int, slice_: Shown, manner: tuple[Units, Layout]) -> None:
    units, layout = manner
    edge, grey = layout.edge, Scale.grey(*slice_.ends)
    for number, (words, panel) in enumerate(
        ((f"row {slice_.row}   raw", slice_.raw), ("denoised", slice_.denoised), ("raw - denoised", slice_.removed))
    ):
        left = MARGIN + number * (edge + GAP)
        mean, std = units.attenuation(panel.mean), units.attenuation(panel.std)
        sheet.write((left, top), words, size=LARGE)
        sheet.write((left + edge, top + 2), f"mean {mean}, std {std} {units.name}", ink=FAINT, anchor="ra")
        for below, (view, zoom) in enumerate(((panel.whole, layout.zoom), (panel.part, layout.magnified))):
            corner = (left, top + CAPTION + below * (edge + GAP))
            # Averaged pixels of the difference are fainter, so it has a range of its own in each view.
            scale = Scale.around_zero(_reach(view)) if panel is slice_.removed else grey
            sheet.paste(corner, view, scale)
            sheet.outline(corner, edge, edge, FRAME)
            length, told = units.bar(edge / 4 / zoom)
            sheet.draw_length((left + 12, corner[1] + edge - 12), length * zoom, told)
            if scale.diverging:
                told = f"±{units.attenuation(scale.high)} {units.name}"
                sheet.write((left + edge - 12, corner[1] + edge - 12), told, anchor="rs", boxed=True)
        row, column, size = slice_.box
        corner_of_part = (left + column * layout.zoom, top + CAPTION + row * layout.zoom)
        sheet.outline(corner_of_part, size * layout.zoom, size * layout.zoom, MARK, 2)
    scales = top + CAPTION + 2 * edge + GAP + 8
    ends = [units.attenuation(level) for level in (grey.low, grey.high)]
    sheet.draw_scale((MARGIN, scales), 2 * edge + GAP, grey, ends, f"attenuation {units.name}")
    right = MARGIN + 2 * (edge + GAP)
    sheet.draw_scale((right, scales), edge, Scale.around_zero(1), ["-", "+"], "taken away; ends as stated above")


def _reach(view: Float32) -> float:
    return float(np.percentile(np.abs(view[_circle(view.shape, RADIUS)]), DIFFERENCE))


def _explanation(units: Units, layout: Layout) -> str:
    size = "pixel size unknown" if units.pixel_size is None else f"pixels of {units.pixel_size:.4g} um"
    times = f"{layout.shrink} x {layout.shrink} pixels averaged" if layout.shrink > 1 else f"{layout.grow}:1"
    return (
        f"{size}; above the whole slice ({times}), below the part in yellow ({layout.magnified}:1); grey from "
        f"percentile {LOW:g} to {HIGH:g} of the denoised slice; mean and std within {RADIUS:.0%} of the circle"
    )


def _repeated(values: Float32, times: int) -> Float32:
    return values.repeat(times, axis=0).repeat(times, axis=1)


def _circle(shape: tuple[int, ...], share: float) -> NDArray[np.bool_]:
    y, x = shape
    v, u = np.ogrid[:y, :x]
    inside: NDArray[np.bool_] = (2 * v - (y - 1)) ** 2 + (2 * u - (x - 1)) ** 2 <= (share * min(y, x)) ** 2
    return inside
