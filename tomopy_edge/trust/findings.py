"""What is found out about one slice, and how that is kept beside the slices: one small file for each row."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tomopy_edge.networks.learned import Likeness
from tomopy_edge.trust.consistency import Consistency
from tomopy_edge.trust.grey import Material
from tomopy_edge.trust.halves import Halves
from tomopy_edge.trust.places import Place
from tomopy_edge.trust.residual import Residual
from tomopy_edge.writers.sealed import put_sealed, read_sealed

log = logging.getLogger(__name__)

FOLDER = "trust"
"""The folder, within an output, of findings and pictures."""


@dataclass(frozen=True)
class InRange:
    """Whether a slice is like those that its network learned from.

    Attributes
    ----------
    found : what it is like, network units; None where no network ran
    beyond : number of `Likeness` -> how far it lies outside the range of training; None where that is not known
    saturated : share of the pixels that the network's first codes could not hold
    """

    found: Likeness | None
    beyond: dict[str, float] | None
    saturated: float


@dataclass(frozen=True)
class Findings:
    """What is found out about one slice. What could not be is None, and `skipped` says why.

    Attributes
    ----------
    row : of the detector
    unit : attenuation per pixel of the densest matter, in whose shares contrasts are judged
    consistency : with its sinogram
    halves : of the views
    residual : what was taken away
    range : of its network
    seam : how much rougher it is across the seams of tiles than beside them; None where there are no tiles
    grey : of its materials
    skipped : check -> why it was left out
    """

    row: int
    unit: float
    consistency: Consistency | None = None
    halves: Halves | None = None
    residual: Residual | None = None
    range: InRange | None = None
    seam: float | None = None
    grey: tuple[Material, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON would hold it."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Findings:
        """Return what `to_plain` gave; raise a `LookupError` or `TypeError` where it is something else."""
        fields = dict(plain)
        if fields["consistency"] is not None:
            places = tuple(Place(**one) for one in fields["consistency"]["places"])
            fields["consistency"] = Consistency(**fields["consistency"] | {"places": places})
        if fields["halves"] is not None:
            curves = {name: tuple(fields["halves"][name]) for name in ("frequencies", "raw", "denoised")}
            fields["halves"] = Halves(**fields["halves"] | curves)
        if fields["residual"] is not None:
            fields["residual"] = Residual(**fields["residual"])
        if fields["range"] is not None:
            found = fields["range"]["found"]
            fields["range"] = InRange(**fields["range"] | {"found": None if found is None else Likeness(**found)})
        fields["grey"] = tuple(Material(**one) for one in fields["grey"])
        fields["skipped"] = tuple((check, why) for check, why in fields["skipped"])
        return cls(**fields)


def path_of(output: Path, row: int) -> Path:
    """Return where the findings of a row lie within an output."""
    return output / FOLDER / f"{row:05d}.json"


def keep(output: Path, findings: Findings) -> None:
    """Write findings into an output, so that a run that goes on after a stop need not examine the slice again."""
    path = path_of(output, findings.row)
    path.parent.mkdir(exist_ok=True)
    put_sealed(path, findings.to_plain())


def kept(output: Path) -> list[Findings]:
    """Return the findings in an output, by row; those that cannot be read are told in the log and left out."""
    read = (_read(path) for path in (output / FOLDER).glob("[0-9]*.json"))
    return sorted((one for one in read if one is not None), key=lambda one: one.row)


def _read(path: Path) -> Findings | None:
    try:
        return Findings.from_plain(read_sealed(path))
    except (OSError, ValueError, LookupError, TypeError) as error:
        log.warning("%s: cannot be read (%s), and is left out of the verdict", path, error)
        return None
