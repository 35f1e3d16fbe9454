"""What "auto" measures runtimes on: tiles that are the same however much memory is free."""

from __future__ import annotations

from collections.abc import Iterable

from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.choice import Candidate
from tomopy_edge.networks.manifest import NetworkSet
from tomopy_edge.networks.network_file import NetworkFile

MEASURED = 256
"""Edge of the tiles that runtimes are measured on, pixels, or the nearest that there is. Wherever there is memory for a
run there is some for those, and of two runtimes the one that is faster on them is so, or nearly so, on all others."""


def candidates_of(able: Iterable[tuple[BackendEntry, NetworkFile]], networks: NetworkSet) -> list[Candidate]:
    """Return what is to be measured.

    Parameters
    ----------
    able : the runtimes, each with the file of `networks` that it would run, where there is memory for any
    """
    found = (_candidate(entry, runs, networks) for entry, runs in able)
    return [one for one in found if one is not None]


def _candidate(entry: BackendEntry, runs: NetworkFile, networks: NetworkSet) -> Candidate | None:
    """Return what is to be measured of a runtime; None where LiteRT has nothing to compare it with."""
    if entry.reads != "tflite":
        # What a device runs takes no memory here, and is measured as it is.
        alike = (one for one in networks.networks if (one.precision, one.tile) == (runs.precision, runs.tile))
        source = networks.source_of(runs) if runs.compiled_from else next(alike, None)
        return None if source is None else Candidate(entry, runs, source, runs)
    held = [file for file in networks.networks if file.precision == runs.precision]
    held = [file for file in held if networks.is_exact(file)] or held
    edge = min((file.tile for file in held), key=lambda tile: abs(tile - MEASURED))
    file = networks.choose(runs.precision, edge, (1, 1), among=tuple(held))
    return Candidate(entry, file, file, runs)
