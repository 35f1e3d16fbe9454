"""The few marks that a contact sheet is drawn with: pictures, scale bars, colour scales and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.writers.failures import told

Colour = tuple[int, int, int]

INK: Colour = (24, 24, 24)
PAPER: Colour = (255, 255, 255)
FAINT: Colour = (100, 100, 100)
FRAME: Colour = (150, 150, 150)
MARK: Colour = (255, 196, 0)

COLD: Colour = (33, 102, 172)
WARM: Colour = (178, 24, 43)
"""Ends of the scale around zero; told apart by the colour-blind too."""

SMALL, LARGE = 15, 18
"""Heights of letters, pixels."""

TINY = 1e-6
"""Width of the range of colours for a picture that is the same everywhere."""


@dataclass(frozen=True)
class Scale:
    """Which colour a value gets: black to white, or blue over white to red.

    Attributes
    ----------
    low, high : values that get the colours at the ends; everything beyond gets them too
    diverging : blue over white to red, instead of black to white
    """

    low: float
    high: float
    diverging: bool = False

    @classmethod
    def grey(cls, low: float, high: float) -> Scale:
        """Return black at `low` and white at `high`."""
        return cls(low, max(high, low + TINY))

    @classmethod
    def around_zero(cls, reach: float) -> Scale:
        """Return blue at `-reach`, white at 0 and red at `reach`."""
        return cls(-max(reach, TINY), max(reach, TINY), diverging=True)

    def paint(self, values: Float32) -> NDArray[np.uint8]:
        """Return the colours (y, x, 3) of values (y, x)."""
        share = np.clip((values - self.low) / (self.high - self.low), 0, 1)[..., np.newaxis]
        if not self.diverging:
            return np.repeat(np.rint(share * 255).astype(np.uint8), 3, axis=-1)
        signed = share * 2 - 1
        ends = np.where(signed < 0, np.array(COLD), np.array(WARM))
        colours: NDArray[np.uint8] = np.rint(255 + (ends - 255) * np.abs(signed)).astype(np.uint8)
        return colours


class Sheet:
    """An empty sheet of paper.

    Parameters
    ----------
    width, height : pixels
    """

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self._image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def paste(self, corner: tuple[int, int], values: Float32, scale: Scale) -> None:
        """Draw values (y, x), one pixel each, with their upper left at `corner`."""
        from PIL import Image

        self._image.paste(Image.fromarray(scale.paint(values)), corner)

    def outline(self, corner: tuple[float, float], width: float, height: float, ink: Colour, line: int = 1) -> None:
        """Draw the outline of a rectangle."""
        left, top = corner
        self._draw.rectangle((left, top, left + width - 1, top + height - 1), outline=ink, width=line)

    def write(
        self,
        at: tuple[int, int],
        words: str,
        *,
        size: int = SMALL,
        ink: Colour = INK,
        anchor: str = "la",
        boxed: bool = False,
    ) -> None:
        """Write words at a place, that `anchor` relates to them as Pillow has it; `boxed`: on a dark ground."""
        from PIL import ImageFont

        font = ImageFont.load_default(size)
        if boxed:
            left, top, right, bottom = self._draw.textbbox(at, words, font=font, anchor=anchor)
            self._draw.rectangle((left - 6, top - 5, right + 6, bottom + 5), fill=INK)
        self._draw.text(at, words, fill=PAPER if boxed else ink, font=font, anchor=anchor)

    def draw_length(self, lower_left: tuple[int, int], pixels: float, words: str) -> None:
        """Draw a scale bar of so many pixels of the sheet."""
        left, bottom = lower_left
        right = left + round(pixels)
        self._draw.rectangle((left - 6, bottom - 10, right + 6, bottom + 6), fill=INK)
        self._draw.rectangle((left, bottom - 4, right, bottom), fill=PAPER)
        self.write((left, bottom - 14), words, anchor="ls", boxed=True)

    def draw_scale(self, corner: tuple[int, int], width: int, scale: Scale, ends: Sequence[str], words: str) -> None:
        """Draw a range of colours in the middle half of `width`, with words at its ends and below it."""
        left, top = corner
        inset = width // 4
        ramp = np.tile(np.linspace(scale.low, scale.high, width - 2 * inset, dtype=np.float32), (14, 1))
        self.paste((left + inset, top), ramp, scale)
        self.outline((left + inset, top), width - 2 * inset, 14, FRAME)
        self.write((left + inset - 8, top - 2), ends[0], anchor="ra")
        self.write((left + width - inset + 8, top - 2), ends[1])
        self.write((left + width // 2, top + 17), words, ink=FAINT, anchor="ma")

    def save(self, path: Path) -> None:
        """Write the sheet as PNG.

        Raises
        ------
        OutputError : where the file cannot be written
        """
        with told(path):
            # Of noise, the fastest compression makes the smallest file, too.
            self._image.save(path, format="PNG", compress_level=1)
