"""Run the network that is not quantized on whole slices, one tile each: how the paper's CPUs do it."""

from __future__ import annotations

from pathlib import Path

from tomopy_edge.backend import Backend, Placement, Probe
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks import litert
from tomopy_edge.networks.resizing import can_resize


def _probe() -> Probe:
    """Return whether LiteRT is there, and what rewrites a network for the size of a slice."""
    probe = litert.ENTRY.probe()
    if probe.works and not can_resize():
        return Probe(works=False, told=f"rewriting a network for whole slices needs {litert.PACKAGE}; pip install it")
    return probe


def _open(path: Path, placement: Placement) -> Backend:
    placement.devices("float")
    return litert.LiteRT(path, placement.threads, placement.tile)


ENTRY = BackendEntry(
    "float",
    "LiteRT on the CPU, not quantized and without tiles",
    "tflite",
    _open,
    _probe,
    whole=True,
    precisions=("float",),
)
