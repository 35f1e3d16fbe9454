"""Stage `remove_stripes`: columns that respond wrongly, which reconstruct as rings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from tomopy_edge.data import Float32, Sinograms
from tomopy_edge.errors import DataError
from tomopy_edge.hookspecs import StageEntry, each_chunk
from tomopy_edge.job import Job
from tomopy_edge.options import options
from tomopy_edge.tomopy_library import expect_tomopy, require_tomopy

SMALL_WINDOW, LARGE_WINDOW = 21, 51
"""Algotom's windows, made for detectors of 1000 columns and more."""

LEAST_VIEWS = 16
"""Fewer views than this hold no statistics of a column."""

Remove = Callable[[Float32, Float32], Any]
"""Fills its second sinogram (angle, column) with the first without stripes."""


@options
class RemoveStripesOptions:
    """Options of the stage `remove_stripes`."""

    method: Literal["none", "sorting", "fourier-wavelet", "filtering", "large", "dead", "all"] = "sorting"
    """Which stripes: "sorting" small ones, full or partial; "filtering" small ones in smooth surroundings;
    "fourier-wavelet" faint ones of any width; "large" wide ones; "dead" columns that do not respond, or fluctuate;
    "all" dead, then large, then sorting, at some seconds for each sinogram; "none" leaves all in place."""

    size: int | None = None
    """Columns of the median window for small stripes (sorting, filtering, all). None takes 21, or 2 % of the width, at
    least 5, where that is less."""

    large_size: int | None = None
    """Columns of the median window for large and dead stripes (large, dead, all). None takes 51, or 5 % of the width,
    at least 11, where that is less."""

    snr: float = 3.0
    """How far a column must stand out to count as a stripe (large, dead, all); greater is less sensitive."""

    sigma: float = 3.0
    """Width in Fourier space of what "filtering" takes for slow changes along the angle."""

    level: int | None = None
    """Wavelet levels of "fourier-wavelet". None takes 5, or as many as leave 16 samples along the shorter side."""

    damping: float = 1.0
    """How strongly "fourier-wavelet" damps what is constant along the angle; larger is stronger."""

    wavelet: str = "db9"
    """Wavelet of "fourier-wavelet", by its name in PyWavelets."""

    library: Literal["algotom", "tomopy"] = "algotom"
    """Whose routines: algotom's, or TomoPy's where it is installed."""

    def __post_init__(self) -> None:
        """Refuse windows and strengths that mean nothing."""
        for name, window in (("size", self.size), ("large_size", self.large_size), ("level", self.level)):
            if window is not None and window < 1:
                raise ValueError(f"{name}: must be at least 1, got {window}")
        for name, strength in (("sigma", self.sigma), ("damping", self.damping)):
            if not strength > 0:
                raise ValueError(f"{name}: must be above 0, got {strength}")
        if not self.snr > 1:
            raise ValueError(f"snr: must be above 1, got {self.snr}")


def remove_stripes(sinograms: Sinograms, options: RemoveStripesOptions, job: Job) -> Sinograms:
    """Return `sinograms` without stripes; each is treated alone.

    Parameters
    ----------
    sinograms : (row, angle, column), line integrals

    Raises
    ------
    DataError : where there are too few views, or where the method makes values that are not finite
    PluginError : where TomoPy is asked for and not installed

    References
    ----------
    sorting, filtering, large, dead, all: N. T. Vo, R. C. Atwood, M. Drakopoulos, "Superior techniques for eliminating
    ring artifacts in X-ray micro-tomography", Optics Express 26 (2018) 28396, doi:10.1364/OE.26.028396.
    fourier-wavelet: B. Muench et al., "Stripe and ring artifact removal with combined wavelet-Fourier filtering",
    Optics Express 17 (2009) 8567, doi:10.1364/OE.17.008567.
    """
    if options.method == "none" or not len(sinograms.line_integrals):
        return sinograms
    _, angles, columns = sinograms.line_integrals.shape
    if angles < LEAST_VIEWS:
        raise DataError(
            f"remove_stripes: {angles} views are too few to tell a stripe from the object, it takes {LEAST_VIEWS}; set "
            "remove_stripes.method: none"
        )
    sized = _sized(options, angles, columns)
    remove = _with_tomopy(sized) if options.library == "tomopy" else _with_algotom(sized)
    cleaned = np.empty(sinograms.line_integrals.shape, np.float32)

    def clean(row: int) -> None:
        remove(sinograms.line_integrals[row], cleaned[row])
        if not np.isfinite(cleaned[row]).all():
            raise DataError(
                f"remove_stripes: {options.method} made values that are not finite in row {sinograms.first_row + row}; "
                "choose another remove_stripes.method"
            )

    with ThreadPoolExecutor(job.ncore) as threads:
        list(threads.map(clean, range(len(cleaned))))
    return replace(sinograms, line_integrals=cleaned)


def settle_remove_stripes(options: RemoveStripesOptions, sample: Sinograms, job: Job) -> RemoveStripesOptions:  # noqa: ARG001 - the form that every `settle` has
    """Return `options` with the windows that suit the size of the sample's sinograms, where they leave them open."""
    _, angles, columns = sample.line_integrals.shape
    return _sized(options, angles, columns)


def _sized(options: RemoveStripesOptions, angles: int, columns: int) -> RemoveStripesOptions:
    deepest = max(1, int(np.log2(max(min(angles, columns), 1) / 16)))
    return replace(
        options,
        size=options.size or _odd(min(SMALL_WINDOW, max(5, columns / 50))),
        large_size=options.large_size or _odd(min(LARGE_WINDOW, max(11, columns / 20))),
        level=options.level or min(5, deepest),
    )


def _odd(window: float) -> int:
    """Return the odd number at or below `window`, so that a median window has a middle."""
    return (int(window) - 1) // 2 * 2 + 1


def _with_algotom(sized: RemoveStripesOptions) -> Remove:
    if sized.method == "sorting":
        window: dict[str, Any] = {"size": sized.size}
        return lambda sinogram, cleaned: sorted_and_smoothed(sinogram, out=cleaned, **window)
    from algotom.prep import removal

    routines: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "filtering": (removal.remove_stripe_based_filtering, {"sigma": sized.sigma, "size": sized.size}),
        "fourier-wavelet": (
            removal.remove_stripe_based_wavelet_fft,
            {"level": sized.level, "size": sized.damping, "wavelet_name": sized.wavelet},
        ),
        "large": (removal.remove_large_stripe, {"snr": sized.snr, "size": sized.large_size}),
        "dead": (removal.remove_dead_stripe, {"snr": sized.snr, "size": sized.large_size}),
        "all": (
            removal.remove_all_stripe,
            {"snr": sized.snr, "la_size": sized.large_size, "sm_size": sized.size},
        ),
    }
    routine, arguments = routines[sized.method]
    return lambda sinogram, cleaned: np.copyto(cleaned, routine(sinogram, **arguments), casting="unsafe")


def sorted_and_smoothed(sinogram: Float32, size: int, out: Float32 | None = None) -> Float32:
    """Return a sinogram (angle, column) without small stripes: its columns sorted, smoothed rank by rank, and unsorted.

    Algotom's routine leaves it to numpy in which order equal values come, and that depends on the instructions of the
    processor: slices of counts then differ by a percent of their peak between machines. Here they keep the order of
    their angles.

    Parameters
    ----------
    sinogram : (angle, column), line integrals
    size : columns of the median window
    out : where it goes, contiguous; None makes an array

    References
    ----------
    N. T. Vo et al., Optics Express 26 (2018) 28396, algorithm 3.
    """
    from tomopy_edge.stages.sorting_kernels import smooth_sorted

    out = np.empty(sinogram.shape, np.float32) if out is None else out
    smooth_sorted(np.ascontiguousarray(sinogram, np.float32), size, out)
    return out


def _with_tomopy(sized: RemoveStripesOptions) -> Remove:
    tomopy = require_tomopy()
    routines: dict[str, tuple[str, dict[str, Any]]] = {
        "sorting": ("remove_stripe_based_sorting", {"size": sized.size}),
        "filtering": ("remove_stripe_based_filtering", {"sigma": sized.sigma, "size": sized.size}),
        "fourier-wavelet": (
            "remove_stripe_fw",
            {"level": sized.level, "wname": sized.wavelet, "sigma": sized.damping},
        ),
        "large": ("remove_large_stripe", {"snr": sized.snr, "size": sized.large_size}),
        "dead": ("remove_dead_stripe", {"snr": sized.snr, "size": sized.large_size}),
        "all": ("remove_all_stripe", {"snr": sized.snr, "la_size": sized.large_size, "sm_size": sized.size}),
    }
    name, arguments = routines[sized.method]
    routine = getattr(tomopy, name)
    # TomoPy takes (angle, row, column) and may work in place: it gets a copy of one row.
    return lambda sinogram, cleaned: np.copyto(
        cleaned, routine(sinogram[:, np.newaxis].copy(), ncore=1, **arguments)[:, 0], casting="unsafe"
    )


def check_remove_stripes(options: RemoveStripesOptions, catalogue: Any) -> None:  # noqa: ARG001 - the form that every `check` has
    """Raise a `PluginError` where TomoPy is asked for and not installed."""
    if options.library == "tomopy" and options.method != "none":
        expect_tomopy()


ENTRY = StageEntry(
    name="remove_stripes",
    summary="Columns that respond wrongly, which reconstruct as rings",
    options=RemoveStripesOptions,
    takes=Sinograms,
    gives=Sinograms,
    open=each_chunk(remove_stripes),
    settle=settle_remove_stripes,
    check=check_remove_stripes,
)
