"""How much memory it takes to examine a slice, and what is left out or done later where there is less."""

from __future__ import annotations

from tomopy_edge.errors import DataError
from tomopy_edge.memory import SHARE
from tomopy_edge.writers.sizes import in_words

COMPARED = 68, 116
"""Bytes of memory that a comparison with the sinogram takes for each ray and each pixel, as measured."""

HALVED = 48, 72
"""Bytes of memory that halves take for each ray of the sinogram and each pixel of the slice, as measured."""


def memory_for(rays: int, pixels: int) -> int:
    """Return about how many bytes of memory it takes to compare a slice of `pixels` with a sinogram of `rays`."""
    return COMPARED[0] * rays + COMPARED[1] * pixels


def memory_for_halves(rays: int, pixels: int) -> int:
    """Return about how many bytes of memory it takes to make and compare the halves of a slice of `pixels`."""
    return HALVED[0] * rays + HALVED[1] * pixels


def expect_memory(needed: int, free: int) -> None:
    """Raise a `DataError` where fewer bytes of memory are free than a check needs."""
    if needed > free:
        raise DataError(f"needs {in_words(needed)} of memory, and {in_words(free)} are free")


def side_by_side(rays: int, pixels: int, free: int, ncore: int) -> bool:
    """Return whether both are done at the same time, as long stretches of either keep but one core busy."""
    return ncore > 1 and memory_for(rays, pixels) + memory_for_halves(rays, pixels) <= SHARE * free


def memory_to_examine(rays: int, pixels: int, free: int, ncore: int) -> int:
    """Return the most bytes of memory that are taken at a time to examine a slice, of those that are `free`."""
    needs = memory_for(rays, pixels), memory_for_halves(rays, pixels)
    if side_by_side(rays, pixels, free, ncore):
        return sum(needs)
    return max((need for need in needs if need <= free), default=0)
