"""The plugin that comes in the box, registered through the same hooks as anyone else's."""

from __future__ import annotations

from collections.abc import Iterator

from tomopy_edge.denoisers import classical, none, tomogan
from tomopy_edge.hookspecs import BackendEntry, DenoiserEntry, ReconstructorEntry, StageEntry, hookimpl
from tomopy_edge.networks import edge_tpu_backend, litert, onnxruntime, openvino, tensorrt, whole
from tomopy_edge.reconstructors import fbp
from tomopy_edge.reconstructors import tomopy as tomopy_algorithms
from tomopy_edge.stages import (
    denoise,
    find_center,
    fine_tune,
    minus_log,
    normalize,
    read,
    reconstruct,
    remove_outliers,
    remove_stripes,
    trust,
    write,
)


@hookimpl
def tomopy_edge_stages() -> Iterator[StageEntry]:
    """Offer the built-in stages, in their usual order."""
    yield read.ENTRY
    yield normalize.ENTRY
    yield remove_outliers.ENTRY
    yield minus_log.ENTRY
    yield remove_stripes.ENTRY
    yield find_center.ENTRY
    yield reconstruct.ENTRY
    yield denoise.ENTRY
    yield fine_tune.ENTRY
    yield trust.ENTRY
    yield write.ENTRY


@hookimpl
def tomopy_edge_reconstructors() -> Iterator[ReconstructorEntry]:
    """Offer our own FBP and TomoPy's algorithms."""
    yield fbp.ENTRY
    yield from tomopy_algorithms.ENTRIES


@hookimpl
def tomopy_edge_denoisers() -> Iterator[DenoiserEntry]:
    """Offer the network and the classical baselines."""
    yield tomogan.ENTRY
    yield none.ENTRY
    yield classical.TOTAL_VARIATION
    yield classical.NON_LOCAL_MEANS


@hookimpl
def tomopy_edge_backends() -> Iterator[BackendEntry]:
    """Offer what networks run on."""
    yield litert.ENTRY
    yield openvino.ENTRY
    yield edge_tpu_backend.ENTRY
    yield tensorrt.ENTRY
    yield onnxruntime.ENTRY
    yield whole.ENTRY
