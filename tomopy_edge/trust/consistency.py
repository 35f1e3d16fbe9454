"""Where a slice contradicts the sinogram that it was made of: its projections, compared with the measured ones.

What a slice lacks or has too much is found however natural it looks, as long as the scan shows it: noise that is taken
away leaves independent noise in the residual, a crack that is taken away leaves that crack's projections.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import DataError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.fbp.angles import quadrature_weights
from tomopy_edge.fbp.axis import radii
from tomopy_edge.fbp.projector import ForwardProjection
from tomopy_edge.trust.field import RADIUS
from tomopy_edge.trust.places import Place, Scores, places_of
from tomopy_edge.trust.templates import BANK, WIDTHS, Template, along_ridges, profile_response, response

AROUND = (9, 65)
"""Views and columns over which the noise of a ray is estimated."""

FLOOR = 0.02
"""Least variance of a ray, as a share of the median: beyond, back-projected weights ring below zero."""

RINGS = 6.0
"""Standard deviation, columns, of what is wider than a ring: of what is the same in all views, that much stays."""

RATE = 0.02
"""How many slices without any fault may be flagged, as a share; shared out among pixels and templates."""

MARGIN = 1.25
"""By how much the limit lies above what noise alone would ask for: the views of a measured scan never agree to within
their noise, as an object moves, a beam hardens, a scintillator glows on."""

RAW = 1.5
"""How many times the contrast that the raw slice itself errs by is not the denoiser's fault."""

TOLD = 2.0
"""Width of the spots by which it is told how far a slice deviates in all, pixels."""

SURE = 4.0
"""Standard deviations from which on a single place of many is wrong rather than noisy."""

CLIPPED, DOUBTED = 5.0, 1.5
"""Standard deviations from which on a pixel counts no more for how far the whole slice deviates, and how far a denoised
slice may excuse itself so: what is wrong must not hide itself."""

EDGE = 64
"""Columns that residuals are continued by on either side before they are filtered."""


@dataclass(frozen=True)
class Consistency:
    """How well a slice agrees with its sinogram.

    Attributes
    ----------
    score : largest of all pixels and templates
    limit : above which the slice is flagged
    spread : root mean square of the deviations over the slice, in standard deviations of noise: 1 where the residual is
        noise alone
    raw_spread : that of the raw slice, which holds the noise and so is below 1, unless the scan contradicts itself
    wrong : share of the slice where spots of 5 pixels surely have another contrast than the scan shows
    places : where the limit is exceeded
    """

    score: float
    limit: float
    spread: float
    raw_spread: float
    wrong: float
    places: tuple[Place, ...]


class ConsistencyCheck:
    """Compares slices with their sinograms, for one geometry.

    Parameters
    ----------
    theta : (angle,), radians
    columns : of the detector
    size : pixels along each side of a slice, whose axis lies where `FilteredBackProjection` puts it
    ncore : threads
    """

    def __init__(self, theta: Float64, columns: int, size: int, *, ncore: int = 1) -> None:
        self._theta, self._columns, self._size, self._ncore = theta, columns, size, ncore
        self._back = FilteredBackProjection(theta, columns, filter_name="none", size=size, ncore=ncore)
        self._weights = quadrature_weights(theta)[:, None].astype(np.float32)
        self._projection: ForwardProjection | None = None
        # Ridges are summed up to this far from a pixel, and the edge of the circle is no structure.
        self.inside: NDArray[np.bool_] = radii((size, size)) < RADIUS * min(size, columns) / 2
        tests = len(BANK) * max(int(self.inside.sum()), 1)
        self.limit = -MARGIN * NormalDist().inv_cdf(RATE / tests)

    def residual(self, sinogram: Float32, projected: Float32) -> Float32:
        """Return what a slice's projections leave of its sinogram, but for rings: a denoiser may take them away.

        They are narrow, and the same in all views.

        Parameters
        ----------
        sinogram : (angle, column), line integrals as they were reconstructed
        projected : (angle, column), those of the slice
        """
        from scipy.ndimage import gaussian_filter1d

        left = sinogram - projected
        same = left.mean(axis=0)
        left -= same - gaussian_filter1d(same, RINGS, mode="nearest")
        return left

    def _project(self, center: float, slice_: Float32) -> Float32:
        if self._projection is None or self._projection.center != center:
            self._projection = ForwardProjection(self._theta, self._columns, self._size, center, ncore=self._ncore)
        return self._projection(slice_)

    def compare(
        self, sinogram: Float32, center: float, raw: Float32, denoised: Float32, unit: float
    ) -> tuple[Consistency, Float32]:
        """Return how well a denoised slice agrees with its sinogram, and the map of scores (y, x), signed.

        Positive scores lie where the scan shows more attenuation than the slice.

        Parameters
        ----------
        sinogram : (angle, column), line integrals as they were reconstructed
        center : column of the rotation axis
        raw, denoised : (y, x), attenuation per pixel
        unit : attenuation per pixel of the densest matter, in whose shares the contrast is that a slice may err by
        """
        own, of_raw = (self._project(center, slice_) for slice_ in (denoised, raw))
        left = self.residual(sinogram, own), self.residual(sinogram, of_raw), own
        filtered = [self._filtered(rays) for rays in left]
        # Rays count by the noise that the denoised slice leaves of them.
        variance, shares = _variances(filtered[0])
        maps = [self._weights / variance, 1 / variance]
        scores = Scores(np.zeros_like(raw), np.zeros(raw.shape, np.int8), np.zeros_like(raw), np.zeros_like(raw))
        spreads: dict[float, tuple[float, float]] = {}
        wrong = 0.0
        # Of one width after the other, as each takes the memory of two slices.
        for n, width in enumerate(WIDTHS):
            wanted = [*(one[n] / variance for one in filtered), *(maps if n == 0 else [])]
            answers = self._back(np.stack(wanted, dtype=np.float32), center)
            if n == 0:
                # Gridding rings, and a sum of positive weights is never below the least of them.
                spread, scale = (np.maximum(answers[len(filtered) + m], self._least(one)) for m, one in enumerate(maps))
                np.sqrt(spread, out=spread)
            noise = spread * np.float32(np.sqrt(shares[n])), scale
            sigmas = [answer / noise[0] for answer in answers[:2]]
            spreads[width] = self._spread(sigmas[0]), self._spread(sigmas[1])
            if width == TOLD:
                wrong = self._share_wrong(answers[0], noise, max(spreads[width][1], 1.0), unit)
            # Where the raw slice is farther from its scan than noise, views contradict each other, or are missing, and
            # that is not the denoiser's fault; where most of the denoised one is, it may be.
            clipped = [self._spread(one, most=CLIPPED) for one in sigmas]
            doubt = max(1.0, min(clipped[0], DOUBTED), clipped[1])
            self._add(scores, answers, (noise[0] * np.float32(doubt), scale), width, unit)
        if not np.isfinite(scores.score).all():
            raise DataError(
                "its sinogram, or what is left of that, cannot be compared: there is no noise to measure by"
            )
        told = Consistency(
            score=float(np.abs(scores.score).max()),
            limit=self.limit,
            spread=spreads[TOLD][0],
            raw_spread=spreads[TOLD][1],
            wrong=wrong,
            places=places_of(scores, self.limit),
        )
        return told, scores.score

    def _share_wrong(self, answer: Float32, noise: tuple[Float32, Float32], doubt: float, unit: float) -> float:
        """Return in which share of the slice the contrast of spots of the width `TOLD` surely is wrong."""
        template = next(one for one in BANK if one.width == TOLD and not one.ridge)
        free = noise[1] * np.float32(response(template).gain * template.least * unit)
        wrong = (np.abs(answer) > free) & (np.abs(answer) > np.float32(SURE * doubt) * noise[0])
        return float(wrong[self.inside].mean())

    def _least(self, rays: Float32) -> np.float32:
        """Return the least that the back-projection of positive numbers (angle, column) can be."""
        return np.float32(max(float(rays.min()) * float(self._weights.sum()), float(np.finfo(np.float32).tiny)))

    def _add(self, scores: Scores, answers: Float32, noise: tuple[Float32, Float32], width: float, unit: float) -> None:
        """Add what the templates of a width say.

        Parameters
        ----------
        answers : of the matched filter, (3, y, x): to the residuals of the denoised slice and of the raw one, and to
            the projections of the denoised slice
        noise : (y, x) each: standard deviation of the answers where there is noise alone, and what they are for a
            structure of contrast 1, but for its own form
        """
        spread, scale = noise
        holds = answers[2] / (scale * np.float32(response(Template(width, ridge=False, least=0.0)).gain))
        for number, template in enumerate(BANK):
            if template.width != width:
                continue
            known = response(template)
            answer = along_ridges(answers[0], self._ncore) if template.ridge else answers[0]
            contrast = answer / (scale * np.float32(known.gain))
            least, size = np.float32(template.least * unit), np.abs(contrast)
            sigmas = answer / (spread * np.float32(known.spread)) * self.inside
            of_raw = answers[1]
            if template.ridge and np.abs(sigmas * (size > least)).max() > self.limit:
                # What the raw slice errs by can only lower a score.
                of_raw = along_ridges(answers[1], self._ncore)
            errs = np.abs(of_raw) / (scale * np.float32(known.gain / RAW))
            sure = np.maximum(size - np.maximum(errs, least), 0) / np.maximum(size, np.float32(1e-30)) * sigmas
            scores.add(number, sure, contrast, holds)

    def _spread(self, sigmas: Float32, most: float = np.inf) -> float:
        """Return the root mean square over the slice, of numbers clipped to `most`."""
        return float(np.sqrt(np.mean(np.clip(sigmas[self.inside], -most, most) ** 2, dtype=np.float64)))

    def _filtered(self, residual: Float32) -> list[Float32]:
        """Return the residual (angle, column) filtered along the detector for each of `WIDTHS`."""
        from scipy import fft

        padded = np.pad(residual, ((0, 0), (EDGE, EDGE)), "edge")
        length = fft.next_fast_len(padded.shape[1], real=True)
        spectrum = fft.rfft(padded, length, axis=1, workers=self._ncore)
        frequencies = np.arange(length // 2 + 1) / length
        return [
            fft.irfft(
                spectrum * profile_response(frequencies, width).astype(np.float32), length, 1, workers=self._ncore
            )[:, EDGE : EDGE + self._columns]
            for width in WIDTHS
        ]


def _variances(filtered: list[Float32]) -> tuple[Float32, list[float]]:
    """Return the variance of each ray after the finest filter, and those after all filters as shares of it."""
    from scipy import ndimage

    tiny = float(np.finfo(np.float32).tiny)
    variance = ndimage.uniform_filter(filtered[0] ** 2, AROUND, mode="nearest")
    variance = np.maximum(variance, max(FLOOR * float(np.median(variance)), tiny))
    blocks = [_block_means(one**2) for one in filtered]
    least = max(FLOOR * float(np.median(blocks[0])), tiny)
    return variance, [max(float(np.median(one / np.maximum(blocks[0], least))), tiny) for one in blocks]


def _block_means(values: Float32) -> Float32:
    high, wide = min(values.shape[0], AROUND[0]), min(values.shape[1], AROUND[1])
    y, x = values.shape[0] // high, values.shape[1] // wide
    means: Float32 = values[: y * high, : x * wide].reshape(y, high, x, wide).mean(axis=(1, 3))
    return means
