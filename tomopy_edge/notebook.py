"""How data look in a notebook: a table of what they are, and a small picture, taken from a few of their pixels."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDEST = 240
"""Pixels of a picture, at most, along each side."""

FEW = 2**18
"""Values that a range is told from, about: more take longer to read than a cell should."""

DARK, BRIGHT = 1.0, 99.0
"""Percentiles that are shown black and white."""

LONGEST = 240
"""Characters of a sentence that a table shows."""

MOST = 12
"""Sentences that a table shows."""

LAST = 3
"""Of them, those that come last in a report."""


def scan_html(scan: Any) -> str:
    """Return a `Scan` as HTML: axes, counts, angles, and the middle projection, or the sinogram of a few rows."""
    projections = scan.projections
    degrees = np.rad2deg(scan.theta)
    span = f"{degrees.min():.6g} to {degrees.max():.6g} degrees" if degrees.size else "none"
    rows, middle = projections.shape[1], projections.shape[0] // 2
    few = rows < projections.shape[0] // 4
    image = projections[:, rows // 2] if few else projections[middle : middle + 1].reshape(rows, -1)
    told = [
        ("projections", _axes(projections, ("angle", "row", "column"))),
        ("flats, darks", f"{len(scan.flats)}, {len(scan.darks)} frames"),
        ("counts", _range(projections)),
        ("theta", span),
        ("rows", f"from {scan.first_row} of the scan"),
        ("pixel size", _length(scan.pixel_size)),
    ]
    return _table("Scan", told, image, "sinogram of the middle row" if few else "middle projection")


def volume_html(volume: Any) -> str:
    """Return a `Volume` as HTML: axes, range, place in the scan, and the middle one of them."""
    slices = volume.slices
    told = [
        ("slices", _axes(slices, ("z", "y", "x"))),
        ("attenuation per pixel", _range(slices)),
        ("rows", f"from {volume.first_row} of the scan"),
        ("pixel size", _length(volume.pixel_size)),
    ]
    if volume.precision is not None:
        told.append(("made by a network in", volume.precision))
    if volume.unit is not None:
        told.append(("the network's 1", f"{volume.unit:.4g} per pixel"))
    return _table("Volume", told, slices[len(slices) // 2] if len(slices) else slices[:0, 0], "middle slice")


def report_html(report: Any) -> str:
    """Return a `Report` as HTML: the scan, what was made, what was changed on the way, and how long it took."""
    notes = report.lines()
    if len(notes) > MOST:
        # What is said last is how long it took, what failed, and what to make of it.
        notes = [*notes[: MOST - LAST], f"and {len(notes) - MOST} more", *notes[-LAST:]]
    told = [
        ("scan", str(report.scan.get("source", ""))),
        ("slices", " x ".join(map(str, report.slices)) + " (z, y, x)"),
        ("begun", report.started),
        ("took", f"{report.seconds:.1f} s"),
        *(("" if n else "notes", sentence) for n, sentence in enumerate(notes)),
    ]
    return _table("Report", told, None, "")


def _table(title: str, told: Iterable[tuple[str, str]], image: NDArray[Any] | None, about: str) -> str:
    lines = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(_short(value))}</td></tr>"
        for name, value in told
    )
    shown = "" if image is None else _picture(image, about)
    return (
        f"<div style='display:flex;gap:1em;align-items:flex-start'><div><strong>{html.escape(title)}</strong>"
        f"<table>{lines}</table></div>{shown}</div>"
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _axes(array: NDArray[Any], names: tuple[str, ...]) -> str:
    size = array.nbytes
    told = f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
    return f"{' x '.join(map(str, array.shape))} ({', '.join(names)}), {array.dtype}, {told}"


def _length(pixel_size: float | None) -> str:
    return "not known" if pixel_size is None else f"{pixel_size:.6g} µm"


def _few(array: NDArray[Any]) -> NDArray[Any]:
    """Return some values of an array, spread over all of it."""
    step = max(int(np.ceil((array.size / FEW) ** (1 / array.ndim))), 1)
    return array[(slice(step // 2, None, step),) * array.ndim] if step > 1 else array


def _range(array: NDArray[Any]) -> str:
    some = _few(array)
    finite = some[np.isfinite(some)] if some.dtype.kind == "f" else some
    if not finite.size:
        return "nothing finite"
    looked = "" if some.size == array.size else f", from {some.size} of {array.size} values"
    lost = "" if finite.size == some.size else f"; {some.size - finite.size} not finite"
    return f"{finite.min():.4g} to {finite.max():.4g}{looked}{lost}"


def _picture(image: NDArray[Any], about: str) -> str:
    """Return an image (y, x) as an HTML picture of at most `WIDEST` pixels; "" where there is nothing to show."""
    step = max(-(-max(image.shape) // WIDEST), 1)
    small = np.asarray(image[::step, ::step], np.float64)
    if not small.size or not np.isfinite(small).any():
        return ""
    low, high = np.nanpercentile(np.where(np.isfinite(small), small, np.nan), (DARK, BRIGHT))
    grey = np.nan_to_num((small - low) / max(high - low, np.finfo(float).tiny), nan=0.0, posinf=1.0, neginf=0.0)
    encoded = base64.b64encode(_png((255 * grey.clip(0, 1)).astype(np.uint8))).decode()
    return (
        f"<figure style='margin:0'><img src='data:image/png;base64,{encoded}' alt='{html.escape(about)}'>"
        f"<figcaption>{html.escape(about)}</figcaption></figure>"
    )


def _png(grey: NDArray[np.uint8]) -> bytes:
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.fromarray(grey).save(file, "png")
    return file.getvalue()
