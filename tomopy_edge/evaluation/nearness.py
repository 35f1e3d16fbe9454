"""How much nearer a denoised part of a real scan comes to the raw other part; measured without any truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32
from tomopy_edge.errors import DataError
from tomopy_edge.evaluation.bench import Bench
from tomopy_edge.evaluation.cases import Source
from tomopy_edge.evaluation.halves import Half
from tomopy_edge.evaluation.judge import Example
from tomopy_edge.evaluation.measures import TO_INPUT, ssim_to_input
from tomopy_edge.evaluation.methods import Denoised, Method
from tomopy_edge.fbp.axis import radii
from tomopy_edge.progress import track

MASK = 0.95
"""Share of the inscribed circle that is reconstructed: further out real scans show what lies outside the field."""

SETTINGS = {"mask": MASK, "stripes": "fourier-wavelet"}
"""How real scans are reconstructed; all else is the default."""

DEFINITIONS = {
    "all measures": f"inside {MASK:.0%} of the inscribed circle; rings removed by {SETTINGS['stripes']}",
    "to others": "root mean square of the denoised part minus the raw others, attenuation per pixel",
    "nearer by": "20 log10 of the raw part's distance to the others over the denoised part's, dB",
    "parts": "the noise of their photons is independent; views share flats and darks, so rings are in both",
    "most": "the most that can be nearer where noise is all that differs: 10 log10(1 / share of the photons). More is "
    "possible where streaks of too few views are taken away: those of interleaved views have opposite signs",
    "oracle": "the best of several weights, chosen by the others, as no user can",
    "SSIM to input": f"{TO_INPUT}; near 1 where a clean scan stays as it is",
    "grey %": "mean of the denoised part over that of the raw part, minus 1",
    "saturated": "pixels at an end of the int8 range, at a network's input or output",
    "s/slice": "seconds of the denoiser alone, on this machine as busy as it was: rough",
}
"""What each measure means, for the table."""


@dataclass(frozen=True)
class Near:
    """What was measured on one part for one method.

    Attributes
    ----------
    part : of the scan, in words
    method : what made the slice
    distance : root mean square of its difference to the raw others, attenuation per pixel; None without others
    gain : by how many dB that is less than the raw part's; None without others
    most : how many dB are possible; None without others
    ssim_to_input : similarity to the raw part
    grey : change of the mean, %
    saturated : pixels at an end of the int8 range
    seconds : that the denoiser took for the slice
    """

    part: str
    method: Method
    distance: float | None
    gain: float | None
    most: float | None
    ssim_to_input: float
    grey: float
    saturated: int
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """What was measured on all parts of a real scan.

    Attributes
    ----------
    description : of the scan
    methods : in the order of the table
    near : part by part, method by method
    examples : the parts, to show
    notes : what was assumed or replaced
    """

    description: str
    methods: tuple[Method, ...]
    near: tuple[Near, ...]
    examples: tuple[Example, ...]
    notes: tuple[str, ...]


def compare(source: Source[Half], bench: Bench) -> Comparison:
    """Return what was measured for each method of `bench` on each part of a real scan.

    Raises
    ------
    DataError : where no method can be judged by what is there
    """
    near: list[Near] = []
    examples: list[Example] = []
    for half in track(source.cases(), total=source.total, what="parts"):
        # Without others there is nothing to choose the best of several ways by.
        methods = [one for one in bench.methods if half.others is not None or len(one.recipes) == 1]
        noisy = bench.reconstruct(half.part, half.center, **SETTINGS)
        raw = noisy.slices[len(noisy.slices) // 2]
        target = raw
        if half.others is not None:
            others = bench.reconstruct(half.others, half.center, **SETTINGS)
            target = others.slices[len(others.slices) // 2]

        def closeness(denoised: Float32, target: Float32 = target) -> float:
            return -distance(denoised, target)

        made = [bench.denoise(method, noisy, closeness) for method in methods]
        told = [_near(half, (raw, target), method, one) for method, one in zip(methods, made, strict=True)]
        near += told
        if half.others is not None:
            slices = {one.method.title: own.slice for one, own in zip(told, made, strict=True)}
            examples.append(
                Example(half.name, ("raw others", target), slices, {m.method.title: _caption(m) for m in told})
            )
    if not near:
        raise DataError("the methods asked for need other views to judge by, and no part was asked for; see --every")
    return Comparison(source.description, bench.methods, tuple(near), tuple(examples), bench.notes)


def circle(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which pixels (y, x) of a real scan's slice are measured."""
    return radii(shape) <= MASK * min(shape) / 2


def distance(denoised: Float32, others: Float32) -> float:
    """Return the root mean square difference of two slices (y, x) inside the circle that is reconstructed."""
    inside = circle(others.shape)
    return float(np.sqrt(np.mean(np.square(denoised[inside] - others[inside], dtype=np.float64))))


def _near(half: Half, raw_and_target: tuple[Float32, Float32], method: Method, made: Denoised) -> Near:
    raw, target = raw_and_target
    inside = circle(raw.shape)
    own = gain = most = None
    if half.others is not None:
        own = distance(made.slice, target)
        gain, most = 20 * float(np.log10(distance(raw, target) / own)), half.most
    return Near(
        part=half.name,
        method=method,
        distance=own,
        gain=gain,
        most=most,
        ssim_to_input=ssim_to_input(made.slice, raw, inside),
        grey=100 * float(made.slice[inside].mean(dtype=np.float64) / raw[inside].mean(dtype=np.float64) - 1),
        saturated=sum(made.counts.values()),
        seconds=made.seconds,
    )


def _caption(near: Near) -> str:
    return f"nearer by {near.gain:.2f} dB, SSIM to input {near.ssim_to_input:.4f}"
