"""Stage `fine_tune`: a shallow network mends what quantization cost the denoised slices (Fig. 6 of the paper)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Literal

from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions, check_network, settle_network
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.options import options
from tomopy_edge.stages.denoise import opened

NOTHING_TO_MEND = (
    "the slices come from no network that could be mended, so there is no unit to take over. After a chained network, "
    "which some models advise and which has the Fine-Tune network in it, leave the stage fine_tune out or give another "
    "denoise.options.precision; else put it after a denoise stage that runs a network, or give fine_tune.unit"
)
"""Why a stage that has no unit of its own cannot run."""


@options
class FineTuneOptions(NetworkOptions):
    """Options of the stage `fine_tune`."""

    precision: Literal["int8", "float"] | None = None
    """What the network computes in. None takes int8, or float where the runtime runs nothing else."""


def fine_tune(volume: Volume, chosen: FineTuneOptions, job: Job) -> Volume:
    """Return `volume` through the model's Fine-Tune network.

    Parameters
    ----------
    volume : slices that the same model's `denoise` network made, attenuation per pixel
    chosen : settled options; their unit must be the one that the denoiser used

    Notes
    -----
    V. Abeykoon et al., "Scientific Image Restoration Anywhere" (2019), section II-D: the network is trained on the
    quantized denoiser's output against the clean slices.
    """
    with _open(chosen, job) as step:
        result: Volume = step.apply(volume)
        return result


def settle_fine_tune(chosen: FineTuneOptions, sample: Volume, job: Job) -> FineTuneOptions:
    """Return `chosen` with the unit that the denoiser before it used, and with the tile that suits the slices.

    Raises
    ------
    DataError : where the slices come from no network, or from a chained one
    """
    chosen = settle_network(chosen, "fine_tune", sample, job)
    if sample.precision == "float":
        job.tally.note(
            "fine_tune",
            "learned from the answers of the int8 network: after a float one, as here, it has nothing of int8 to mend, "
            "and takes contrast of thin details away",
        )
    if chosen.unit is not None:
        return chosen
    if sample.unit is None:
        raise DataError(f"fine_tune: {NOTHING_TO_MEND}")
    return replace(chosen, unit=sample.unit)


def _open(chosen: FineTuneOptions, job: Job) -> AbstractContextManager[Step]:
    return opened(NetworkDenoiser("fine_tune", "fine_tune", chosen, job))


ENTRY = StageEntry(
    "fine_tune",
    "A shallow network mends what int8 cost",
    FineTuneOptions,
    Volume,
    Volume,
    _open,
    settle_fine_tune,
    check=partial(check_network, part="fine_tune"),
)
