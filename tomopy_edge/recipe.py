"""A recipe: the stages of a run, in order, each with its options; read strictly from YAML.

::

    - read: {rows: [0, 64]}
    - normalize
    - minus_log
    - find_center: {method: vo}
    - reconstruct: {algorithm: fbp, options: {filter_name: shepp}}
    - denoise: {denoiser: tomogan, options: {model: tomogan}}
    - write: {formats: [tiff, hdf5]}

Before the stages there may be `- cluster: {...}`, which says what machines a run is dealt out to, where that is wanted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from tomopy_edge.catalogue import Catalogue, find
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.errors import EdgeError, PluginError, RecipeError, did_you_mean
from tomopy_edge.hookspecs import Choice, StageEntry
from tomopy_edge.shipped import shipped
from tomopy_edge.strict import StrictError, read_strictly, to_plain
from tomopy_edge.yaml_file import read_yaml
from tomopy_edge.yaml_text import Sweep, SweepRange, load_yaml

Named = list[tuple[str, dict[str, Any]]]
"""Stages by name, with their options as plain data."""

Place = tuple[Any, ...]
"""Where a value stands: number of the stage, option, option of that, and so on."""

CLUSTER = "cluster"
"""The one block that is no stage."""


@dataclass(frozen=True)
class Block:
    """One stage of a recipe.

    Attributes
    ----------
    entry : the stage
    options : its options, an instance of `entry.options`
    """

    entry: StageEntry
    options: Any


@dataclass(frozen=True)
class Recipe:
    """Everything one run needs but the scan.

    Attributes
    ----------
    blocks : the stages, in the order they run
    cluster : what machines the run is dealt out to where that is asked for; None says nothing of it
    """

    blocks: tuple[Block, ...]
    cluster: ClusterOptions | None = None

    def to_plain(self) -> list[dict[str, Any]]:
        """Return the stages as YAML would hold them: all that the slices depend on."""
        return [{block.entry.name: to_plain(block.options)} for block in self.blocks]

    def to_yaml(self) -> str:
        """Return the stages as a YAML file's text, every option written out."""
        return yaml.safe_dump(self.to_plain(), sort_keys=False)


def read_recipe(path: Path, catalogue: Catalogue, overrides: Iterable[str] = ()) -> Recipe:
    """Return the recipe in the YAML file `path`.

    Parameters
    ----------
    path : a YAML list of stages, or the name of a shipped recipe such as "quickstart"
    catalogue : where stages, algorithms and denoisers are looked up
    overrides : `stage.option=value`, the value in YAML; they win over the file. `stage=null` leaves a stage out.

    Raises
    ------
    RecipeError : with every fault found
    """
    return parse_recipe(read_plain(path), catalogue, source=str(path), overrides=overrides)


def read_plain(path: Path) -> Any:
    """Return what a recipe's file holds as plain data, or raise a `RecipeError`; see `read_recipe`."""
    return read_yaml(path, {file.stem: file for file in shipped("recipes").glob("*.yaml")})


def parse_recipe(raw: Any, catalogue: Catalogue, *, source: str = "recipe", overrides: Iterable[str] = ()) -> Recipe:
    """Return the recipe that plain data `raw` (a list of stages) describes; see `read_recipe`."""
    faults: list[str] = []
    named = named_stages(raw, source, overrides, faults)
    swept = [where(named, place) for place, _ in sweeps_in(named)]
    faults += [f"{told}: a sweep stands here, and one value is needed; `run` alone tries several" for told in swept]
    recipe = None if swept else recipe_of(named, catalogue, faults)
    if recipe is None or faults:
        raise RecipeError(source, faults)
    return recipe


def named_stages(raw: Any, source: str, overrides: Iterable[str], faults: list[str]) -> Named:
    """Return the stages of plain data `raw`, overrides applied, by name; add what is at fault to `faults`.

    Raises
    ------
    RecipeError : where it is no list of stages at all
    """
    if not isinstance(raw, list) or not raw:
        raise RecipeError(source, [f"expected a list of stages such as '- reconstruct: {{}}', got {_short(raw)}"])
    pairs = [_name_and_options(item, number, faults) for number, item in enumerate(raw, start=1)]
    named = [pair for pair in pairs if pair is not None]
    for override in overrides:
        _override(named, override, faults)
    return named


def sweeps_in(named: Named) -> list[tuple[Place, Sweep | SweepRange]]:
    """Return the sweeps among the options of stages, each with its place."""

    def found(at: Place, value: Any) -> Iterator[tuple[Place, Sweep | SweepRange]]:
        if isinstance(value, Sweep | SweepRange):
            yield at, value
        for key, inner in _inside(value):
            yield from found((*at, key), inner)

    return [one for number, (_, given) in enumerate(named) for one in found((number,), given)]


def where(named: Named, place: Place) -> str:
    """Return a place in words, such as "denoise.options.weight"."""
    return ".".join([named[place[0]][0], *map(str, place[1:])])


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()


def recipe_of(named: Named, catalogue: Catalogue, faults: list[str]) -> Recipe | None:
    """Return the recipe of some stages, or add what is at fault to `faults`."""
    known = catalogue.stages
    named = [*named]
    blocks: list[Block] = []
    before = len(faults)
    cluster = _cluster(named, faults)
    for name, given in named:
        if name not in known:
            faults.append(f"{name}: no such stage{did_you_mean(name, known)} (there are: {', '.join(known)})")
            continue
        try:
            blocks.append(Block(known[name], _read_options(known[name], given, catalogue)))
        except StrictError as error:
            faults.extend(error.faults)
    if not faults and not blocks:
        faults.append("no stage is left")
    if not faults:
        faults.extend(_chain_faults(blocks))
    return Recipe(tuple(blocks), cluster) if len(faults) == before else None


def _cluster(named: Named, faults: list[str]) -> ClusterOptions | None:
    """Take the block `cluster` out of those of the stages, and return it."""
    if CLUSTER not in (name for name, _ in named):
        return None
    if [n for n, (name, _) in enumerate(named) if name == CLUSTER] != [0] or len(named) == 1:
        faults.append(f"{CLUSTER}: is no stage, and stands once, before all of them")
    found = next(given for name, given in named if name == CLUSTER)
    named[:] = [pair for pair in named if pair[0] != CLUSTER]
    try:
        return read_strictly(ClusterOptions, found, at=CLUSTER)
    except StrictError as error:
        faults.extend(error.faults)
        return None


def _name_and_options(item: Any, number: int, faults: list[str]) -> tuple[str, dict[str, Any]] | None:
    if isinstance(item, str):
        return item, {}
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, given),) = item.items()
        if isinstance(name, str) and (given is None or isinstance(given, Mapping)):
            return name, dict(given or {})
        faults.append(f"{name}: expected its options as a mapping, got {_short(given)}")
        return None
    faults.append(f"stage {number}: expected one stage such as 'minus_log' or 'denoise: {{...}}', got {_short(item)}")
    return None


def _override(named: Named, override: str, faults: list[str]) -> None:
    place, equals, text = override.partition("=")
    stage, *path = place.split(".")
    if not equals or not all(path) or (not path and text not in {"null", "~"}):
        faults.append(f"--set {override}: expected stage.option=value, or stage=null to leave a stage out")
        return
    owners = [given for name, given in named if name == stage]
    if len(owners) != 1:
        names = [name for name, _ in named]
        what = (
            f"stands {len(owners)} times in the recipe"
            if owners
            else f"is not in the recipe{did_you_mean(stage, names)}"
        )
        faults.append(f"--set {override}: the stage {stage!r} {what}")
        return
    if not path:
        named[:] = [pair for pair in named if pair[0] != stage]
        return
    try:
        value = load_yaml(text)
    except yaml.YAMLError:
        faults.append(f"--set {override}: the value is not YAML")
        return
    target = owners[0]
    for part in path[:-1]:
        inner = target.get(part)
        # A copy: plain data that came from a caller is not ours to change.
        target[part] = dict(inner) if isinstance(inner, Mapping) else {}
        target = target[part]
    target[path[-1]] = value


def _read_options(entry: StageEntry, given: dict[str, Any], catalogue: Catalogue) -> Any:
    options = read_strictly(entry.options, given, at=entry.name)
    _check(entry.check, options, catalogue, at=entry.name)
    choice = entry.choice
    if choice is None:
        return options
    try:
        chosen = find(getattr(catalogue, choice.offers), getattr(options, choice.option), choice.kind)
    except PluginError as error:
        raise StrictError([f"{entry.name}.{choice.option}: {error}"]) from None
    _expect_own(chosen, options.options, entry.name, choice)
    own = read_strictly(chosen.options, options.options, at=f"{entry.name}.options")
    _check(chosen.check, own, catalogue, at=f"{entry.name}.options")
    return dataclasses.replace(options, options=own)


def _expect_own(chosen: Any, given: Any, stage: str, choice: Choice) -> None:
    """Raise a `StrictError` where all options given are another choice's, as when only the choice was changed."""
    known = [field.name for field in dataclasses.fields(chosen.options)]
    if not isinstance(given, Mapping) or not set(known).isdisjoint(given) or len(given) < (2 if known else 1):
        return
    if not any(did_you_mean(str(name), known) for name in given):
        words = f"{choice.kind} {chosen.name!r} has no {' and no '.join(map(str, given))}"
        raise StrictError([f"{stage}.options: the {words}; --set {stage}.options={{}} leaves out what another one has"])


def _check(check: Callable[[Any, Catalogue], None], options: Any, catalogue: Catalogue, at: str) -> None:
    try:
        check(options, catalogue)
    except EdgeError as error:
        raise StrictError([f"{at}: {error}"]) from None


def _chain_faults(blocks: list[Block]) -> list[str]:
    faults = []
    for before, after in pairwise(blocks):
        if before.entry.gives is not after.entry.takes:
            faults.append(
                f"{after.entry.name}: takes {after.entry.takes.__name__}, but {before.entry.name} before it gives "
                f"{before.entry.gives.__name__}"
            )
    return faults


def _short(value: Any, longest: int = 60) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= longest else f"{text[:longest]}..."
