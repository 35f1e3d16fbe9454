"""What is gathered about one slice while it is examined."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tomopy_edge.data import Float32
from tomopy_edge.errors import told_of
from tomopy_edge.trust.consistency import Consistency
from tomopy_edge.trust.findings import Findings, InRange
from tomopy_edge.trust.grey import Material
from tomopy_edge.trust.halves import Halves
from tomopy_edge.trust.residual import Residual

log = logging.getLogger(__name__)


@dataclass
class Looked:
    """What is gathered about one slice. Checks run side by side: each fills fields of its own.

    Attributes
    ----------
    raw, denoised : (y, x), attenuation per pixel
    unit : attenuation per pixel of the densest matter
    contradiction : (y, x), scores of the comparison with the sinogram, signed
    limit : from which on a contradiction is told
    signs : (y, x), how many signs of structure there are in what was taken away
    seam : its index
    grey : how denoising moved each material
    range : whether the slice is like those that a network learned from
    skipped : checks that were left out, and why
    """

    raw: Float32
    denoised: Float32
    unit: float
    consistency: Consistency | None = None
    contradiction: Float32 | None = None
    limit: float = 1.0
    halves: Halves | None = None
    residual: Residual | None = None
    signs: Float32 | None = None
    seam: float | None = None
    grey: tuple[Material, ...] = ()
    range: InRange | None = None
    skipped: dict[str, str] = field(default_factory=dict)

    def skip(self, check: str, why: str) -> None:
        """Remember that a check was left out."""
        self.skipped[check] = why

    @contextmanager
    def trying(self, check: str) -> Iterator[None]:
        """Have a check that fails be left out, and told."""
        try:
            yield
        except Exception as error:
            log.debug("%s", check, exc_info=True)
            self.skip(check, told_of(error))

    def findings(self, row: int) -> Findings:
        """Return what was found of a row."""
        return Findings(
            row=row,
            unit=self.unit,
            consistency=self.consistency,
            halves=self.halves,
            residual=self.residual,
            range=self.range,
            seam=self.seam,
            grey=self.grey,
            skipped=tuple(sorted(self.skipped.items())),
        )
