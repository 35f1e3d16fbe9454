"""The denoiser that leaves slices as they are: for recipes without a network, and for timing all but the network."""

from __future__ import annotations

from tomopy_edge.data import Float32
from tomopy_edge.hookspecs import DenoiserEntry
from tomopy_edge.job import Job
from tomopy_edge.options import options


@options
class NoneOptions:
    """Options of the denoiser `none`: there are none."""


class Unchanged:
    """Returns the slices it was given."""

    neighbours, fresh = 0, True

    def __call__(self, noisy: Float32) -> Float32:
        """Return `noisy` (z, y, x)."""
        return noisy


def _create(_options: NoneOptions, _job: Job) -> Unchanged:
    return Unchanged()


ENTRY = DenoiserEntry("none", "Leaves the slices as they are", NoneOptions, _create)
