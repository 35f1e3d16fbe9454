"""What is looked for where a slice contradicts its scan: blobs and ridges, and how much of either noise alone gives.

A structure that a slice lacks, or has too much, leaves its own projections in the residual of the sinogram, where noise
is independent from ray to ray. The best linear detector for it there is the matched filter: the residual, over its
variance, filtered along the detector with the structure's own profile and back-projected (S. M. Kay, Fundamentals of
Statistical Signal Processing II: Detection Theory, 1998, chapter 4). What noise leaves after that is known in closed
form, so that each pixel has a number of standard deviations.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np

from tomopy_edge.data import Float32, Float64

WIDER = 4
"""The profile is taken relative to its mean over so many of its own widths: what is smoother is none of these."""

FIELD = 256
"""Edge of the field that responses are computed on, pixels."""

LENGTH = 17
"""Pixels along a ridge that are summed."""

LONG = 49
"""Length of the ridge that a response is told for, pixels."""

DIRECTIONS = 12
"""Directions of ridges, over half a turn."""

BAND = 64
"""Rows that a thread takes at a time."""


@dataclass(frozen=True)
class Template:
    """A structure that is looked for.

    Attributes
    ----------
    width : standard deviation of its profile, pixels
    ridge : whether it is a straight ridge rather than a round blob
    least : contrast that a slice may err by, as a share of the attenuation unit: less is no structure that anyone reads
    """

    width: float
    ridge: bool
    least: float

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"{'line' if self.ridge else 'spot'} about {2.4 * self.width:.0f} pixels wide"


BANK = (
    Template(1.0, ridge=False, least=0.20),
    Template(1.0, ridge=True, least=0.06),
    Template(2.0, ridge=False, least=0.10),
    Template(2.0, ridge=True, least=0.06),
    Template(4.0, ridge=False, least=0.05),
)
"""What is looked for. Along ridges slices may err by less contrast than in spots: the whole length of one is seen."""

WIDTHS = tuple(dict.fromkeys(template.width for template in BANK))
"""Of the templates, each once."""


def profile_response(frequencies: Float64, width: float) -> Float64:
    """Return the filter along the detector at frequencies in cycles per column: a narrow Gaussian less a wide one."""
    narrow, wide = (np.exp(-2 * (np.pi * each * frequencies) ** 2) for each in (width, WIDER * width))
    return np.asarray(narrow - wide)


@dataclass(frozen=True)
class Response:
    """What the matched filter gives.

    Attributes
    ----------
    gain : for a structure of contrast 1, over the back-projection of one over the variance
    spread : standard deviation of noise after the sum along a ridge, over that before it
    """

    gain: float
    spread: float


@cache
def response(template: Template) -> Response:
    """Return the response of a template, for projections spread evenly over half a turn.

    Back-projecting projections blurs with 1 / r, whose spectrum is 1 / |f|: so a structure h is answered with
    h * 1/r * filter, and white noise has the spectrum filter^2 / |f|.
    """
    f = np.fft.fftfreq(FIELD)
    radius = np.hypot(f[:, None], f)
    inverse = np.divide(1, radius, out=np.zeros_like(radius), where=radius > 0)
    answer = profile_response(radius, template.width)
    across = np.minimum(np.arange(FIELD), FIELD - np.arange(FIELD))
    profile = np.exp(-(across**2) / (2 * template.width**2))
    if template.ridge:
        structure = profile[:, None] * (across <= LONG // 2)
        summed = np.fft.fft((across <= LENGTH // 2) / LENGTH).real[None, :]
    else:
        structure, summed = profile[:, None] * profile, np.ones((1, FIELD))
    gain = np.fft.ifft2(answer * inverse * summed * np.fft.fft2(structure)).real[0, 0] / np.pi
    noise = answer**2 * inverse
    return Response(float(gain), float(np.sqrt((noise * summed**2).sum() / noise.sum())))


def along_ridges(answer: Float32, ncore: int = 1) -> Float32:
    """Return the mean of `answer` (y, x) along the direction, for each pixel, in which that is largest."""
    from tomopy_edge.trust.kernels import strongest_mean

    turn = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    along = np.arange(LENGTH) - LENGTH // 2
    steps = np.rint(np.stack([np.outer(np.sin(turn), along), np.outer(np.cos(turn), along)], 2)).astype(np.int64)
    best = np.zeros_like(answer)
    even = answer.shape[1] // 2 * 2
    planes = np.ascontiguousarray(answer[:, :even].reshape(len(answer), -1, 2).transpose(2, 0, 1))
    bands = range(LENGTH // 2, len(answer) - LENGTH // 2 - 1, BAND)
    with ThreadPoolExecutor(ncore, "ridges") as pool:
        list(pool.map(lambda first: strongest_mean(planes, steps, first, first + BAND, best), bands))
    return best
