"""Random crops of training pairs, and how they are varied so that a network learns matter and not accidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tomopy_edge.data import Float32

ZOOM = (0.6, 1.25)
"""By how much a crop's values are multiplied at random: a scan's unit is an estimate, and no network may rely on it."""

LIFT = (-0.15, 0.5)
"""Network units that are added at random to noisy and truth alike: where part of an object is outside the field of view
or refraction is strong, what surrounds matter is not at zero, and a network must not pull it there."""

LIFTED = 0.3
"""Share of the crops that are lifted."""

BINNED = 0.1
"""Share of the crops that are cut twice as large and averaged in blocks of 2x2, as a detector with binned pixels
would see them. They stay true pairs, for averaging is linear. Nothing is magnified: interpolated noise is alike in
neighbours, as no detector's is, and a network that learned it would take fine matter for noise."""

TRIES = 4
"""So many crops are drawn until one shows more than background; the last is kept, for calm is learned too."""

FLAT = 0.02
"""Standard deviation of the truth, network units, below which a crop shows nothing."""


@dataclass(frozen=True)
class Crops:
    """Random crops of the pairs in a file, always the same ones for a seed and a step.

    Attributes
    ----------
    noisy, truth : open HDF5 datasets, (pair, y, x, channel) and (pair, y, x)
    crop : rows and columns of a crop
    batch : crops in a batch
    seed : of all drawing
    vary : whether values are multiplied, lifted and binned at random; not where the codes of a quantizer are learned
    teacher : open dataset (pair, y, x) of a teacher's answers to the noisy side, or None
    share : of the teacher's answer in what is learned; the rest is the truth
    """

    noisy: Any
    truth: Any
    crop: int
    batch: int
    seed: int
    vary: bool = True
    teacher: Any = None
    share: float = 0.5

    def draw(self, step: int) -> tuple[Float32, Float32]:
        """Return the batch of a step: (batch, y, x, channel) noisy and (batch, y, x, 1) truth."""
        rng = np.random.default_rng((self.seed, step))
        shape = (self.batch, self.crop, self.crop)
        noisy, truth = np.empty((*shape, self.noisy.shape[3]), np.float32), np.empty((*shape, 1), np.float32)
        for one in range(self.batch):
            self._fill(noisy[one], truth[one], rng)
        return noisy, truth

    def _fill(self, noisy: Float32, truth: Float32, rng: np.random.Generator) -> None:
        """Write a crop, (y, x, channel) and (y, x, 1), straight to its place in the batch: half the time of copies."""
        sides = self._cut(rng)
        turns, mirrored = int(rng.integers(4)), rng.random() < 0.5  # noqa: PLR2004 - one in two
        zoom = np.float32(rng.uniform(*ZOOM)) if self.vary else np.float32(1)
        lift = np.float32(rng.uniform(*LIFT) if self.vary and rng.random() < LIFTED else 0)
        # Which neighbour is above and which below is no matter either.
        order = slice(None, None, -1) if rng.random() < 0.5 else slice(None)  # noqa: PLR2004 - one in two
        for cut, place in zip(sides, (noisy[..., order], truth), strict=True):
            turned = np.rot90(cut, turns)
            np.multiply(turned[:, ::-1] if mirrored else turned, zoom, out=place, dtype=np.float32)
            if lift:
                np.add(place, lift, out=place)

    def _cut(self, rng: np.random.Generator) -> tuple[Any, Any]:
        """Return what is seen of a crop, (y, x, channel), and what is learned of it, (y, x, 1)."""
        count, y, x = self.truth.shape
        binned = self.vary and min(y, x) >= 2 * self.crop and rng.random() < BINNED
        edge = 2 * self.crop if binned else self.crop
        for _ in range(TRIES):
            i, v, u = (int(rng.integers(0, end)) for end in (count, max(y - edge, 0) + 1, max(x - edge, 0) + 1))
            window = (i, slice(v, v + edge), slice(u, u + edge))
            truth = self.truth[window].astype(np.float32)
            if truth.std() > FLAT:
                break
        if self.teacher is not None:
            truth = (1 - self.share) * truth + self.share * self.teacher[window].astype(np.float32)
        sides = self.noisy[window], truth[..., None]
        return (_binned(sides[0]), _binned(sides[1])) if binned else sides


def _binned(values: Any) -> Float32:
    """Return the means of blocks of 2x2, (y, x, channel)."""
    values = values.astype(np.float32)
    rows = values[::2] + values[1::2]
    means: Float32 = (rows[:, ::2] + rows[:, 1::2]) / 4
    return means
