"""Whether a recipe can run on this machine, stage by stage, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkOptions, networks_of
from tomopy_edge.errors import EdgeError
from tomopy_edge.hookspecs import BackendEntry, accept
from tomopy_edge.machine.checkup import Checkup
from tomopy_edge.machine.trial import as_tried
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.network_file import NetworkFile
from tomopy_edge.networks.runtimes import able, files_of
from tomopy_edge.recipe import Block, Recipe, read_recipe
from tomopy_edge.reconstructors.tomopy import ENTRIES as TOMOPY_ALGORITHMS
from tomopy_edge.stages.fine_tune import NOTHING_TO_MEND, FineTuneOptions

TOMOPY = "tomopy"


@dataclass(frozen=True)
class StageFitness:
    """Whether a stage can run here.

    Attributes
    ----------
    stage : its name
    runs : whether it can
    told : what it would run on, where there is a choice; or every reason why it cannot
    """

    stage: str
    runs: bool
    told: str


def read_for_any_machine(path: Path, catalogue: Catalogue) -> Recipe:
    """Return a recipe that may be for another machine than this.

    Parameters
    ----------
    path : of the recipe, or the name of a shipped one

    Raises
    ------
    RecipeError : where the recipe is wrong on every machine
    """
    return read_recipe(path, _without_checks(catalogue))


def recipe_fitness(recipe: Recipe, catalogue: Catalogue, checkup: Checkup) -> tuple[StageFitness, ...]:
    """Return for each stage of a recipe whether it can run on the machine of `checkup`.

    What depends on the scan, such as its format or its size, is not asked.

    Parameters
    ----------
    recipe : as `read_for_any_machine` gives it
    catalogue : the one that was checked up; its runtimes are not tried again
    """
    tried = as_tried(catalogue, checkup.runtimes)
    found, before = [], None
    for block in recipe.blocks:
        found.append(_stage_fitness(block, before, tried, checkup))
        if block.entry.takes is block.entry.gives is Volume:
            before = block
    return tuple(found)


def _without_checks(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue that reads recipes for other machines: what they name need not be here."""

    def accepting(entries: Mapping[str, Any]) -> dict[str, Any]:
        return {name: replace(entry, check=accept) for name, entry in entries.items()}

    return replace(
        catalogue,
        stages=accepting(catalogue.stages),
        reconstructors=accepting(catalogue.reconstructors),
        denoisers=accepting(catalogue.denoisers),
    )


def _stage_fitness(block: Block, before: Block | None, catalogue: Catalogue, checkup: Checkup) -> StageFitness:
    reasons: list[str] = []
    told = ""
    if isinstance(block.options, FineTuneOptions) and block.options.unit is None and not _mendable(before, catalogue):
        reasons.append(NOTHING_TO_MEND)
    for entry, options in _chosen(block, catalogue):
        if entry in TOMOPY_ALGORITHMS or getattr(options, "library", None) == TOMOPY:
            package = checkup.package(TOMOPY)
            told = f"TomoPy {package.version}".rstrip()
            if package.state != "genuine":
                reasons.append(f"TomoPy is {package.told}" if package.state == "absent" else package.told)
        else:  # the check of those is for TomoPy, and knows less than the checkup does
            try:
                entry.check(options, catalogue)
            except EdgeError as error:
                reasons.append(str(error))
        if isinstance(options, NetworkOptions):
            try:
                told = _network(options, catalogue)
            except EdgeError as error:
                reasons.append(str(error))
    # That a model lacks a file is noticed twice.
    return StageFitness(block.entry.name, not reasons, "; ".join(dict.fromkeys(reasons)) or told)


def _chosen(block: Block, catalogue: Catalogue) -> Iterator[tuple[Any, Any]]:
    """Yield the stage with its options, and what it runs by name with that one's."""
    entry = catalogue.stages[block.entry.name]
    yield entry, block.options
    if entry.choice is not None:
        offers = getattr(catalogue, entry.choice.offers)
        yield offers[getattr(block.options, entry.choice.option)], block.options.options


def _network(options: NetworkOptions, catalogue: Catalogue) -> str:
    """Return what runs a network here; raise an `EdgeError` where nothing does."""
    found = _able(options, catalogue)
    precisions = dict.fromkeys(file.precision for _, file in found)
    runtimes = " or ".join(entry.name for entry, _ in found)
    return f"{open_model(options.model).manifest.name} {' or '.join(precisions)} on {runtimes}"


def _able(options: NetworkOptions, catalogue: Catalogue) -> list[tuple[BackendEntry, NetworkFile]]:
    _, networks = networks_of(options, "fine_tune" if isinstance(options, FineTuneOptions) else "denoise")
    entries = able(options.runtime, networks, catalogue, device=options.device, fallback=options.fallback)
    # Which tile suits depends on the slices; whether there is one at all does not.
    return files_of(entries, networks, options.precision, options.tile)


def _mendable(before: Block | None, catalogue: Catalogue) -> bool:
    """Return whether a Fine-Tune network may come after the stage that makes its slices."""
    if before is None:
        return False
    for _, options in _chosen(before, catalogue):
        if isinstance(options, NetworkOptions):
            try:
                return any(file.precision != "chained" for _, file in _able(options, catalogue))
            except EdgeError:  # which is told of that stage
                return True
    return True  # of others only a run can tell
