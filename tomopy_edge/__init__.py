"""Reconstruct and denoise X-ray tomography at the instrument."""

from tomopy_edge.backend import Backend, Ends, Placement, Probe
from tomopy_edge.data import Scan, Sinograms, Transmission, Volume
from tomopy_edge.errors import BackendError, DataError, EdgeError, ModelError, OutputError, PluginError, RecipeError
from tomopy_edge.hookspecs import (
    BackendEntry,
    Choice,
    Denoiser,
    DenoiserEntry,
    ReconstructorEntry,
    StageEntry,
    Step,
    each_chunk,
    hookimpl,
)
from tomopy_edge.job import Job, Tally
from tomopy_edge.options import options
from tomopy_edge.recon import recon_and_denoise
from tomopy_edge.run_scan import run
from tomopy_edge.version import __version__

__all__ = [
    "Backend",
    "BackendEntry",
    "BackendError",
    "Choice",
    "DataError",
    "Denoiser",
    "DenoiserEntry",
    "EdgeError",
    "Ends",
    "Job",
    "ModelError",
    "OutputError",
    "Placement",
    "PluginError",
    "Probe",
    "RecipeError",
    "ReconstructorEntry",
    "Scan",
    "Sinograms",
    "StageEntry",
    "Step",
    "Tally",
    "Transmission",
    "Volume",
    "__version__",
    "each_chunk",
    "hookimpl",
    "options",
    "recon_and_denoise",
    "run",
]
