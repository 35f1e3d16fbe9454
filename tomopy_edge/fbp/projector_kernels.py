"""The inner loop of the forward projection: a slice's spectrum, read along lines through its origin."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.compiler import kernel
from tomopy_edge.data import Float32, Float64
from tomopy_edge.fbp.gridding import ENTRIES, WIDTH


@kernel
def sample_lines(
    angles: tuple[int, int],
    spectrum: NDArray[np.complex64],
    directions: Float64,
    turned: NDArray[np.bool_],
    radii: Float32,
    shift: NDArray[np.complex64],
    table: Float32,
    lines: NDArray[np.complex64],
) -> None:
    """Read the spectrum along the lines of some projections.

    Parameters
    ----------
    angles : those to do: the first, and the one after the last
    spectrum : (kx, ky), kx from zero up, ky all around
    directions : (angle, 2), kx and ky for one grid point of radius, kx not negative
    turned : (angle,), whether a projection's line is turned by half a turn for that
    radii : (sample,), grid points
    shift : (sample,), what puts the rotation axis on its column
    table : (entry, point), the kernel
    lines : (angle, sample); filled here
    """
    half, grid = spectrum.shape[0] - 1, spectrum.shape[1]
    reach = WIDTH / 2
    for angle in range(angles[0], angles[1]):
        for i in range(len(radii)):
            u, v = radii[i] * directions[angle, 0] - reach, radii[i] * directions[angle, 1] - reach
            row, column = math.ceil(u), math.ceil(v)
            a = min(int((row - u) * ENTRIES), ENTRIES - 1)
            b = min(int((column - v) * ENTRIES), ENTRIES - 1)
            total = np.complex64(0)
            for n in range(WIDTH):
                kx = row + n
                # Slices are real: what is not in this half of the spectrum is the conjugate of its mirror image.
                mirrored = kx < 0 or kx > half
                line = np.complex64(0)
                for m in range(WIDTH):
                    ky = column + m
                    if mirrored:
                        line += table[b, m] * np.conj(spectrum[-kx if kx < 0 else grid - kx, (-ky) % grid])
                    else:
                        line += table[b, m] * spectrum[kx, ky % grid]
                total += table[a, n] * line
            lines[angle, i] = (np.conj(total) if turned[angle] else total) * shift[i]
