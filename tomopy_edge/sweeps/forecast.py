"""What a sweep will take of memory and disk: that of a run with each value, and what is kept beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Volume
from tomopy_edge.forecast import Forecast, Plan, counted, foretold
from tomopy_edge.forecast.sizes import sizes_of
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import ScanFile
from tomopy_edge.recipe import Recipe
from tomopy_edge.stages.trust import ENTRY as TRUST
from tomopy_edge.sweeps.making import MORE
from tomopy_edge.sweeps.plan import has_raw_once, is_denoised, slices_in
from tomopy_edge.sweeps.sheet import EDGES
from tomopy_edge.sweeps.variants import Variants
from tomopy_edge.trust.rows import examined_rows
from tomopy_edge.writers.sizes import on_disk

SCORED = 16
"""Copies of a slice that are made of it to be scored, or looked through for the sheet."""

DRAWN = 8
"""Bytes of a pixel of the sheet: as a number, and as a colour, twice while that is written."""

EXAMINED = 1.5
"""Bytes of each pixel of a slice that the pictures take in which it was examined, at most."""

SCATTERED, SHARE_LEFT = 384 * 2**20, 0.25
"""Bytes that the C library keeps where slices are examined one after the other, and of what that takes: as measured."""

NEIGHBOURS = 2
"""Rows that a network looks at beside those that slices are made of."""

LOADED = 8
"""Recipes, at most, that are run on a few pixels, so that the libraries are loaded that they need."""


def foretell_sweep(
    variants: Variants,
    scan: ScanFile,
    span: Span,
    *,
    ncore: int | None = None,
    nchunk: int | None = None,
    catalogue: Catalogue | None = None,
) -> Forecast:
    """Return what a sweep on the rows of `span` would take of memory and disk, on this machine at this moment.

    Raises
    ------
    EdgeError : where a value would be refused, as for want of memory for a network
    """
    recipes = [_with_rows(variant.recipe, span) for variant in variants.each]
    named = [recipes[number] for number in crossing(variants, words_alone=True)][:LOADED]

    def count(loaded: Sequence[Recipe], plan: Plan, libraries: int) -> Forecast:
        known = [*zip(named, loaded, strict=True)]
        alone = [counted(_as_loaded(recipe, known), scan, plan, libraries) for recipe in recipes]
        most = max(alone, key=lambda one: one.memory)
        edge = max(one.slices[-1] for one in alone)
        drawn, image = _pixels_drawn(variants), 4 * edge**2
        rows = span.last - span.first
        working = most.rows + most.networks + _kept(recipes, scan, rows, most.at_once)
        examined = _examined(recipes[0], span)
        if examined and len(recipes) > 1:
            working += SCATTERED + int(SHARE_LEFT * most.rows)
        # Of each row the first slices, raw and not, to compare with, and those that are just made.
        apart = 4 * rows * image + max(working, SCORED * image, DRAWN * drawn)
        count = slices_in(variants, span)
        seen = int(EXAMINED * edge**2) * examined * len(recipes)
        more = {MORE: seen} if seen else {}
        return replace(
            most,
            slices=(rows, edge, edge),
            rows=apart - most.networks,
            output={"tiff": on_disk("tiff", (count, edge, edge)), "sheets": rows * drawn, **more},
        )

    return foretold(named, scan, count, ncore=ncore, nchunk=nchunk, catalogue=catalogue)


def crossing(variants: Variants, *, words_alone: bool = False) -> list[int]:
    """Return the numbers of recipes among which each value of each sweep is: the first row and column of the grid.

    Parameters
    ----------
    words_alone : whether of numbers one will do, as what they change needs no other libraries
    """
    first = variants.each[0].values
    idle = [words_alone and _are_numbers(axis.values) for axis in variants.axes]
    numbers = []
    for number, variant in enumerate(variants.each):
        changed = [one != other for one, other in zip(variant.values, first, strict=True)]
        if sum(changed) <= 1 and not any(change and still for change, still in zip(changed, idle, strict=True)):
            numbers.append(number)
    return numbers


def _are_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _with_rows(recipe: Recipe, span: Span) -> Recipe:
    first, *others = recipe.blocks
    return Recipe((replace(first, options=replace(first.options, rows=(span.first, span.last))), *others))


def _as_loaded(recipe: Recipe, known: Sequence[tuple[Recipe, Recipe]]) -> Recipe:
    """Return a recipe with the runtimes that the same stages have in those that were loaded."""
    found = (
        next((loaded.blocks[n] for plain, loaded in known if plain.blocks[n] == block), block)
        for n, block in enumerate(recipe.blocks)
    )
    return Recipe(tuple(found))


def _kept(recipes: Sequence[Recipe], scan: ScanFile, rows: int, at_once: int) -> int:
    """Return the bytes of what stages made that is asked for again, and of rows beyond those worked on at once."""
    sizes = max((sizes_of(recipe, scan) for recipe in recipes), key=lambda one: one.counts + one.image)
    blocks = recipes[0].blocks[:-1]
    wide = rows + NEIGHBOURS
    branches = {n - 1 for n in range(1, len(blocks)) if any(a.blocks[n] != b.blocks[n] for a, b in pairwise(recipes))}
    makes = next(n for n, block in enumerate(blocks) if block.entry.gives is Volume)
    kept = range(len(blocks)) if any(block.entry is TRUST for block in blocks) else {*branches, makes}
    listed = max(sizes.of(block.entry.takes) + sizes.of(block.entry.gives) for block in blocks)
    return sum(wide * sizes.of(blocks[n].entry.gives) for n in kept) + max(wide - at_once, 0) * listed


def _examined(recipe: Recipe, span: Span) -> int:
    """Return how many slices of each value are examined."""
    every = next((block.options.every for block in recipe.blocks if block.entry is TRUST), None)
    return 0 if every is None else len(examined_rows(span.first, span.last, every))


def _pixels_drawn(variants: Variants) -> int:
    """Return the pixels of the pictures of a sheet, at most."""
    count = len(variants.each)
    views = 2 if is_denoised(variants) and not has_raw_once(variants) else 1
    panel = next(panel for most, panel in EDGES if count <= most)
    return (count + 1) * views * 2 * panel**2
