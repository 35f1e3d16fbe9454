"""Whether a recipe can run on this machine, stage by stage, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.denoisers.tomogan import NetworkOptions, networks_of
from tomopy_edge.errors import BackendError, EdgeError, ModelError
from tomopy_edge.hookspecs import BackendEntry, accept
from tomopy_edge.machine.checkup import Checkup
from tomopy_edge.machine.trial import as_tried
from tomopy_edge.networks.manifest import NetworkFile, NetworkSet
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.runtimes import AUTO, able_for_auto, choose_file, working
from tomopy_edge.recipe import Block, Recipe, read_recipe
from tomopy_edge.reconstructors.tomopy import ENTRIES as TOMOPY_ALGORITHMS
from tomopy_edge.stages.fine_tune import FineTuneOptions

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
    return tuple(_stage_fitness(block, tried, checkup) for block in recipe.blocks)


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


def _stage_fitness(block: Block, catalogue: Catalogue, checkup: Checkup) -> StageFitness:
    reasons: list[str] = []
    told = ""
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
    model, networks = networks_of(options, "fine_tune" if isinstance(options, FineTuneOptions) else "denoise")
    able: dict[str, NetworkFile] = {}
    faults: list[ModelError] = []
    for entry in _candidates(options, networks, catalogue):
        try:
            # Which tile suits depends on the slices; whether there is one at all does not.
            able[entry.name] = choose_file(entry, networks, options.precision, options.tile, (1, 1))
        except ModelError as error:  # noqa: PERF203 - a handful of runtimes
            faults.append(error)
    if not able:
        raise faults[0]
    precisions = dict.fromkeys(file.precision for file in able.values())
    return f"{model.manifest.name} {' or '.join(precisions)} on {' or '.join(able)}"


def _candidates(options: NetworkOptions, networks: NetworkSet, catalogue: Catalogue) -> list[BackendEntry]:
    """Return the runtimes that may run the network, at least one, as `settle_runtime` takes them."""
    if options.runtime != AUTO:
        try:
            entry = working(options.runtime, catalogue)
            _expect_device(entry, options.device)
        except BackendError:
            if not options.fallback:
                raise
        else:
            return [entry]
    return able_for_auto(networks, catalogue)


def _expect_device(entry: BackendEntry, device: str | None) -> None:
    devices = probed(entry).devices or ("cpu",)
    # A kind of device, such as usb, stands for the first of them; for edgetpu, for all.
    if device is not None and not any(f"{one}:".startswith(f"{device}:") for one in devices):
        raise BackendError(f"runtime {entry.name}: there is no device {device} (there are: {', '.join(devices)})")
