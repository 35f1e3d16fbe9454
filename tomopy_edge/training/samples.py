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
        crops = [self._one(rng) for _ in range(self.batch)]
        return np.stack([noisy for noisy, _ in crops]), np.stack([truth for _, truth in crops])

    def _one(self, rng: np.random.Generator) -> tuple[Float32, Float32]:
        pair = self._cut(rng)
        pair = np.rot90(pair, int(rng.integers(4)))
        if rng.random() < 0.5:  # noqa: PLR2004 - one in two is mirrored
            pair = pair[:, ::-1]
        if self.vary:
            pair = pair * np.float32(rng.uniform(*ZOOM))
            if rng.random() < LIFTED:
                pair = pair + np.float32(rng.uniform(*LIFT))
        # Which neighbour is above and which below is no matter either.
        order = slice(None, None, -1) if rng.random() < 0.5 else slice(None)  # noqa: PLR2004 - one in two
        return np.ascontiguousarray(pair[..., :-1][..., order]), np.ascontiguousarray(pair[..., -1:])

    def _cut(self, rng: np.random.Generator) -> Float32:
        """Return a crop, (y, x, channel); what is learned is its last channel."""
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
        pair = np.concatenate([self.noisy[window].astype(np.float32), truth[..., None]], axis=2)
        if binned:
            pair = pair.reshape(self.crop, 2, self.crop, 2, -1).mean(axis=(1, 3))
        return pair
