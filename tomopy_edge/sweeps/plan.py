"""What a sweep would make of a scan: which rows, how many slices, where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.chunk_size import samples_in
from tomopy_edge.data import Volume
from tomopy_edge.errors import DataError, OutputError, RecipeError
from tomopy_edge.output import default_output
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import ArrayScan, ScanFile
from tomopy_edge.run_scan import expect_whole
from tomopy_edge.stages.read import wanted_rows
from tomopy_edge.sweeps.results import CENTER
from tomopy_edge.sweeps.variants import Variants, parse_variants, read_variants

MOST_ROWS, MOST_SLICES = 16, 512
"""Rows, and slices of all values, that a sweep makes at most: it is for looking."""

MOST_LISTED = 6
"""Values that are written out."""


def as_variants(recipe: Variants | Sequence[Any] | str | Path, catalogue: Catalogue) -> Variants:
    """Return the recipes that one with a sweep stands for, or raise a `RecipeError`."""
    if isinstance(recipe, str | Path):
        recipe = read_variants(Path(recipe), catalogue)
    elif not isinstance(recipe, Variants):
        recipe = parse_variants(list(recipe), catalogue)
    if not recipe.axes:
        raise RecipeError(
            "recipe", ["there is no sweep in it; put !Sweep [a, b, c] where the value of an option stands"]
        )
    expect_whole(recipe.each[0].recipe)
    return recipe


def rows_swept(variants: Variants, scan: ScanFile, rows: tuple[int, int] | None = None) -> Span:
    """Return the rows that a sweep makes slices of: those asked for, the recipe's, or else the middle one.

    Raises
    ------
    DataError : where the scan does not have them, or they are too many to look at
    """
    options = variants.each[0].recipe.blocks[0].options
    if rows is not None:
        if not 0 <= rows[0] < rows[1] <= scan.rows:
            raise DataError(
                f"rows: {rows[0]} to {rows[1]} are not a first row and the one after the last of {scan.source}, which "
                f"has the rows 0 to {scan.rows - 1}"
            )
        span = Span(*rows, scan.rows)
    elif options.rows is None:
        span = Span(scan.rows // 2, scan.rows // 2 + 1, scan.rows)
    else:
        wanted = wanted_rows(scan, options)
        span = Span(wanted.first, wanted.last, scan.rows)
    count = span.last - span.first
    if count > MOST_ROWS or count * len(variants.each) > MOST_SLICES:
        middle = (span.first + span.last) // 2
        raise DataError(
            f"a sweep over {len(variants.each)} values on {count} rows would make {count * len(variants.each)} slices, "
            f"and is for looking at a few: at most {MOST_ROWS} rows and {MOST_SLICES} slices; choose a row "
            f"(--rows {middle} {middle + 1}), look, and run the recipe that you like on all"
        )
    return span


def samples_of(variants: Variants, scan: ScanFile, rows: tuple[int, int] | None = None) -> list[tuple[int, int]]:
    """Return the rows that a run settles the recipes on, best first: of the whole scan, where none are chosen."""
    whole = rows is None and variants.each[0].recipe.blocks[0].options.rows is None
    span = Span(0, scan.rows, scan.rows) if whole else rows_swept(variants, scan, rows)
    return samples_in(span, scan.angles, scan.columns)


def told_of_once(variants: Variants, found_with: tuple[int, Sequence[str]] | None) -> str:
    """Return in a sentence what was found once for all values, see `Tree.found_with`; "" where each found its own."""
    if found_with is None:
        return ""
    number, stages = found_with
    axis, label = variants.axes[0].name, variants.each[number].labels[0]
    return (
        f"what {' and '.join(stages)} leave{'s' * (len(stages) == 1)} open was found once, with {axis} {label}, so "
        f"that nothing but the {axis} differs; a run with another {axis} finds its own"
    )


def sweep_output(scan: ScanFile, kind: str = "sweep") -> Path:
    """Return where a sweep of a scan goes where nothing is said: beside where its slices go, or raise."""
    if isinstance(scan, ArrayScan):
        raise OutputError("output: must be given for arrays, which lie beside no folder")
    slices = default_output(Path(scan.source))
    return slices.with_name(f"{slices.name.removesuffix('_rec')}_{kind}")


def slices_in(variants: Variants, span: Span) -> int:
    """Return how many slices a sweep writes, raw ones too."""
    rows, each = span.last - span.first, len(variants.each)
    raw = 0 if not is_denoised(variants) else rows if has_raw_once(variants) else rows * each
    return rows * each + raw


def _first_volume(variants: Variants) -> int:
    blocks = variants.each[0].recipe.blocks
    return next(number for number, block in enumerate(blocks) if block.entry.gives is Volume)


def alike_after(variants: Variants) -> int | None:
    """Return the number of the stage with the rotation axis where that alone is swept over; see `Tree`."""
    if [axis.place for axis in variants.axes] != [CENTER]:
        return None
    names = [block.entry.name for block in variants.each[0].recipe.blocks]
    return names.index(CENTER.split(".")[0])


def is_denoised(variants: Variants) -> bool:
    """Return whether slices are changed after they are reconstructed."""
    return _first_volume(variants) < len(variants.each[0].recipe.blocks) - 2


def has_raw_once(variants: Variants) -> bool:
    """Return whether all values have the same raw slices, which are denoised differently."""
    until = _first_volume(variants) + 1
    first, *others = (variant.recipe.blocks[:until] for variant in variants.each)
    return is_denoised(variants) and all(other == first for other in others)


def told_of_sweeps(variants: Variants) -> list[str]:
    """Return in a line for each sweep what is swept over."""
    return [
        f"sweep over {axis.place}: {len(axis.values)} value{'s' * (len(axis.values) != 1)}: {_listed(axis.labels)}"
        for axis in variants.axes
    ]


def told_of_slices(variants: Variants, span: Span) -> str:
    """Return in a line what would be made of a scan."""
    count, rows = slices_in(variants, span), span.last - span.first
    each = f"row {span.first}" if rows == 1 else f"rows {span.first} to {span.last - 1}"
    return (
        f"would make {count} slice{'s' * (count != 1)} of {each}, raw ones included, a sheet of them, a table of "
        "scores and the settled recipe of each value"
    )


def _listed(labels: Sequence[str]) -> str:
    if len(labels) <= MOST_LISTED:
        return ", ".join(labels)
    return f"{', '.join(labels[:3])}, ... {labels[-1]}"
