"""What a check found: the faults of a plugin, each a sentence, and what was measured of it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tomopy_edge.errors import PluginError


class ConformanceError(PluginError):
    """A plugin does not hold what its kind promises.

    Attributes
    ----------
    faults : every fault found, each with the check that found it, what was got and how to mend it
    """

    def __init__(self, subject: str, faults: list[str]) -> None:
        self.faults = faults
        count = f"{len(faults)} fault{'s' * (len(faults) != 1)}"
        super().__init__("\n".join([f"{subject}: {count}", *(f"  - {fault}" for fault in faults)]))


class Unfit(Exception):  # noqa: N818 - it never leaves this package
    """Ends one check, with what is wrong."""


@dataclass(frozen=True)
class Conformance:
    """What a plugin that holds what its kind promises was tried on, and what it took.

    Attributes
    ----------
    subject : what was checked, such as "denoiser median"
    checks : the names of all that it held
    milliseconds : for one slice, or one tile, at best
    peak_bytes : most memory that it took for the slices of one call, beyond what it holds in any case
    notes : sentences on what is no fault, and could be better
    """

    subject: str
    checks: tuple[str, ...]
    milliseconds: float
    peak_bytes: int
    notes: tuple[str, ...] = ()


class Findings:
    """Gathers the faults of one plugin, so that all are told at once.

    Parameters
    ----------
    subject : what is checked, such as "denoiser median"
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.notes: list[str] = []
        self._faults: list[str] = []
        self._held: list[str] = []
        self._cause: Exception | None = None

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Have what is raised inside be a fault, told with the name of the check."""
        try:
            yield
        except Unfit as fault:
            self.fault(name, str(fault))
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is a finding
            self._cause = self._cause or error
            missing = isinstance(error, ImportError)
            mend = "; raise a tomopy_edge.PluginError that says what to install" if missing else ""
            self.fault(name, f"it raised {type(error).__name__}: {error}{mend}")
        else:
            self._held.append(name)

    def fault(self, name: str, sentence: str) -> None:
        """Add a fault that the check `name` found."""
        self._faults.append(f"{name}: {sentence}")

    @property
    def faulty(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._faults)

    def stop_at_faults(self) -> None:
        """Raise the `ConformanceError` where there is a fault, since what comes next would fail for the same reason."""
        __tracebackhide__ = True  # pytest then shows the line of the test
        if self._faults:
            raise ConformanceError(self.subject, self._faults) from self._cause

    def end(self, milliseconds: float, peak_bytes: int, told: str) -> Conformance:
        """Print what was measured and return all that was found, or raise the `ConformanceError`."""
        __tracebackhide__ = True
        self.stop_at_faults()
        sys.stdout.write("\n".join([f"{self.subject}: {told}", *(f"  note: {note}" for note in self.notes), ""]))
        return Conformance(self.subject, tuple(self._held), milliseconds, peak_bytes, tuple(self.notes))


@contextmanager
def without_warnings() -> Iterator[None]:
    """Have nothing warned of: what is given inside is meant to be odd, and tests may make errors of warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
