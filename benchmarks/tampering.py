"""Slices that lie: structure that their scan shows is erased from them, and structure that it does not is pasted in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.fbp.axis import radii
from tomopy_edge.fbp.projector import ForwardProjection
from tomopy_edge.job import Job
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.simulation.details import CRACK, DETAILS, draw_details
from tomopy_edge.simulation.pairs import draw_exposure, line_integrals_of
from tomopy_edge.simulation.phantoms import KINDS, draw_phantom
from tomopy_edge.simulation.scans import SimulatedScan, expose

ROWS = 3
FIRST_SEED = 20_000_000
"""Far from those of training."""

NOISE = (9, 65)
"""Views and columns over which the noise of a ray is averaged."""


@dataclass(frozen=True)
class Judged:
    """A simulated scan, its slices, and what is known of it.

    Attributes
    ----------
    simulated : the scan
    sinogram : (angle, column), of the middle row
    raw, denoised, truth : (y, x), attenuation per pixel
    features : those of `draw_details`, where the phantom is of that kind
    unit : attenuation per pixel of the densest matter
    """

    simulated: SimulatedScan
    sinogram: Float32
    raw: Float32
    denoised: Float32
    truth: Float32
    features: np.ndarray
    unit: float

    @property
    def center(self) -> float:
        """Column of the rotation axis."""
        return self.simulated.center

    def clearness(self, difference: Float32) -> float:
        """Return how many standard deviations a known difference of the slice (y, x) stands out by in the scan."""
        theta, columns = self.simulated.scan.theta, self.sinogram.shape[1]
        from scipy.ndimage import uniform_filter

        noise = self.sinogram - self.simulated.line_integrals[ROWS // 2]
        variance = uniform_filter(noise**2, NOISE)
        projected = ForwardProjection(theta, columns, len(difference), self.center)(difference)
        return float(np.sqrt((projected**2 / variance).sum()))


@dataclass(frozen=True)
class Lie:
    """A slice that was tampered with.

    Attributes
    ----------
    sort : "crack erased", "crack pasted" or "blob pasted"
    slice_ : (y, x), attenuation per pixel
    clearness : standard deviations by which the scan contradicts it
    """

    sort: str
    slice_: Float32
    clearness: float


class Network:
    """A shipped model, for slices of any unit."""

    def __init__(self, model: str, columns: int) -> None:
        job = Job(catalogue=load_catalogue())
        tile = 512 if columns <= 512 else None  # noqa: PLR2004 - pixels
        self._network = NetworkDenoiser("denoise", "denoise", NetworkOptions(model=model, unit=1.0, tile=tile), job)

    def __call__(self, noisy: Float32, unit: float) -> Float32:
        """Return the middle one of three slices (z, y, x), denoised."""
        return np.asarray(self._network(noisy / np.float32(unit))[0] * np.float32(unit))


def judged_scan(seed: int, columns: int, network: Network) -> Judged:
    """Return the scan of a seed, of any kind of phantom, with isolated details in one of three."""
    rng = np.random.default_rng(FIRST_SEED + seed)
    exposure = draw_exposure(rng)
    kind = DETAILS if seed % 3 == 0 else str(rng.choice((*KINDS, "mixed", "rock")))
    features = np.zeros((0, 8))
    if kind == DETAILS:
        phantom, features = draw_details(rng, columns, float(rng.uniform(0.6, 0.95)))
    else:
        phantom = draw_phantom(rng, kind, columns)
    simulated = expose(phantom, exposure, ROWS, columns, rng)
    sinograms = line_integrals_of(simulated.scan)
    inside = radii((columns, columns)) <= columns / 2
    slices = FilteredBackProjection(simulated.scan.theta, columns, ncore=2)(sinograms, simulated.center) * inside
    unit = attenuation_unit(slices)
    return Judged(
        simulated=simulated,
        sinogram=sinograms[ROWS // 2],
        raw=slices[ROWS // 2],
        denoised=network(slices, unit),
        truth=simulated.truth() * inside,
        features=features,
        unit=unit,
    )


def lies(judged: Judged, seed: int, each: int = 2) -> Iterator[Lie]:
    """Yield slices that were tampered with, `each` of every sort where there is room for it."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    for _, crack in zip(range(each), _cracks(judged, rng), strict=False):
        yield _lie("crack erased", judged, crack)
    matter = gaussian_filter(judged.truth, 6) > 0.4 * judged.unit
    places = np.argwhere(matter & (radii(matter.shape) < 0.4 * len(matter)))
    if not len(places):
        return
    for _ in range(each):
        contrast = float(rng.uniform(0.2, 1) * rng.choice([-1, 1])) * judged.unit
        y, x = places[rng.integers(len(places))]
        yield _lie("blob pasted", judged, judged.denoised + contrast * _blob(matter.shape, y, x, rng))
        y, x = places[rng.integers(len(places))]
        yield _lie("crack pasted", judged, judged.denoised + contrast * _crack(matter.shape, y, x, rng))


def _lie(sort: str, judged: Judged, slice_: Float32) -> Lie:
    changed = slice_ != judged.denoised
    # Where the slice was changed, it is compared with the truth: the network may have erred there before.
    return Lie(sort, slice_.astype(np.float32), judged.clearness(np.where(changed, slice_ - judged.truth, 0)))


def _grid(shape: tuple[int, ...], y: float, x: float) -> tuple[np.ndarray, np.ndarray]:
    v, u = np.ogrid[: shape[0], : shape[1]]
    return v - y, u - x


def _blob(shape: tuple[int, ...], y: float, x: float, rng: np.random.Generator) -> Float32:
    v, u = _grid(shape, y, x)
    width = rng.uniform(1.5, 5)
    return np.asarray(np.exp(-(u**2 + v**2) / (2 * width**2)), np.float32)


def _crack(shape: tuple[int, ...], y: float, x: float, rng: np.random.Generator) -> Float32:
    v, u = _grid(shape, y, x)
    turn, width, length = rng.uniform(0, math.pi), math.exp(rng.uniform(0, math.log(3))), rng.uniform(12, 50)
    along, across = u * math.cos(turn) + v * math.sin(turn), v * math.cos(turn) - u * math.sin(turn)
    inside = np.clip(width / 2 + 0.5 - np.abs(across), 0, 1) * np.clip(length / 2 + 0.5 - np.abs(along), 0, 1)
    return np.asarray(inside, np.float32)


def _cracks(judged: Judged, rng: np.random.Generator) -> Iterator[Float32]:
    """Yield the denoised slice without one of its cracks, filled up from around it."""
    from scipy.ndimage import binary_dilation
    from skimage.restoration import inpaint_biharmonic

    size = len(judged.denoised)
    cracks = judged.features[judged.features[:, 0] == CRACK]
    for feature in rng.permutation(cracks):
        _, x, y, _, a, b, _, angle = feature
        v, u = _grid((size, size), size / 2 - 1 - y, x + size / 2)
        along, across = u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)
        hole = binary_dilation((along / a) ** 2 + (across / b) ** 2 <= 1, iterations=2)
        rows, columns = (slice(max(edge.min() - 6, 0), edge.max() + 7) for edge in np.nonzero(hole))
        filled = judged.denoised.copy()
        filled[rows, columns] = inpaint_biharmonic(judged.denoised[rows, columns], hole[rows, columns])
        yield filled
