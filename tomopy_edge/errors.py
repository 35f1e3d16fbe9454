"""The errors a user can cause and mend; the command line prints these without a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType


class EdgeError(Exception):
    """Base of every error a user can mend. Anything else that escapes is a bug."""


class RecipeError(EdgeError):
    """A recipe, or an option given instead of one, is wrong.

    Attributes
    ----------
    faults : every fault found, not only the first
    """

    def __init__(self, source: str, faults: list[str]) -> None:
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"{source}: {count}", *(f"  - {fault}" for fault in faults)]))


class PluginError(EdgeError):
    """A plugin is missing, broken, or in conflict with another."""


class DataError(EdgeError):
    """A scan does not hold what a stage needs."""


class ScanLostError(DataError):
    """The file of a scan is no longer what it was when it was opened: no further row of it can be read."""


class ModelError(EdgeError):
    """A model folder or a network file does not hold what it should."""


class BackendError(EdgeError):
    """A runtime that is to run networks does not work on this machine, or a device of it was lost."""


class DeviceLostError(BackendError):
    """A device that was lost in the middle of a run is not to be had again: no further row can be made on it."""


class OutputError(EdgeError):
    """The output cannot be written where it was asked for."""


class ClusterError(EdgeError):
    """The machines that a run is dealt out to cannot be reached, or are lost."""


def did_you_mean(wrong: str, right: Iterable[str], called: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return "; did you mean 'x'?" for the nearest of `right`, or "" where none is near; it may be `called` another."""
    close = get_close_matches(wrong, list(right), n=1)
    return f"; did you mean {called.get(close[0], close[0])!r}?" if close else ""


def told_of(error: Exception) -> str:
    """Return what an error says: our own name what is at fault, others need their kind."""
    kind = "" if type(error).__module__.startswith("tomopy_edge.") else f"{type(error).__name__}: "
    return f"{kind}{error}"
