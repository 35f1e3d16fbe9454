"""What an output was begun with, so that a later run goes on with it only where it would make the same slices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.errors import OutputError
from tomopy_edge.networks.manifest import MANIFEST, open_model
from tomopy_edge.pipeline import Span
from tomopy_edge.readers import ArrayScan, ScanFile
from tomopy_edge.recipe import Recipe, parse_recipe
from tomopy_edge.version import __version__
from tomopy_edge.writers.failures import told
from tomopy_edge.writers.ledger import NAME as LEDGER
from tomopy_edge.writers.sealed import put_sealed, read_sealed

NAME = "begun.json"
"""The file, within an unfinished output."""

ENDS = 2**16
"""Bytes at either end of a scan file that it is known by, beside its length."""


@dataclass(frozen=True)
class Begun:
    """What the slices of an output depend on.

    Attributes
    ----------
    version : of this package
    scan : what tells the scan from others, wherever it lies
    rows : detector rows, the first and the one after the last
    asked : the recipe as it was given
    models : name of a model -> sha256 of its manifest, which has those of its files
    settled : the recipe with everything found that it left open
    """

    version: str
    scan: dict[str, Any]
    rows: list[int]
    asked: list[dict[str, Any]]
    models: dict[str, str]
    settled: list[dict[str, Any]]

    @classmethod
    def of(cls, asked: Recipe, settled: Recipe, source: ScanFile, span: Span) -> Begun:
        """Return what a run depends on."""
        plain = json.loads(json.dumps([asked.to_plain(), settled.to_plain()]))
        return cls(__version__, _known_by(source), [span.first, span.last], plain[0], dict(_models(asked)), plain[1])

    def write(self, folder: Path) -> None:
        """Write it into an output that is begun."""
        with told(folder / NAME):
            # Sealed: a number that a disk changed would make other slices than there are.
            put_sealed(folder / NAME, asdict(self))

    def recipe(self, catalogue: Catalogue) -> Recipe:
        """Return the settled recipe."""
        return parse_recipe(self.settled, catalogue, source=NAME)

    def expect_same(self, asked: Recipe, source: ScanFile, span: Span, folder: Path) -> None:
        """Raise an `OutputError` unless a run would make the slices that the output was begun with."""
        now = Begun.of(asked, asked, source, span)
        words = {
            "version": "another version of tomopy-edge",
            "scan": "another scan, or this one has changed",
            "rows": "other rows",
            "asked": "another recipe",
            "models": "another state of its model",
        }
        unlike = [told for name, told in words.items() if getattr(self, name) != getattr(now, name)]
        if unlike:
            raise OutputError(
                f"{folder}: was begun with {' and '.join(unlike)}, so going on would mix two results; run as it was "
                "begun, or begin anew (--overwrite)"
            )


def read_begun(folder: Path) -> Begun | None:
    """Return what an unfinished output was begun with, None where there is none that holds anything.

    Raises
    ------
    OutputError : where the file is damaged
    """
    try:
        return Begun(**read_sealed(folder / NAME))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(f"{folder / NAME}: cannot be read ({error}); begin anew (--overwrite)") from None


def worth(folder: Path) -> str:
    """Return how much an unfinished output holds, in words; "" where that is not one slice."""
    try:
        slices = (folder / LEDGER).read_bytes().count(b"\n") if (folder / NAME).is_file() else 0
    except OSError:
        return ""
    return f"{slices} slice{'s' * (slices != 1)}" if slices else ""


def _known_by(source: ScanFile) -> dict[str, Any]:
    size = {"angles": source.angles, "rows": source.rows, "columns": source.columns}
    path = Path(source.source)
    if isinstance(source, ArrayScan) or not path.is_file():
        row = source.read(0, 1)
        return size | {"sha256": sha256(row.projections.tobytes() + row.theta.tobytes()).hexdigest()}
    length = path.stat().st_size
    with path.open("rb") as file:
        content = file.read(ENDS)
        file.seek(max(length - ENDS, 0))
        content += file.read(ENDS)
    return size | {"bytes": length, "sha256": sha256(content).hexdigest()}


def _models(recipe: Recipe) -> Iterator[tuple[str, str]]:
    for block in recipe.blocks:
        for options in (block.options, getattr(block.options, "options", None)):
            name = getattr(options, "model", None)
            if isinstance(name, str):
                manifest = open_model(name).folder / MANIFEST
                yield name, sha256(manifest.read_bytes()).hexdigest()
