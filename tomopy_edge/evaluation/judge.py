"""Put the methods through scans whose truth is known, and keep what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.evaluation.bench import Bench
from tomopy_edge.evaluation.cases import Case, Source
from tomopy_edge.evaluation.features import Detail, Kind, visible_details
from tomopy_edge.evaluation.measures import Measures, inner_circle, measure, psnr, ssim_to_input
from tomopy_edge.evaluation.methods import Denoised, Method
from tomopy_edge.evaluation.spectrum import Spectrum, power_ratio
from tomopy_edge.progress import track


@dataclass(frozen=True)
class Judged:
    """What was measured on one scan for one method.

    Attributes
    ----------
    case, kind, dose : of the scan; see `Case`
    method : what made the slice
    measures, spectrum : what was measured against the truth
    ssim_to_input : similarity to the noisy slice
    contrasts : (kind of detail, share of its contrast that was kept) for each detail
    seconds : that the denoiser took for the slice
    counts : what saturated or was clipped -> pixels
    """

    case: str
    kind: str
    dose: str
    method: Method
    measures: Measures
    spectrum: Spectrum
    ssim_to_input: float
    contrasts: tuple[tuple[Kind, float], ...]
    seconds: float
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Example:
    """A scan to show.

    Attributes
    ----------
    title : of the scan
    reference : what the slices are judged by, in words, and as a slice (y, x), attenuation per pixel
    slices : title of a method -> (y, x), attenuation per pixel
    captions : title of a method -> what was measured, in words
    """

    title: str
    reference: tuple[str, Float32]
    slices: Mapping[str, Float32]
    captions: Mapping[str, str]


@dataclass(frozen=True)
class Evaluation:
    """What was measured on all scans of a source.

    Attributes
    ----------
    description : of the source
    methods : in the order of the table
    judged : scan by scan, method by method
    examples : scans to show: the first of each dose
    notes : what was assumed or replaced
    """

    description: str
    methods: tuple[Method, ...]
    judged: tuple[Judged, ...]
    examples: tuple[Example, ...]
    notes: tuple[str, ...]

    def of(self, method: Method) -> tuple[Judged, ...]:
        """Return what was measured for one method, scan by scan."""
        return tuple(one for one in self.judged if one.method is method)


def evaluate(source: Source[Case], bench: Bench) -> Evaluation:
    """Return what was measured for each method of `bench` on each scan of `source`.

    Each scan is reconstructed once, by our FBP with its defaults; every method starts from the same slices.

    Raises
    ------
    DataError : where a scan cannot be judged
    """
    judged: list[Judged] = []
    examples: dict[str, Example] = {}
    for case in track(source.cases(), total=source.total, what="scans"):
        noisy = bench.reconstruct(case.scan, case.center)
        details = visible_details(case.truth, case.features, case.blur)

        inside = inner_circle(case.truth.shape)

        def likeness(denoised: Float32, truth: Float32 = case.truth, inside: NDArray[np.bool_] = inside) -> float:
            return psnr(denoised, truth, inside)

        made = [bench.denoise(method, noisy, likeness) for method in bench.methods]
        told = [
            _judge(case, noisy.slices[len(noisy.slices) // 2], details, method, one)
            for method, one in zip(bench.methods, made, strict=True)
        ]
        judged += told
        if case.dose not in examples:
            examples[case.dose] = Example(
                f"scan {case.name}: {case.kind}, {len(case.scan.theta)} views, {case.dose} dose",
                ("truth", case.truth),
                {method.title: one.slice for method, one in zip(bench.methods, made, strict=True)},
                {one.method.title: f"SSIM {one.measures.ssim:.4f}, PSNR {one.measures.psnr:.2f} dB" for one in told},
            )
    return Evaluation(source.description, bench.methods, tuple(judged), tuple(examples.values()), bench.notes)


def _judge(case: Case, raw: Float32, details: tuple[Detail, ...], method: Method, made: Denoised) -> Judged:
    return Judged(
        case=case.name,
        kind=case.kind,
        dose=case.dose,
        method=method,
        measures=measure(made.slice, case.truth),
        spectrum=power_ratio(made.slice, case.truth),
        ssim_to_input=ssim_to_input(made.slice, raw, inner_circle(raw.shape)),
        contrasts=tuple((detail.kind, detail.contrast(made.slice)) for detail in details),
        seconds=made.seconds,
        counts=made.counts,
    )
