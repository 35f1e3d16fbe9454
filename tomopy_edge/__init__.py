"""Reconstruct and denoise X-ray tomography at the instrument.

Names are imported when they are first asked for: a process that works with one module does not wait for all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# At once, as its module has the same name: whoever imports that first would put the module in its place.
from tomopy_edge.options import options
from tomopy_edge.version import __version__

if TYPE_CHECKING:
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
    from tomopy_edge.recon import recon_and_denoise
    from tomopy_edge.run_scan import run
    from tomopy_edge.sweeps.making import sweep
    from tomopy_edge.through_tomopy import tomopy_algorithm
    from tomopy_edge.yaml_text import Sweep

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
    "Sweep",
    "Tally",
    "Transmission",
    "Volume",
    "__version__",
    "each_chunk",
    "hookimpl",
    "options",
    "recon_and_denoise",
    "run",
    "sweep",
    "tomopy_algorithm",
]

_HOMES = {
    "backend": ("Backend", "Ends", "Placement", "Probe"),
    "data": ("Scan", "Sinograms", "Transmission", "Volume"),
    "errors": ("BackendError", "DataError", "EdgeError", "ModelError", "OutputError", "PluginError", "RecipeError"),
    "hookspecs": (
        *("BackendEntry", "Choice", "Denoiser", "DenoiserEntry", "ReconstructorEntry", "StageEntry", "Step"),
        *("each_chunk", "hookimpl"),
    ),
    "job": ("Job", "Tally"),
    "recon": ("recon_and_denoise",),
    "run_scan": ("run",),
    "sweeps.making": ("sweep",),
    "through_tomopy": ("tomopy_algorithm",),
    "yaml_text": ("Sweep",),
}
"""Module -> what is imported from it when asked for."""

if not TYPE_CHECKING:  # a type checker would take any name for one that this knows

    def __getattr__(name: str) -> object:
        home = next((home for home, names in _HOMES.items() if name in names), None)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
