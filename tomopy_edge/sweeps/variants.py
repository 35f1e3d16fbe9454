"""A recipe in which one or two options are swept over, read as the recipes that it stands for."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.errors import RecipeError
from tomopy_edge.recipe import (
    CLUSTER,
    Block,
    Named,
    Place,
    Recipe,
    named_stages,
    read_plain,
    recipe_of,
    sweeps_in,
    where,
)
from tomopy_edge.sweeps.values import MOST, Axis, values_of

AT_ONCE = 2
"""Sweeps in a recipe, at most: a sheet of pictures has rows and columns."""

NO_VALUE: Any = object()
"""Stands for the value of a sweep that has none."""

REFUSED = {
    "read.rows": "say which rows with --rows FIRST LAST, or read.rows without a sweep; all values are tried on each",
    "write.formats": "it changes no slice; those of a sweep are written as TIFF",
}
"""Options that a sweep over makes no sense of -> what to do instead."""


@dataclass(frozen=True)
class Variant:
    """One of the recipes that a sweep stands for.

    Attributes
    ----------
    name : for its files, such as "07_center_1276.50"
    labels : its value on each axis, in words
    values : the same in YAML's plain form
    recipe : the recipe with them
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[Any, ...]
    recipe: Recipe


@dataclass(frozen=True)
class Variants:
    """All the recipes that one with sweeps stands for.

    Attributes
    ----------
    axes : the sweeps, in the order of the recipe; none where it has none, and is one recipe
    each : the recipes; the values of the last axis follow each other
    later : stages that a sweep does not run, and that the recipes which it leaves have before what writes
    """

    axes: tuple[Axis, ...]
    each: tuple[Variant, ...]
    later: tuple[Block, ...] = ()


def read_variants(path: Path, catalogue: Catalogue, overrides: Iterable[str] = ()) -> Variants:
    """Return the recipes that a YAML file stands for; see `tomopy_edge.recipe.read_recipe`.

    Raises
    ------
    RecipeError : with every fault found, of sweeps too, and of each value
    """
    return parse_variants(read_plain(path), catalogue, source=str(path), overrides=overrides)


def parse_variants(
    raw: Any, catalogue: Catalogue, *, source: str = "recipe", overrides: Iterable[str] = ()
) -> Variants:
    """Return the recipes that plain data `raw`, with `Sweep` for values, stands for; see `read_variants`."""
    faults: list[str] = []
    named = named_stages(raw, source, overrides, faults)
    swept = sweeps_in(named)
    axes = [Axis(where(named, place), values_of(sweep, where(named, place), faults)) for place, sweep in swept]
    faults += _axis_faults(axes)
    # The rest of the recipe is looked at also where a sweep is at fault: with its first value, or without the option.
    choices = [axis.values[: 1 if faults else None] or (NO_VALUE,) for axis in axes]
    combinations = [*product(*choices)]
    recipes, found = [], dict[str, list[tuple[Any, ...]]]()
    for values in combinations:
        wrong: list[str] = []
        recipes.append(recipe_of(_with(named, [place for place, _ in swept], values), catalogue, wrong))
        for fault in wrong:
            found.setdefault(fault, []).append(values)
    faults += [f"{fault}{_blamed(axes, at, combinations)}" for fault, at in found.items()]
    if faults:
        raise RecipeError(source, faults)
    labels = product(*(axis.labels for axis in axes))
    made = [
        Variant(_name(number, len(recipes), axes, told), told, values, recipe)
        for number, (told, values, recipe) in enumerate(zip(labels, combinations, recipes, strict=True), start=1)
        if recipe is not None
    ]
    return Variants(tuple(axes), tuple(made))


def _axis_faults(axes: list[Axis]) -> list[str]:
    faults = [f"{axis.place}: cannot be swept over: {REFUSED[axis.place]}" for axis in axes if axis.place in REFUSED]
    faults += [f"{axis.place}: changes no slice, and cannot be swept over" for axis in axes if _of_cluster(axis)]
    if len(axes) > AT_ONCE:
        places = ", ".join(axis.place for axis in axes)
        faults.append(
            f"{places}: {len(axes)} sweeps at once, and at most {AT_ONCE} are made, one down and one across the sheet; "
            "settle some of the options first"
        )
    elif math.prod(len(axis.values) for axis in axes) > MOST:
        counts = " x ".join(str(len(axis.values)) for axis in axes)
        faults.append(f"{' and '.join(axis.place for axis in axes)}: {counts} values, and at most {MOST} are tried")
    return faults


def _of_cluster(axis: Axis) -> bool:
    return axis.place.split(".")[0] == CLUSTER


def _with(named: Named, places: list[Place], values: tuple[Any, ...]) -> Named:
    """Return the stages with a value at each of some places."""
    changed = [(name, _thawed(given)) for name, given in named]
    for place, value in zip(places, values, strict=True):
        if value is not NO_VALUE:
            owner = changed[place[0]][1]
            for part in place[1:-1]:
                owner = owner[part]
            owner[place[-1]] = copy.deepcopy(value)
    for place, value in zip(places, values, strict=True):
        if value is NO_VALUE:
            # The whole option, as of a list no single value can be left out.
            changed[place[0]][1].pop(place[1], None)
    return changed


def _thawed(value: Any) -> Any:
    """Return a copy of plain data that may be written to: what came from a caller is not ours to change."""
    if isinstance(value, dict):
        return {key: _thawed(inner) for key, inner in value.items()}
    return [_thawed(inner) for inner in value] if isinstance(value, list | tuple) else value


def _blamed(axes: list[Axis], at: list[tuple[Any, ...]], all_of_them: list[tuple[Any, ...]]) -> str:
    """Return with which values a fault comes, "" where it comes with all."""
    if len(at) == len(all_of_them):
        return ""
    same = [
        f"{axis.name} {label}"
        for axis, values in zip(axes, zip(*at, strict=True), strict=True)
        for label in [dict(zip(map(repr, axis.values), axis.labels, strict=True)).get(repr(values[0]))]
        if len({*map(repr, values)}) == 1 and len(axis.values) > 1
    ]
    return f" (in the sweep, with {' and '.join(same)})" if same else " (with some values of the sweeps)"


def _name(number: int, count: int, axes: list[Axis], labels: tuple[str, ...]) -> str:
    parts = [f"{number:0{len(str(count))}d}"]
    parts += [f"{axis.name}_{label}" for axis, label in zip(axes, labels, strict=True)]
    return re.sub(r"[^\w.+-]+", "-", "_".join(parts)).strip("-")
