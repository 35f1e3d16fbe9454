"""Whole stacks of slices seen as pairs: neighbours are taken from the stack, values are divided by the network unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError
from tomopy_edge.networks.unit import attenuation_unit

MEASURED = 16
"""Slices, spread over the stack, that its unit is measured on."""

Key = int | slice | tuple[int | slice, ...]


@dataclass(frozen=True)
class Stack:
    """One side of pairs that was kept as a stack of adjacent slices, indexed as if it were kept as pairs.

    Attributes
    ----------
    slices : open dataset or array, (slice, y, x), any unit
    edge : slices at either end that are only neighbours
    unit : what the values are divided by
    noisy : whether the neighbours are given too, as channels
    """

    slices: Any
    edge: int
    unit: float
    noisy: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """(pair, y, x, channel) of the noisy side, (pair, y, x) of the truth."""
        count, y, x = self.slices.shape
        pairs = max(count - 2 * self.edge, 0)
        return (pairs, y, x, 2 * self.edge + 1) if self.noisy else (pairs, y, x)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Float32]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Key) -> Float32:
        first, *window = key if isinstance(key, tuple) else (key,)
        if isinstance(first, slice):
            return np.stack([self._pair(i, window) for i in range(*first.indices(len(self)))])
        if not -len(self) <= first < len(self):
            raise IndexError(f"pair {first} of {len(self)}")
        return self._pair(first % len(self), window)

    def _pair(self, i: int, window: list[int | slice]) -> Float32:
        around = slice(i, i + 2 * self.edge + 1) if self.noisy else slice(i + self.edge, i + self.edge + 1)
        slices = self.slices[(around, *window)].astype(np.float32) / np.float32(self.unit)
        return np.moveaxis(slices, 0, -1) if self.noisy else slices[0]


@dataclass(frozen=True)
class Middle:
    """The noisy side of pairs for a network that sees fewer adjacent slices than are kept.

    Attributes
    ----------
    noisy : open dataset or array, (pair, y, x, channel)
    channels : how many of the middle are seen
    """

    noisy: Any
    channels: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(pair, y, x, channel)."""
        return (*self.noisy.shape[:3], self.channels)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Key) -> Any:
        window = key if isinstance(key, tuple) else (key,)
        rest = (slice(None),) * (3 - len(window))
        first = (self.noisy.shape[3] - self.channels) // 2
        return self.noisy[(*window, *rest, slice(first, first + self.channels))]


def in_memory(side: Any) -> Any:
    """Return a side of pairs, a dataset or a `Stack` or `Middle` of one, that is read from memory from now on.

    It is held in float32, twice what files of pairs take: numpy converts float16 more slowly than it does all the rest.
    """
    if isinstance(side, Stack):
        return replace(side, slices=in_memory(side.slices))
    if isinstance(side, Middle):
        return replace(side, noisy=in_memory(side.noisy))
    held = np.empty(side.shape, np.float32)
    for i in range(len(held)):
        held[i] = side[i]
    return held


def stack_unit(slices: Any) -> float:
    """Return the unit of a noisy stack, (slice, y, x); see `networks.unit.attenuation_unit`.

    Raises
    ------
    DataError : where nothing in it absorbs, or its values are not finite
    """
    spread = np.unique(np.linspace(0, len(slices) - 1, MEASURED).round().astype(int))
    sample = np.stack([slices[i] for i in spread]).astype(np.float32)
    for i, values in zip(spread, sample, strict=True):
        if not np.isfinite(values).all():
            raise DataError(f"slice {i} holds values that are not finite; mend or make it again")
    return attenuation_unit(sample)
