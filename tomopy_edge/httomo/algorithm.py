"""The reconstruction method: sinograms in HTTomo's axis order become denoised slices.

HTTomo takes every method of a module called `algorithm` for a reconstruction, whose second argument is the angles.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError
from tomopy_edge.httomo.kept import agreed, kept
from tomopy_edge.through_tomopy import TomopyAlgorithm, tomopy_algorithm

__all__ = ["recon_and_denoise"]


def recon_and_denoise(  # noqa: PLR0913 - HTTomo gives each parameter of a pipeline by its name
    data: Any,
    angles: Any,
    center: Any,
    *,
    denoiser: str = "tomogan",
    model: str | None = None,
    precision: str | None = None,
    filter_name: Literal["ramlak", "shepp", "cosine", "hann", "hamming", "none"] | None = None,
    fine_tune: bool = False,
    runtime: str | None = None,
    unit: float | None = None,
    recon_mask_radius: float | None = 1.0,
    ncore: int | None = None,
    comm: Any = None,
) -> Float32:
    """Reconstruct a block of sinograms and denoise the slices.

    Parameters
    ----------
    data : (angle, slice, column), line integrals. HTTomo pads blocks with the slices beside them, as the network looks
        at those too.
    angles : (angle,), radians
    center : column of the rotation axis, with pixel centres at whole numbers, as HTTomo's centering methods give it
    denoiser, model, precision, filter_name, fine_tune, runtime : as in `tomopy_edge.recon_and_denoise`
    unit : attenuation per pixel that the network sees as 1; None measures it on the first block, once
    recon_mask_radius : radius of the circle kept, as a share of the inscribed one; None keeps all
    ncore : threads; None takes all there are, which is too many where several processes share a machine
    comm : HTTomo's communicator. Where it is given the networks stay open for further blocks, and processes agree on
        one unit; else nothing outlasts the call.

    Returns
    -------
    (y, slice, x) float32, attenuation per pixel

    Raises
    ------
    DataError, ModelError, RecipeError : a sentence that says where, what was found and how to mend it
    """
    sinograms = np.ascontiguousarray(np.swapaxes(np.asarray(data), 0, 1), np.float32)
    if np.ndim(data) != 3:  # noqa: PLR2004 - axes
        raise DataError(f"data: must have the axes (angle, slice, column), got the shape {np.shape(data)}")
    rows, _, columns = sinograms.shape
    centers = np.broadcast_to(np.asarray(center, np.float32), (rows,)).copy()
    settings: dict[str, Any] = {
        "denoiser": denoiser,
        "model": model,
        "precision": precision,
        "filter_name": filter_name,
        "fine_tune": fine_tune,
        "runtime": runtime,
        "mask": recon_mask_radius,
        "ncore": ncore,
    }

    def make() -> TomopyAlgorithm:
        algorithm = tomopy_algorithm(**settings, unit=unit)
        found = unit if unit is not None else agreed(algorithm.measure(sinograms, centers, angles), comm)
        if found == algorithm.unit or found is None or unit is not None:
            return algorithm
        algorithm.close()
        return tomopy_algorithm(**settings, unit=found)

    slices = np.empty((rows, columns, columns), np.float32)
    scan: Hashable = (columns, np.asarray(angles).tobytes())
    with kept(("recon_and_denoise", *settings.values(), unit, scan), make, comm) as algorithm:
        algorithm(sinograms, centers, slices, angles)
    return np.ascontiguousarray(slices.swapaxes(0, 1))
