"""Check that a plugin holds what its kind promises: one call for each kind, for a test of your own.

::

    from tomopy_edge.testing import check_denoiser

    def test_it_is_a_denoiser():
        check_denoiser("median", {"size": 5}, reach=2)

Each takes an entry, or the name of one that is installed, and raises a `ConformanceError` that tells all faults.
"""

from tomopy_edge.testing.backend import check_backend
from tomopy_edge.testing.denoiser import check_denoiser
from tomopy_edge.testing.findings import Conformance, ConformanceError
from tomopy_edge.testing.reconstructor import check_reconstructor
from tomopy_edge.testing.stage import check_stage

__all__ = [
    "Conformance",
    "ConformanceError",
    "check_backend",
    "check_denoiser",
    "check_reconstructor",
    "check_stage",
]
