"""Which networks made the slices of a run: their tiles, their unit, and what they were trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tomopy_edge.data import Float32
from tomopy_edge.denoisers.tomogan import NetworkOptions, Part, networks_of
from tomopy_edge.hookspecs import OpenStage
from tomopy_edge.networks.learned import Learned, Likeness
from tomopy_edge.networks.tiling import TileGrid
from tomopy_edge.trust.findings import InRange

PARTS: dict[str, Part] = {"denoise": "denoise", "fine_tune": "fine_tune"}
"""Stage that runs networks -> the part of a model that it runs."""


@dataclass(frozen=True)
class NetworksRun:
    """The networks among the stages of a run.

    Attributes
    ----------
    chosen : what part of which model each stage runs, in order
    """

    chosen: tuple[tuple[Part, NetworkOptions], ...]

    @classmethod
    def among(cls, stages: Iterable[OpenStage]) -> NetworksRun:
        """Return the networks that some stages run."""
        found = []
        for stage in stages:
            options = getattr(stage.options, "options", stage.options)
            if isinstance(options, NetworkOptions) and stage.entry.name in PARTS:
                found.append((PARTS[stage.entry.name], options))
        return cls(tuple(found))

    @property
    def first(self) -> str:
        """Stage that runs the first one; none where there is none."""
        return next((stage for stage, part in PARTS.items() if self.chosen and part == self.chosen[0][0]), "")

    @property
    def unit(self) -> float | None:
        """Attenuation per pixel that the first one sees as 1; None where there is none."""
        return self.chosen[0][1].unit if self.chosen else None

    @property
    def learned(self) -> Learned | None:
        """What the first one was trained on, where its model says so."""
        if not self.chosen:
            return None
        part, options = self.chosen[0]
        return networks_of(options, part)[0].manifest.learned

    def grid(self, shape: tuple[int, ...]) -> TileGrid | None:
        """Return the tiles of the first one on slices of `shape` (y, x); None where they can leave no seam."""
        if not self.chosen or self.chosen[0][1].tile is None:
            return None
        part, options = self.chosen[0]
        networks = networks_of(options, part)[1]
        among = (*networks.networks, *networks.onnx, *networks.compiled)
        y, x = shape
        file = networks.choose(options.precision, options.tile, (y, x), among)
        grid = file.grid((y, x))
        return None if networks.is_exact(file) or grid.seams == ([], []) else grid

    def in_range(self, raw: Float32, unit: float, saturated: float) -> InRange | None:
        """Return whether a noisy slice (y, x) is like those that the first one learned from; None without a network.

        Parameters
        ----------
        unit : attenuation per pixel that it sees as 1
        saturated : share of the pixels that its first codes could not hold
        """
        if not self.chosen:
            return None
        found, learned = Likeness.of(raw, unit), self.learned
        return InRange(found, None if learned is None else learned.beyond(found), saturated)
