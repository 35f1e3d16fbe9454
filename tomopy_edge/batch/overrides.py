"""What a recipe is told for one scan alone: a file beside it, and what the command says over that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.errors import RecipeError, did_you_mean
from tomopy_edge.output import default_output
from tomopy_edge.recipe import Recipe, parse_recipe, read_plain
from tomopy_edge.yaml_file import read_yaml

SUFFIX = ".yaml"

SET = "--set "
"""What faults of overrides begin with, wherever they come from."""


@dataclass(frozen=True)
class Own:
    """What is said for one scan.

    Attributes
    ----------
    path : of the file; None where there is none
    changes : `stage.option=value`, as `--set` takes them
    """

    path: Path | None = None
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """A recipe, and what is changed in it for all scans.

    Attributes
    ----------
    source : where the recipe stands
    raw : it, as plain data
    changes : `stage.option=value` of the command, which win over all else
    catalogue : what plugins offer
    """

    source: str
    raw: Any
    changes: tuple[str, ...]
    catalogue: Catalogue

    @classmethod
    def read(cls, path: Path, changes: Sequence[str], catalogue: Catalogue) -> Given:
        """Return the recipe of a file, or raise a `RecipeError` where it, or a change, is at fault."""
        given = cls(str(path), read_plain(path), tuple(changes), catalogue)
        # First alone: of what is wrong in it no change is guilty.
        given.parsed(())
        given.parsed(given.changes)
        return given

    def parsed(self, changes: Sequence[str]) -> Recipe:
        """Return the recipe with some changes."""
        return parse_recipe(self.raw, self.catalogue, source=self.source, overrides=changes)

    def recipe_for(self, own: Own) -> Recipe:
        """Return the recipe for a scan: the command wins over what is said for the scan alone, that over the recipe.

        Raises
        ------
        RecipeError : where what is said for the scan is at fault, with the path of its file
        """
        if own.path is None:
            return self.parsed(self.changes)
        try:
            self.parsed(own.changes)
        except RecipeError as error:
            raise RecipeError(str(own.path), [fault.removeprefix(SET) for fault in error.faults]) from None
        try:
            return self.parsed((*own.changes, *self.changes))
        except RecipeError as error:
            raise RecipeError(f"{own.path}, together with --set", error.faults) from None

    def told(self, own: Own) -> list[str]:
        """Return what is said for a scan alone, and what of it the command wins over, each in words."""
        over = dict(change.partition("=")[::2] for change in self.changes)
        told = []
        for change in own.changes:
            place, _, value = change.partition("=")
            won = f", but --set says {over[place]}" if place in over else ""
            told.append(f"{place}={value} from {own.path}{won}")
        return told


def own_of(scan: Path, folder: Path | None, stages: Sequence[str]) -> Own:
    """Return what is said for a scan: in `<stem>.yaml` beside it, or in a folder; nothing where there is no such file.

    The file is a mapping of stages, each a mapping of options; `stage: null` leaves a stage out.

    Parameters
    ----------
    stages : of the recipe

    Raises
    ------
    RecipeError : where the file is at fault, with its path
    """
    name = default_output(scan).name.removesuffix("_rec")
    path = (folder or scan.parent) / f"{name}{SUFFIX}"
    # What describes a scan of images says nothing of a recipe.
    if not path.is_file() or path.resolve() == scan.resolve():
        return Own()
    raw = read_yaml(path)
    if isinstance(raw, list) and folder is None:
        raise RecipeError(
            str(path),
            [f"is a recipe, and stands where what is said for {scan.name} alone would; give it another name or place"],
        )
    if not isinstance(raw, Mapping):
        raise RecipeError(
            str(path), [f"expected stages with their options, such as 'find_center: {{center: 512}}', got {raw!r:.60}"]
        )
    faults, changes = list[str](), list[str]()
    for stage, options in raw.items():
        if stage not in stages:
            faults.append(
                f"{stage}: is no stage of the recipe{did_you_mean(str(stage), stages)} (there are: {', '.join(stages)})"
            )
        elif options is None:
            changes.append(f"{stage}=null")
        elif not isinstance(options, Mapping):
            faults.append(f"{stage}: expected its options as a mapping, or null to leave it out, got {options!r:.60}")
        else:
            changes += _changes(str(stage), options, faults)
    if faults:
        raise RecipeError(str(path), faults)
    return Own(path, tuple(changes))


def _changes(place: str, options: Mapping[Any, Any], faults: list[str]) -> Iterator[str]:
    """Yield what a mapping of options says, as `--set` takes it; a mapping within it leaves its other options alone."""
    for name, value in options.items():
        if not isinstance(name, str) or not name or any(letter in name for letter in ".="):
            faults.append(f"{place}: {name!r} is no name of an option")
        elif isinstance(value, Mapping) and value:
            yield from _changes(f"{place}.{name}", value, faults)
        else:
            try:
                yield f"{place}.{name}={json.dumps(value)}"
            except (TypeError, ValueError):
                faults.append(f"{place}.{name}: must be one plain value, got {value!r:.60}")
