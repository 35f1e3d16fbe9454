"""How a detector would have seen a phantom: Poisson counts, flats and darks, and the faults that real scans have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Float64, Scan
from tomopy_edge.options import options
from tomopy_edge.simulation.pieces import Phantom

LARGEST_COUNT = 65535
"""Of one frame; where more is asked for, frames are summed."""

LARGEST_SUM = 8_000_000
"""Counts of summed frames, which float32 still holds one by one at twice as many."""

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


@dataclass(frozen=True)
class SimulatedScan:
    """A scan of a phantom, and what a perfect reconstruction of it would be.

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


def expose(phantom: Phantom, exposure: Exposure, rows: int, columns: int, rng: np.random.Generator) -> SimulatedScan:
    """Return a scan of a phantom.

    The counts of each frame are Poisson distributed and independent between frames, rows and columns.

    Parameters
    ----------
    phantom : its attenuation is scaled to `exposure.absorption`
    rows, columns : detector pixels; the middle row looks at z = 0
    rng : a seeded generator; the same state gives the same scan
    """
    from scipy.ndimage import correlate1d, gaussian_filter

    scaled = phantom.scaled(exposure.absorption, columns)
    theta = angles_of(exposure, rng)
    center = columns / 2 + exposure.offset
    line_integrals = scaled.line_integrals(theta, rows, columns, center)
    if exposure.blur:
        line_integrals = gaussian_filter(line_integrals, (0, 0, exposure.blur), mode="nearest")
    if exposure.fringes:
        line_integrals = line_integrals - exposure.fringes * correlate1d(
            line_integrals, (1, -2, 1), axis=2, mode="nearest"
        )

    profile = 1 - 0.2 * np.linspace(-1, 1, columns) ** 2
    gain = exposure.counts * profile / profile.mean() * (1 + exposure.unevenness * rng.normal(size=(rows, columns)))
    changed = gain * (1 + exposure.rings * rng.normal(size=(rows, columns)))
    transmission = np.exp(-line_integrals.transpose(1, 0, 2))
    without_beam = np.zeros((rows, columns))
    scan = Scan(
        projections=_frames(changed * transmission, exposure, rng, exposure.zingers),
        flats=_frames(np.broadcast_to(gain, (exposure.flats, rows, columns)), exposure, rng),
        darks=_frames(np.broadcast_to(without_beam, (exposure.darks, rows, columns)), exposure, rng),
        theta=theta,
    )
    return SimulatedScan(scan, scaled, exposure, line_integrals.astype(np.float32), center)


def _frames(
    expected: Float64, exposure: Exposure, rng: np.random.Generator, zingers: float = 0.0
) -> NDArray[np.uint16] | Float32:
    """Return what the detector counts where `expected` photons arrive, (frame, row, column)."""
    from scipy.ndimage import gaussian_filter

    counted = rng.poisson(np.maximum(expected, 0)).astype(np.float32)
    if exposure.spread:
        counted = gaussian_filter(counted, (0, 0, exposure.spread), mode="nearest")
    counted += DARK_LEVEL + exposure.read_noise * rng.standard_normal(counted.shape, np.float32)
    if zingers:
        _hit(counted, zingers, exposure.counts, rng)
    if exposure.counts > LARGEST_COUNT / 2:
        return np.rint(counted)
    return np.clip(np.rint(counted), 0, LARGEST_COUNT).astype(np.uint16)


def _hit(counted: Float32, share: float, counts: float, rng: np.random.Generator) -> None:
    """Brighten a share of the pixels, and some of their neighbours in the row."""
    struck = rng.integers(0, counted.size, rng.poisson(share * counted.size))
    brightness = (counts * np.exp(rng.uniform(np.log(0.3), np.log(10), len(struck)))).astype(np.float32)
    flat = counted.reshape(-1)
    np.add.at(flat, struck, brightness)
    grazed = rng.random(len(struck)) < 0.4  # noqa: PLR2004 - a share
    np.add.at(flat, np.minimum(struck[grazed] + 1, flat.size - 1), brightness[grazed] / 2)
