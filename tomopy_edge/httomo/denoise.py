"""The denoising method: slices that any method of HTTomo reconstructed, denoised."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from tomopy_edge.chunk_size import SAMPLE_ROWS, rows_that_fit
from tomopy_edge.data import Float32, Volume
from tomopy_edge.errors import DataError
from tomopy_edge.httomo.kept import agreed, kept
from tomopy_edge.job import Job, at_least_one, available_cores
from tomopy_edge.kept_recipe import KeptRecipe
from tomopy_edge.memory import free_memory, spare_memory
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.pipeline import Span
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.recipe import Recipe, parse_recipe
from tomopy_edge.recon import TOMOGAN, network_stages
from tomopy_edge.stages.read import even_chunks

__all__ = ["denoise_slices"]


def denoise_slices(  # noqa: PLR0913 - HTTomo gives each parameter of a pipeline by its name
    data: Any,
    *,
    denoiser: str = "tomogan",
    model: str | None = None,
    precision: str | None = None,
    fine_tune: bool = False,
    runtime: str | None = None,
    unit: float | None = None,
    ncore: int | None = None,
    comm: Any = None,
) -> Float32:
    """Denoise a block of reconstructed slices.

    Parameters
    ----------
    data : (y, slice, x), attenuation per pixel, as HTTomo's reconstructions give it: before it is rescaled to integers.
        HTTomo pads blocks with the slices beside them, as the network looks at those too.
    denoiser, model, precision, fine_tune, runtime : as in `tomopy_edge.recon_and_denoise`
    unit, ncore, comm : as in `tomopy_edge.httomo.algorithm.recon_and_denoise`

    Returns
    -------
    (y, slice, x) float32, attenuation per pixel

    Raises
    ------
    DataError, ModelError, RecipeError : a sentence that says where, what was found and how to mend it
    """
    if np.ndim(data) != 3 or np.asarray(data).dtype.kind != "f":  # noqa: PLR2004 - axes
        raise DataError(
            f"data: must be slices (y, slice, x) of attenuation per pixel, got {np.asarray(data).dtype} of the shape "
            f"{np.shape(data)}; denoise them before they are rescaled to integers"
        )
    slices = np.ascontiguousarray(np.swapaxes(np.asarray(data), 0, 1), np.float32)
    settings = (denoiser, model, precision, fine_tune, runtime, ncore)
    middle = max((len(slices) - SAMPLE_ROWS) // 2, 0)
    sample = Volume(slices[middle : middle + SAMPLE_ROWS], first_row=middle)

    def make() -> _Kept:
        found = unit
        if found is None and denoiser == TOMOGAN:
            found = agreed(attenuation_unit(sample.slices), comm)
        return _Kept(settings, found)

    key: Hashable = ("denoise_slices", *settings, unit, slices.shape[1:])
    with kept(key, make, comm) as denoised:
        return np.ascontiguousarray(denoised(slices, sample).swapaxes(0, 1))


class _Kept:
    """The stages that denoise, kept from block to block."""

    def __init__(self, settings: tuple[Any, ...], unit: float | None) -> None:
        denoiser, model, precision, fine_tune, runtime, ncore = settings
        catalogue = load_catalogue()
        self._stages = network_stages(denoiser, model, precision, runtime, fine_tune=fine_tune, catalogue=catalogue)
        if unit is not None:
            if denoiser != TOMOGAN:
                raise DataError(f"unit: belongs to the denoiser {TOMOGAN!r}, not to {denoiser!r}")
            self._stages[0]["denoise"]["options"]["unit"] = unit
        self._catalogue = catalogue
        self._kept = KeptRecipe(
            Job(ncore=at_least_one("ncore", ncore, available_cores()), catalogue=catalogue),
        )

    def __call__(self, slices: Float32, sample: Volume) -> Float32:
        """Return slices (z, y, x) denoised."""

        def recipe() -> Recipe:
            return parse_recipe(self._stages, self._catalogue, source="denoise_slices")

        def read(first: int, last: int) -> Iterator[Volume]:
            rows = rows_that_fit(1, slices.shape[2], free_memory())
            for part in even_chunks(first, last, rows):
                yield Volume(slices[part.first : part.last], first_row=part.first)

        made = np.empty_like(slices)
        with self._kept.lock:
            spare_memory()
            self._kept.settle(slices.shape[1:], recipe, lambda: sample)
            for volume in self._kept.slices(read, Span(0, len(slices), len(slices))):
                made[volume.first_row : volume.first_row + len(volume.slices)] = volume.slices
        return made

    def close(self) -> None:
        """Close the networks."""
        self._kept.close()
