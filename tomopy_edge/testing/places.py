"""Where in a stack of slices things lie: whether axes were swapped, turned or shifted, and in which way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tomopy_edge.data import Float32

LIKE = 0.5
"""Correlation below which a picture shows something else."""

SHIFT = 0.2
"""Pixels by which slices may lie beside their place."""


def misplaced(answer: Float32, right: Float32) -> str | None:
    """Return how the slices of `answer` lie other than those of `right`, both (z, y, x); None where they lie alike."""
    own = _likeness(answer, right)
    told, best = max(((told, _likeness(answer, wrong)) for told, wrong in _wrong(right)), key=lambda one: one[1])
    if best > own:
        return f"its slices are {told} (correlation {best:.3f}; in their place {own:.3f})"
    # Not (own < LIKE), which is false where nothing correlates at all.
    if not own >= LIKE:
        return f"its slices do not show what they should (correlation {own:.3f})"
    down, across = _shift(answer, right)
    if max(abs(down), abs(across)) > SHIFT:
        return f"its slices lie about {down:+.1f} rows (y) and {across:+.1f} columns (x) beside their place"
    return None


def _wrong(right: Float32) -> Iterator[tuple[str, Float32]]:
    """Yield what is often got instead of `right`, with its name."""
    yield "upside down (y reversed)", right[:, ::-1]
    yield "mirrored (x reversed)", right[:, :, ::-1]
    yield "turned by 180 degrees (y and x reversed)", right[:, ::-1, ::-1]
    if right.shape[1] == right.shape[2]:
        swapped = right.transpose(0, 2, 1)
        yield "transposed (y and x swapped)", swapped
        yield "turned by 90 degrees", swapped[:, ::-1]
        yield "turned by -90 degrees", swapped[:, :, ::-1]
        yield "transposed and turned by 180 degrees", swapped[:, ::-1, ::-1]
    if len(right) > 1:
        yield "in reverse order (z reversed)", right[::-1]
        yield "one slice late (z)", np.roll(right, 1, axis=0)
        yield "one slice early (z)", np.roll(right, -1, axis=0)


def _likeness(one: Float32, other: Float32) -> float:
    """Return the correlation of two stacks, 0 where one is the same everywhere."""
    a, b = (stack.astype(np.float64) - stack.mean(dtype=np.float64) for stack in (one, other))
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0


def _shift(answer: Float32, right: Float32) -> tuple[float, float]:
    """Return by how many pixels along y and x `answer` lies beside `right`, to first order."""
    down, across = np.gradient(right.astype(np.float64), axis=(1, 2))
    terms = np.stack([right.ravel().astype(np.float64), np.ones(right.size), down.ravel(), across.ravel()], axis=1)
    gain, _, by_y, by_x = np.linalg.lstsq(terms, answer.ravel().astype(np.float64), rcond=None)[0]
    return float(-by_y / gain), float(-by_x / gain)
