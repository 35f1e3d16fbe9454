"""A recipe made for a scan: what is in it is measured, and each choice says why it was made."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.errors import DataError
from tomopy_edge.forecast import Forecast, forecast, there
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.output import default_output
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.propose import choices
from tomopy_edge.propose.choices import Choice
from tomopy_edge.propose.formats import write
from tomopy_edge.propose.model import BEST, ModelChoice, choose_model, minutes
from tomopy_edge.propose.seeing import Look, look
from tomopy_edge.propose.text import with_comments
from tomopy_edge.readers import ArrayScan, ScanFile
from tomopy_edge.recipe import Recipe, parse_recipe
from tomopy_edge.version import __version__
from tomopy_edge.writers.sizes import in_words

__all__ = ["Proposal", "propose"]

TOMOGAN = "tomogan"
"""The denoiser that takes a model."""

WITHIN = 60.0
"""Minutes that a run may take, where nobody says."""

FITS = "it fits with "
"""What advice begins with that names flags."""


@dataclass(frozen=True)
class Proposal:
    """A recipe that is proposed for a scan.

    Attributes
    ----------
    seen : what was found out about the scan
    choices : its stages, in order
    model : the model, and how long it takes; None where no network is asked for
    needs : memory and disk that a run takes
    """

    seen: Look
    choices: tuple[Choice, ...]
    model: ModelChoice | None
    needs: Forecast

    @property
    def hints(self) -> list[str]:
        """What is to be known before the slices are trusted, or be done about the run."""
        late = [self.model.hint] if self.model is not None and self.model.hint else []
        memory = [] if self.needs.fits else [f"memory may run out; {self.needs.mend}"]
        return [*(hint for choice in self.choices for hint in choice.hints), *late, *memory]

    @property
    def flags(self) -> str:
        """What the command must be told beside the recipe so that it fits into memory; "" where it does."""
        return f" {self.needs.mend.removeprefix(FITS)}" if self.needs.mend.startswith(FITS) else ""

    def to_plain(self) -> list[Any]:
        """Return the stages as YAML holds them."""
        return [{choice.stage: choice.options} if choice.options else choice.stage for choice in self.choices]

    def commands(self, recipe: Path) -> list[str]:
        """Return what to type next, with the recipe in the file `recipe`."""
        words = f"{shlex.quote(str(recipe))} {shlex.quote(self.seen.source)}"
        return [f"tomopy-edge check {words}{self.flags}", f"tomopy-edge run {words}{self.flags}"]

    def to_yaml(self, recipe: Path) -> str:
        """Return the text of the recipe, with comments, as the file `recipe` is to hold it."""
        needs, (first, last) = self.needs, self.seen.sampled
        name, rows = Path(self.seen.source).name, f"{needs.at_once} row{'s' * (needs.at_once != 1)} at once"
        head = [
            f"A recipe for {name}, by tomopy-edge {__version__}, from what its rows {first} to {last - 1} show.",
            "Look it over, then:",
            *(f"    {command}" for command in self.commands(recipe)),
            f"A run works on {rows}, as --nsino-per-chunk can change, and takes at most {in_words(needs.memory)}",
            f"of memory; there are {in_words(needs.free)} here.",
        ]
        return with_comments(head, self.hints, self.choices)

    def lines(self) -> list[str]:
        """Return what was found and chosen in a few lines for people."""
        seen, model = self.seen, self.model
        frames = f"{seen.counted.flats} flats, {seen.counted.darks} darks"
        axis = "not found" if seen.axis.center is None else f"column {seen.axis.center:.2f}, {seen.axis.why}"
        told = [
            f"scan: {seen.coverage.told}; {seen.rows} row{'s' * (seen.rows != 1)} of {seen.columns} columns; {frames}",
            f"axis: {axis}",
            f"stripes: {seen.removal.told}; remove_stripes: {seen.removal.method}",
        ]
        if model is not None:
            mine = model.took.get(model.model)
            took = f", about {minutes(mine.seconds)} for all slices" if mine else ""
            others = [f"{name}: about {minutes(one.seconds)}" for name, one in model.took.items() if one is not mine]
            told.append(f"model: {model.model}{took}{f' ({others[0]})' if others else ''}")
        z, y, x = self.needs.slices
        formats = ", ".join(self.needs.output)
        told.append(f"slices: {z} of {y} x {x} pixels, at most {in_words(self.needs.disk)} on the disk as {formats}")
        return [*told, *(f"note: {hint}" for hint in self.hints)]


def propose(  # noqa: PLR0913 - a scan, and what may be asked of its recipe
    scan: ScanFile,
    *,
    model: str | None = None,
    denoiser: str = TOMOGAN,
    center: float | None = None,
    output: Path | None = None,
    within: float | None = WITHIN,
    beside: Path | None = None,
    ncore: int | None = None,
    catalogue: Catalogue | None = None,
) -> Proposal:
    """Return a recipe made for an open scan.

    Some rows from its middle are read, and taken through the stages; then the recipe is tried on a few of them, to tell
    how long a run takes.

    Parameters
    ----------
    model : name or folder; None takes the best of the shipped ones that is done in time
    denoiser : "tomogan", or another, which takes no model
    center : column of the rotation axis; None finds it
    output : where slices would be written; None takes what `run` does
    within : minutes that a run may take; None does not try how long it takes
    beside : a path in the folder where slices are tried, and removed; None takes that of temporary files
    ncore : threads; None takes all there are
    catalogue : what plugins offer; None asks the built-in and the installed ones

    Raises
    ------
    EdgeError : where no recipe can make anything of the scan
    """
    catalogue = catalogue or load_catalogue()
    if model is not None and denoiser != TOMOGAN:
        raise DataError(f"model: belongs to the denoiser {TOMOGAN!r}, not to {denoiser!r}")
    if model is not None:
        open_model(model)
    seen = look(scan, catalogue, center=center, ncore=ncore)
    before = [
        choices.read(seen),
        choices.normalize(seen),
        choices.remove_outliers(seen),
        choices.minus_log(seen),
        choices.remove_stripes(seen),
        choices.find_center(seen),
        choices.reconstruct(seen, network=denoiser == TOMOGAN),
    ]
    folder = _folder(output, scan)
    after = [choices.trust(), write(seen, folder)]

    def recipe_of(*stages: Choice) -> Recipe:
        return parse_recipe(_plain([*before, *stages]), catalogue, source="the recipe that is proposed")

    def recipe_for(name: str) -> Recipe:
        # Without trust: of few rows it examines most, of many it examines few.
        return recipe_of(Choice("denoise", _network(name)), after[-1])

    chosen: ModelChoice | None = None
    denoise = Choice("denoise", {"denoiser": denoiser}, (f"{denoiser}, as was asked for.",))
    if denoiser == TOMOGAN:
        chosen = choose_model(
            recipe_for,
            scan,
            beside or Path(tempfile.gettempdir()) / "slices",
            noise=seen.noise,
            given=model,
            # Where the axis is not known a run ends there.
            within=None if seen.axis.center is None else within,
            catalogue=catalogue,
            ncore=ncore,
        )
        denoise = Choice("denoise", _network(chosen.model), chosen.why)
    needs = forecast(recipe_of(denoise, *after), scan, ncore=ncore, catalogue=catalogue)
    return Proposal(seen, (*before, denoise, *after), chosen, needs)


def _network(model: str) -> dict[str, Any]:
    return {"denoiser": TOMOGAN, "options": {"model": model or BEST}}


def _plain(proposed: Sequence[Choice]) -> list[Any]:
    return [{choice.stage: choice.options} for choice in proposed]


def _folder(output: Path | None, scan: ScanFile) -> Path:
    """Return the folder, which is there, that slices would be written below."""
    if output is None and isinstance(scan, ArrayScan):
        return Path.cwd()
    return there(output or default_output(Path(scan.source)))
