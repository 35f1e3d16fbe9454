"""The pictures of an evaluation: slices of every method side by side, and the boxes of Fig. 8 of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tomopy_edge.contact_sheet import most_structured
from tomopy_edge.data import Float32
from tomopy_edge.drawing import FAINT, FRAME, INK, LARGE, MARK, WARM, Scale, Sheet
from tomopy_edge.evaluation.judge import Evaluation, Example

PANEL = 318
"""Edge of a panel, pixels; whole slices are averaged in blocks to at most this."""

ENLARGED = 3
"""How much larger than pixel by pixel the detail is shown."""

GAP, MARGIN, TITLE, CAPTION = 10, 24, 34, 44
"""Distances, pixels: between panels, around all, and the heights of a scan's title and a panel's words."""

ENDS = (0.2, 99.8)
"""Percentiles of the reference that become black and white."""

BOX_HEIGHT, BOX_LABELS, BOX_SCALE = 34, 330, 760
"""Of the boxes, pixels: height of a row, width of the names, width of the scale."""


def draw_slices(examples: Sequence[Example], path: Path) -> None:
    """Draw scans below each other: the reference and every method's slice, and below each a detail of it.

    All slices of a scan share one grey range, from percentiles of the reference.

    Parameters
    ----------
    examples : at least one
    path : the PNG to write

    Raises
    ------
    OutputError : where the file cannot be written
    """
    across = 1 + max(len(example.slices) for example in examples)
    tops = [MARGIN]
    for example in examples:
        reference = example.reference[1]
        tops.append(tops[-1] + TITLE + CAPTION + len(_shrunk(reference)) + _edge(reference) * ENLARGED + 3 * GAP)
    sheet = Sheet(2 * MARGIN + across * (PANEL + GAP) - GAP, tops[-1] + MARGIN)
    for top, example in zip(tops[:-1], examples, strict=True):
        _draw_example(sheet, top, example)
    sheet.save(path)


def _draw_example(sheet: Sheet, top: int, example: Example) -> None:
    name, reference = example.reference
    low, high = (float(level) for level in np.percentile(reference[reference != 0], ENDS))
    scale = Scale.grey(low, high)
    edge = _edge(reference)
    row, column, _ = most_structured(reference, edge)
    grey = f"grey from {low:.3g} to {high:.3g} per pixel, percentiles {ENDS[0]:g} and {ENDS[1]:g} of the {name}"
    sheet.write((MARGIN, top), f"{example.title}; {grey}", size=LARGE)
    zoom = 1 / _blocks(reference)
    panels = [(name, "", reference)]
    panels += [(title, example.captions[title], slice_) for title, slice_ in example.slices.items()]
    for place, (title, caption, slice_) in enumerate(panels):
        left, upper = MARGIN + place * (PANEL + GAP), top + TITLE
        sheet.write((left, upper), title)
        sheet.write((left, upper + 20), caption, ink=FAINT)
        corner = (left, upper + CAPTION)
        whole = _shrunk(slice_)
        sheet.paste(corner, whole, scale)
        sheet.outline(corner, whole.shape[1], whole.shape[0], FRAME)
        sheet.outline((left + column * zoom, corner[1] + row * zoom), edge * zoom, edge * zoom, MARK, 2)
        below = (left, corner[1] + len(whole) + GAP)
        detail = slice_[row : row + edge, column : column + edge].repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        sheet.paste(below, detail, scale)
        sheet.outline(below, detail.shape[1], detail.shape[0], FRAME)


def _edge(slice_: Float32) -> int:
    """Return the edge of the detail of a slice, pixels."""
    return int(min(PANEL // ENLARGED, *slice_.shape))


def _blocks(slice_: Float32) -> int:
    """Return the edge of the blocks that are averaged into one pixel of the whole slice."""
    return int(-(-max(slice_.shape) // PANEL))


def _shrunk(slice_: Float32) -> Float32:
    times = _blocks(slice_)
    y, x = (length // times for length in slice_.shape)
    means: Float32 = slice_[: y * times, : x * times].reshape(y, times, x, times).mean(axis=(1, 3), dtype=np.float32)
    return means


def draw_boxes(evaluation: Evaluation, path: Path) -> None:
    """Draw the SSIM of all scans for each method, as Fig. 8 of the paper does.

    A box goes from the 25th to the 75th percentile over scans, with a line at the median and a dashed one at the mean;
    whiskers go from the lowest to the highest.

    References
    ----------
    V. Abeykoon et al., "Scientific Image Restoration Anywhere" (2019), Fig. 8.

    Raises
    ------
    OutputError : where the file cannot be written
    """
    ssim = [[one.measures.ssim for one in evaluation.of(method)] for method in evaluation.methods]
    least = min(0.0, *(min(scores) for scores in ssim))
    left, top = MARGIN + BOX_LABELS, MARGIN + 2 * TITLE
    sheet = Sheet(left + BOX_SCALE + 2 * MARGIN + 60, top + BOX_HEIGHT * len(ssim) + 2 * MARGIN + TITLE)
    sheet.write((MARGIN, MARGIN), f"SSIM: {evaluation.description}", size=LARGE)
    words = "box: 25th to 75th percentile over scans; line: median; dashed: mean; whiskers: lowest and highest"
    sheet.write((MARGIN, MARGIN + 28), words, ink=FAINT)

    def at(score: float) -> int:
        return left + round((score - least) / (1 - least) * BOX_SCALE)

    bottom = top + BOX_HEIGHT * len(ssim)
    for tick in np.linspace(least, 1, 11):
        sheet.outline((at(float(tick)), top), 1, bottom - top, FRAME)
        sheet.write((at(float(tick)), bottom + 6), f"{tick:.2g}", ink=FAINT, anchor="ma")
    for number, (method, scores) in enumerate(zip(evaluation.methods, ssim, strict=True)):
        upper = top + number * BOX_HEIGHT + 6
        height = BOX_HEIGHT - 12
        low, first, middle, third, high = (at(float(one)) for one in np.percentile(scores, [0, 25, 50, 75, 100]))
        sheet.write((MARGIN, upper), method.title)
        sheet.outline((low, upper + height // 2), high - low + 1, 1, INK)
        sheet.outline((first, upper), third - first + 1, height, INK, 2)
        sheet.outline((middle, upper), 2, height, INK)
        for dash in range(0, height, 6):
            sheet.outline((at(float(np.mean(scores))), upper + dash), 2, 3, WARM)
        sheet.write((left + BOX_SCALE + 12, upper), f"{np.mean(scores):.4f}")
    sheet.save(path)
