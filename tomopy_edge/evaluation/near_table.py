"""The table of a real scan's parts, in words."""

from __future__ import annotations

from tomopy_edge.evaluation.nearness import DEFINITIONS, Comparison, Near
from tomopy_edge.text_table import aligned

HEAD = ("", "to others", "nearer by", "most", "SSIM to input", "grey %", "saturated", "s/slice")


def near_lines(comparison: Comparison) -> list[str]:
    """Return a table for each part of the scan, what its numbers mean, and what was noted."""
    told = [comparison.description]
    for part in dict.fromkeys(one.part for one in comparison.near):
        rows = [_row(one) for one in comparison.near if one.part == part]
        told += ["", *aligned([(part, *HEAD[1:]), *rows])]
    meanings = [f"{name}: {meaning}" for name, meaning in DEFINITIONS.items()]
    return [*told, "", *meanings, *(f"note: {sentence}" for sentence in comparison.notes)]


def _row(near: Near) -> list[str]:
    return [
        near.method.title,
        "-" if near.distance is None else f"{near.distance:.3e}",
        "-" if near.gain is None else f"{near.gain:+.2f}",
        "-" if near.most is None else f"{near.most:.2f}",
        f"{near.ssim_to_input:.4f}",
        f"{near.grey:+.2f}",
        f"{near.saturated}",
        f"{near.seconds:.2f}",
    ]
