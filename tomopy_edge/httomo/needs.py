"""What HTTomo asks of a method before it calls it: the shape of its result, and the slices it needs beside a block.

HTTomo finds these functions by their names, `_calc_output_dim_<method>` and `_calc_padding_<method>`.
"""

from __future__ import annotations

from typing import Any

from tomopy_edge.networks.manifest import open_model
from tomopy_edge.recon import TOMOGAN


def _calc_output_dim_recon_and_denoise(non_slice_dims_shape: tuple[int, int], **_: Any) -> tuple[int, int]:
    """Return (y, x) of slices made of sinograms (angle, column)."""
    columns = non_slice_dims_shape[1]
    return columns, columns


def _neighbours(
    denoiser: str = TOMOGAN, model: str | None = None, *, fine_tune: bool = False, **_: Any
) -> tuple[int, int]:
    """Return how many slices before and after a block the networks look at."""
    if denoiser != TOMOGAN:
        # Denoisers that look at no neighbours do no harm to padding; those of plugins may look at one.
        return 1, 1
    manifest = open_model(model or TOMOGAN).manifest
    sets = [manifest.denoise, manifest.fine_tune if fine_tune else None]
    reach = sum(networks.neighbours for networks in sets if networks is not None)
    return reach, reach


_calc_padding_recon_and_denoise = _neighbours
_calc_padding_denoise_slices = _neighbours
