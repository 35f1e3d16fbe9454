"""Whether an entry is one that a recipe can name, and its options are read, written and settled as a recipe's are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tomopy_edge.catalogue import Catalogue, find
from tomopy_edge.data import Volume
from tomopy_edge.errors import EdgeError, RecipeError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Job
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.recipe import Recipe, parse_recipe
from tomopy_edge.strict import StrictError, read_strictly, to_plain
from tomopy_edge.testing.findings import Findings, Unfit
from tomopy_edge.yaml_text import load_yaml

Offers = Literal["stages", "reconstructors", "denoisers", "backends"]

CHOSEN_BY = {"reconstructors": ("reconstruct", "algorithm"), "denoisers": ("denoise", "denoiser")}
"""Part of the catalogue -> the stage that runs one of it, and the option that names it."""

TRIED = (-1, 0)
"""Numbers that most options have rules against."""


@dataclass(frozen=True)
class Offer:
    """An entry among all that is installed.

    Attributes
    ----------
    part : of the catalogue, that it belongs to
    entry : itself
    catalogue : all offers, with this one
    """

    part: Offers
    entry: Any
    catalogue: Catalogue

    def recipe(self, options: Mapping[str, Any]) -> Recipe:
        """Return the recipe of one stage that runs the offer with `options`, read strictly.

        Raises
        ------
        RecipeError : with every fault of the options
        """
        if self.part not in CHOSEN_BY:
            raw: dict[str, Any] = {self.entry.name: dict(options)}
        else:
            stage, option = CHOSEN_BY[self.part]
            raw = {stage: {option: self.entry.name, "options": dict(options)}}
        return parse_recipe([raw], self.catalogue, source=f"options of {self.entry.name}")

    def options_in(self, recipe: Recipe) -> Any:
        """Return the offer's own options in such a recipe."""
        (block,) = recipe.blocks
        return block.options if self.part not in CHOSEN_BY else block.options.options


def offer_of(entry: Any, kind: type[Any], part: Offers, word: str) -> Offer:
    """Return an entry, or what is installed under a name, as an offer of the catalogue.

    Raises
    ------
    PluginError : where nothing is installed under the name
    TypeError : where it is neither
    """
    catalogue = load_catalogue()
    if isinstance(entry, str):
        return Offer(part, find(getattr(catalogue, part), entry, word), catalogue)
    if not isinstance(entry, kind):
        raise TypeError(f"expected a {kind.__name__}, or the name of one that is installed, got {entry!r}")
    offers = {**getattr(catalogue, part), entry.name: entry}
    return Offer(part, entry, dataclasses.replace(catalogue, **{part: offers}))


def check_entry(entry: Any, found: Findings) -> None:
    """Check that a recipe can name an entry, and `tomopy-edge plugins` list it."""
    with found.check("entry"):
        if not isinstance(entry.name, str) or not entry.name or entry.name.split() != [entry.name]:
            raise Unfit(f"its name is {entry.name!r}; a recipe names it by one word, such as 'median'")
        if not isinstance(entry.summary, str) or len(entry.summary.strip().splitlines()) != 1:
            raise Unfit(f"its summary is {entry.summary!r}; `tomopy-edge plugins` prints it as one line")
        for field in ("create", "open", "probe", "settle", "check"):
            if hasattr(entry, field) and not callable(getattr(entry, field)):
                raise Unfit(f"its `{field}` is {getattr(entry, field)!r}; it must be something to call")
        options = getattr(entry, "options", None)
        if not isinstance(entry, BackendEntry) and not hasattr(options, "__pydantic_config__"):
            name = getattr(options, "__name__", repr(options))
            raise Unfit(f"its options class {name} is not made by tomopy_edge.options; put @tomopy_edge.options on it")
    found.stop_at_faults()


def read_options(offer: Offer, options: Mapping[str, Any] | None, found: Findings) -> Any:
    """Return the options as the recipe reads them, and check that they are strict and come back as they were.

    Raises
    ------
    RecipeError : where the options themselves are wrong, as they would be in a recipe
    """
    if unnamed := _unnamed(offer.entry.options):
        found.fault(
            "options",
            f"{unnamed}; a rule in __post_init__ raises a ValueError that starts with the option's name, such as "
            "'size: must be at least 1 pixel, got 0'",
        )
        found.stop_at_faults()
    with found.check("check of the options"):
        try:
            recipe: Recipe | None = offer.recipe(options or {})
        except (EdgeError, StrictError):
            recipe = None
    found.stop_at_faults()
    # Outside: what is wrong with the options that a test gives is no fault of the plugin.
    recipe = recipe or offer.recipe(options or {})
    read = offer.options_in(recipe)
    with found.check("options written and read again"):
        again = parse_recipe(load_yaml(recipe.to_yaml()), offer.catalogue)
        if offer.options_in(again) != read:
            raise Unfit(
                f"{read!r} was written as {to_plain(read)!r} and read as {offer.options_in(again)!r}; keep to numbers, "
                "words, booleans, None, and tuples and dicts of them"
            )
    with found.check("unknown options"):
        try:
            offer.recipe({**dict(options or {}), "no_such_option": 1})
        except RecipeError:
            pass
        else:
            raise Unfit("an option that does not exist was accepted; put @tomopy_edge.options on the options class")
    return read


def _unnamed(options: type[Any]) -> str | None:
    """Return what a rule of the options raised that does not start with an option's name, None where all do."""
    names = [field.name for field in dataclasses.fields(options)]
    for name in names:
        for value in TRIED:
            raw = {name: value}
            try:
                read_strictly(options, raw)
            except StrictError as error:
                wrong = [fault for fault in error.faults if not fault.startswith((*names, "the file"))]
                if wrong:
                    return f"{json.dumps(raw)} was refused with {wrong[0]!r}"
            except Exception as error:  # noqa: BLE001 - a rule that fails is told like one that is not named
                return f"{json.dumps(raw)} raised {type(error).__name__}: {error}"
    return None


def check_settle(offer: Offer, read: Any, samples: tuple[Any, Any], job: Job, found: Findings) -> Any:
    """Return the settled options; check that nothing is left to find in them, and that they can be written.

    Parameters
    ----------
    samples : what the first is settled on, and something else
    """
    settle = offer.entry.settle
    with found.check("settle"):
        settled = settle(read, samples[0], job)
    found.stop_at_faults()
    with found.check("settle"):
        if not isinstance(settled, offer.entry.options):
            raise Unfit(
                f"it returned {settled!r}; it must return a {offer.entry.options.__name__}, such as "
                "dataclasses.replace(options, unit=found)"
            )
        if (again := settle(read, samples[0], job)) != settled:
            raise Unfit(f"of the same sample slices it made {settled!r}, then {again!r}; it must find the same again")
        for sample in samples:
            if (again := settle(settled, sample, job)) != settled:
                raise Unfit(
                    f"settled options were changed by settling them again, from {settled!r} to {again!r}; the recipe "
                    "beside the slices must reproduce them, so leave alone what is not None"
                )
        try:
            plain = to_plain(settled)
        except ValueError as error:
            raise Unfit(f"the settled options {settled!r} cannot be written ({error}); make numbers float()") from error
        if (again := offer.options_in(offer.recipe(plain))) != settled:
            raise Unfit(f"the settled options {settled!r} were written and read as {again!r}; make numbers float()")
    found.stop_at_faults()
    return settled


def sample_of(slices: Any) -> Volume:
    """Return slices as what `settle` finds options on."""
    return Volume(slices.copy(), first_row=3, pixel_size=1.0)
