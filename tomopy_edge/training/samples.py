"""A file of training pairs: whether it can be learned from, and random crops of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError

ZOOM = (0.6, 1.25)
"""By how much a crop's values are multiplied at random: a scan's unit is an estimate, and no network may rely on it."""

LIFT = (-0.15, 0.5)
"""Network units that are added at random to noisy and truth alike: where part of an object is outside the field of view
or refraction is strong, what surrounds matter is not at zero, and a network must not pull it there."""

LIFTED = 0.3
"""Share of the crops that are lifted."""

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
    vary : whether values are multiplied and lifted at random; not where the codes of a quantizer are to be learned
    """

    noisy: Any
    truth: Any
    crop: int
    batch: int
    seed: int
    vary: bool = True

    def draw(self, step: int) -> tuple[Float32, Float32]:
        """Return the batch of a step: (batch, y, x, channel) noisy and (batch, y, x, 1) truth."""
        rng = np.random.default_rng((self.seed, step))
        crops = [self._one(rng) for _ in range(self.batch)]
        return np.stack([noisy for noisy, _ in crops]), np.stack([truth for _, truth in crops])

    def _one(self, rng: np.random.Generator) -> tuple[Float32, Float32]:
        count, y, x = self.truth.shape
        for _ in range(TRIES):
            i, v, u = (
                int(rng.integers(0, end)) for end in (count, max(y - self.crop, 0) + 1, max(x - self.crop, 0) + 1)
            )
            window = (i, slice(v, v + self.crop), slice(u, u + self.crop))
            truth = self.truth[window].astype(np.float32)
            if truth.std() > FLAT:
                break
        pair = np.concatenate([self.noisy[window].astype(np.float32), truth[..., None]], axis=2)
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


@contextmanager
def open_pairs(path: Path, channels: int, multiple: int = 1, crop: int = 1) -> Iterator[Any]:
    """Yield the open HDF5 file of pairs, once its datasets have the shapes that are needed.

    Parameters
    ----------
    path : see `simulation.files.write_pairs`
    channels : adjacent slices of its noisy side
    multiple : what its slices' rows and columns must be a multiple of, pixels
    crop : what they must at least be, pixels

    Raises
    ------
    DataError : where it cannot be read, or a dataset is missing or has another shape
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read as HDF5 ({error}); write one with tomopy-edge simulate pairs"
        ) from None
    with file:
        for part in ("train", "test"):
            for name in (f"{part}_ns", f"{part}_gt"):
                if name not in file:
                    raise DataError(f"{path}: holds no dataset {name!r}; write one with tomopy-edge simulate pairs")
            noisy, truth = file[f"{part}_ns"], file[f"{part}_gt"]
            _check_shapes(path, part, noisy.shape, truth.shape, channels=channels, multiple=multiple, crop=crop)
        yield file


def check_values(path: Path, file: Any) -> None:
    """Read all of an open file of pairs once, before any time is spent on training with it.

    Raises
    ------
    DataError : where a pair teaches nothing: values that are not finite, or noisy slices that are the same everywhere
    """
    for part in ("train", "test"):
        noisy, truth = file[f"{part}_ns"], file[f"{part}_gt"]
        for i in range(len(truth)):
            _check_pair(f"{path}: {part} pair {i}", noisy[i], truth[i])


def _check_shapes(
    path: Path, part: str, noisy: tuple[int, ...], truth: tuple[int, ...], *, channels: int, multiple: int, crop: int
) -> None:
    if len(truth) != 3 or noisy != (*truth, channels) or not truth[0]:  # noqa: PLR2004 - (pair, y, x)
        raise DataError(
            f"{path}: {part}_ns must have the shape (pair, y, x, {channels}) and {part}_gt (pair, y, x), "
            f"with at least one pair; got {noisy} and {truth}"
        )
    if truth[1] % multiple or truth[2] % multiple or min(truth[1:]) < crop:
        raise DataError(
            f"{path}: slices of {part} must be a multiple of {multiple} pixels and at least as large as a crop "
            f"({crop}), got {truth[1:]}"
        )


def _check_pair(place: str, noisy: np.ndarray, truth: np.ndarray) -> None:
    for what, values in (("noisy slices", noisy), ("truth", truth)):
        if not np.isfinite(values).all():
            raise DataError(f"{place}: its {what} hold values that are not finite; simulate it again")
    if noisy.min() == noisy.max():
        raise DataError(f"{place}: its noisy slices are {float(noisy.min()):g} everywhere; simulate it again")
