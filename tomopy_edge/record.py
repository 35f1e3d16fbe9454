"""What a run leaves beside its slices: report, recipe, counts, contact sheet, and in the slices what made them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.contact_sheet import Shown, contact_sheet, shown
from tomopy_edge.data import Float32, Volume
from tomopy_edge.job import Tally
from tomopy_edge.output import REPORT
from tomopy_edge.page import PAGE, write_page
from tomopy_edge.readers import ScanFile
from tomopy_edge.recipe import Recipe
from tomopy_edge.report import Report, versions
from tomopy_edge.writers import hdf5_parameters, zarr_parameters
from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.ledger import Ledger
from tomopy_edge.writers.sealed import put_sealed, read_sealed

log = logging.getLogger(__name__)

SHOWN_SLICES = 3
"""Slices on the contact sheet."""

COUNTS = "counts.json"
"""The file, within an output, with what was counted for its slices, and for which."""

KINDS = ("by_row", "notes", "measures", "seconds")
"""What a tally holds."""

STAGE = "record"
"""What notes of this module are told for."""


@dataclass
class Picked:
    """Collects what the contact sheet shows of some slices, while chunks pass by.

    Attributes
    ----------
    rows : detector rows to show
    last_stage : name of the stage whose slices are the denoised ones
    raw : row -> the slice that the first stage with slices made, as long as its denoised one is not there
    shown : row -> what the sheet shows of it
    fault : what went wrong with that, which is told when the sheet is to be drawn: the slices come first
    """

    rows: list[int]
    last_stage: str
    raw: dict[int, Float32] = field(default_factory=dict)
    shown: dict[int, Shown] = field(default_factory=dict)
    fault: Exception | None = None

    @classmethod
    def among(cls, first: int, last: int, last_stage: str) -> Picked:
        """Return one that collects slices spread evenly over the rows `first` to `last - 1`."""
        spread = np.linspace(first, last - 1, SHOWN_SLICES + 2)[1:-1].round()
        return cls(sorted({int(row) for row in spread}), last_stage)

    def observe(self, stage: str, chunk: Any) -> None:
        """Keep what is to be shown of a chunk."""
        if not isinstance(chunk, Volume):
            return
        for row in self.rows:
            z = row - chunk.first_row
            if not 0 <= z < len(chunk.slices) or row in self.shown:
                continue
            if row not in self.raw:
                self.raw[row] = chunk.slices[z].copy()
            if stage == self.last_stage:
                try:
                    self.shown[row] = shown(row, self.raw[row], chunk.slices[z])
                except Exception as error:  # noqa: BLE001 - no picture is worth a night's slices
                    self.fault = error
                del self.raw[row]

    def draw(self, path: Path, source: ScanFile) -> None:
        """Draw the contact sheet, or raise what kept a slice from being shown."""
        if self.fault is not None:
            raise self.fault
        slices = [self.shown[row] for row in self.rows if row in self.shown]
        contact_sheet(slices, path, pixel_size=source.pixel_size, title=Path(source.source).name)


@contextmanager
def tally_kept(folder: Path, ledger: Ledger, tally: Tally) -> Iterator[None]:
    """Have a tally hold what earlier runs counted for the slices of an output; leave all for the next run at the end.

    What a run that is killed has counted is lost, and the rows are not in the ledger's `counted` then.
    """
    try:
        content = read_sealed(folder / COUNTS)
        earlier = Tally()
        for kind in KINDS:
            setattr(earlier, kind, content[kind])
        tally.take_in(earlier)
        ledger.counted |= {*content["rows"]} & ledger.digests.keys()
    except FileNotFoundError:
        pass
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        log.warning("%s: what earlier runs counted cannot be read (%s), and is left out", folder / COUNTS, error)
    try:
        yield
    finally:
        kept = {kind: getattr(tally, kind) for kind in KINDS}
        # What is told of the record holds for this run alone.
        kept["notes"] = {stage: notes for stage, notes in tally.notes.items() if stage != STAGE}
        try:
            put_sealed(folder / COUNTS, {"rows": sorted(ledger.counted & ledger.digests.keys()), **kept})
        except OSError as error:
            log.warning("%s: cannot be written (%s): no later run will count these slices", folder / COUNTS, error)


def note_earlier(slices: int, ledger: Ledger, tally: Tally) -> None:
    """Note that slices are earlier runs', and whether the tally holds what was counted for them."""
    if not slices:
        return
    unknown = len(ledger.digests.keys() - ledger.counted)
    but = f" but for {unknown}, whose run was killed" * bool(unknown)
    are = "slice is" if slices == 1 else "slices are"
    tally.note(STAGE, f"{slices} {are} an earlier run's, and counted here{but}")


def write_record(
    folder: Path, recipe: Recipe, source: ScanFile, picked: Picked, tally: Tally, report: Callable[[], Report]
) -> Report:
    """Write everything that describes a run into the folder with its slices.

    A picture or a copy of metadata that fails must not cost a night's slices: it is told in the report and the log.

    Parameters
    ----------
    report : makes the report, when everything that it is to tell has happened
    """
    with told(folder):
        put_text(folder / "recipe.yaml", recipe.to_yaml())
    _try("the contact sheet", tally, lambda: picked.draw(folder / "contact_sheet.png", source))
    plain = recipe.to_plain()
    counted = {"recipe": plain, "counts": tally.counts, "notes": tally.notes}
    # Only what is the same each time, as all else in this format is.
    scan = {"name": Path(source.source).name, "angles": source.angles, "rows": source.rows, "columns": source.columns}
    lasting = {"recipe": plain, "scan": scan, "versions": versions()}
    for path in folder.glob("*.h5"):
        _try(f"the parameters in {path.name}", tally, partial(hdf5_parameters.write_parameters, path, counted, source))
    for path in folder.glob("*.zarr"):
        _try(f"the parameters in {path.name}", tally, partial(zarr_parameters.write_parameters, path, lasting))
    made = report()
    made.write(folder / REPORT)
    _try(f"the page {PAGE}", tally, lambda: write_page(folder, made))
    return made


def _try(what: str, tally: Tally, write: Callable[[], None]) -> None:
    try:
        write()
    except Exception as error:
        log.error("%s could not be written: %s: %s", what, type(error).__name__, error)  # noqa: TRY400 - see below
        log.debug("where it came from", exc_info=True)
        tally.note(STAGE, f"{what} could not be written: {type(error).__name__}: {error}")
