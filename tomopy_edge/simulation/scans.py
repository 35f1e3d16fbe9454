"""How a detector would have seen a phantom: Poisson counts, flats and darks, and the faults that real scans have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64, Scan
from tomopy_edge.options import options
from tomopy_edge.simulation.pieces import Phantom, heights_of

LARGEST_COUNT = 65535
"""Of one frame; where more is asked for, frames are summed."""

LARGEST_SUM = 8_000_000
"""Counts of summed frames, which float32 still holds one by one at twice as many."""

BAND = 3
"""Rows that are exposed at once, with random numbers of their own: what a seed gives depends on it."""

AT_ONCE = 2**18
"""Pixels that random numbers are drawn for at once."""

DARK_LEVEL = 50.0
"""Counts that the detector shows without beam."""


@options
class Exposure:
    """How a scan is taken."""

    angles: int = 180
    """Projections, over 180 degrees."""
    wedge_deg: float = 0.0
    """Degrees of the half turn that were not taken."""
    irregular: float = 0.0
    """Standard deviation of the angles from even ones, in steps."""
    counts: float = 2000.0
    """Mean counts of a pixel where nothing absorbs. Its square root is the noise. Above 32767 frames were summed."""
    absorption: float = 1.5
    """Largest line integral of attenuation: the darkest ray keeps exp(-absorption) of the beam."""
    offset: float = 0.0
    """Pixels from column columns / 2 to the rotation axis."""
    blur: float = 0.0
    """Standard deviation of the detector's blur of the image, pixels; the noise stays white."""
    fringes: float = 0.0
    """Strength of phase contrast, pixels^2: line integrals lose so much of their second derivative along the row."""
    spread: float = 0.0
    """Standard deviation of the scintillator's spread of single photons, pixels: it blurs image and noise."""
    unevenness: float = 0.02
    """Relative standard deviation of the pixels' gain; flats correct it as far as their own noise allows."""
    rings: float = 0.0
    """Relative standard deviation of a change of gain after the flats were taken: it leaves rings."""
    zingers: float = 0.0
    """Share of the pixels of the projections that something else than the beam hit, up to ten times as bright."""
    read_noise: float = 1.0
    """Standard deviation of the electronics, counts."""
    flats: int = 20
    """Frames without sample."""
    darks: int = 20
    """Frames without beam."""

    def __post_init__(self) -> None:
        """Check that the exposure is possible."""
        for name in ("angles", "flats", "darks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, got {getattr(self, name)}")
        if not 0 < self.counts <= LARGEST_SUM:
            raise ValueError(f"counts: must be above 0 and at most {LARGEST_SUM}, got {self.counts}")
        if not 0 < self.absorption <= 8:  # noqa: PLR2004 - exp(-8) is one photon of 3000
            raise ValueError(f"absorption: must be above 0 and at most 8, got {self.absorption}")
        if not 0 <= self.wedge_deg < 180:  # noqa: PLR2004 - half a turn
            raise ValueError(f"wedge_deg: must be at least 0 and below 180 degrees, got {self.wedge_deg}")
        if not 0 <= self.zingers <= 1:
            raise ValueError(f"zingers: must be a share between 0 and 1, got {self.zingers}")
        for name in ("irregular", "blur", "fringes", "spread", "unevenness", "rings", "read_noise"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must not be negative, got {getattr(self, name)}")

    @property
    def dtype(self) -> np.dtype[np.uint16] | np.dtype[np.float32]:
        """Of the counts: what a detector gives, or a sum of frames."""
        return np.dtype(np.float32) if self.counts > LARGEST_COUNT / 2 else np.dtype(np.uint16)


@dataclass(frozen=True)
class SimulatedScan:
    """A scan of a phantom, or some rows of it, and what a perfect reconstruction of it would be.

    Attributes
    ----------
    scan : counts, as a file would hold them
    phantom : the object, its attenuation per pixel
    exposure : how it was taken
    line_integrals : (row, angle, column), free of noise, with the detector's blur and the fringes
    center : column of the rotation axis
    """

    scan: Scan
    phantom: Phantom
    exposure: Exposure
    line_integrals: Float32
    center: float

    def truth(self, z: float = 0.0) -> Float32:
        """Return the slice at detector row `z` from the middle, (y, x), attenuation per pixel.

        It is as blurred as the scan is and has its fringes: denoising is to remove noise and nothing else.
        """
        from scipy.ndimage import gaussian_filter, laplace

        truth = self.phantom.slice_at(z, self.scan.projections.shape[2])
        width = np.hypot(self.exposure.blur, self.exposure.spread)
        if width:
            truth = gaussian_filter(truth, width)
        # The second derivative of a projection is the projection of the Laplacian.
        return truth - np.float32(self.exposure.fringes) * laplace(truth) if self.exposure.fringes else truth


def angles_of(exposure: Exposure, rng: np.random.Generator) -> Float64:
    """Return (angle,) radians: even over half a turn, but for a missing wedge that begins anywhere and for jitter."""
    measured = np.pi - np.deg2rad(exposure.wedge_deg)
    theta = np.arange(exposure.angles) * measured / exposure.angles
    if exposure.wedge_deg:
        theta = np.mod(theta + rng.uniform(0, np.pi), np.pi)
    if exposure.irregular:
        theta = theta + exposure.irregular * measured / exposure.angles * rng.normal(size=exposure.angles)
    return np.asarray(theta, np.float64)


@dataclass(frozen=True)
class Acquisition:
    """A scan that is about to be taken, a few adjacent rows after the other: in memory there need never be more.

    Attributes
    ----------
    phantom : the object, its attenuation per pixel
    exposure : how it is taken
    rows, columns : detector pixels; the middle row looks at z = 0
    theta : (angle,), radians
    center : column of the rotation axis
    chances : random numbers of each band of rows
    """

    phantom: Phantom
    exposure: Exposure
    rows: int
    columns: int
    theta: Float64
    center: float
    chances: tuple[np.random.Generator, ...]

    def footprint(self, *, truth: bool) -> int:
        """Return about how many bytes of memory a band takes at most while it is taken, one that waits included."""
        sinogram, square = len(self.theta) * self.columns, self.columns**2
        taken = 32 * AT_ONCE + BAND * (16 * sinogram + (8 * square if truth else 0))
        if self.phantom.voxels is not None:
            taken += 4 * BAND * square + self.phantom.voxels.footprint(len(self.theta), self.columns)
        return taken

    def take(self, band: int) -> SimulatedScan:
        """Return one band of rows; asked for again, it has other noise. Several threads may take different ones."""
        first = band * BAND
        heights = heights_of(self.rows)[first : first + BAND]
        phantom = self.phantom.slab(heights)
        line_integrals = _seen(phantom.line_integrals(self.theta, heights, self.columns, self.center), self.exposure)
        scan = _counted(line_integrals, self.theta, first, self.exposure, self.chances[band])
        return SimulatedScan(scan, phantom, self.exposure, line_integrals, self.center)


def prepare(phantom: Phantom, exposure: Exposure, rows: int, columns: int, rng: np.random.Generator) -> Acquisition:
    """Return a scan of a phantom that is about to be taken; for the parameters see `expose`."""
    scaled = phantom.scaled(exposure.absorption, columns)
    theta = angles_of(exposure, rng)
    bands = -(-rows // BAND)
    # The first band goes on with `rng`, so that a scan of one band is drawn from nothing else.
    chances = (rng, *rng.spawn(bands - 1))
    return Acquisition(scaled, exposure, rows, columns, theta, columns / 2 + exposure.offset, chances)


def expose(phantom: Phantom, exposure: Exposure, rows: int, columns: int, rng: np.random.Generator) -> SimulatedScan:
    """Return a scan of a phantom, whole in memory.

    The counts of each frame are Poisson distributed and independent between frames, rows and columns.

    Parameters
    ----------
    phantom : its attenuation is scaled to `exposure.absorption`
    rows, columns : detector pixels; the middle row looks at z = 0
    rng : a seeded generator; the same state gives the same scan
    """
    acquisition = prepare(phantom, exposure, rows, columns, rng)
    bands = [acquisition.take(band) for band in range(len(acquisition.chances))]
    if len(bands) == 1:
        return bands[0]
    scan = Scan(
        projections=np.concatenate([band.scan.projections for band in bands], axis=1),
        flats=np.concatenate([band.scan.flats for band in bands], axis=1),
        darks=np.concatenate([band.scan.darks for band in bands], axis=1),
        theta=acquisition.theta,
    )
    line_integrals = np.concatenate([band.line_integrals for band in bands])
    return SimulatedScan(scan, acquisition.phantom, exposure, line_integrals, acquisition.center)


def _seen(line_integrals: Float32, exposure: Exposure) -> Float32:
    """Return (row, angle, column) line integrals with the detector's blur and the fringes."""
    from scipy.ndimage import correlate1d, gaussian_filter

    if exposure.blur:
        line_integrals = gaussian_filter(line_integrals, (0, 0, exposure.blur), mode="nearest")
    if exposure.fringes:
        line_integrals = line_integrals - exposure.fringes * correlate1d(
            line_integrals, (1, -2, 1), axis=2, mode="nearest"
        )
    return np.asarray(line_integrals, np.float32)


def _counted(
    line_integrals: Float32, theta: Float64, first_row: int, exposure: Exposure, rng: np.random.Generator
) -> Scan:
    """Return the counts of adjacent rows whose line integrals are (row, angle, column)."""
    rows, _, columns = line_integrals.shape
    profile = 1 - 0.2 * np.linspace(-1, 1, columns) ** 2
    gain = exposure.counts * profile / profile.mean() * (1 + exposure.unevenness * rng.normal(size=(rows, columns)))
    changed = gain * (1 + exposure.rings * rng.normal(size=(rows, columns)))
    nothing = np.zeros((1, rows, columns), np.float32)
    return Scan(
        projections=_frames(changed, line_integrals.transpose(1, 0, 2), exposure, rng, exposure.zingers),
        flats=_frames(gain, np.broadcast_to(nothing, (exposure.flats, rows, columns)), exposure, rng),
        darks=_frames(np.zeros_like(gain), np.broadcast_to(nothing, (exposure.darks, rows, columns)), exposure, rng),
        theta=theta,
        first_row=first_row,
    )


def _frames(
    beam: Float64, line_integrals: Float32, exposure: Exposure, rng: np.random.Generator, zingers: float = 0.0
) -> NDArray[np.uint16] | Float32:
    """Return what the detector counts, (frame, row, column), where so many photons come, less what is absorbed."""
    from scipy.ndimage import gaussian_filter

    counted = np.empty(line_integrals.shape, np.float32)
    for some in _in_turn(counted):
        counted[some] = rng.poisson(np.maximum(beam * np.exp(-line_integrals[some]), 0))
        if exposure.spread:
            counted[some] = gaussian_filter(counted[some], (0, 0, exposure.spread), mode="nearest")
    for some in _in_turn(counted):
        counted[some] += DARK_LEVEL + exposure.read_noise * rng.standard_normal(counted[some].shape, np.float32)
    if zingers:
        _hit(counted, zingers, exposure.counts, rng)
    np.rint(counted, out=counted)
    if exposure.dtype == np.float32:
        return counted
    return np.clip(counted, 0, LARGEST_COUNT, out=counted).astype(np.uint16)


def _in_turn(frames: Float32) -> Iterator[slice]:
    """Yield a few frames after the other: random numbers take more memory than counts."""
    few = max(1, AT_ONCE // frames[0].size)
    for first in range(0, len(frames), few):
        yield slice(first, first + few)


def _hit(counted: Float32, share: float, counts: float, rng: np.random.Generator) -> None:
    """Brighten a share of the pixels, and some of their neighbours in the row."""
    struck = rng.integers(0, counted.size, rng.poisson(share * counted.size))
    brightness = (counts * np.exp(rng.uniform(np.log(0.3), np.log(10), len(struck)))).astype(np.float32)
    flat = counted.reshape(-1)
    np.add.at(flat, struck, brightness)
    grazed = rng.random(len(struck)) < 0.4  # noqa: PLR2004 - a share
    np.add.at(flat, np.minimum(struck[grazed] + 1, flat.size - 1), brightness[grazed] / 2)
