"""What is told of a method over many scans: means, percentiles, and on how many scans total variation is better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tomopy_edge.evaluation.cases import CLEAN, DOSES
from tomopy_edge.evaluation.features import KINDS
from tomopy_edge.evaluation.judge import Evaluation, Judged
from tomopy_edge.evaluation.methods import ORACLE, Method

ALL = "all"
"""Stands for all kinds of objects, or all doses."""


@dataclass(frozen=True)
class Kept:
    """Contrast that some details kept.

    Attributes
    ----------
    mean, tenth : mean and 10th percentile over details; 1 is all contrast
    count : details
    """

    mean: float
    tenth: float
    count: int


@dataclass(frozen=True)
class Similarity:
    """SSIM and PSNR (dB), means over scans."""

    ssim: float
    psnr: float


@dataclass(frozen=True)
class Summary:
    """A method over all scans; means over scans where nothing else is said.

    Attributes
    ----------
    method : title
    similarity : kind of object, and `ALL` -> SSIM and PSNR
    edges_kept, edge_correlation : see `measures.DEFINITIONS`
    grey, grey_size : error of the mean grey value, and of its size, %
    power : one ratio for each of `spectrum.BANDS`
    contrast : kind of detail -> dose, and `ALL` -> what was kept; without those of which there is no detail
    clean_kept : SSIM to the input over scans of the dose `CLEAN`, or None where there is none
    saturated : pixels at an end of the int8 range, in all
    seconds : for a slice
    total_variation_better : scans on which the best total variation has the higher PSNR, or None where it was not run
    """

    method: str
    similarity: dict[str, Similarity]
    edges_kept: float
    edge_correlation: float
    grey: float
    grey_size: float
    power: tuple[float, ...]
    contrast: dict[str, dict[str, Kept]]
    clean_kept: float | None
    saturated: int
    seconds: float
    total_variation_better: tuple[str, ...] | None


def summarise(evaluation: Evaluation, method: Method) -> Summary:
    """Return what is told of one method."""
    some = evaluation.of(method)
    kinds = [*dict.fromkeys(one.kind for one in some)]
    clean = [one.ssim_to_input for one in some if one.dose == CLEAN]
    oracle = {one.case: one.measures.psnr for one in evaluation.judged if one.method.name == ORACLE}
    better = tuple(one.case for one in some if one.measures.psnr < oracle.get(one.case, -np.inf))
    return Summary(
        method=method.title,
        similarity={
            **{kind: _similarity([one for one in some if one.kind == kind]) for kind in kinds},
            ALL: _similarity(some),
        },
        edges_kept=_mean(one.measures.edges_kept for one in some),
        edge_correlation=_mean(one.measures.edge_correlation for one in some),
        grey=_mean(one.measures.grey for one in some),
        grey_size=_mean(abs(one.measures.grey) for one in some),
        power=tuple(_mean(ratios) for ratios in zip(*(one.spectrum.bands for one in some), strict=True)),
        contrast={kind: _contrast(some, kind) for kind in KINDS},
        clean_kept=_mean(clean) if clean else None,
        saturated=sum(sum(one.counts.values()) for one in some),
        seconds=_mean(one.seconds for one in some),
        total_variation_better=better if oracle and method.name != ORACLE else None,
    )


def _similarity(some: Sequence[Judged]) -> Similarity:
    return Similarity(_mean(one.measures.ssim for one in some), _mean(one.measures.psnr for one in some))


def _contrast(some: Sequence[Judged], kind: str) -> dict[str, Kept]:
    told = {}
    for dose in (*DOSES, ALL):
        shares = [share for one in some if dose in {one.dose, ALL} for own, share in one.contrasts if own == kind]
        if shares:
            told[dose] = Kept(float(np.mean(shares)), float(np.percentile(shares, 10)), len(shares))
    return told


def _mean(numbers: Iterable[float]) -> float:
    return float(np.mean([*numbers]))
