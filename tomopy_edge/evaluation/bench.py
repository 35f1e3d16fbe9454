"""The workbench that every scan goes over: plugins, threads, and what had to be noted on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tomopy_edge
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Float32, Scan, Volume
from tomopy_edge.evaluation.methods import Denoised, Method, denoise
from tomopy_edge.job import Tally, available_cores


@dataclass(frozen=True)
class Bench:
    """What reconstructs scans, each once, and puts their slices through the methods.

    Attributes
    ----------
    methods : in the order of the table
    catalogue : what plugins offer
    ncore : threads
    tally : what the reconstructions clipped, replaced or assumed
    """

    methods: tuple[Method, ...]
    catalogue: Catalogue
    ncore: int = field(default_factory=available_cores)
    tally: Tally = field(default_factory=Tally)

    def reconstruct(self, scan: Scan, center: float, **settings: Any) -> Volume:
        """Return the slices of all rows, attenuation per pixel, that every method starts from.

        Parameters
        ----------
        settings : further options of `recon_and_denoise`, such as `stripes`
        """
        slices = tomopy_edge.recon_and_denoise(
            scan.projections,
            scan.theta,
            center,
            flat=scan.flats,
            dark=scan.darks if scan.darks.size else None,
            denoiser="none",
            ncore=self.ncore,
            tally=self.tally,
            catalogue=self.catalogue,
            **settings,
        )
        return Volume(slices)

    def denoise(self, method: Method, noisy: Volume, goodness: Callable[[Float32], float]) -> Denoised:
        """Return the middle slice of `noisy`, denoised; of several ways, the one of most `goodness`."""
        made = [denoise(recipe, noisy, self.catalogue, self.ncore) for recipe in method.recipes]
        return made[0] if len(made) == 1 else max(made, key=lambda one: goodness(one.slice))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reconstructions noted and counted, as sentences."""
        said = [sentence for sentences in self.tally.notes.values() for sentence in sentences]
        counted = [f"{stage}: {n} {what}" for stage, counts in self.tally.counts.items() for what, n in counts.items()]
        return (*said, *counted)
