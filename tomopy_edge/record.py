"""What a run leaves beside its slices: the report, the settled recipe, the parameters in HDF5, the contact sheet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.contact_sheet import contact_sheet
from tomopy_edge.data import Float32, Volume
from tomopy_edge.job import Tally
from tomopy_edge.readers import ScanFile
from tomopy_edge.recipe import Recipe
from tomopy_edge.report import Report
from tomopy_edge.writers.hdf5 import write_parameters

log = logging.getLogger(__name__)

SHOWN_SLICES = 3
"""Slices on the contact sheet."""


@dataclass
class Shown:
    """Collects some slices, as reconstructed and as they end, while chunks pass by.

    Attributes
    ----------
    rows : detector rows to show
    first, last : row -> the slice that the first and the last stage made
    """

    rows: list[int]
    first: dict[int, Float32] = field(default_factory=dict)
    last: dict[int, Float32] = field(default_factory=dict)

    @classmethod
    def among(cls, first: int, last: int) -> Shown:
        """Return one that collects slices spread evenly over the rows `first` to `last - 1`."""
        spread = np.linspace(first, last - 1, SHOWN_SLICES + 2)[1:-1].round()
        return cls(sorted({int(row) for row in spread}))

    def observe(self, _stage: str, chunk: Any) -> None:
        """Keep what is to be shown of a chunk."""
        if isinstance(chunk, Volume):
            for row in self.rows:
                z = row - chunk.first_row
                if 0 <= z < len(chunk.slices):
                    self.first.setdefault(row, chunk.slices[z].copy())
                    self.last[row] = chunk.slices[z].copy()

    def draw(self, path: Path, source: ScanFile) -> None:
        """Draw the contact sheet."""
        raw, denoised = (np.stack([kept[row] for row in self.rows]) for kept in (self.first, self.last))
        title = Path(source.source).name
        contact_sheet(raw, denoised, self.rows, path, pixel_size=source.pixel_size, title=title)


def write_record(
    folder: Path, recipe: Recipe, source: ScanFile, shown: Shown, tally: Tally, report: Callable[[], Report]
) -> Report:
    """Write everything that describes a run into the folder with its slices.

    A picture or a copy of metadata that fails must not cost a night's slices: it is told in the report and the log.

    Parameters
    ----------
    report : makes the report, when everything that it is to tell has happened
    """
    (folder / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    _try("the contact sheet", tally, lambda: shown.draw(folder / "contact_sheet.png", source))
    parameters = {"recipe": recipe.to_plain(), "counts": tally.counts, "notes": tally.notes}
    for path in folder.glob("*.h5"):
        _try(f"the parameters in {path.name}", tally, lambda path=path: write_parameters(path, parameters, source))  # type: ignore[misc]
    made = report()
    made.write(folder / "report.json")
    return made


def _try(what: str, tally: Tally, write: Callable[[], None]) -> None:
    try:
        write()
    except Exception as error:
        log.exception("%s could not be written", what)
        tally.note("record", f"{what} could not be written: {type(error).__name__}: {error}")
