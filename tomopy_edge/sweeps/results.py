"""What a sweep leaves of each recipe: its slices as TIFF, its settled recipe, and its line in a table of scores."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.recipe import Block, Recipe
from tomopy_edge.sweeps.scores import Scores, scores
from tomopy_edge.sweeps.tree import Failed, Made
from tomopy_edge.sweeps.values import Axis
from tomopy_edge.sweeps.variants import Variant
from tomopy_edge.writers.durable import put_in_place, put_text
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.tiff import write_slice

CENTER = "find_center.center"
"""The one option whose best value sharpness tells: of all others, more of it may be sharper and worse."""


@dataclass(frozen=True)
class Picture:
    """A slice that a recipe made of one row.

    Attributes
    ----------
    row : of the detector
    raw, final : its scores before and after what follows the reconstruction; the same where nothing does
    raw_file, file : where they lie within the output
    """

    row: int
    raw: Scores
    final: Scores
    raw_file: str
    file: str


@dataclass(frozen=True)
class Result:
    """What came of one recipe of a sweep.

    Attributes
    ----------
    name, labels, values : see `Variant`
    pictures : one for each row; none where it failed
    recipe : where the settled recipe lies within the output; running it gives the same slices to the bit
    failed : why there are no slices, "" where there are
    counts, notes, measures, seconds : see `Tally`; stages in common with other recipes are in each
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[Any, ...]
    pictures: tuple[Picture, ...] = ()
    recipe: str = ""
    failed: str = ""
    counts: dict[str, dict[str, int]] | None = None
    notes: dict[str, list[str]] | None = None
    measures: dict[str, dict[str, list[float]]] | None = None
    seconds: dict[str, dict[str, float]] | None = None

    @property
    def sharpness(self) -> float:
        """Of the raw slices, the geometric mean over rows; 0 where it failed."""
        found = [picture.raw.sharpness for picture in self.pictures]
        return math.exp(sum(map(math.log, found)) / len(found)) if found else 0.0


class Shelf:
    """Puts what is made into an output folder, and compares it with what was made first.

    Parameters
    ----------
    folder : the output
    variants : the recipes
    denoised : whether slices are changed after they are reconstructed
    raw_once : whether all recipes have the same raw slices, which then lie there once
    later : stages that the recipes kept have before what writes, and that were not run
    """

    def __init__(
        self,
        folder: Path,
        variants: Sequence[Variant],
        *,
        denoised: bool,
        raw_once: bool,
        later: Sequence[Block] = (),
    ) -> None:
        self._folder, self._variants, self._later = folder, variants, later
        self._denoised, self._raw_once = denoised, raw_once
        self._first: dict[tuple[str, int], Float32] = {}
        self.results: dict[int, Result] = {}

    def put(self, made: Made | Failed) -> Result:
        """Write what a recipe made, and return its scores.

        Raises
        ------
        OutputError : where the disk is full or cannot be written to
        """
        variant = self._variants[made.number]
        if isinstance(made, Failed):
            result = Result(variant.name, variant.labels, variant.values, failed=made.why)
        else:
            result = self._put(variant, made)
        self.results[made.number] = result
        return result

    def _put(self, variant: Variant, made: Made) -> Result:
        size = made.final.pixel_size
        several = len(made.final.slices) > 1
        pictures = []
        for row, (raw, final) in enumerate(zip(made.raw.slices, made.final.slices, strict=True), made.final.first_row):
            file = f"{variant.name}{f'_row_{row:05d}' * several}.tiff"
            of_raw = scores(raw, self._first.setdefault(("raw", row), raw))
            if self._denoised:
                raw_file = f"raw/{f'row_{row:05d}.tiff' if self._raw_once else file}"
                self._write(raw_file, raw, f"raw, row {row}", size)
                self._write(f"denoised/{file}", final, f"{variant.name}, row {row}", size)
                of_final = scores(final, self._first.setdefault(("final", row), final))
                pictures.append(Picture(row, of_raw, of_final, raw_file, f"denoised/{file}"))
            else:
                self._write(f"slices/{file}", final, f"{variant.name}, row {row}", size)
                pictures.append(Picture(row, of_raw, of_raw, f"slices/{file}", f"slices/{file}"))
        recipe = f"recipes/{variant.name}.yaml"
        with told(self._folder / recipe):
            (self._folder / recipe).parent.mkdir(exist_ok=True)
            *blocks, write = made.recipe.blocks
            put_text(self._folder / recipe, Recipe((*blocks, *self._later, write)).to_yaml())
        tally = made.tally
        return Result(
            *(variant.name, variant.labels, variant.values, tuple(pictures), recipe),
            counts=tally.counts,
            notes=tally.notes,
            measures=tally.measures,
            seconds=tally.seconds,
        )

    def _write(self, name: str, slice_: Float32, words: str, pixel_size: float | None) -> None:
        path = self._folder / name
        if path.exists():
            return
        with told(path):
            path.parent.mkdir(exist_ok=True)
            put_in_place([(path, partial(write_slice, slice_=slice_, what=words, pixel_size=pixel_size))])


def best_center(axes: Sequence[Axis], results: Sequence[Result]) -> Result | None:
    """Return the result with the sharpest slices where the rotation axis alone was swept over; None otherwise."""
    if [axis.place for axis in axes] != [CENTER] or not any(result.pictures for result in results):
        return None
    return max(results, key=lambda result: result.sharpness)


def table(axes: Sequence[Axis], results: Sequence[Result]) -> str:
    """Return a CSV file's text: a line for each slice, and for each recipe that failed."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    measured = [f"{what}_{of}" for of in ("raw", "final") for what in ("sharpness", "noise", "mean", "difference")]
    lines.writerow([*(axis.place for axis in axes), "row", *measured, "raw_file", "final_file", "recipe", "failed"])
    for result in results:
        if result.failed:
            lines.writerow([*result.labels, "", *[""] * len(measured), "", "", "", result.failed])
        for one in result.pictures:
            numbers = [
                f"{value:.6g}"
                for of in (one.raw, one.final)
                for value in (of.sharpness, of.noise, of.mean, of.difference)
            ]
            lines.writerow([*result.labels, one.row, *numbers, one.raw_file, one.file, result.recipe, ""])
    return text.getvalue()


def read_slice(folder: Path, name: str) -> Float32:
    """Return a slice (y, x) that lies in an output."""
    import tifffile

    slice_: Float32 = np.asarray(tifffile.imread(folder / name), np.float32)
    return slice_
